//! The bare client: its multiplexed connection, which its manual recommends to all who wait without a thread.

use std::hint::black_box;
use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{AsyncCommands, AsyncConnectionConfig, Client, IntoConnectionInfo};
use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::error::Result;
use crate::suite::cloud::case::Pair;
use crate::suite::cloud::side::Side;
use crate::workload::Workload;

const MARKER: &str = "indexed/marker";
const INDEX: &str = "indexed/index";

/// The connection, and the names of the values.
#[derive(Clone)]
pub(super) struct Bare {
    connection: MultiplexedConnection,
    names: Arc<[String]>,
    /// A marker is read with each value, and an index is kept with each put.
    indexed: bool,
}

impl Bare {
    /// No timer for each answer, and nothing waits to be sent: the fastest that there is.
    pub(super) fn connect(runtime: &Runtime, port: u16, pair: Pair, workload: &Workload) -> Result<Bare> {
        let tcp = TcpSettings::default().set_nodelay(true);
        let server = ("127.0.0.1", port).into_connection_info()?.set_tcp_settings(tcp);
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let client = Client::open(server)?;
        let connection = runtime.block_on(async {
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let () = connection.set(MARKER, "bench 1 shards=1").await?;
            Ok::<_, ::redis::RedisError>(connection)
        })?;
        let prefix = if pair.bare { "lean" } else { "indexed" };
        let names = (0..workload.len()).map(|i| format!("{prefix}/{}", workload.key(i))).collect();
        Ok(Bare { connection, names, indexed: !pair.bare })
    }
}

impl Side for Bare {
    type Value = Vec<u8>;

    async fn get(&self, i: usize) -> Result<Vec<u8>> {
        let (mut connection, name) = (self.connection.clone(), &self.names[i]);
        let value: Option<Vec<u8>> = if self.indexed {
            let both = ::redis::pipe().get(MARKER).get(name).query_async(&mut connection).await?;
            let (_, value): (Vec<u8>, _) = black_box(both);
            value
        } else {
            connection.get(name).await?
        };
        Ok(value.ok_or("the bare client lost a value")?)
    }

    async fn put(&self, i: usize, value: Bytes) -> Result<()> {
        let (mut connection, name) = (self.connection.clone(), &self.names[i]);
        if self.indexed {
            let mut both = ::redis::pipe();
            both.atomic().set(name, &value[..]).ignore().zadd(INDEX, name, 0).ignore();
            let () = both.query_async(&mut connection).await?;
        } else {
            let () = connection.set(name, &value[..]).await?;
        }
        Ok(())
    }
}
