//! One configuration for every form: typed builder, URL, map, and the one-line stack.
//!
//! # One store
//! A store is named by a scheme, a place, and parameters:
//!
//! | URL | scheme | place | parameters |
//! |---|---|---|---|
//! | `memory:` | `memory` | | |
//! | `memory:sessions` | `memory` | `sessions` | |
//! | `file:/var/data?sync=none` | `file` | `/var/data` | `sync=none` |
//! | `file:relative`, `file:///abs` | `file` | `relative`, `/abs` | |
//! | `s3://bucket/prefix?region=eu-west-1` | `s3` | `bucket/prefix` | `region=eu-west-1` |
//! | `redis://anna:p%40ss@host:6379/0` | `redis` | `host:6379/0` | `user=anna`, `password=p@ss` |
//!
//! - `%7C` is a `|`, `%3F` a `?`, `%23` a `#`, `%25` a `%`. A `+` is a `+`. Nothing else is changed: `..`, `//` and
//!   capital letters stay as they are.
//! - White space around the text is dropped, since environment variables often bring a line end.
//! - A user name and a password in front of the host become the parameters `user` and `password`; neither is ever
//!   part of the place.
//! - No parameter stands twice, and none is empty by accident: `a=` is an empty value, `a` alone is an error.
//! - Errors name the scheme, the parameter and the byte, and never show the text itself: it may hold secrets.
//!
//! The same store as a map (what any format with string values can be read into) and by the builder:
//! ```
//! use larder_store_core::config::StoreConfig;
//! let url: StoreConfig = "s3://bucket/prefix?region=eu-west-1".parse()?;
//! let map = StoreConfig::from_map([("url", "s3://bucket/prefix"), ("region", "eu-west-1")])?;
//! assert_eq!(url, map);
//! let built = StoreConfig::new("file", "/var/data").with_param("sync", "none");
//! assert_eq!(built, StoreConfig::parse("file:/var/data?sync=none")?);
//! # Ok::<(), larder_store_core::Error>(())
//! ```
//!
//! # A stack of stores
//! Tiers with `|` between them, the hottest first. The parameters of the stack stand on the last tier:
//!
//! | parameter | values | |
//! |---|---|---|
//! | `fresh` | `immutable`, `always`, `sole_writer`, or an age such as `30s` | how fresh an answer of a front must be |
//! | `fresh.PREFIX` | the same | for the keys that start with `PREFIX` |
//! | `read` | `front-first`, `front-only`, `origin-first`, `revalidate(30s)` | where reads go |
//! | `write` | `write-through`, `write-around`, `write-back`, `front-only` | where writes go |
//! | `fence_slots` | 1 to 268435456 | slots of the fence table |
//!
//! ```
//! use std::time::Duration;
//! use larder_store_core::config::{Freshness, StackConfig};
//! let stack = StackConfig::parse(
//!     "memory:?capacity=64MiB | lmdb:/tmp/cache?capacity=400MiB | s3://bucket/prefix?region=eu-west-1&fresh=30s",
//! )?;
//! assert_eq!(stack.tiers().len(), 3);
//! assert_eq!(stack.policy().fresh, Some(Freshness::MaxAge(Duration::from_secs(30))));
//! # Ok::<(), larder_store_core::Error>(())
//! ```
//!
//! The same from TOML, or any other format that serde reads: see the example at [`StackConfig`]'s `Deserialize`.
//!
//! # For backends
//! A backend declares its parameters ([`Param`]), and reads them with [`StoreConfig::size`], [`StoreConfig::duration`],
//! [`StoreConfig::flag`], [`StoreConfig::choice`], [`StoreConfig::number`] and [`StoreConfig::text`], so that every
//! store says the same about a wrong value.

mod param;
mod policy;
mod print;
mod read;
mod stack;
mod store;
mod units;
mod url;
mod value;

pub use param::Param;
pub(crate) use policy::is_stack_param;
pub use policy::{Freshness, ReadPolicy, STACK_PARAMS, StackPolicy, WritePolicy};
pub use stack::StackConfig;
pub use store::StoreConfig;
pub(crate) use store::{RESERVED, is_scheme};
pub use units::{parse_duration, parse_size};
