//! Pins, refusals, residency, budgets that shrink.

use std::time::Duration;

use super::world::{HOUR, MIB, World, check, free_moves, poisson};
use crate::tier::*;

/// Loaded four times as much as the one before.
fn load(id: u64) -> f64 {
    10.0 * 4f64.powi(id as i32)
}

fn world(count: u64, hot: f64) -> World {
    let mut world = World::new(count, hot, PolicyOptions::default(), free_moves());
    world.hours(3, load);
    world
}

#[test]
fn pins_are_respected() {
    let mut world = world(6, 2.5);
    assert_eq!(world.hot(), [4, 5]);
    world.segments[0].pinned = Some(Tier::Hot);
    world.segments[5].pinned = Some(Tier::Warm);
    world.minute(load);
    assert_eq!(world.hot(), [0, 4], "at once, and whatever their use");
    world.hours(6, load);
    assert_eq!(world.hot(), [0, 4]);
    for id in [1, 2, 3] {
        world.segments[id].pinned = Some(Tier::Hot);
    }
    let plan = (0..30).map(|_| world.minute(load)).last().unwrap();
    assert_eq!(world.hot(), [0, 1], "whoever is not pinned makes room for pins, and no pin for another");
    assert_eq!(plan.explain(2).unwrap().reason, Reason::PinNoRoom { tier: Tier::Hot });
    assert_eq!(plan.explain(1).unwrap().reason, Reason::Pinned { tier: Tier::Hot });
}

#[test]
fn a_budget_that_shrinks_is_honoured_at_once() {
    let mut world = world(8, 5.5);
    assert_eq!(world.hot(), [3, 4, 5, 6, 7]);
    world.segments[3].pinned = Some(Tier::Hot);
    world.segments.iter_mut().for_each(|segment| segment.since = Duration::from_secs(world.now));
    world.policy = Policy::new(PolicyOptions { bandwidth: 0, burst: 0, ..PolicyOptions::default() });
    world.limit.memory -= 3 * 96 * MIB;
    let plan = world.plan();
    assert_eq!((world.hot(), plan.over), (vec![3, 7], Footprint::default()), "the weakest, and no pin");
    assert!(plan.steps.iter().all(|step| matches!(step.reason, Reason::OverBudget { .. })));
    world.limit.memory = 8 * 3 * MIB;
    world.plan();
    assert_eq!(world.hot(), [0; 0], "pins are no excuse");
    // The disk has no room for what leaves memory: the weakest there goes on to the store.
    let mut world = self::world(8, 5.5);
    world.limit.disk = 4 * 48 * MIB;
    world.limit.memory -= 3 * 96 * MIB;
    let plan = world.plan();
    assert_eq!((world.hot(), plan.over), (vec![6, 7], Footprint::default()));
    let cold: Vec<_> = world.segments.iter().filter(|s| s.tier == Tier::Cold).map(|s| s.id).collect();
    assert_eq!(cold, [0, 1], "{:?}", plan.steps);
    // Codes leave when nothing else can.
    world.limit.memory = 4 * 3 * MIB;
    let plan = world.plan();
    let frozen = world.segments.iter().filter(|s| s.tier == Tier::Frozen).count();
    assert_eq!((frozen, plan.over), (4, Footprint::default()), "{:?}", plan.steps);
}

#[test]
fn refusals_are_respected_until_they_end() {
    let mut world = world(4, 1.5);
    assert_eq!(world.hot(), [3]);
    let until = Duration::from_secs(world.now + HOUR);
    world.segments[3].vetoed = vec![Veto { tier: Tier::Warm, until }, Veto { tier: Tier::Cold, until }];
    world.segments[3].vetoed.push(Veto { tier: Tier::Frozen, until });
    // Now the other one is loaded, but the first may not leave.
    let other = |id: u64| if id == 2 { 10_000.0 } else { 0.0 };
    for _ in 0..59 {
        let plan = world.minute(other);
        assert_eq!(world.hot(), [3]);
        assert!(world.now < until.as_secs() && plan.steps.is_empty());
    }
    let (now, mut budgets) = (Duration::from_secs(world.now), world.budgets());
    budgets.memory.limit = 4 * 3 * MIB;
    let rates = world.tracker.rates(now);
    let plan = world.policy.clone().plan(now, &world.segments, &budgets, &world.costs, &rates);
    check(&world.segments, &budgets, now, &plan);
    assert!(plan.explain(3).unwrap().to.is_none(), "not even for a budget");
    // The codes of the three others are all that could leave.
    assert_eq!((plan.steps.len(), plan.over), (3, Footprint { memory: 87 * MIB, disk: 0 }));
    world.hours(1, other);
    assert_eq!(world.hot(), [2]);
    // Nor is a refused tier come to.
    world.segments[3].vetoed = vec![Veto { tier: Tier::Hot, until: Duration::from_secs(world.now + HOUR) }];
    let plan = (0..50).map(|_| world.minute(|id| if id == 3 { 10_000.0 } else { 0.0 })).last().unwrap();
    assert_eq!(world.hot(), [2]);
    assert!(matches!(plan.explain(3).unwrap().reason, Reason::Vetoed { tier: Tier::Hot, .. }));
}

/// Minutes until a segment that just came has to leave for one that is used far more.
fn leaves_after(residency: u64) -> u64 {
    let options = PolicyOptions { residency: Duration::from_secs(residency), ..PolicyOptions::default() };
    let mut world = World::new(2, 1.5, options, free_moves());
    let load = |id| if id == 1 { 10_000.0 } else { 10.0 };
    world.segments[0].tier = Tier::Hot;
    world.segments[1].pinned = Some(Tier::Warm);
    world.hours(2, load);
    world.segments[1].pinned = None;
    world.segments[0].since = Duration::from_secs(world.now);
    (1..60).find(|_| !world.minute(load).steps.is_empty()).unwrap()
}

#[test]
fn who_just_came_stays_for_a_while() {
    assert_eq!(leaves_after(600), 10);
    assert_eq!(leaves_after(0), 1, "nothing else would have kept it");
}

#[test]
fn bandwidth_bounds_what_moves() {
    let options = PolicyOptions { bandwidth: MIB, burst: 100 * MIB, ..PolicyOptions::default() };
    let mut world = World::new(20, 20.0, options, free_moves());
    for _ in 0..6 * 60 {
        let plan = world.minute(|_| 1000.0);
        assert!(plan.bytes() <= 192 * MIB);
        assert!(world.moved <= 100 * MIB + world.now * MIB + 96 * MIB);
    }
    assert_eq!(world.hot().len(), 20);
}

#[test]
fn warm_is_filled_from_cold_and_hot_takes_the_best() {
    let mut costs = free_moves();
    // A store nearby: 2 µs a row.
    (0..500).for_each(|_| costs.fetched(Tier::Cold, 10, 1, 4096, Duration::from_micros(20)));
    let mut world = World::new(8, 2.5, PolicyOptions::default(), costs);
    world.segments.iter_mut().for_each(|segment| segment.tier = Tier::Cold);
    world.limit.disk = 3 * 48 * MIB + MIB;
    let tiers = |world: &World| world.segments.iter().map(|segment| segment.tier.name()).collect::<Vec<_>>();
    world.hours(12, load);
    assert_eq!(tiers(&world), ["cold", "cold", "cold", "warm", "warm", "warm", "hot", "hot"]);
    // With memory and disk full, one from the store takes the place of one in memory, and that the place of the weakest on disk.
    world.hours(12, |id| load(if id == 2 { 8 } else { id }));
    assert_eq!(tiers(&world), ["cold", "cold", "hot", "cold", "warm", "warm", "warm", "hot"]);
}

#[test]
fn the_answer_is_the_same_whatever_the_order() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut one = World::new(32, 6.0, PolicyOptions::default(), free_moves());
    let mut other = World::new(32, 6.0, PolicyOptions::default(), free_moves());
    for minute in 0..120 {
        for id in 0..32 {
            let now = Duration::from_secs(minute * 60);
            let weight = poisson(&mut rng, 6000.0 / (id + 1) as f64);
            one.tracker.touch(id, now, weight);
            other.tracker.touch(id, now, weight);
        }
        (one.now, other.now) = (minute * 60, minute * 60);
        rng.shuffle(&mut other.segments);
        assert_eq!(one.plan(), other.plan());
    }
    assert!(one.moves > 0);
}
