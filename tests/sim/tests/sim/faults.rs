use larder_sim::faults::{Options, run};
use larder_sim::place::Place;
use larder_sim::report::Report;
use larder_sim::rng::fresh_seed;

fn faults(transactions: bool, past_fence: bool) -> Report {
    let whole = !transactions;
    let place = Place::in_memory().unwrap();
    let options = Options {
        folder: place.path(),
        calls: 1500,
        calls_of_a_life: 24,
        clients: 2,
        keys: 3,
        memory: 300_000,
        transactions,
        whole,
        past_fence,
        seed: fresh_seed(),
    };
    run(&options).unwrap()
}

/// Every kind of fault, before and after every call that a stack makes of its fronts.
#[test]
fn no_fault_of_a_front_fails_a_call() {
    let report = faults(false, false);
    report.assert_good();
    assert!(report.counted("calls") > 1000, "{}", report.json());
}

/// Some of that over an origin with transactions.
#[test]
fn no_fault_of_a_front_fails_a_transaction() {
    faults(true, false).assert_good();
}

/// Whatever the seed. What is stale shows itself as such, or by a value that is gone or shorter than the one that was known, and
/// which of them comes first is left to chance.
#[test]
fn writes_past_the_fence_are_seen() {
    let first = |_| {
        let report = faults(false, true);
        assert!(report.counted("calls that failed, or gave what is wrong") > 0, "{}", report.json());
        report.problems()[0].clone()
    };
    let seen: Vec<String> = (0..6).map(first).collect();
    assert!(seen.iter().any(|problem| problem.contains("stale")), "{seen:?}");
}
