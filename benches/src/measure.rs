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
    /// Whether all of the work is done on the thread that asks. Then the time that it waited for a core is not part of
    /// what a turn took, and rounds with such waits are left out as long as enough others remain.
    pub(crate) one_thread: bool,
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
    let mut rounds = Rounds::default();
    let mut begun = Instant::now();
    for round in 0.. {
        if round == plan.warm_up {
            begun = Instant::now();
        }
        if rounds.are_enough(plan, begun.elapsed()) && round >= plan.warm_up {
            break;
        }
        let order = workload.order(&mut rng, count);
        let (our_turn, their_turn);
        if round % 2 == 0 {
            our_turn = Turn::take(plan, ours, &order)?;
            their_turn = Turn::take(plan, theirs, &order)?;
        } else {
            their_turn = Turn::take(plan, theirs, &order)?;
            our_turn = Turn::take(plan, ours, &order)?;
        }
        if round >= plan.warm_up {
            rounds.add(&our_turn, &their_turn);
        }
    }
    Ok(rounds.counted(plan))
}

/// What one side took, and whether something else got in its way.
struct Turn {
    each: f64,
    disturbed: bool,
}

impl Turn {
    fn take(plan: &Plan, side: &mut Side<'_>, order: &[usize]) -> Result<Turn> {
        let before = if plan.one_thread { waited_for_a_core() } else { Duration::ZERO };
        let time = side(order)?;
        let waited =
            if plan.one_thread { waited_for_a_core().saturating_sub(before) } else { Duration::ZERO };
        let own = time.saturating_sub(waited).max(Duration::from_nanos(1));
        // A hundredth is less than what rounds differ by anyway. More, and the caches are not as they were either.
        Ok(Turn { each: own.as_secs_f64() * 1e9 / order.len() as f64, disturbed: waited > time / 100 })
    }
}

/// How long this thread has ever been ready to run and did not; zero where the system does not tell.
fn waited_for_a_core() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let waited = told.as_deref().and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}

#[derive(Default)]
struct Rounds {
    quiet: Vec<(f64, f64)>,
    all: Vec<(f64, f64)>,
}

impl Rounds {
    fn add(&mut self, ours: &Turn, theirs: &Turn) {
        self.all.push((ours.each, theirs.each));
        if !ours.disturbed && !theirs.disturbed {
            self.quiet.push((ours.each, theirs.each));
        }
    }

    /// A busy machine gets four times the time to show quiet rounds.
    fn are_enough(&self, plan: &Plan, elapsed: Duration) -> bool {
        let (quiet, all) = (self.quiet.len(), self.all.len());
        quiet >= plan.max_rounds
            || quiet >= plan.min_rounds && elapsed >= plan.budget
            || all >= plan.min_rounds && elapsed >= plan.budget * 4
    }

    fn counted(self, plan: &Plan) -> Vec<(f64, f64)> {
        if self.quiet.len() >= plan.min_rounds { self.quiet } else { self.all }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PLAN: Plan = Plan {
        budget: Duration::from_nanos(1),
        turn: Duration::from_micros(100),
        multiple: 64,
        warm_up: 3,
        one_thread: false,
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
    fn disturbed_rounds_count_only_where_there_are_not_enough_others() {
        let turn = |each, disturbed| Turn { each, disturbed };
        let mut rounds = Rounds::default();
        for i in 0..30 {
            rounds.add(&turn(1.0, i % 3 == 0), &turn(if i % 3 == 0 { 9.0 } else { 1.0 }, false));
        }
        assert!(!rounds.are_enough(&Plan { min_rounds: 21, max_rounds: 99, ..PLAN }, PLAN.budget));
        assert_eq!(rounds.counted(&PLAN), [(1.0, 1.0); 20]);

        let mut rounds = Rounds::default();
        (0..30).for_each(|i| rounds.add(&turn(1.0, i % 10 != 0), &turn(1.0, false)));
        let plan = Plan { budget: Duration::from_secs(1), ..PLAN };
        assert!(!rounds.are_enough(&plan, plan.budget), "three quiet rounds are not ten");
        assert!(rounds.are_enough(&plan, plan.budget * 4), "but it must end");
        assert_eq!(rounds.counted(&plan).len(), 30);
    }

    #[test]
    fn waiting_for_a_core_is_told() {
        // More threads than cores: each of them waits at times.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let waits: Vec<_> = (0..cores * 3)
            .map(|_| {
                std::thread::spawn(|| {
                    let (begun, before) = (Instant::now(), waited_for_a_core());
                    while begun.elapsed() < Duration::from_millis(200) {
                        std::hint::spin_loop();
                    }
                    waited_for_a_core() - before
                })
            })
            .collect();
        let waited: Duration = waits.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(
            waited > Duration::from_millis(20)
                || !std::path::Path::new("/proc/thread-self/schedstat").exists()
        );
    }

    #[test]
    fn a_side_that_fails_ends_it() {
        let mut fails: Side<'_> = Box::new(|_| Err("lost".into()));
        let mut even: Side<'_> = Box::new(|_| Ok(Duration::from_secs(1)));
        assert!(pair(&PLAN, &Workload::new(9, 1), &mut even, &mut fails).is_err());
    }
}
