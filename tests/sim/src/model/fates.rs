//! Histories of all keys together: a transaction without an answer happened on each of its keys, or on none.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{Event, Outcome, State, Violation};
use super::register::{self, Fate, Fates};

/// How many transactions without an answer are decided together; every way in which they can have gone is tried.
const MAX_TOGETHER: usize = 10;

/// What a check found, besides what is wrong.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// What is wrong, at most one finding a key.
    pub violations: Vec<Violation>,
    /// Operations without an answer.
    pub unknown: u64,
    /// Those that surely happened, as what was read later shows.
    pub happened: u64,
    /// Those that surely did not.
    pub never: u64,
    /// Transactions without an answer that were too many to be decided together, so that their steps were looked at
    /// one by one.
    pub apart: u64,
}

/// Checks the histories of all keys; `initial` says what each held before.
pub fn check(initial: &[State], events: &[Event]) -> Checked {
    let mut by_key: Vec<Vec<Event>> = vec![Vec::new(); initial.len()];
    for event in events {
        by_key[event.key].push(*event);
    }
    let open: Vec<&Event> = events.iter().filter(|e| e.outcome == Outcome::Unknown).collect();
    let mut checked = Checked { unknown: open.len() as u64, ..Checked::default() };
    // Keys that share transactions are decided together, the others each by itself.
    for (groups, keys) in families(&open, initial.len()) {
        let groups: Vec<u64> = groups.into_iter().collect();
        let together = &groups[..groups.len().min(MAX_TOGETHER)];
        checked.apart += (groups.len() - together.len()) as u64;
        match decide(&keys, together, initial, &by_key) {
            Ok(()) => keys.iter().for_each(|&key| checked.resolve(key, initial[key], &by_key[key])),
            Err(violation) => checked.violations.push(*violation),
        }
    }
    checked
}

impl Checked {
    /// Counts the operations on a key without an answer that can have gone only one way.
    fn resolve(&mut self, key: usize, initial: State, events: &[Event]) {
        for (i, _) in events.iter().enumerate().filter(|(_, event)| event.outcome == Outcome::Unknown) {
            let can = |fate| {
                let fates = Fates { one: Some((i, fate)), ..Fates::default() };
                register::check(key, initial, events, &fates).is_ok()
            };
            match (can(Fate::Happened), can(Fate::Never)) {
                (true, false) => self.happened += 1,
                (false, true) => self.never += 1,
                _ => {}
            }
        }
    }
}

/// Tries every way in which the transactions can have gone, until one is right for every key.
fn decide(
    keys: &BTreeSet<usize>,
    groups: &[u64],
    initial: &[State],
    by_key: &[Vec<Event>],
) -> Result<(), Box<Violation>> {
    let mut first = None;
    for way in 0u32..1 << groups.len() {
        let fate = |at: usize| if way & 1 << at == 0 { Fate::Happened } else { Fate::Never };
        let groups = groups.iter().enumerate().map(|(at, group)| (*group, fate(at))).collect();
        let fates = Fates { groups, one: None };
        let wrong =
            keys.iter().find_map(|&key| register::check(key, initial[key], &by_key[key], &fates).err());
        match wrong {
            None => return Ok(()),
            Some(violation) => first = first.or(Some(violation)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Keys in families: two that a transaction without an answer joins are in one, with those transactions.
fn families(open: &[&Event], keys: usize) -> Vec<(BTreeSet<u64>, BTreeSet<usize>)> {
    let mut family: Vec<usize> = (0..keys).collect();
    let mut members: BTreeMap<u64, usize> = BTreeMap::new();
    for event in open {
        let Some(group) = event.group else { continue };
        let first = *members.entry(group).or_insert(event.key);
        let (from, to) = (family[event.key], family[first]);
        for one in &mut family {
            if *one == from {
                *one = to;
            }
        }
    }
    let mut all: BTreeMap<usize, (BTreeSet<u64>, BTreeSet<usize>)> = BTreeMap::new();
    for (key, family) in family.iter().enumerate() {
        all.entry(*family).or_default().1.insert(key);
    }
    for (group, key) in members {
        if let Some((groups, _)) = all.get_mut(&family[key]) {
            groups.insert(group);
        }
    }
    all.into_values().collect()
}
