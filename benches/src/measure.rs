//! Ours and the peer's in turn.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::workload::{Rng, Workload};

/// One side of a comparison: does one operation for each of the keys, and says what they took together. What it sets
/// up and checks outside of the time it tells is free.
pub(crate) type Side<'s> = Box<dyn FnMut(&[usize]) -> Result<Duration> + 's>;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Time for the rounds that count.
    pub(crate) budget: Duration,
    /// At least so long is one side at it in a round.
    pub(crate) turn: Duration,
    /// A turn is a multiple of so many operations.
    pub(crate) multiple: usize,
    /// Rounds that are dropped after the turns have their length.
    pub(crate) warm_up: usize,
    /// Rounds that count, whatever they take.
    pub(crate) min_rounds: usize,
    /// No more rounds than this.
    pub(crate) max_rounds: usize,
}

/// Measures both in turn. For each round that counts: nanoseconds per operation of ours and of theirs.
pub(crate) fn pair(
    plan: &Plan,
    workload: &Workload,
    ours: &mut Side<'_>,
    theirs: &mut Side<'_>,
) -> Result<Vec<(f64, f64)>> {
    let mut rng = Rng::new(workload.len() as u64);
    let mut count = plan.multiple;
    // The faster side decides, so that neither turn is too short to be timed well.
    loop {
        let order = workload.order(&mut rng, count);
        let faster = ours(&order)?.min(theirs(&order)?);
        if faster >= plan.turn {
            break;
        }
        let wanted = plan.turn.as_secs_f64() / faster.as_secs_f64().max(1e-9);
        // Never by more than four times at once: the first operations are the slow ones.
        let grown = (count as f64 * (wanted * 1.1).min(4.0)).ceil() as usize;
        count = grown.next_multiple_of(plan.multiple);
    }
    let mut rounds = Vec::new();
    let mut begun = Instant::now();
    for round in 0.. {
        if round == plan.warm_up {
            begun = Instant::now();
        }
        let counted = round.saturating_sub(plan.warm_up);
        let enough = counted >= plan.min_rounds && begun.elapsed() >= plan.budget;
        if enough || counted >= plan.max_rounds {
            break;
        }
        let order = workload.order(&mut rng, count);
        let (our_time, their_time);
        if round % 2 == 0 {
            our_time = ours(&order)?;
            their_time = theirs(&order)?;
        } else {
            their_time = theirs(&order)?;
            our_time = ours(&order)?;
        }
        if round >= plan.warm_up {
            let each = |time: Duration| time.as_secs_f64() * 1e9 / count as f64;
            rounds.push((each(our_time), each(their_time)));
        }
    }
    Ok(rounds)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PLAN: Plan = Plan {
        budget: Duration::ZERO,
        turn: Duration::from_micros(100),
        multiple: 64,
        warm_up: 3,
        min_rounds: 10,
        max_rounds: 20,
    };

    #[test]
    fn sides_do_the_same_in_turn_and_the_first_changes() {
        let log = RefCell::new(Vec::new());
        let side = |name: &'static str, each: u64| -> Side<'_> {
            let log = &log;
            Box::new(move |order: &[usize]| {
                log.borrow_mut().push((name, order.to_vec()));
                Ok(Duration::from_nanos(each * order.len() as u64))
            })
        };
        let workload = Workload::new(1_000, 1);
        let rounds = pair(&PLAN, &workload, &mut side("ours", 30), &mut side("theirs", 10)).unwrap();
        assert_eq!(rounds.len(), 10);
        assert!(rounds.iter().all(|(ours, theirs)| (ours / theirs - 3.0).abs() < 1e-9));
        let log = log.into_inner();
        // 100 µs at 10 ns each, in multiples of 64.
        let (_, last) = log.last().unwrap();
        assert!(last.len() >= 10_000 && last.len().is_multiple_of(64), "{}", last.len());
        let timed = &log[log.len() - 26..];
        for (round, turns) in timed.chunks(2).enumerate() {
            assert_eq!(turns[0].1, turns[1].1, "both get the same keys");
            assert_eq!(turns[0].0, if round % 2 == 0 { "ours" } else { "theirs" });
        }
        assert!(timed[0].1 != timed[2].1, "the keys of another round are others");
    }

    #[test]
    fn warm_up_does_not_count() {
        let mut turn = 0;
        let mut cold: Side<'_> = Box::new(|order| {
            turn += 1;
            Ok(Duration::from_nanos(if turn < 5 { 900 } else { 10 } * order.len() as u64))
        });
        let mut even: Side<'_> = Box::new(|order| Ok(Duration::from_nanos(10 * order.len() as u64)));
        let plan = Plan { turn: Duration::from_nanos(1), ..PLAN };
        let rounds = pair(&plan, &Workload::new(9, 1), &mut cold, &mut even).unwrap();
        assert!(rounds.iter().all(|r| r.0 == r.1), "{rounds:?}");
    }

    #[test]
    fn a_side_that_fails_ends_it() {
        let mut fails: Side<'_> = Box::new(|_| Err("lost".into()));
        let mut even: Side<'_> = Box::new(|_| Ok(Duration::from_secs(1)));
        assert!(pair(&PLAN, &Workload::new(9, 1), &mut even, &mut fails).is_err());
    }
}
