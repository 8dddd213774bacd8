//! Payloads of what was found in segments.

use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{Call, Error, Result};

use super::TOGETHER;
use super::options::Answer;
use super::parts::Part;
use crate::collection::Core;

/// A hit of a segment, whose payload is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) query: usize,
    pub(super) hit: usize,
    pub(super) part: u32,
    pub(super) row: u32,
}

impl Core {
    /// Reads the payloads of what was found in segments.
    pub(super) async fn add_payloads(
        &self,
        parts: &[Part],
        answers: &mut [Answer],
        wanted: &[Wanted],
        call: &Call,
    ) -> Result<()> {
        let mut by_part: Vec<Vec<&Wanted>> = vec![Vec::new(); parts.len()];
        wanted.iter().for_each(|wanted| by_part[wanted.part as usize].push(wanted));
        let one = |(part, wanted): (&Part, Vec<&Wanted>)| {
            let (segment, index) = (part.segment.clone(), part.index.clone());
            let places: Vec<(usize, usize)> =
                wanted.iter().map(|wanted| (wanted.query, wanted.hit)).collect();
            let rows: Vec<u32> = wanted.iter().map(|wanted| wanted.row).collect();
            async move {
                let payloads = self.payloads(&segment, &index, &rows, call).await?;
                Ok::<_, Error>((places, payloads))
            }
        };
        let some: Vec<_> =
            parts.iter().zip(by_part).filter(|(_, wanted)| !wanted.is_empty()).map(one).collect();
        let read: Vec<_> = futures_util::stream::iter(some).buffered(TOGETHER).try_collect().await?;
        for ((query, hit), payload) in
            read.into_iter().flat_map(|(places, payloads)| places.into_iter().zip(payloads))
        {
            answers[query].hits[hit].payload = Some(payload);
        }
        Ok(())
    }
}
