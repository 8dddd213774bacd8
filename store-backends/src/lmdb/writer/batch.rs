//! One commit for many jobs.

use std::cell::OnceCell;

use larder_store_core::{Error, Op, Result};

use super::transaction::Fate;
use super::work::{Done, Job};
use super::{Writer, garbage};

/// How often a cache makes more room for one commit.
const RELIEFS: u32 = 4;

/// For each job an outcome for each of its changes; of an atomic one that was refused, those up to the refusal.
type Outcomes = Vec<Vec<Result<Done>>>;

impl Writer {
    /// Commits the jobs that wait.
    pub(super) fn batch(&mut self) {
        let shared = self.shared.clone();
        let cell = OnceCell::new();
        // Not before the lock of writers is held.
        let (fate, outcomes) = self.attempt_in_room(|| cell.get_or_init(|| shared.queue.take()));
        let jobs = cell.into_inner().unwrap_or_else(|| shared.queue.take());
        let outcomes = match fate {
            Fate::Made => outcomes,
            // Each by itself, so that a delete still works where a put does not fit. What is garbage makes room first.
            Fate::TooLarge(_) if jobs.len() > 1 || self.garbage => {
                while self.garbage && self.collect_garbage(garbage::STEP).is_ok() {}
                jobs.iter().map(|job| self.alone(job)).collect()
            }
            Fate::TooLarge(error) | Fate::Failed(error) | Fate::Unknown(error) => {
                fail(&jobs, outcomes, &error)
            }
        };
        self.answer(jobs, outcomes);
        if shared.guard.minute_passed(shared.env.boot())
            && let Err(code) = self.end.clear_dead_readers()
        {
            tracing::warn!(%code, "readers that died could not be cleared");
        }
        // What was evicted in parts is needed now.
        if self.garbage && shared.settings.is_cache() && shared.poisoned().is_none() {
            self.collect(garbage::STEP);
        }
        // Under a load that never ends garbage is removed as well, little by little.
        if self.garbage && self.swept && shared.queue.jobs() > 0 && shared.poisoned().is_none() {
            self.collect(garbage::SMALL_STEP);
        }
    }

    fn answer(&mut self, jobs: Vec<Job>, outcomes: Outcomes) {
        let mut answered = 0;
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            drop(job.permit);
            answered += usize::from(job.reply.send(outcome).is_ok());
        }
        self.expected = answered;
    }

    fn alone(&mut self, job: &Job) -> Vec<Result<Done>> {
        let (fate, outcomes) = self.attempt_in_room(|| std::slice::from_ref(job));
        let outcomes = match fate {
            Fate::Made => outcomes,
            Fate::TooLarge(error) | Fate::Failed(error) | Fate::Unknown(error) => {
                fail(std::slice::from_ref(job), outcomes, &error)
            }
        };
        outcomes.into_iter().next().unwrap_or_default()
    }

    /// The same as [`Writer::attempt`], and again where a cache can make room for it.
    fn attempt_in_room<'j>(&mut self, jobs: impl Fn() -> &'j [Job]) -> (Fate, Outcomes) {
        let mut attempt = self.attempt(&jobs);
        for round in 0..RELIEFS {
            if !matches!(attempt.0, Fate::TooLarge(_)) || !self.relieve(round) {
                break;
            }
            attempt = self.attempt(&jobs);
        }
        attempt
    }

    /// Makes the changes of jobs in one transaction. Its outcomes hold if it was made.
    fn attempt<'j>(&mut self, jobs: impl Fn() -> &'j [Job]) -> (Fate, Outcomes) {
        let mut outcomes = Vec::new();
        let fate = self.transaction(Op::Put, |plan| {
            outcomes = jobs().iter().map(|job| plan.decide(job)).collect();
            Ok(())
        });
        if matches!(fate, Fate::Made) {
            self.garbage |= std::mem::take(&mut self.garbage_failed);
        }
        (fate, outcomes)
    }
}

/// The outcomes of jobs whose transaction failed: what had been refused stays refused.
fn fail(jobs: &[Job], outcomes: Outcomes, error: &Error) -> Outcomes {
    let mut outcomes = outcomes.into_iter();
    let one = |decided: Option<Result<Done>>| match decided {
        Some(Err(refused)) => Err(refused),
        _ => Err(error.clone()),
    };
    jobs.iter()
        .map(|job| {
            let mut decided = outcomes.next().unwrap_or_default().into_iter();
            job.changes.iter().map(|_| one(decided.next())).collect()
        })
        .collect()
}
