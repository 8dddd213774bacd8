//! Payloads of what was found in segments.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::Result;

use super::TOGETHER;
use super::options::{Answer, SearchOptions};
use super::parts::Part;
use super::remote::{Group, gather, in_a_row};
use crate::collection::Core;
use crate::segment::PAYLOAD_ROWS;

/// A hit of a segment, whose payload is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) query: usize,
    pub(super) hit: usize,
    pub(super) part: u32,
    pub(super) row: u32,
}

impl Wanted {
    /// Where its payload is.
    fn block(&self) -> (u32, usize) {
        (self.part, self.row as usize / PAYLOAD_ROWS)
    }
}

impl Core {
    /// Reads the payloads of what was found in segments. Each query is planned with what its vectors have left of its requests, and
    /// what queries have in common is read once.
    pub(super) async fn add_payloads(
        &self,
        parts: &[Part],
        answers: &mut [Answer],
        wanted: &[Wanted],
        options: &SearchOptions,
    ) -> Result<()> {
        let has_any = |part: u32| parts[part as usize].segment.entry.payload_bytes > 0;
        let size = |(part, blocks): &Group| {
            let range = parts[*part as usize].index.payloads.range(blocks.clone());
            range.end - range.start
        };
        let mut blocks = BTreeSet::new();
        for wanted in wanted.chunk_by(|a, b| a.query == b.query) {
            let mine: BTreeSet<(u32, usize)> =
                wanted.iter().filter(|wanted| has_any(wanted.part)).map(Wanted::block).collect();
            let work = &mut answers[wanted[0].query].work;
            let left = options.remote_requests.saturating_sub(work.remote_requests as usize);
            let groups = gather(mine, left, size);
            work.remote_requests += groups.len() as u64;
            work.remote_bytes += groups.iter().map(size).sum::<u64>();
            blocks
                .extend(groups.into_iter().flat_map(|(part, blocks)| blocks.map(move |block| (part, block))));
        }
        let one = |(part, blocks): Group| async move {
            let Part { segment, index, .. } = &parts[part as usize];
            let read = self.payload_blocks(segment, index, blocks, &options.call).await?;
            Ok(read.into_iter().map(move |(block, payloads)| ((part, block), payloads)))
        };
        let read: Vec<_> = futures_util::stream::iter(in_a_row(blocks).into_iter().map(one))
            .buffered(TOGETHER)
            .try_collect::<Vec<_>>()
            .await?;
        let read: HashMap<(u32, usize), Vec<Bytes>> = read.into_iter().flatten().collect();
        for wanted in wanted {
            let payload = read.get(&wanted.block()).map(|block| &block[wanted.row as usize % PAYLOAD_ROWS]);
            answers[wanted.query].hits[wanted.hit].payload = Some(payload.cloned().unwrap_or_default());
        }
        Ok(())
    }
}
