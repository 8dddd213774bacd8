//! Rounds: some workers, some kills, a look, a verdict.

use std::time::Duration;

use larder_store_core::Key;

use super::Options;
use super::crew::{self, Told, Worker};
use super::tally::Tally;
use super::verify::{self, Look};
use crate::model::{self, Event, State};
use crate::places::Places;
use crate::rng::Rng;
use crate::{Outcome, keys, stores};

/// How often what kills leave behind is swept, in rounds.
const SWEEP_EACH: u64 = 50;

/// When a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While it starts and opens the store.
    Starting,
    /// Soon after it began to write.
    Writing,
    /// After it has written for a while.
    Later,
}

const WHEN: &[(u32, When)] = &[(2, When::Starting), (10, When::Writing), (1, When::Later)];

impl When {
    fn pause(self, rng: &mut Rng) -> Duration {
        let most = match self {
            When::Starting | When::Writing => 4_000,
            When::Later => 40_000,
        };
        Duration::from_micros(rng.below(most))
    }
}

struct Campaign<'a> {
    options: &'a Options,
    keys: Vec<Key>,
    rng: Rng,
    next: u32,
    /// What the keys held at the end of the last round.
    initial: Vec<State>,
    tally: Tally,
}

/// Runs a campaign.
///
/// # Errors
/// What keeps the campaign itself from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    let keys = keys::neighbours();
    std::fs::create_dir_all(&options.logs)?;
    let mut campaign = Campaign {
        options,
        initial: vec![None; keys.len()],
        keys,
        rng: Rng::new(options.seed),
        next: 0,
        tally: Tally::default(),
    };
    let begin = std::time::Instant::now();
    while campaign.tally.kills < options.kills || begin.elapsed() < options.time {
        let before = campaign.tally.wrong();
        campaign.round()?;
        if campaign.tally.wrong() > before {
            if options.stop_at_first || campaign.tally.wrong() > 100 {
                break;
            }
            // What is wrong now would be found again in each round to come.
            campaign.anew()?;
        }
    }
    Ok(campaign.tally)
}

impl Campaign<'_> {
    fn round(&mut self) -> Outcome {
        self.tally.rounds += 1;
        let n = self.rng.between(1, self.options.processes);
        let mut told = Told::default();
        let mut events = Vec::new();
        let mut crew = crew::begin(self.options, &mut self.next, n, &mut self.rng)?;
        if n > 1 && self.rng.one_in(2) {
            self.one_by_one(&mut crew, &mut told, &mut events)?;
        }
        let when = *self.rng.weighted(WHEN);
        self.wait(&mut crew, when);
        for worker in &mut crew {
            worker.kill()?;
        }
        for worker in crew {
            worker.bury(&mut told)?;
            self.tally.kills += 1;
        }
        let how = match self.tally.rounds.is_multiple_of(SWEEP_EACH) {
            true => Look::AloneAndSweep,
            false => Look::Alone,
        };
        let last = self.look(how, &mut events, &[])?;
        self.judge(told, events);
        self.initial = last;
        Ok(())
    }

    /// Kills one, looks while the others write, and replaces it; a few times.
    fn one_by_one(&mut self, crew: &mut Vec<Worker>, told: &mut Told, events: &mut Vec<Event>) -> Outcome {
        for _ in 0..self.rng.between(2, 8) {
            let when = *self.rng.weighted(WHEN);
            self.wait(crew, when);
            let mut worker = crew.swap_remove(self.rng.index(crew.len()));
            worker.kill()?;
            worker.bury(told)?;
            self.tally.kills += 1;
            let living: Vec<u32> = crew.iter_mut().map(Worker::pid).collect();
            self.look(Look::Beside, events, &living)?;
            crew.extend(crew::begin(self.options, &mut self.next, 1, &mut self.rng)?);
        }
        Ok(())
    }

    fn wait(&mut self, crew: &mut [Worker], when: When) {
        if when != When::Starting {
            crew.iter_mut().for_each(Worker::wait_ready);
        }
        crew::pause(when.pause(&mut self.rng));
    }

    /// Gives what the keys held. Beside these processes nobody lives who could have the store open.
    fn look(&mut self, how: Look, events: &mut Vec<Event>, living: &[u32]) -> Outcome<Vec<State>> {
        let before = self.places()?;
        let mut seen = stores::block_on(verify::look(&self.options.target, &self.keys, how));
        events.append(&mut seen.events);
        self.tally.take_seen(&mut seen);
        if let (Some(before), Some(after)) = (before, self.places()?) {
            self.tally.take_places(&before, &after, living);
        }
        Ok(seen.states)
    }

    /// What processes have taken in a stack's front.
    fn places(&self) -> Outcome<Option<Places>> {
        self.options.target.front().map(|folder| Places::of(&folder)).transpose()
    }

    fn judge(&mut self, mut told: Told, mut events: Vec<Event>) {
        events.append(&mut told.events);
        self.tally.take_told(&mut told);
        let checked = model::check(&self.initial, &events);
        self.tally.take_checked(checked, &format!("round {}", self.tally.rounds));
    }

    /// Begins again with an empty store.
    fn anew(&mut self) -> Outcome {
        std::fs::remove_dir_all(&self.options.target.folder)?;
        self.initial.fill(None);
        Ok(())
    }
}
