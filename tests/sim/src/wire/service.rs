//! What stands in for a cloud.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

#[cfg(feature = "dynamodb")]
use larder_cloud_tests::dynamodb::{self, Dynalite};
#[cfg(feature = "gs")]
use larder_cloud_tests::gs;
#[cfg(feature = "dynamodb")]
use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::proxy::{Proxy, Speech};
#[cfg(feature = "redis")]
use larder_cloud_tests::redis;
use larder_cloud_tests::s3::{Conditions, Double, DoubleOptions};

use super::way::Way;
use super::{Mutant, On, Options};
use crate::Outcome;
use crate::report::Report;

/// The bucket or table, and the prefix or namespace in it.
const PLACE: &str = "wire/here";

/// A running service.
pub(super) struct Service {
    ways: Vec<Way>,
    /// A server that runs as long as it is held, where no way is one.
    _server: Option<Box<dyn Any + Send + Sync>>,
    /// The store's URL, but for what the campaign adds.
    url: String,
}

impl Service {
    /// Starts it, without harm; `None` where it is not installed, which it says.
    pub(super) fn start(options: &Options) -> Outcome<Option<Service>> {
        let mutant = options.mutant;
        match options.on {
            On::S3 => {
                let double = s3()?;
                if mutant == Some(Mutant::NoConditions) {
                    double.set_conditions(Conditions::Ignored);
                }
                let url = double.url(PLACE);
                Ok(Some(Service { ways: vec![Way::S3(double)], _server: None, url }))
            }
            On::S3Proxy => {
                let double = s3()?;
                let proxy = before(double.port(), Speech::S3)?;
                let url = double.url(PLACE).replace(&double.port().to_string(), &port(&proxy));
                Ok(Some(Service::behind(proxy, double, url)))
            }
            #[cfg(feature = "gs")]
            On::Gs => gs(mutant).map(Some),
            #[cfg(feature = "dynamodb")]
            On::DynamoDb => {
                let Some(server) = MiniStack::for_test("wire") else { return Ok(None) };
                let proxy = before(server.port(), Speech::DynamoDb)?;
                let url = format!("{}&create=true", dynamodb::url(proxy.address().port(), PLACE));
                Ok(Some(Service::behind(proxy, server, url)))
            }
            #[cfg(feature = "dynamodb")]
            On::Dynalite => {
                let Some(server) = Dynalite::for_test("wire") else { return Ok(None) };
                let proxy = before(server.port(), Speech::DynamoDb)?;
                let url = dynamodb::url(proxy.address().port(), PLACE);
                let url = format!("{url}&create=true&transactions=false");
                Ok(Some(Service::behind(proxy, server, url)))
            }
            #[cfg(feature = "redis")]
            On::Redis => {
                let Some(server) = redis::Server::for_test("wire", &[]) else { return Ok(None) };
                let proxy = before(server.port(), Speech::Resp)?;
                let url = format!("redis://{}/0/wire?durability=host", proxy.address());
                Ok(Some(Service::behind(proxy, server, url)))
            }
        }
    }

    fn behind(proxy: Proxy, server: impl Any + Send + Sync, url: String) -> Service {
        Service { ways: vec![Way::Proxy(proxy)], _server: Some(Box::new(server)), url }
    }

    /// The store's URL.
    pub(super) fn url(&self, options: &Options) -> String {
        let own = match options.on {
            On::S3 | On::S3Proxy => format!("layout={}&part_size=5MiB&", options.layout),
            #[cfg(feature = "gs")]
            On::Gs => "piece_size=256KiB&".into(),
            #[cfg(feature = "dynamodb")]
            On::DynamoDb | On::Dynalite => String::new(),
            #[cfg(feature = "redis")]
            On::Redis => String::new(),
        };
        format!("{}&{own}attempt_timeout=250ms&patience=5s", self.url)
    }

    /// From here on it does harm.
    pub(super) fn harm(&self, options: &Options, seed: u64) {
        for (way, number) in self.ways.iter().zip(0..) {
            way.harm(options, seed ^ number);
        }
    }

    /// From here on it does none, and what was late has happened.
    pub(super) async fn heal(&self) -> Outcome {
        self.ways.iter().for_each(Way::heal);
        for way in &self.ways {
            way.quiet().await?;
        }
        Ok(())
    }

    /// What was sent, and what became of it.
    pub(super) fn tell(&self, report: &mut Report) {
        let faults: BTreeMap<String, u64> = self.ways.iter().flat_map(Way::faults).collect();
        report.count("requests", self.ways.iter().map(Way::requests).sum());
        report.count("requests that met a fault", faults.values().sum());
        for (fault, count) in faults {
            report.count(fault, count);
        }
    }
}

fn before(port: u16, speech: Speech) -> Outcome<Proxy> {
    Ok(Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), speech)?)
}

fn port(proxy: &Proxy) -> String {
    proxy.address().port().to_string()
}

fn s3() -> Outcome<Double> {
    Ok(Double::start(DoubleOptions { buckets: vec!["wire".into()], ..DoubleOptions::default() })?)
}

/// REST is behind a proxy; gRPC, of which a connection has many requests at once, is harmed by the double.
#[cfg(feature = "gs")]
fn gs(mutant: Option<Mutant>) -> Outcome<Service> {
    let double = gs::Double::start(gs::DoubleOptions { buckets: vec!["wire".into()], ..Default::default() })?;
    if mutant == Some(Mutant::NoConditions) {
        double.set_obeys(gs::Obeys::Nothing);
    }
    let rest = double.endpoint();
    let own = rest.rsplit(':').next().unwrap_or_default();
    let proxy = before(own.parse()?, Speech::Gcs)?;
    let url = double.url(PLACE).replacen(own, &port(&proxy), 1);
    // The pieces of an upload are to meet harm too.
    double.set_behind(&format!("http://{}", proxy.address()));
    Ok(Service { ways: vec![Way::Proxy(proxy), Way::Grpc(double)], _server: None, url })
}
