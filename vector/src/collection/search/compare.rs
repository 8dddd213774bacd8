//! Candidates are compared with their vectors, wherever those are.

use std::sync::Arc;

use larder_store_core::{Op, Result};

use super::options::{Answer, SearchOptions};
use super::parts::Part;
use super::remote::{Budget, Plan, plan};
use super::rescore::{Known, Read, Rescored, rescore};
use super::scan::Candidate;
use crate::collection::Core;
use crate::column::Holding;
use crate::manifest::Precision;
use crate::tier::Tier;

/// Values that are compared where the search was called, and no more: beyond them it would hold up other tasks.
const INLINE: usize = 1 << 21;

impl Core {
    /// Compares candidates with their vectors, those in the store within the budget of each query.
    pub(super) async fn compare(
        self: &Arc<Self>,
        parts: &[Part],
        holdings: &Arc<[Arc<Holding>]>,
        queries: &[f32],
        candidates: Vec<Vec<Candidate>>,
        (k, options): (usize, &SearchOptions),
        answers: &mut [Answer],
    ) -> Result<Vec<Vec<Rescored>>> {
        let dims = self.schema.dims as usize;
        let cold = |candidate: &Candidate| holdings[candidate.part as usize].tier() <= Tier::Cold;
        let mut read = Read::new();
        if self.schema.keep != Precision::Lossy {
            let budget = Budget::of_vectors(options, k, parts);
            let plans: Vec<Plan> = candidates
                .iter()
                .map(|candidates| {
                    let cold: Vec<Candidate> = candidates.iter().filter(|c| cold(c)).copied().collect();
                    plan(parts, &cold, k, budget)
                })
                .collect();
            for (answer, plan) in answers.iter_mut().zip(&plans) {
                answer.approximate.over_budget = plan.over;
                answer.work.remote_requests = plan.groups.len() as u64;
                answer.work.remote_bytes = plan.bytes;
            }
            read = self.read_blocks(parts, &plans, &candidates, options).await?;
        }
        let values = candidates.iter().map(Vec::len).sum::<usize>() * dims;
        let (metric, keep, env) = (self.schema.metric, self.schema.keep, self.env.clone());
        let each = move |holdings: &[Arc<Holding>], queries: &[f32]| {
            let begun = env.now();
            let pairs = queries.chunks_exact(dims).zip(&candidates);
            let one = |(query, candidates): (&[f32], &Vec<Candidate>)| {
                rescore(metric, dims, keep, holdings, &read, query, candidates)
            };
            let all: Vec<Vec<Rescored>> = pairs.map(one).collect();
            (all, env.now() - begun)
        };
        let (all, took) = if values <= INLINE {
            each(holdings, queries)
        } else {
            let (holdings, queries) = (holdings.clone(), queries.to_vec());
            let work = move || Ok(each(&holdings, &queries));
            self.env.blocking(Op::Search, &self.inflight, work).await?
        };
        let mut rows = [0u64; 4];
        for (rescored, answer) in all.iter().zip(answers) {
            for one in rescored {
                if one.known == Known::Codes {
                    continue;
                }
                answer.work.rescored += 1;
                rows[holdings[one.candidate.part as usize].tier() as usize] += 1;
            }
            let codes = rescored.iter().filter(|one| one.known == Known::Codes).count();
            if keep != Precision::Lossy {
                answer.approximate.late = codes.saturating_sub(answer.approximate.over_budget);
            }
        }
        let total: u64 = rows.iter().sum();
        for tier in Tier::ALL {
            let share = rows[tier as usize];
            self.tiers.rescored(tier, share, took.mul_f64(share as f64 / total.max(1) as f64));
        }
        Ok(all)
    }
}
