//! Every schedule of a plan.
//!
//! Depth first, by playing each schedule from its beginning and making the last choice otherwise that can be. A
//! schedule is left when it comes to a state that was met before: everything that can follow has been looked into then,
//! or will be. What a client has seen since its operation began stands for its stack (see [`mind`](crate::mind)), and a
//! client that can only spin on a lock is left until another one has gone on.

use std::fmt;

use larder_tiered::fence::Rule;

use crate::choose::{Chooser, Next, Path};
use crate::mind::{Met, States};
use crate::plan::Plan;
use crate::schedule::play;

/// What a search came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Searched {
    /// Schedules, most of which were left in a known state.
    pub(crate) schedules: u64,
    /// Those that came to rest.
    pub(crate) ends: u64,
    pub(crate) states: u64,
    pub(crate) steps: u64,
    pub(crate) wrong: Option<String>,
}

impl Searched {
    pub(crate) fn add(&mut self, other: &Searched) {
        self.schedules += other.schedules;
        self.ends += other.ends;
        self.states += other.states;
        self.steps += other.steps;
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Searched { schedules, ends, states, .. } = self;
        write!(f, "{states} states, {schedules} schedules, {ends} ends")
    }
}

/// Plays every schedule of a plan, until one is wrong.
///
/// # Panics
/// If there are more states than `most`: then the bound that is claimed was not reached.
pub(crate) fn every(plan: &Plan, broken: Option<Rule>, most: usize) -> Searched {
    let mut met = Met { states: States::default(), prune: true };
    let mut searched = search(plan, broken, &mut met, most);
    searched.states = met.states.len() as u64;
    searched
}

/// Plays every schedule to its end, whether its states are known or not: what was met.
pub(crate) fn every_to_its_end(plan: &Plan) -> (Searched, States) {
    let mut met = Met { states: States::default(), prune: false };
    let searched = search(plan, None, &mut met, usize::MAX);
    (searched, met.states)
}

/// What a search that leaves known states meets.
pub(crate) fn states_of(plan: &Plan) -> States {
    let mut met = Met { states: States::default(), prune: true };
    search(plan, None, &mut met, usize::MAX);
    met.states
}

fn search(plan: &Plan, broken: Option<Rule>, met: &mut Met, most: usize) -> Searched {
    let mut chooser = Chooser::Every(Path::default());
    let mut searched = Searched::default();
    loop {
        let ended = play(plan, chooser, broken, 1, Some(met));
        searched.schedules += 1;
        searched.steps += u64::from(ended.steps);
        searched.ends += u64::from(!ended.known);
        chooser = ended.chooser;
        searched.wrong = ended.wrong;
        assert!(met.states.len() <= most, "more than {most} states");
        let next = match &searched.wrong {
            Some(_) => Next::None,
            None => chooser.path().expect("it goes by a path").turn(),
        };
        match next {
            Next::Another => {}
            Next::None => return searched,
            Next::Stuck => {
                searched.wrong = Some("no end: all wait for each other".to_owned());
                return searched;
            }
        }
    }
}
