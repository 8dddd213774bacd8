//! Budgets, whatever is asked; and from many threads.

use std::time::Duration;

use super::world::{World, check};
use crate::tier::*;

fn random(rng: &mut fastrand::Rng, id: u64, now: u64) -> SegmentState {
    let bytes = |rng: &mut fastrand::Rng| Footprint { memory: rng.u64(0..40), disk: rng.u64(0..40) };
    let tier = |rng: &mut fastrand::Rng| Tier::ALL[rng.usize(..4)];
    SegmentState {
        id,
        tier: tier(rng),
        pinned: (rng.u8(..6) == 0).then(|| tier(rng)),
        since: Duration::from_secs(rng.u64(..=now)),
        codes: bytes(rng),
        columns: std::array::from_fn(|_| bytes(rng)),
        vetoed: (0..rng.u8(..2))
            .map(|_| Veto { tier: tier(rng), until: Duration::from_secs(rng.u64(0..2 * now)) })
            .collect(),
    }
}

#[test]
fn no_step_exceeds_a_budget() {
    let (mut steps, mut forced, mut chains) = (0, 0, 0);
    for seed in 0..2000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let options = PolicyOptions {
            windows: rng.usize(..3),
            floor: if rng.bool() { Tier::Frozen } else { Tier::Cold },
            burst: rng.u64(..2000),
            bandwidth: rng.u64(..2),
            ..PolicyOptions::default()
        };
        let mut world = World::new(0, 0.0, options, Costs::default());
        world.now = 10_000;
        world.segments = (0..rng.u64(1..20)).map(|id| random(&mut rng, id, 10_000)).collect();
        for _ in 0..5 {
            let used = world.used();
            let near = |rng: &mut fastrand::Rng, used: u64| rng.u64(used * 2 / 3..=used * 4 / 3 + 10);
            world.limit = Footprint { memory: near(&mut rng, used.memory), disk: near(&mut rng, used.disk) };
            for segment in &world.segments {
                let now = Duration::from_secs(world.now);
                world.tracker.touch(segment.id, now, (rng.f64() * 9.0).exp());
            }
            world.now += 400;
            let plan = world.plan(); // it checks
            steps += plan.steps.len();
            forced += plan.steps.iter().filter(|s| matches!(s.reason, Reason::OverBudget { .. })).count();
            chains += usize::from(plan.steps.len() > 2);
        }
    }
    println!("{steps} steps, {forced} of them forced, {chains} plans of more than two");
    assert!(steps > 5000 && forced > 500 && chains > 500);
}

#[test]
fn the_check_itself_notices() {
    let mut world = World::new(1, 0.5, PolicyOptions::default(), Costs::default());
    let (extra, freed) = world.segments[0].change(Tier::Warm, Tier::Hot);
    let reason = Reason::Pinned { tier: Tier::Hot };
    let step = Step { id: 0, from: Tier::Warm, to: Tier::Hot, extra, freed, reason };
    let plan = Plan { steps: vec![step], ..world.plan() };
    let (segments, budgets) = (world.segments.clone(), world.budgets());
    assert!(std::panic::catch_unwind(|| check(&segments, &budgets, Duration::ZERO, &plan)).is_err());
}

#[test]
fn many_threads_reserve() {
    let budget = Budget::new(1000);
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let budget = budget.clone();
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                let mut held: Vec<Reservation> = Vec::new();
                for _ in 0..20_000 {
                    match rng.u8(..6) {
                        0 | 1 => held.extend(budget.try_reserve(rng.u64(..400))),
                        2 if !held.is_empty() => drop(held.swap_remove(rng.usize(..held.len()))),
                        3 => {
                            let part = held.last_mut().and_then(|last| last.split(last.bytes() / 2));
                            held.extend(part);
                        }
                        4 if held.len() > 1 => {
                            let last = held.pop().unwrap();
                            held[0].merge(last).unwrap();
                        }
                        5 => {
                            let more = rng.u64(..50);
                            held.iter_mut().take(1).for_each(|one| _ = one.try_grow(more));
                            held.iter_mut().skip(1).for_each(|one| one.shrink(10));
                        }
                        _ => {}
                    }
                    let mine: u64 = held.iter().map(Reservation::bytes).sum();
                    let used = budget.used();
                    assert!(mine <= used && used <= 1000, "{mine} {used}");
                }
            });
        }
    });
    assert_eq!(budget.used(), 0);
    assert!(budget.peak() <= 1000 && budget.peak() > 800, "{}", budget.peak());
}
