//! What stands on a way to a service and does harm there.

use std::collections::BTreeMap;

#[cfg(feature = "gs")]
use larder_cloud_tests::gs;
use larder_cloud_tests::proxy::{Harm, Plan, Proxy};
use larder_cloud_tests::s3;

use super::plan::{BROKEN, DELAY};
#[cfg(feature = "gs")]
use super::plan::{GRPC, grpc_plan};
use super::{Mutant, Options, plan};
use crate::Outcome;

/// Who does the harm.
pub(super) enum Way {
    /// The double itself, which knows what S3 alone does wrong.
    S3(s3::Double),
    /// The double itself, on its gRPC: no proxy harms one request of a connection that has many at once.
    #[cfg(feature = "gs")]
    Grpc(gs::Double),
    /// A proxy before the server.
    Proxy(Proxy),
}

impl Way {
    /// From here on it does harm.
    pub(super) fn harm(&self, options: &Options, seed: u64) {
        match self {
            Way::S3(double) => double.faults().set(plan::plan(options, seed)),
            #[cfg(feature = "gs")]
            Way::Grpc(double) => double.faults().set(grpc_plan(options, seed)),
            Way::Proxy(proxy) => proxy.harm(harms(options, seed)),
        }
    }

    /// From here on it does none.
    pub(super) fn heal(&self) {
        match self {
            Way::S3(double) => double.faults().clear(),
            #[cfg(feature = "gs")]
            Way::Grpc(double) => double.faults().clear(),
            Way::Proxy(proxy) => proxy.heal(),
        }
    }

    /// Returns when what was late has happened.
    pub(super) async fn quiet(&self) -> Outcome {
        match self {
            Way::S3(double) => Ok(double.quiet().await?),
            #[cfg(feature = "gs")]
            Way::Grpc(double) => Ok(double.quiet().await?),
            Way::Proxy(proxy) => Ok(proxy.quiet().await?),
        }
    }

    /// Requests that came by here.
    pub(super) fn requests(&self) -> u64 {
        match self {
            Way::S3(double) => double.requests().values().sum(),
            #[cfg(feature = "gs")]
            Way::Grpc(double) => {
                double.requests().iter().filter(|(name, _)| GRPC.contains(name)).map(|(_, count)| count).sum()
            }
            Way::Proxy(proxy) => proxy.requests().values().sum(),
        }
    }

    /// How often each kind of harm was done.
    pub(super) fn faults(&self) -> BTreeMap<String, u64> {
        let mut faults = BTreeMap::new();
        let mut add = |name: String, count: u64| *faults.entry(name).or_default() += count;
        match self {
            Way::S3(double) => {
                double
                    .faults()
                    .counts()
                    .iter()
                    .for_each(|((fault, _), count)| add(fault.to_string(), *count));
            }
            #[cfg(feature = "gs")]
            Way::Grpc(double) => {
                let counts = double.faults().counts();
                counts.iter().for_each(|((fault, _), count)| add(format!("gRPC: {fault}"), *count));
            }
            Way::Proxy(proxy) => {
                proxy.counts().iter().for_each(|((harm, _), count)| add(harm.to_string(), *count));
            }
        }
        faults
    }
}

/// Every kind at the campaign's rate; those that are two of one share it.
fn harms(options: &Options, seed: u64) -> Plan {
    let rate = options.rate;
    let mut plan = Plan::new(seed).delay(DELAY);
    for harm in Harm::ALL {
        let shares = matches!(harm, Harm::BlackHoleBefore | Harm::BlackHoleAfter);
        plan = plan.with(harm, if shares { rate / 2.0 } else { rate });
    }
    match options.mutant {
        Some(Mutant::ReplayingProxy) => plan.with(Harm::Replayed, BROKEN),
        _ => plan,
    }
}
