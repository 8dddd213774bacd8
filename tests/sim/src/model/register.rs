//! Whether a history of one key is one of a register.
//!
//! Lowe's just-in-time linearization: beginnings and ends are gone through in the order of time. A configuration is
//! what the key holds and which of the operations that are open have happened already. At an end, only those
//! configurations go on in which that operation has happened, or happens now, behind any others that are open. With
//! few operations open at a time there are few configurations, however long the history.
//!
//! What may happen any number of times has no place in that set: at any instant while it is open, a configuration may
//! go on with it or without it.

use std::collections::{BTreeSet, HashMap};

use super::history::{Event, Outcome, State, Violation};

/// A set of the operations that are open, by their slot.
type Slots = u128;

/// How many operations on a key can be open at a time.
const MAX_OPEN: usize = Slots::BITS as usize;

/// What an operation without an answer did, where that is decided from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Happened,
    Never,
}

/// What is decided from outside about operations without an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Fates {
    /// By transaction.
    pub(super) groups: HashMap<u64, Fate>,
    /// Of one operation, by its place.
    pub(super) one: Option<(usize, Fate)>,
}

/// Checks the history of a key that held `initial` before it. `events` are those of this key, in any order.
pub(super) fn check(
    key: usize,
    initial: State,
    events: &[Event],
    fates: &Fates,
) -> Result<(), Box<Violation>> {
    let fate = |i: usize| match (fates.one, events[i].outcome, events[i].group) {
        (Some((one, fate)), ..) if one == i => Some(fate),
        (_, Outcome::Unknown, Some(group)) => fates.groups.get(&group).copied(),
        _ => None,
    };
    // At equal times beginnings come first: those two operations may have overlapped.
    let mut times: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * events.len());
    for (i, event) in events.iter().enumerate() {
        if fate(i) != Some(Fate::Never) {
            times.push((event.begin, false, i));
            times.push((event.end.max(event.begin), true, i));
        }
    }
    times.sort_unstable();

    let mut open = Open { events, slots: Vec::new(), echoes: Vec::new() };
    let mut configs: BTreeSet<(Slots, State)> = [(0, initial)].into();
    for (_, is_end, i) in times {
        if events[i].outcome == Outcome::Echo {
            match is_end {
                false => open.echoes.push(i),
                true => {
                    // It may have happened just now.
                    configs = open.reachable(&configs, 0);
                    open.echoes.retain(|echo| *echo != i);
                }
            }
            continue;
        }
        let slots = &mut open.slots;
        if !is_end {
            match slots.iter().position(Option::is_none) {
                Some(free) => slots[free] = Some(i),
                None => slots.push(Some(i)),
            }
            assert!(slots.len() <= MAX_OPEN, "more than {MAX_OPEN} operations on a key overlap");
            continue;
        }
        let Some(slot) = slots.iter().position(|s| *s == Some(i)) else { continue };
        let bit = 1 << slot;
        let reached = open.reachable(&configs, bit);
        let done = reached.iter().filter(|(set, _)| set & bit != 0);
        let mut next: BTreeSet<_> = done.map(|(set, state)| (set & !bit, *state)).collect();
        let event = &events[i];
        if event.outcome == Outcome::Unknown && fate(i).is_none() {
            next.extend(configs.iter().filter(|(set, _)| set & bit == 0));
        }
        if next.is_empty() {
            return Err(Box::new(violation(key, event, &configs, events)));
        }
        open.slots[slot] = None;
        configs = next;
    }
    Ok(())
}

/// What is open at an instant.
struct Open<'a> {
    events: &'a [Event],
    slots: Vec<Option<usize>>,
    /// What may happen any number of times.
    echoes: Vec<usize>,
}

impl Open<'_> {
    /// Every configuration that can be reached by what is open, those that are left as they are included. It does not
    /// go on from one in which `enough` has happened: what else happens can happen later.
    fn reachable(&self, configs: &BTreeSet<(Slots, State)>, enough: Slots) -> BTreeSet<(Slots, State)> {
        let mut seen = configs.clone();
        let mut todo: Vec<_> = configs.iter().copied().collect();
        while let Some((set, state)) = todo.pop() {
            if set & enough != 0 {
                continue;
            }
            let once = self.slots.iter().enumerate().filter_map(|(other, event)| {
                let event = event.filter(|_| set & (1 << other) == 0)?;
                Some((set | 1 << other, self.events[event].apply(state)?))
            });
            let again = self.echoes.iter().filter_map(|&event| Some((set, self.events[event].apply(state)?)));
            for config in once.chain(again) {
                if seen.insert(config) {
                    todo.push(config);
                }
            }
        }
        seen
    }
}

fn violation(key: usize, event: &Event, configs: &BTreeSet<(Slots, State)>, events: &[Event]) -> Violation {
    let possible: BTreeSet<State> = configs.iter().map(|(_, state)| *state).collect();
    let mut history: Vec<Event> = events.iter().filter(|e| e.begin <= event.end).copied().collect();
    history.sort_unstable_by_key(|e| e.begin);
    // The last ones, and whoever wrote what was read.
    let long_ago = history.len().saturating_sub(24);
    let read = match event.outcome {
        Outcome::Read(Some(write)) => Some(write),
        _ => None,
    };
    let wrote = |e: &Event| matches!(e.action, super::Action::Put(w, _) if Some(w) == read);
    let mut kept: Vec<Event> = history[..long_ago].iter().filter(|e| wrote(e)).copied().collect();
    kept.extend_from_slice(&history[long_ago..]);
    Violation { key, event: *event, possible: possible.into_iter().collect(), history: kept }
}
