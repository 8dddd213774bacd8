//! The suite finds what is wrong: stores that are broken on purpose, each caught by the cases that it breaks, and for
//! that reason.

mod batches;
mod conditions;
mod drops;
mod keys;
mod life;
mod lists;
mod quirk;
mod reads;
mod reference;
mod streams;
mod time;
mod writes;

use std::time::Duration;

use larder_store_core::conformance::{self, Options, Reference, Report, Verdict};
use larder_store_core::{Durability, Guarantees};

use quirk::{Quirk, Quirky};

fn options() -> Options {
    Options::quick().with_largest((128 << 10) + 1).with_seed(1).with_patience(Duration::from_secs(60))
}

fn outliving() -> Guarantees {
    let mut guarantees = Reference::best();
    guarantees.durability = Durability::Host;
    guarantees
}

/// Cases whose tasks race each other: what they meet depends on who comes first.
const RACES: &[&str] = &["atomic.", "calls.", "counters.", "drops.", "life.quiet"];

/// The suite on a broken store must fail exactly in the cases of `must`, each with a reason that holds its text. Where
/// tasks race, a single case of them may pass for once, but not all that there are. Those of `may` may fail too.
#[track_caller]
fn judge(report: &Report, must: &[(&str, &str)], may: &[&str]) {
    let is_race = |name: &str| RACES.iter().any(|race| name.starts_with(race));
    let verdict = |name: &str| report.case(name).map(|case| &case.verdict);
    let mut wrong: Vec<String> = Vec::new();
    let mut caught = 0;
    for (name, reason) in must {
        match verdict(name) {
            Some(Verdict::Failed(why)) if why.contains(reason) => caught += 1,
            Some(Verdict::Passed) if is_race(name) => {}
            Some(Verdict::Failed(why)) => wrong.push(format!("(\"{name}\", \"{reason}\") is: {why}")),
            other => wrong.push(format!("(\"{name}\", \"{reason}\") is: {other:?}")),
        }
    }
    for case in report.failed() {
        if !must.iter().any(|(name, _)| *name == case.name) && !may.contains(&case.name) {
            wrong.push(format!("(\"{}\", \"\") fails as well: {:?}", case.name, case.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", report.subject, wrong.join("\n"));
    assert!(caught > 0, "{}: not caught", report.subject);
}

async fn run<Q: Quirk>(
    name: &'static str,
    promises: Guarantees,
    make: impl Fn() -> Q + Send + Sync + 'static,
) -> Report {
    conformance::run(Quirky::new(name, promises, make), &options()).await
}

/// A test of one broken store.
macro_rules! caught {
    ($name:ident: $quirk:expr, [$($case:literal: $why:literal),* $(,)?] $(, may: [$($may:literal),*])?
     $(, promises: $promises:expr)?) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            #[allow(unused_mut, unused_assignments)]
            let mut promises = larder_store_core::conformance::Reference::best();
            $(promises = $promises;)?
            let report = crate::run(stringify!($name), promises, || $quirk).await;
            crate::judge(&report, &[$(($case, $why)),*], &[$($($may),*)?]);
        }
    };
}
pub(crate) use caught;

#[derive(Debug)]
struct Nothing;
impl Quirk for Nothing {}

/// The frame itself breaks nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_quirk() {
    let report = run("no quirk", Reference::best(), || Nothing).await;
    println!("{report}");
    report.assert_passed();
    run("no quirk, outliving", outliving(), || Nothing).await.assert_passed();
}
