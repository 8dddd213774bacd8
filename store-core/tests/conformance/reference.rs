//! The suite passes the reference store, whatever it promises.

use std::time::Duration;

use larder_store_core::conformance::{self, Minimum, Options, Reference, ReferenceSubject, Verdict};
use larder_store_core::{CasScope, Durability, Guarantees, Ranges, Sharing, Transactions, Versions};

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_passes() {
    let report = conformance::run(ReferenceSubject::new(), &Options::new().from_env()).await;
    println!("{report}");
    report.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_passes_when_it_outlives_its_handles() {
    let mut guarantees = Reference::best();
    guarantees.durability = Durability::Host;
    let subject =
        ReferenceSubject::with(guarantees, Minimum { durability: Durability::Host, ..Minimum::MEMORY });
    let report = conformance::run(subject, &Options::quick().from_env()).await;
    report.assert_passed();
    assert_eq!(report.case("life.reopen").unwrap().verdict, Verdict::Passed);
}

#[tokio::test]
async fn the_reference_passes_on_one_thread() {
    conformance::run(ReferenceSubject::new(), &Options::quick().from_env()).await.assert_passed();
}

const NOTHING: Minimum = Minimum {
    max_key: 1,
    max_value: 0,
    max_attributes: 0,
    expiry: false,
    ordered: false,
    ranges: false,
    keeps: false,
    ..Minimum::EVERY
};

/// Runs the suite on a store that promises less; gives the cases that were refused.
async fn refused(change: impl FnOnce(&mut Guarantees)) -> Vec<String> {
    let mut guarantees = Guarantees::in_process();
    guarantees.transactions = Some(Transactions { max_steps: 500, max_bytes: 10 << 20 });
    change(&mut guarantees);
    let report =
        conformance::run(ReferenceSubject::with(guarantees, NOTHING), &Options::quick().from_env()).await;
    report.assert_passed();
    let refused =
        report.cases.iter().filter(|c| c.verdict == Verdict::Refused && !c.name.starts_with("processes."));
    refused.map(|c| c.name.to_owned()).filter(|name| name != "life.reopen").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_conditions() {
    let refused = refused(|g| {
        g.cas = CasScope::None;
        g.conditional_delete = false;
    });
    let wanted = [
        "conditions.put",
        "conditions.delete",
        "writes.chain",
        "transact.none",
        "transact.bank",
        "counters.update",
        "counters.raw",
        "counters.handles",
        "counters.first",
    ];
    assert_eq!(refused.await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_conditional_deletes() {
    assert_eq!(refused(|g| g.conditional_delete = false).await, ["conditions.delete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_transactions_expiry_and_ranges() {
    let refused = refused(|g| {
        g.transactions = None;
        g.expiry = false;
        g.ranges = Ranges::None;
    });
    let wanted = [
        "ranges.ends",
        "ranges.blocks",
        "expiry.reads",
        "expiry.writes",
        "expiry.carried",
        "expiry.exactly",
        "transact.whole",
        "transact.none",
        "transact.limits",
        "transact.bank",
        "drops.transact",
    ];
    assert_eq!(refused.await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_small_limits() {
    let refused = refused(|g| {
        g.max_key = 480;
        g.max_value = 900_000;
        g.max_attributes = 300;
    });
    assert_eq!(refused.await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_to_processes_needs_a_process() {
    let mut guarantees = Guarantees::in_process();
    guarantees.sharing = Sharing::Host;
    guarantees.cas = CasScope::Host;
    let options = Options::quick().with_only("processes.");
    let report = conformance::run(ReferenceSubject::with(guarantees, Minimum::EVERY), &options).await;
    assert_eq!(report.failed().count(), report.cases.len());
    for case in &report.cases {
        let Verdict::Failed(why) = &case.verdict else { unreachable!() };
        assert!(why.contains("Subject::process"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minimum_that_is_not_met() {
    let mut guarantees = Guarantees::in_process();
    guarantees.cas = CasScope::None;
    guarantees.conditional_delete = false;
    guarantees.versions = Versions::PerContent;
    let options = Options::quick().with_only("minimum.").with_patience(Duration::from_secs(30));
    let report = conformance::run(ReferenceSubject::with(guarantees, Minimum::FILE), &options).await;
    let Verdict::Failed(why) = &report.case("minimum.guarantees").unwrap().verdict else {
        panic!("{report}")
    };
    for part in
        ["compare-and-swap is none and must be host", "conditional", "PerContent", "durability is Process"]
    {
        assert!(why.contains(part), "{why}");
    }
}
