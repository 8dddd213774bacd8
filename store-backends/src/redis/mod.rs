//! The `redis:` store: a namespace in a Redis server, or in a cluster of them.
//!
//! `redis://127.0.0.1:6379/0/app` keeps the value of the key `user/7` as Larder's record in the Redis key
//! `{larder:app:0}v:user/7`, and the key in a sorted set beside it. Every write is one script, which decides its condition
//! and keeps the two together. Nothing outside of its own namespace is looked at or touched, and no command is used that
//! would: no `KEYS`, no `FLUSHDB`.
//!
//! Opening it asks nothing: a connection is made when the first call needs one, and made anew when it breaks. A request
//! that fails for a while is sent again within its attempts, patience and budget
//! ([`Retry`](larder_store_core::layer::retry)); a write whose answer is lost is looked for before anything is said about
//! it. Values above 512 KiB go up in parts of a megabyte.
//!
//! | parameter | values | |
//! |---|---|---|
//! | `user`, `password` | | an ACL user; as well in front of the host: `redis://anna:secret@host` |
//! | `tls` | `true`, `false` | whether the connection is encrypted; `rediss:` says so too |
//! | `ca_file` | a path | the authorities that sign the server's certificate; by default the system's |
//! | `cert_file`, `key_file` | paths | this client's certificate |
//! | `cluster` | `true`, `false` | whether the server is a node of a Redis Cluster |
//! | `nodes` | `host:port,host:port` | more of its nodes, to ask if the first is away |
//! | `shards` | `1` | hash tags that the keys are spread over |
//! | `durability` | `host`, `probed` | whether the server's settings are asked at open |
//! | `attempt_timeout`, `attempts`, `patience` | `10s`, `30`, `60s` | for a request; of a request; for a call |
//! | `concurrency` | `256` | requests at once |
//!
//! # What it asks for
//! A get, put, delete is one round trip; an update two; a listing one for a thousand keys, and for each shard; a batch one
//! for 128 gets or 256 writes. A value in parts takes two at least. The first call on a server that does not know a script
//! yet takes one more, and so does the first call of a store with several shards.
//!
//! # What is its own
//! - **Until failover**: a replica that takes over may lack the last writes, whatever was acknowledged. Conditions are
//!   decided by what it has.
//! - **Durability** is what the server's settings make it. [`RedisStore::probe`] reads them, and `durability=probed` puts
//!   them into the guarantees. A server that evicts values under `maxmemory` is a cache, and is said to be one.
//! - **Expired values** are absent to every call and listing at once. Redis removes them a minute later by its own clock,
//!   counted from the write: a reader whose clock is more than that behind the writer's misses the rest of a value's life.
//! - **Shards**: with one, all keys lie in one slot of a cluster, and transactions take any of them. With more, a large
//!   namespace is spread over the cluster, listings merge, and a transaction has one step. All who open a namespace must
//!   say the same: who says another number is refused.
//! - **Large values**: what a writer replaces stays for fifteen minutes for those who read it, parts of uploads that nobody
//!   finished for a day, or until they are swept.
//!
//! # What it needs
//! Redis 6.2 or later, or what speaks like it. An ACL user needs the keys `~{larder:NAMESPACE:*` and
//! `+eval +evalsha +get +set +getrange +strlen +exists +del +unlink +persist +pexpire +zadd +zrem +zrangebylex
//! +zrangebyscore +time`, with a database other than 0 `+select`, in a cluster `+cluster|slots +asking`; to destroy it
//! `+scan`; to probe it `+info +config|get`, without which it says what it was not told.
//!
//! ```no_run
//! use larder_store_backends::redis::{RedisConfig, RedisStore};
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let store = RedisStore::open(RedisConfig::new("127.0.0.1:6379").with_namespace("app")).await?;
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod backend;
mod client;
mod command;
mod config;
mod connection;
mod destroy;
mod error;
mod index;
mod list;
mod many;
mod name;
mod probe;
mod read;
mod single;
mod slots;
mod store;
mod stream;
mod sweep;
mod tls;
mod upload;
mod wire;
mod write;

pub use backend::RedisBackend;
pub use config::{DurabilityClaim, RedisConfig};
pub use probe::{Probe, Server};
pub use store::RedisStore;
