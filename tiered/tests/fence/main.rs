//! The shipped fence under a scheduler: every access to its memory, and its lock, is a step.
//!
//! A schedule is wrong if a read gives a value that the origin did not have at some moment inside the read, if at rest a
//! front would serve what the origin does not have, or if somebody waits for ever or a quiet key is no hit.
//!
//! - By chance: 4 clients × 3 operations. The long form is
//!   `FENCE_SCHEDULES=10000000 cargo test --release -p larder-tiered --test fence random -- --nocapture`; `FENCE_SEED`
//!   says which is the first.
//! - Every schedule of small cases: 2 clients × 1 or 2 operations, 3 × 1. The long form is
//!   `FENCE_EVERY=1 cargo test --release -p larder-tiered --test fence every_schedule -- --nocapture`.

mod choose;
mod client;
mod coroutine;
mod memory;
mod mind;
mod moves;
mod plan;
mod rest;
mod schedule;
mod search;
mod small;
mod world;

use choose::Chooser;
use larder_tiered::fence::Rule;
use plan::Plan;
use schedule::play;
use search::{Searched, every, every_to_its_end, states_of};

/// Plays the schedule of a seed; what was wrong with it, and its steps.
fn seeded(seed: u64, broken: Option<Rule>) -> (Option<String>, u32) {
    let mut chooser = Chooser::random(seed);
    let plan = Plan::random(&mut chooser);
    let ended = play(&plan, chooser, broken, seed, None);
    (ended.wrong, ended.steps)
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn is_long() -> bool {
    from_env("FENCE_EVERY", 0) > 0
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
        match caught(rule, first, 30_000) {
            Some((count, wrong)) => println!("{rule:?}: caught by schedule {count}: {wrong}"),
            None => missed.push(rule),
        }
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// More states than any small case has.
const MOST: usize = 100_000_000;

/// Every schedule of small cases. The long form: `FENCE_EVERY=1`, in a release build.
#[test]
fn every_schedule_of_small_cases_is_right() {
    let groups = if is_long() { small::long() } else { small::short() };
    let mut all = Searched::default();
    for (name, cases) in groups {
        let mut sum = Searched::default();
        for case in &cases {
            let searched = every(&case.plan, None, MOST);
            assert!(searched.wrong.is_none(), "{case}: {:?}", searched.wrong);
            assert!(searched.ends > 0, "{case}: it never comes to rest");
            sum.add(&searched);
        }
        println!("{name}: {} cases, {sum}", cases.len());
        all.add(&sum);
    }
    println!("all: {all}, none wrong. Within these bounds nothing is left out.");
}

/// A small case is enough for each broken rule.
#[test]
fn every_broken_rule_is_caught_in_a_small_case() {
    for rule in Rule::ALL {
        let case = small::that_needs(rule);
        let searched = every(&case.plan, Some(rule), MOST);
        let wrong = searched.wrong.unwrap_or_else(|| panic!("{rule:?} is not caught: {case}"));
        println!("{rule:?}: {case}: schedule {}: {wrong}", searched.schedules);
    }
}

/// To leave a schedule in a state that is known loses nothing: no state, no end.
#[test]
fn schedules_left_early_lose_no_state() {
    for case in small::to_its_end(is_long()) {
        let (whole, states) = every_to_its_end(&case.plan);
        assert!(whole.wrong.is_none(), "{case}: {:?}", whole.wrong);
        let pruned = states_of(&case.plan);
        println!("{case}: {} schedules, {} states", whole.schedules, states.len());
        assert!(states == pruned, "{case}: {} states of {}", pruned.len(), states.len());
    }
}

/// Whose fronts are his own has to go by the table that all writers share: by one of his own he would not hear of them.
#[test]
fn a_private_front_by_a_table_of_its_own_lies() {
    let (by_its_own, by_the_shared) = small::private_fronts();
    assert!(every(&by_its_own.plan, None, MOST).wrong.is_some());
    assert_eq!(every(&by_the_shared.plan, None, MOST).wrong, None);
}
