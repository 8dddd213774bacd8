//! Two working sets that take turns, each of 1.2 times the budget.

use super::world::{HOUR, MIB, MINUTE, World, free_moves};
use crate::tier::*;

/// Segments of a set, and how many there is room for.
const SET: usize = 6;
const ROOM: usize = 5;
/// Contributions a second to each segment of the set whose turn it is.
const RATE: f64 = 2000.0;

/// The best schedule, by dynamic programming: its cost in nanoseconds, and its bytes.
///
/// As all segments of a set are alike, a state is how many of each are hot. Within a turn nothing changes, so that a move is best
/// made at its beginning. Of schedules of the same cost that with the fewest bytes counts.
fn optimum(costs: &Costs, period: u64, turns: u64) -> (f64, u64) {
    let states: Vec<(usize, usize)> = (0..=ROOM).flat_map(|a| (0..=ROOM - a).map(move |b| (a, b))).collect();
    let (up, down) = (96 * MIB, 48 * MIB);
    let [load, unload] =
        [(Tier::Warm, Tier::Hot, up), (Tier::Hot, Tier::Warm, down)].map(|(a, b, n)| costs.moving(a, b, n));
    let rows = RATE * period as f64;
    let mut best: Vec<(f64, u64)> =
        states.iter().map(|s| if *s == (0, 0) { (0.0, 0) } else { (f64::INFINITY, 0) }).collect();
    for turn in 0..turns {
        let step = |&(a, b): &(usize, usize)| {
            let hot = if turn % 2 == 0 { a } else { b };
            let serve =
                rows * (hot as f64 * costs.row(Tier::Hot) + (SET - hot) as f64 * costs.row(Tier::Warm));
            let from = |(at, &(c, d)): (usize, &(usize, usize))| {
                let ups = a.saturating_sub(c) + b.saturating_sub(d);
                let downs = c.saturating_sub(a) + d.saturating_sub(b);
                let (cost, bytes) = best[at];
                (
                    cost + serve + ups as f64 * load + downs as f64 * unload,
                    bytes + ups as u64 * up + downs as u64 * down,
                )
            };
            let better = |x: &(f64, u64), y: &(f64, u64)| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1));
            states.iter().enumerate().map(from).min_by(better).unwrap()
        };
        best = states.iter().map(step).collect();
    }
    best.into_iter().min_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1))).unwrap()
}

#[test]
fn alternating_sets_move_at_most_twice_what_the_best_schedule_does() {
    for (name, costs) in [("measured", Costs::default()), ("free", free_moves())] {
        for minutes in [2, 7, 10, 15, 25, 40, 46, 50, 60, 90, 93, 100, 120, 180, 720, 2880] {
            let turns = if minutes > 500 { 5 } else { 16 };
            let mut world =
                World::new(2 * SET as u64, ROOM as f64 + 0.2, PolicyOptions::default(), costs.clone());
            for turn in 0..turns {
                for _ in 0..minutes {
                    world.minute(|id| if id / SET as u64 == turn % 2 { RATE } else { 0.0 });
                }
            }
            let (cost, bytes) = optimum(&costs, minutes * MINUTE, turns);
            let (by_bytes, by_cost) = (world.moved as f64 / bytes as f64, world.cost / cost);
            println!(
                "{name} turns of {minutes} min: {} MiB moved, the best schedule {} ({by_bytes:.2}), cost {by_cost:.2}",
                world.moved / MIB,
                bytes / MIB,
            );
            assert!(world.moved <= 2 * bytes, "{minutes} min: {} of {bytes}", world.moved);
            assert!(by_cost < 3.0);
            // Whoever never moves moves little as well: long turns are followed.
            if minutes * MINUTE >= 12 * HOUR {
                assert!(by_cost < 1.2 && by_bytes > 0.9, "{by_cost} {by_bytes}");
            }
        }
    }
}
