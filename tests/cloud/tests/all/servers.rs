//! A server for each cloud, and the URL of a store on it or in a folder.

use std::path::Path;

use larder_cloud_tests::dynamodb::{self, Dynalite};
use larder_cloud_tests::{gs, redis, s3};

/// All that a store may be opened on.
pub(crate) struct Servers {
    s3: s3::Double,
    gs: gs::Double,
    dynamodb: Dynalite,
    redis: redis::Server,
}

/// Every backend.
pub(crate) const BACKENDS: [&str; 7] = ["memory", "file", "lmdb", "s3", "gs", "dynamodb", "redis"];

impl Servers {
    /// Starts them; `None` where one is not installed, which it says.
    pub(crate) async fn for_test(test: &str) -> Option<Servers> {
        let servers = Servers {
            s3: s3::Double::start(s3::DoubleOptions::default()).expect("the double starts"),
            gs: gs::Double::start(gs::DoubleOptions::default()).expect("the double starts"),
            dynamodb: Dynalite::for_test(test)?,
            redis: redis::Server::for_test(test, &[])?,
        };
        servers.s3.create_bucket("bucket");
        servers.gs.create_bucket("bucket");
        let table = format!("{}&create=true", servers.dynamodb_url("table"));
        drop(larder::open(&table).await.expect("a table"));
        Some(servers)
    }

    /// Without transactions, which the emulator does not have.
    fn dynamodb_url(&self, place: &str) -> String {
        format!("{}&transactions=false", dynamodb::url(self.dynamodb.port(), place))
    }

    /// The URL of a store of a kind: a backend, in another layout, or a stack.
    pub(crate) fn url(&self, kind: &str, folder: &Path, name: &str) -> String {
        let place = folder.join(name);
        let place = place.display();
        let s3 = self.s3.url(&format!("bucket/{name}"));
        match kind {
            "memory" => "memory:".to_owned(),
            "file" => format!("file:{place}?sync=none"),
            "lmdb" => format!("lmdb:{place}?sync=none"),
            "s3" => s3,
            "s3 layout=record" => format!("{s3}&layout=record"),
            "gs" => self.gs.url(&format!("bucket/{name}")),
            "dynamodb" => self.dynamodb_url(&format!("table/{name}")),
            "redis" => self.redis.url(name),
            "lmdb/s3" => format!("lmdb:{place}?capacity=64MiB | {s3}&fresh=sole_writer"),
            "memory/lmdb/file" => {
                let fronts = format!("memory:?capacity=16MiB | lmdb:{place}-front?capacity=64MiB");
                format!("{fronts} | file:{place}?sync=none&fresh=sole_writer")
            }
            _ => unreachable!("no kind {kind}"),
        }
    }
}
