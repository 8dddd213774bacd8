//! The `s3:` store: a prefix of a bucket, on AWS or any service that speaks its protocol.
//!
//! `s3://bucket/app?region=eu-west-1` keeps the value of the key `user/7` as the object `app/user/7`: the value's bytes
//! as they are, so that other tools read them, and what else is known (write ids, expiry, attributes) as its metadata.
//! With `layout=record` the object is Larder's record: versions are those of writes, and ranges are verified.
//!
//! Opening it asks nothing: credentials are looked for, and a connection is made, when the first call needs them. A
//! request that fails for a while is sent again within its attempts, patience and budget
//! ([`Retry`](larder_store_core::layer::retry)); a write whose answer is lost is looked for before anything is said about
//! it. Values above 16 MiB go up in parts.
//!
//! | parameter | values | |
//! |---|---|---|
//! | `region` | `eu-west-1` | by default `AWS_REGION`, the profile, and `us-east-1` with an endpoint |
//! | `endpoint` | `https://host:port` | another service than AWS |
//! | `path_style` | `true`, `false` | whether the bucket stands in the path; by default true with an endpoint |
//! | `access_key`, `secret_key`, `session_token` | | by default AWS's chain: environment, profile, web identity, container, instance |
//! | `anonymous` | `true`, `false` | requests that nobody signs |
//! | `layout` | `plain`, `record` | the object is the value, or Larder's record |
//! | `conditions` | `trusted`, `probed`, `none` | whether the service honours conditions on writes |
//! | `checksums` | `on`, `required` | whether a CRC goes with each body |
//! | `attempt_timeout`, `attempts`, `patience` | `10s`, `10`, `60s` | for a request; of a request; for a call |
//! | `concurrency` | `256` | requests at once |
//! | `part_size`, `parts_at_once` | `8MiB`, `4` | of a large upload; their product is its memory |
//! | `storage_class` | `INTELLIGENT_TIERING` | of what is written; by default the bucket's |
//! | `tags` | `team=data,env=prod` | of what is written |
//! | `encryption`, `kms_key`, `bucket_key` | `s3`, `kms`, `kms-twice` | at the service; by default as the bucket is set |
//!
//! # What it asks for
//! A get, put, delete is one request; an update two; a listing one for a thousand keys; a batch of deletes one for a
//! thousand. A conditional put that is refused takes one more, to see what stands there. With `layout=record` a part of
//! a value above 64 KiB takes three.
//!
//! A copy is two requests, and none of the value's bytes comes here; four and more if it has a condition or is above
//! sixteen parts. Records are copied through here, as they name their key.
//!
//! # What is its own
//! - **Versions** of `layout=plain` are ETags, which identical bytes share: a value that was changed and changed back is
//!   unchanged to a conditional write. Use `layout=record` where that matters.
//! - **Expired values** are absent to every call, and stay in the bucket until they are replaced or deleted; a listing
//!   names them.
//! - **Times**: a get tells when the writer wrote, a listing when the service stored.
//! - **A part of a key that begins with two dots** is kept with a `~` behind them, as S3 takes no name whose `..` leave
//!   the bucket. An object of another tool with such a name is listed as foreign.
//!
//! ```no_run
//! use larder_store_backends::s3::{S3Config, S3Store};
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let store = S3Store::open(S3Config::new("bucket").with_prefix("app").with_region("eu-west-1")).await?;
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod backend;
mod begun;
mod client;
mod condition;
mod config;
mod copy;
mod delete;
mod error;
mod list;
mod object;
mod presign;
mod probe;
mod put;
mod read;
mod record;
mod single;
mod store;
mod stored;
mod stream;
mod sweep;
mod upload;
mod versions;
mod wire;

pub use backend::S3Backend;
pub use config::{Conditions, Layout, S3Config};
pub use probe::Probe;
pub use store::S3Store;
pub use stored::Encryption;
pub use versions::ObjectVersion;

pub use crate::object::presigned::Presigned;
