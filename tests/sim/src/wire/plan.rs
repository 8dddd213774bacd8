//! The faults of a round.

use std::time::Duration;

#[cfg(feature = "gs")]
use larder_cloud_tests::gs;
use larder_cloud_tests::s3::{Fault, FaultPlan, When};

use super::{Mutant, Options};

/// How late a late effect is, and how long a slow body takes.
pub(super) const DELAY: Duration = Duration::from_millis(120);

/// The share of requests that a broken proxy does its harm to.
pub(super) const BROKEN: f64 = 0.05;

/// Faults that are kinds of one and share its rate.
fn groups() -> Vec<Vec<Fault>> {
    let bare = |when| [500, 502, 503, 504].map(|status| Fault::Bare(status, when)).to_vec();
    let hinted = |fault: fn(bool) -> Fault| vec![fault(false), fault(true)];
    vec![
        vec![Fault::Reset(When::Before)],
        vec![Fault::Reset(When::After)],
        vec![Fault::BlackHole(When::Before), Fault::BlackHole(When::After)],
        vec![Fault::LateEffect],
        vec![Fault::TruncatedBody],
        vec![Fault::SlowBody],
        hinted(|retry_after| Fault::TooManyRequests { retry_after }),
        hinted(|retry_after| Fault::SlowDown { retry_after }),
        bare(When::Before),
        bare(When::After),
        vec![Fault::Conflict(When::Before)],
        vec![Fault::Conflict(When::After)],
        vec![Fault::WrongChecksum, Fault::DamagedRequest],
        vec![Fault::ExpiredToken],
    ]
}

/// Every group at the campaign's rate. A byte is changed in either direction, not both, so those two do not share.
pub(super) fn plan(options: &Options, seed: u64) -> FaultPlan {
    let mut plan = FaultPlan::new(seed).delay(DELAY);
    if options.mutant == Some(Mutant::ResendingProxy) {
        plan = plan.with(Fault::FalsePrecondition, BROKEN);
    }
    for group in groups() {
        let apart = group.contains(&Fault::WrongChecksum);
        let share = if apart { 1.0 } else { group.len() as f64 };
        for fault in group {
            plan = plan.with(fault, options.rate / share);
        }
    }
    plan
}

/// What a `gs:` store asks over gRPC.
#[cfg(feature = "gs")]
pub(super) const GRPC: [&str; 3] = ["GetObject", "ListObjects", "DeleteObject"];

/// The same for the gRPC of GCS. A 404 there is the page of something between: one in the service's own words is a lie
/// that nobody can see through.
#[cfg(feature = "gs")]
pub(super) fn grpc_plan(options: &Options, seed: u64) -> gs::FaultPlan {
    use gs::Fault;
    let failing = |when| [500, 502, 503, 504].map(|status| Fault::Failing(status, when)).to_vec();
    let groups = [
        vec![Fault::Refused],
        vec![Fault::Reset(When::Before)],
        vec![Fault::Reset(When::After)],
        vec![Fault::BlackHole(When::Before), Fault::BlackHole(When::After)],
        vec![Fault::LateEffect],
        vec![Fault::TruncatedBody],
        vec![Fault::SlowBody],
        vec![Fault::TooManyRequests { retry_after: false }, Fault::TooManyRequests { retry_after: true }],
        failing(When::Before),
        failing(When::After),
        vec![Fault::Failing(404, When::Before)],
        vec![Fault::ExpiredToken],
    ];
    let mut plan = gs::FaultPlan::new(seed).delay(DELAY);
    for group in groups {
        let rate = options.rate / group.len() as f64;
        for fault in group {
            plan = plan.only(fault, rate, &GRPC);
        }
    }
    plan
}
