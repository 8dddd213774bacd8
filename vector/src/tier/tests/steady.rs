//! Loads that stay as they are, scans over them, and a load that shifts.

use std::time::Duration;

use super::world::{HOUR, MIB, World, free_moves, zipf};
use crate::tier::*;

const SEGMENTS: u64 = 64;
/// 15 % of them.
const HOT: f64 = 0.15 * SEGMENTS as f64;
const TOTAL: f64 = 20_000.0;

/// Spreads the ranks, so that none follows from the id.
fn rank(id: u64) -> u64 {
    (id * 37 + 11) % SEGMENTS
}

fn load(id: u64) -> f64 {
    zipf(rank(id), SEGMENTS, TOTAL)
}

/// What the hot set has of what the best one of its size would.
fn quality(world: &World, load: impl Fn(u64) -> f64) -> f64 {
    let mut all: Vec<f64> = (0..SEGMENTS).map(&load).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    let best: f64 = all[..HOT as usize].iter().sum();
    world.hot().into_iter().map(load).sum::<f64>() / best
}

fn settled(costs: Costs, batch: f64, options: PolicyOptions) -> World {
    let mut world = World::new(SEGMENTS, HOT, options, costs);
    world.batch = batch;
    world.hours(18, load);
    world
}

#[test]
fn zipf_converges_and_then_nothing_moves() {
    for (costs, batch) in [(Costs::default(), 1000.0), (free_moves(), 200.0)] {
        let mut world = settled(costs, batch, PolicyOptions::default());
        let (quality, first) = (quality(&world, load), world.moves);
        println!("batches of {batch}: {quality:.4} of the optimum after {first} moves");
        assert_eq!(world.hot().len(), HOT as usize);
        assert!(quality > 0.98, "{quality}");
        // Nobody outside is denser than anybody inside by the hysteresis.
        let inside = world.hot().into_iter().map(load).fold(f64::INFINITY, f64::min);
        let outside = (0..SEGMENTS).filter(|id| !world.hot().contains(id)).map(load).fold(0.0, f64::max);
        assert!(outside < 1.3 * inside, "{outside} {inside}");
        world.hours(36, load);
        assert_eq!(world.moves, first, "under a steady load");
    }
}

/// How many moves there are in two days between segments of which all are used alike.
fn turns(hysteresis: f64) -> usize {
    let options = PolicyOptions { hysteresis, ..PolicyOptions::default() };
    let mut world = World::new(SEGMENTS, HOT, options, free_moves());
    world.batch = 200.0;
    let equal = |_| TOTAL / SEGMENTS as f64;
    world.hours(6, equal);
    let first = world.moves;
    world.hours(24, equal);
    world.moves - first
}

#[test]
fn equals_do_not_take_turns() {
    let (with, without) = (turns(1.3), turns(1.0));
    println!("moves in 24 h: {with} with hysteresis, {without} without");
    assert_eq!(with, 0);
    assert!(without > 10, "the load is not noisy enough to show anything: {without}");
}

/// Bytes promoted by scans of every row of every segment, in two hours that begin with them, as a part of all bytes.
fn scanned(scans: u64, windows: usize, begin: u64, loaded: bool) -> f64 {
    let options = PolicyOptions { windows, ..PolicyOptions::default() };
    let mut world = match loaded {
        true => settled(free_moves(), 200.0, options),
        false => World::new(SEGMENTS, HOT, options, free_moves()),
    };
    let before = world.moved;
    world.now += begin;
    for scan in 0..scans {
        for id in 0..SEGMENTS {
            let now = Duration::from_secs(world.now) + Duration::from_millis(6000 * scan + 90 * id);
            world.tracker.touch(id, now, 65_536.0);
        }
    }
    world.now += 60;
    world.plan();
    world.hours(2, |id| if loaded { load(id) } else { 0.0 });
    (world.moved - before) as f64 / (SEGMENTS * 96 * MIB) as f64
}

#[test]
fn a_scan_promotes_nothing() {
    for loaded in [false, true] {
        for scans in [1, 10] {
            // Also across the border of two windows.
            for begin in [0, 570] {
                let part = scanned(scans, 2, begin, loaded);
                assert!(part < 0.01, "{scans} scans at {begin}, loaded {loaded}: {part}");
            }
        }
    }
    let without = scanned(10, 0, 570, false);
    println!("without windows a scan promotes {:.1} %", without * 100.0);
    assert!(without > 0.1, "a scan has no effect to begin with: {without}");
}

#[test]
fn a_shifted_hot_set_is_followed() {
    for (costs, within) in [(Costs::default(), 8 * HOUR), (free_moves(), 2 * HOUR)] {
        let mut world = settled(costs, 50.0, PolicyOptions::default());
        let shifted = |id: u64| zipf((rank(id) + SEGMENTS / 2) % SEGMENTS, SEGMENTS, TOTAL);
        let (begin, before) = (world.now, world.moved);
        assert!(quality(&world, shifted) < 0.5);
        while quality(&world, shifted) < 0.95 {
            world.minute(shifted);
            assert!(world.now - begin < within, "{}", quality(&world, shifted));
        }
        let took = (world.now - begin) / 60;
        println!("followed after {took} min, {} MiB moved", (world.moved - before) / MIB);
    }
}
