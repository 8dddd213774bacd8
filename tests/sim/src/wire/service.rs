//! What stands in for a cloud, and the harm on the way to it.

use std::collections::BTreeMap;

use larder_cloud_tests::proxy::{Harm, Plan, Proxy, Speech};
#[cfg(feature = "redis")]
use larder_cloud_tests::redis;
use larder_cloud_tests::s3::{Conditions, Double, DoubleOptions};

use super::plan::{DELAY, plan};
use super::{Mutant, On, Options};
use crate::Outcome;
use crate::report::Report;

/// The bucket, and the prefix in it.
const PLACE: &str = "wire/here";

/// A running service.
pub(super) struct Service {
    way: Way,
    /// The store's URL, but for what the campaign adds.
    url: String,
}

/// Who does the harm.
enum Way {
    /// The double itself, which knows what S3 alone does wrong.
    Double(Double),
    /// A proxy before the server.
    Proxy(Proxy, #[allow(dead_code, reason = "it runs as long as it is held")] Server),
}

/// A server that runs as long as it is held.
#[allow(dead_code, reason = "it runs as long as it is held")]
enum Server {
    S3(Double),
    #[cfg(feature = "redis")]
    Redis(redis::Server),
}

impl Service {
    /// Starts it, without harm; `None` where it is not installed, which it says.
    pub(super) fn start(options: &Options) -> Outcome<Option<Service>> {
        let double =
            || Double::start(DoubleOptions { buckets: vec!["wire".into()], ..DoubleOptions::default() });
        let service = match options.on {
            On::S3 => {
                let double = double()?;
                if options.mutant == Some(Mutant::NoConditions) {
                    double.set_conditions(Conditions::Ignored);
                }
                Service { url: double.url(PLACE), way: Way::Double(double) }
            }
            On::S3Proxy => {
                let double = double()?;
                let proxy = Proxy::start(([127, 0, 0, 1], double.port()).into(), Speech::S3)?;
                let (own, its) = (double.port().to_string(), proxy.address().port().to_string());
                let url = double.url(PLACE).replace(&own, &its);
                Service { url, way: Way::Proxy(proxy, Server::S3(double)) }
            }
            #[cfg(feature = "redis")]
            On::Redis => {
                let Some(server) = redis::Server::for_test("wire", &[]) else { return Ok(None) };
                let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into(), Speech::Resp)?;
                let url = format!("redis://{}/0/wire?durability=host", proxy.address());
                Service { url, way: Way::Proxy(proxy, Server::Redis(server)) }
            }
        };
        Ok(Some(service))
    }

    /// The store's URL.
    pub(super) fn url(&self, options: &Options) -> String {
        let own = match options.on {
            On::S3 | On::S3Proxy => format!("layout={}&part_size=5MiB&", options.layout),
            #[cfg(feature = "redis")]
            On::Redis => String::new(),
        };
        format!("{}&{own}attempt_timeout=250ms&patience=5s", self.url)
    }

    /// From here on it does harm.
    pub(super) fn harm(&self, options: &Options, seed: u64) {
        match &self.way {
            Way::Double(double) => double.faults().set(plan(options, seed)),
            Way::Proxy(proxy, _) => proxy.harm(harms(options.rate, seed)),
        }
    }

    /// From here on it does none, and what was late has happened.
    pub(super) async fn heal(&self) -> Outcome {
        match &self.way {
            Way::Double(double) => {
                double.faults().clear();
                Ok(double.quiet().await?)
            }
            Way::Proxy(proxy, _) => {
                proxy.heal();
                Ok(proxy.quiet().await?)
            }
        }
    }

    /// What was sent, and what became of it.
    pub(super) fn tell(&self, report: &mut Report) {
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        let requests: u64 = match &self.way {
            Way::Double(double) => {
                for ((fault, _), count) in double.faults().counts() {
                    *faults.entry(fault.to_string()).or_default() += count;
                }
                double.requests().values().sum()
            }
            Way::Proxy(proxy, _) => {
                for ((harm, _), count) in proxy.counts() {
                    *faults.entry(harm.to_string()).or_default() += count;
                }
                proxy.requests().values().sum()
            }
        };
        report.count("requests", requests);
        report.count("requests that met a fault", faults.values().sum());
        for (fault, count) in faults {
            report.count(fault, count);
        }
    }
}

/// Every kind at the campaign's rate; those that are two of one share it.
fn harms(rate: f64, seed: u64) -> Plan {
    let mut plan = Plan::new(seed).delay(DELAY);
    for harm in Harm::ALL {
        let shares = matches!(harm, Harm::BlackHoleBefore | Harm::BlackHoleAfter);
        plan = plan.with(harm, if shares { rate / 2.0 } else { rate });
    }
    plan
}
