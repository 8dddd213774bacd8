//! The `dynamodb:` store: a namespace of a table, on AWS or any service that speaks its protocol.
//!
//! `dynamodb://table/app?region=eu-west-1` keeps each key in an item of its own, which has the head of Larder's record
//! and, up to 4 KiB, the value. Larger values stand in chunks of 384 KiB, which are written first and reached by the
//! head: that is swapped by one conditional write, whatever the size.
//!
//! Opening it asks nothing: credentials are looked for, and a connection is made, when the first call needs them; with
//! `create=true` the table is made if it is missing, billed on demand, and checked if it is not; in either case TTL is
//! switched on for the attribute `ttl`, if it is not. A request
//! that fails for a while is sent again within its attempts, patience and budget
//! ([`Retry`](larder_store_core::layer::retry)); a write whose answer is lost is looked for before anything is said about
//! it. Every read is strongly consistent.
//!
//! | parameter | values | |
//! |---|---|---|
//! | `region` | `eu-west-1` | by default `AWS_REGION`, the profile, and `us-east-1` with an endpoint |
//! | `endpoint` | `https://host:port` | another service than AWS |
//! | `access_key`, `secret_key`, `session_token` | | by default AWS's chain: environment, profile, web identity, container, instance |
//! | `create` | `true`, `false` | whether a table that is missing is made, and TTL switched on |
//! | `shards` | `1` to `256` | write shards of a namespace that is new; by default 1 |
//! | `transactions` | `true`, `false` | whether the service has any; some look-alikes have none |
//! | `attempt_timeout`, `attempts`, `patience` | `10s`, `10`, `60s` | for a request; of a request; for a call |
//! | `concurrency` | `256` | requests at once |
//! | `parts_at_once` | `8` | chunks of one large value at once, some 2 MiB of memory each |
//!
//! # What it asks for
//! Of small values, a get, put, delete is one request, an update two; a listing one for each write shard and megabyte of
//! items; a batch one for 25 writes or 100 reads. The first call of a store asks for the namespace's marker as well, and
//! the first write of all leaves it; until then each read asks again. A large value takes a request for its entry in the
//! register of chunks, one for each chunk, and one for the head, and with a precondition one before all of them; a get of
//! it the head, then the chunks that cover what is wanted and its checks. Where a put or a delete replaces a large value,
//! each of its chunks gets a TTL in the background, which costs what writing it did, as deleting it would.
//!
//! # What is its own
//! - **Namespaces** share a table and nothing else: the one without a name is one, and `app` has nothing of `app/b`.
//! - **Write shards** are for namespaces that are written faster than one partition of the service takes, a thousand
//!   small writes a second; a listing asks each of them. Their number is fixed when the first value is written.
//! - **Chunks** of a value that was replaced or deleted stay for 15 minutes at least, for those who read it. Those that
//!   batches and transactions replace, of which the service tells nothing, stay until a
//!   [sweep](larder_store_core::Store::sweep), as do those of writers that were killed.
//! - **Expired values** are absent from their instant on, and named by no listing. The service removes them an hour later
//!   or some days, free of charge, if TTL is switched on for the attribute `ttl`.
//! - **Transactions** have up to a hundred keys, with values of 1 GiB together, as chunks are written before. One that got
//!   no answer is sent again under the same token, by which the service knows it for ten minutes.
//! - **A range** of a large value moves the chunks that cover it: the service gives no part of an item.
//!
//! # What it needs
//! On the table `dynamodb:GetItem`, `PutItem`, `DeleteItem`, `Query`, `BatchGetItem` and `BatchWriteItem`; `UpdateItem` for
//! large values; `ConditionCheckItem` for transactions; for a sweep `DescribeTimeToLive`, without which it removes what the
//! service would; for `create=true` that and `DescribeTable`, `CreateTable` and `UpdateTimeToLive`. Where a table was made
//! for something else, `DescribeTable` tells what differs.
//!
//! ```no_run
//! use larder_store_backends::dynamodb::{DynamoConfig, DynamoStore};
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let config = DynamoConfig::new("table").with_namespace("app").with_region("eu-west-1").with_create(true);
//! let store = DynamoStore::open(config).await?;
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod backend;
mod chunks;
mod client;
mod condition;
mod config;
mod delete;
mod error;
mod item;
mod list;
mod many;
mod marker;
mod name;
mod probe;
mod put;
mod read;
mod register;
mod schema;
mod single;
mod store;
mod stream;
mod sum;
mod sweep;
mod transact;
mod upload;
mod wire;

pub use backend::DynamoBackend;
pub use config::DynamoConfig;
pub use probe::Probe;
pub use store::DynamoStore;
