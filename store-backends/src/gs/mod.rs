//! The `gs:` store: a prefix of a bucket of Google Cloud Storage.
//!
//! `gs://bucket/app` keeps the value of the key `user/7` as the object `app/user/7`: the value's bytes as they are, so
//! that other tools read them, and what else is known (write ids, expiry, attributes) as its metadata. Versions are
//! generations, so no two writes share one.
//!
//! Opening it asks nothing: credentials are looked for, and a connection is made, when the first call needs them. A
//! request that fails for a while is sent again within its attempts, patience and budget
//! ([`Retry`](larder_store_core::layer::retry)); a write whose answer is lost is looked for before anything is said about
//! it. Values above 16 MiB, and streams, go up in pieces of one upload session.
//!
//! | parameter | values | |
//! |---|---|---|
//! | `service_account_file` | `/path/key.json` | the key of a service account; by default Google's application default credentials |
//! | `access_token` | | a token that is there already |
//! | `anonymous` | `true`, `false` | requests that nobody signs |
//! | `endpoint`, `grpc_endpoint` | `https://host:port` | another service than Google's; `grpc_endpoint` where it has two |
//! | `storage_class`, `kms_key` | `NEARLINE`, `projects/…/cryptoKeys/…` | of what is written; by default the bucket's |
//! | `conditions` | `trusted`, `probed`, `none` | whether the service honours generations on writes |
//! | `attempt_timeout`, `attempts`, `patience` | `10s`, `10`, `60s` | for a request; of a request; for a call |
//! | `concurrency` | `256` | requests at once |
//! | `piece_size` | `8MiB` | of a large upload; twice it is its memory |
//!
//! # What it asks for
//! A get, put, delete, head is one request; an update two, and a delete that tells whether there was a value; a listing
//! one for a thousand objects, those that have expired among them; an upload in pieces one, and one for each piece. A
//! conditional put that is refused takes one more, to see what stands there, and a conditional upload in pieces one
//! before it. An object that Larder did not write takes one more to read, as a download does not tell all that is known
//! about it. A copy is a look and a rewrite on the service's side, however large the value.
//!
//! # What is its own
//! - **Expired values** are absent to every call, and listings pass over them; but what several keys have in common is
//!   listed for expired ones alone, too. They stay in the bucket until they are replaced or deleted; each has its expiry
//!   as the object's custom time, by which a lifecycle rule of the bucket (`daysSinceCustomTime: 0`) removes them.
//! - **Generations** of a bucket with object versioning can be read: [`GsStore::generations`].
//! - **Signed URLs** are made by [`GsStore::presigned_get`] and [`GsStore::presigned_put`] where the credentials can
//!   sign.
//! - **Unfinished uploads** cannot be listed: the service forgets them after a week, and bills nothing for them. One that
//!   is given up in a living process is cancelled at once. So [`sweep`](larder_store_core::Store::sweep) finds nothing.
//! - **A part of a key that begins with two dots** is kept with a `~` behind them, as tools take such names for paths.
//!   An object of another tool with such a name is listed as foreign.
//! - **TLS** needs a provider of the whole process: before the first client is built, ring's is installed if there is
//!   none; one that is there is used.
//!
//! # What it needs
//! `storage.objects.get`, `create`, `delete` (to replace a value, too) and `list` on the bucket, as the role Storage
//! Object User has them. To sign URLs without a key of its own a machine's account needs
//! `iam.serviceAccounts.signBlob` on itself.
//!
//! ```no_run
//! use larder_store_backends::gs::{GsConfig, GsStore};
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let store = GsStore::open(GsConfig::new("bucket").with_prefix("app")).await?;
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
mod credentials;
mod delete;
mod error;
mod generations;
mod list;
mod object;
mod presign;
mod probe;
mod put;
mod read;
mod session;
mod single;
mod store;
mod stream;
mod tls;
mod upload;
mod wire;

pub use backend::GsBackend;
pub use config::{Conditions, GsConfig};
pub use generations::Generation;
pub use probe::Probe;
pub use store::GsStore;

pub use crate::object::presigned::Presigned;
