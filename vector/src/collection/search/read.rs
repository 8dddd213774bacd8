//! Blocks of vectors that queries have chosen are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::TOGETHER;
use super::options::SearchOptions;
use super::parts::Part;
use super::remote::{Group, Plan, in_a_row};
use super::rescore::{Block, Read};
use super::scan::Candidate;
use crate::collection::Core;
use crate::segment::VECTOR_ROWS;

impl Core {
    /// Reads what queries have chosen, as far as it comes in time, and unpacks of it what candidates are in.
    pub(super) async fn read_blocks(
        &self,
        parts: &[Part],
        plans: &[Plan],
        candidates: &[Vec<Candidate>],
        options: &SearchOptions,
    ) -> Result<Read> {
        let mut wanted: Vec<(u32, usize)> = plans
            .iter()
            .flat_map(|plan| &plan.groups)
            .flat_map(|(part, blocks)| blocks.clone().map(|block| (*part, block)))
            .collect();
        if wanted.is_empty() {
            return Ok(Read::new());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let groups = in_a_row(wanted);
        let sought: BTreeSet<(u32, usize)> =
            candidates.iter().flatten().map(|one| (one.part, one.row as usize / VECTOR_ROWS)).collect();
        let sought = &sought;
        let begun = self.env.now();
        let dims = self.schema.dims as usize;
        let requests = groups.len() as u64;
        let one = |(part, blocks): Group| async move {
            let Part { segment, index, .. } = &parts[part as usize];
            let within = sought.range((part, blocks.start)..(part, blocks.end));
            let wanted: Vec<usize> = within.map(|(_, block)| *block).collect();
            let values = self.vectors_of(segment, index, blocks, wanted.clone(), &options.call).await?;
            Ok::<_, Error>((part, wanted, values))
        };
        let mut stream = futures_util::stream::iter(groups.into_iter().map(one)).buffer_unordered(TOGETHER);
        let (mut read, mut rows) = (Read::new(), 0);
        let all = async {
            while let Some(done) = stream.next().await {
                let (part, blocks, values) = done?;
                rows += (values.len() / dims) as u64;
                let values = Arc::new(values);
                let each = blocks.into_iter().zip((0..).step_by(VECTOR_ROWS * dims));
                read.extend(
                    each.map(|(block, from)| ((part, block), Block { values: values.clone(), from })),
                );
            }
            Ok(())
        };
        let mut soft = Call::default();
        soft.deadline = options.until;
        match soft.guard(&self.env, Op::Search, all).await {
            Err(error) if options.until.is_some() && error.is(ErrorKind::Timeout) => {}
            done => done?,
        }
        drop(stream);
        let bytes = plans.iter().map(|plan| plan.bytes).sum();
        self.tiers.fetched(rows, requests, bytes, self.env.now() - begun);
        Ok(read)
    }
}
