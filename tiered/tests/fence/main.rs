//! The shipped fence under a scheduler: every access to its memory, and its lock, is a step.
//!
//! A schedule is wrong if a read gives a value that the origin did not have at some moment inside the read, if at rest a
//! front would serve what the origin does not have, or if somebody waits for ever or a quiet key is no hit.
//!
//! The long form: `FENCE_SCHEDULES=10000000 cargo test --release -p larder-tiered --test fence random -- --nocapture`;
//! `FENCE_SEED` says which is the first.

mod choose;
mod client;
mod coroutine;
mod memory;
mod schedule;
mod world;

use choose::Chooser;
use larder_tiered::fence::Rule;
use schedule::{Plan, play};

/// Plays the schedule of a seed; what was wrong with it, and its steps.
fn seeded(seed: u64, broken: Option<Rule>) -> (Option<String>, u32) {
    let mut chooser = Chooser::random(seed);
    let plan = Plan::random(&mut chooser);
    let ended = play(&plan, chooser, broken, seed);
    (ended.wrong, ended.steps)
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Plays schedules; the sum of their steps.
fn survive(first: u64, count: u64) -> u64 {
    let mut steps = 0;
    for seed in first..first + count {
        let (wrong, took) = seeded(seed, None);
        if let Some(wrong) = wrong {
            panic!("seed {seed}: {wrong}");
        }
        steps += u64::from(took);
    }
    steps
}

/// How many schedules it takes to notice that a rule is broken.
fn caught(rule: Rule, first: u64, most: u64) -> Option<(u64, String)> {
    (0..most).find_map(|n| seeded(first + n, Some(rule)).0.map(|wrong| (n + 1, wrong)))
}

#[test]
fn random_schedules_are_right() {
    let (first, count) = (from_env("FENCE_SEED", 1), from_env("FENCE_SCHEDULES", 20_000));
    let steps = survive(first, count);
    println!("{count} schedules from seed {first} on, {steps} steps, none wrong");
}

#[test]
fn every_broken_rule_is_caught() {
    let first = from_env("FENCE_SEED", 1);
    let mut missed = Vec::new();
    for rule in Rule::ALL {
        match caught(rule, first, 20_000) {
            Some((count, wrong)) => println!("{rule:?}: caught by schedule {count}: {wrong}"),
            None => missed.push(rule),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
