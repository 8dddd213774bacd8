//! Histories that must pass, and histories that must not.

use super::Action::{Delete, Put, Read};
use super::Outcome::{Conflict, Removed, Unknown, Written};
use super::*;

/// An event on key 0 between two times.
fn on(begin: u64, end: u64, action: Action, outcome: Outcome) -> Event {
    Event { key: 0, who: 0, begin, end, action, outcome, group: None }
}

fn put(begin: u64, end: u64, write: u64) -> Event {
    on(begin, end, Put(write, Pre::Any), Written)
}

fn read(begin: u64, end: u64, seen: impl Into<State>) -> Event {
    on(begin, end, Read, Outcome::Read(seen.into()))
}

fn right(events: &[Event]) -> Checked {
    let checked = check(&[None; 4], events);
    assert!(checked.violations.is_empty(), "{}", checked.violations[0]);
    checked
}

fn wrong(events: &[Event]) -> Violation {
    let mut checked = check(&[None; 4], events);
    assert_eq!(checked.violations.len(), 1, "{events:?}");
    checked.violations.remove(0)
}

#[test]
fn one_after_the_other() {
    right(&[put(0, 1, 7), read(2, 3, 7), on(4, 5, Delete(None), Removed(Some(true))), read(6, 7, None)]);
    assert_eq!(wrong(&[put(0, 1, 7), read(2, 3, None)]).class(), "lost");
    assert_eq!(wrong(&[put(0, 1, 7), put(2, 3, 8), read(4, 5, 7)]).class(), "stale or lost");
    let deleted = on(2, 3, Delete(None), Removed(None));
    assert_eq!(wrong(&[put(0, 1, 7), deleted, read(4, 5, 7)]).class(), "came back");
    assert_eq!(wrong(&[put(0, 1, 7), read(2, 3, 9)]).class(), "foreign or older than the history");
}

#[test]
fn what_was_sent_several_times_may_land_again() {
    let echo = |end| on(0, end, Put(7, Pre::Any), Outcome::Echo);
    // It is seen, replaced, and seen again.
    let again = [put(0, 1, 7), read(2, 3, 7), put(4, 5, 8), read(6, 7, 7), put(8, 9, 9), read(10, 11, 7)];
    wrong(&again);
    right(&[&again[..], &[echo(12)]].concat());
    // Until it is surely over; and it cannot land where its precondition does not hold.
    wrong(&[&again[..], &[echo(7)]].concat());
    right(&[&again[..4], &[put(8, 9, 9), echo(9), read(10, 11, 9)]].concat());
    let only = on(0, 20, Put(7, Pre::Matches(3)), Outcome::Echo);
    wrong(&[&again[..4], &[only]].concat());
    // It explains nothing else.
    wrong(&[put(0, 1, 5), echo(20), put(2, 3, 6), read(4, 5, 5)]);
    right(&[put(0, 1, 5), echo(20), read(2, 3, 7), read(4, 5, 7)]);
}

#[test]
fn what_was_there_before_counts() {
    assert!(check(&[Some(5)], &[read(0, 1, 5)]).violations.is_empty());
    assert_eq!(check(&[Some(5)], &[read(0, 1, None)]).violations.len(), 1);
}

#[test]
fn overlapping_operations_come_in_either_order() {
    for last in [7, 8] {
        right(&[put(0, 5, 7), put(1, 6, 8), read(7, 8, last)]);
    }
    // Two readers must agree on the order.
    right(&[put(0, 5, 7), put(1, 6, 8), read(7, 8, 8), read(9, 10, 8)]);
    wrong(&[put(0, 5, 7), put(1, 6, 8), read(7, 8, 8), read(9, 10, 7)]);
    // A read inside a write sees either, and none goes back.
    right(&[put(0, 1, 7), put(2, 9, 8), read(3, 4, 7), read(5, 6, 8)]);
    wrong(&[put(0, 1, 7), put(2, 9, 8), read(3, 4, 8), read(5, 6, 7)]);
}

#[test]
fn without_an_answer_it_happened_or_never_did() {
    let open = on(2, 5, Put(8, Pre::Any), Unknown);
    let seen = right(&[put(0, 1, 7), open, read(6, 7, 8)]);
    assert_eq!((seen.unknown, seen.happened, seen.never), (1, 1, 0));
    assert_eq!(right(&[put(0, 1, 7), open, read(6, 7, 7)]).never, 1);
    // Once it was seen not to have happened, it does not happen later: its process was gone by then.
    wrong(&[put(0, 1, 7), open, read(6, 7, 7), read(8, 9, 8)]);
    wrong(&[put(0, 1, 7), open, read(6, 7, 8), read(8, 9, 7)]);
    // Nor before it began.
    wrong(&[put(0, 1, 7), read(1, 2, 8), on(3, 5, Put(8, Pre::Any), Unknown)]);
    // An open delete is no excuse for a value that changed.
    let delete = on(2, 5, Delete(None), Unknown);
    right(&[put(0, 1, 7), delete, read(6, 7, None)]);
    right(&[put(0, 1, 7), delete, read(6, 7, 7)]);
    wrong(&[put(0, 1, 7), delete, read(6, 7, 8)]);
}

#[test]
fn an_open_write_seen_while_it_ran_is_counted() {
    let open = on(2, 9, Put(8, Pre::Any), Unknown);
    assert_eq!(right(&[put(0, 1, 7), open, read(3, 4, 8), read(10, 11, 8)]).happened, 1);
    let only = on(2, 9, Put(8, Pre::Absent), Unknown);
    assert_eq!(right(&[put(0, 1, 7), only, read(10, 11, 7)]).never, 1);
}

#[test]
fn preconditions_are_decided_at_one_instant() {
    let absent = |write, outcome| on(2, 3, Put(write, Pre::Absent), outcome);
    right(&[absent(7, Written), read(4, 5, 7)]);
    right(&[put(0, 1, 7), absent(8, Conflict), read(4, 5, 7)]);
    wrong(&[put(0, 1, 7), absent(8, Written), read(4, 5, 8)]);
    wrong(&[absent(8, Conflict)]);

    let over = |begin, end, write, old, outcome| on(begin, end, Put(write, Pre::Matches(old)), outcome);
    right(&[put(0, 1, 7), over(2, 3, 8, 7, Written), over(4, 5, 9, 7, Conflict), read(6, 7, 8)]);
    wrong(&[put(0, 1, 7), over(2, 3, 8, 7, Conflict), read(4, 5, 7)]);
    // Two winners over the same version, even when they overlap.
    wrong(&[put(0, 1, 7), over(2, 5, 8, 7, Written), over(2, 5, 9, 7, Written), read(6, 7, 9)]);

    let only = |old, outcome| on(2, 3, Delete(Some(old)), outcome);
    right(&[put(0, 1, 7), only(7, Removed(Some(true))), read(4, 5, None)]);
    right(&[put(0, 1, 7), only(6, Conflict), read(4, 5, 7)]);
    wrong(&[put(0, 1, 7), only(6, Removed(Some(true)))]);
}

#[test]
fn deletes_tell_the_truth() {
    wrong(&[put(0, 1, 7), on(2, 3, Delete(None), Removed(Some(false)))]);
    wrong(&[on(2, 3, Delete(None), Removed(Some(true)))]);
    right(&[put(0, 9, 7), on(2, 3, Delete(None), Removed(Some(true))), read(10, 11, None)]);
    // The delete came before the put, and then it found nothing.
    wrong(&[put(0, 9, 7), on(2, 3, Delete(None), Removed(Some(true))), read(10, 11, 7)]);
}

#[test]
fn a_transaction_without_an_answer_is_whole() {
    let step = |key, write| Event { key, group: Some(1), ..on(2, 5, Put(write, Pre::Any), Unknown) };
    let see = |key, state| Event { key, ..read(6, 7, state) };
    right(&[step(0, 7), step(1, 8), see(0, Some(7)), see(1, Some(8))]);
    right(&[step(0, 7), step(1, 8), see(0, None), see(1, None)]);
    wrong(&[step(0, 7), step(1, 8), see(0, Some(7)), see(1, None)]);
    wrong(&[step(0, 7), step(1, 8), see(0, None), see(1, Some(8))]);
    // Somebody else wrote over one half.
    let over = Event { key: 1, who: 1, ..put(3, 4, 9) };
    right(&[step(0, 7), step(1, 8), over, see(0, Some(7)), see(1, Some(9))]);
    // Two open transactions, crossed: one of them would have to be half.
    let second = |key, write| Event { group: Some(2), ..step(key, write) };
    let crossed = [step(0, 7), step(1, 8), second(1, 9), second(2, 10)];
    right(&[&crossed[..], &[see(0, Some(7)), see(1, Some(8)), see(2, Some(10))]].concat());
    right(&[&crossed[..], &[see(0, None), see(1, Some(9)), see(2, Some(10))]].concat());
    wrong(&[&crossed[..], &[see(0, None), see(1, Some(8)), see(2, Some(10))]].concat());
}

#[test]
fn long_histories_are_quick() {
    let mut events = Vec::new();
    for i in 0..5_000u64 {
        let at = i * 10;
        // Three writers that overlap, the last of whom is read.
        events.push(put(at, at + 9, 3 * i + 1));
        events.push(put(at + 1, at + 9, 3 * i + 2));
        let answer = if i % 1000 == 0 { Unknown } else { Written };
        events.push(on(at + 2, at + 8, Put(3 * i + 3, Pre::Any), answer));
        events.push(read(at + 9, at + 9, 3 * i + 1 + i % 3));
    }
    right(&events);
    events.push(read(60_000, 60_001, 2));
    wrong(&events);
}

/// Every history of a small register is accepted, and a random answer in it is mostly not.
#[test]
fn true_histories_pass_and_forged_ones_do_not() {
    let mut rng = crate::rng::Rng::new(11);
    let (mut forged, mut caught) = (0, 0);
    for _ in 0..2000 {
        let mut state: State = None;
        let mut events = Vec::new();
        for i in 1..=12u64 {
            // The instant is inside the interval, the interval may overlap its neighbours.
            let at = i * 100;
            let (begin, end) = (at - rng.below(150).min(at), at + rng.below(150));
            let write = i;
            let known = state.unwrap_or(99);
            let action = *rng.pick(&[
                Read,
                Put(write, Pre::Any),
                Put(write, Pre::Absent),
                Put(write, Pre::Matches(known)),
                Delete(None),
                Delete(Some(known)),
            ]);
            let mut event = on(begin, end, action, Unknown);
            event.outcome = match (action, state) {
                (Read, state) => Outcome::Read(state),
                (Put(_, Pre::Absent), Some(_)) | (Put(_, Pre::Matches(_)) | Delete(Some(_)), None) => {
                    Conflict
                }
                (Put(..), _) => Written,
                (Delete(_), state) => Removed(Some(state.is_some())),
            };
            state = event.apply(state).expect("what the register does");
            if rng.one_in(5) && action != Read {
                event.outcome = Unknown;
            }
            events.push(event);
        }
        events.push(read(5000, 5001, state));
        right(&events);
        // Forge the last read.
        let lie = Some(rng.below(13)).filter(|w| *w != 0);
        let last = events.len() - 1;
        events[last].outcome = Outcome::Read(lie);
        if lie != state {
            forged += 1;
            caught += u32::from(!check(&[None], &events).violations.is_empty());
        }
    }
    assert!(caught * 10 > forged * 7, "{caught} of {forged}");
}
