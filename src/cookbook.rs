//! How common things are done. Every example runs as a test.
//!
//! # Compare and swap
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use larder::{ErrorKind, StoreExt};
//! let store = larder::open("memory:").await?;
//! store.put("config", "v1").await?;
//!
//! let (_, version) = store.get_versioned("config").await?.expect("it was just written");
//! store.put_if_matches("config", "v2", version.clone()).await?;
//! // The version moved on: whoever still has the old one is told.
//! let late = store.put_if_matches("config", "v3", version).await.unwrap_err();
//! assert_eq!(late.kind(), ErrorKind::Conflict);
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! # Tiers
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let at = folder.path().display();
//! use larder::config::Freshness;
//! use larder::{Store, StoreExt, TieredStore};
//! // Text, hottest first: what is in the fronts is answered there, for as long as nobody wrote it.
//! let text = format!("memory:?capacity=64MiB | lmdb:{at}/cache?capacity=256MiB | file:{at}/data?fresh=sole_writer");
//! let store = larder::open_stack(&text.parse()?).await?;
//! store.put("k", "v").await?;
//! assert_eq!(store.get("k").await?.as_deref(), Some(&b"v"[..]));
//! assert_eq!(store.stats().origin.reads, 0);
//!
//! // The same by hand: any store with a bound is a front, any that keeps everything an origin.
//! let origin = larder::open(&format!("file:{at}/other")).await?;
//! let store = TieredStore::builder(origin)
//!     .front(larder::memory::MemoryCache::new(64 << 20)?)
//!     .fresh(Freshness::MaxAge(std::time::Duration::from_secs(30)))
//!     .fresh_for("assets/", Freshness::Immutable)
//!     .open()
//!     .await?;
//! store.put("assets/logo", "…").await?;
//!
//! // Before a process stops, or is frozen: nothing is left in the background.
//! store.drain(&Default::default()).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # A stack from TOML
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = tempfile::tempdir()?;
//! use larder::StoreExt;
//! use larder::config::StackConfig;
//! let text = r#"
//!     fresh = "sole_writer"
//!
//!     [[tiers]]
//!     url = "memory:?capacity=64MiB"
//!
//!     [[tiers]]
//!     url = "file:FOLDER"
//! "#;
//! # let text = text.replace("FOLDER", &folder.path().join("data").display().to_string());
//! let config: StackConfig = toml::from_str(&text)?;
//! let store = larder::open_stack(&config).await?;
//! store.put("k", "v").await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Move a store
//! ```
//! # #[cfg(feature = "migrate")]
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let at = folder.path().display();
//! use larder::StoreExt;
//! use larder::migrate::{CompareOptions, DumpPlace, ExportOptions, Side, WriteOptions};
//! use larder::migrate::{copy, export, import, verify};
//! let old = larder::open(&format!("file:{at}/old")).await?;
//! old.put("user/7", "Anna").await?;
//!
//! // Straight across. A run that was killed goes on where it stopped when it is called again.
//! let new = larder::open(&format!("lmdb:{at}/new")).await?;
//! copy(old.clone(), new.clone(), &WriteOptions::new()).await?;
//!
//! // By way of a dump: a CBOR sequence that any language reads.
//! let dump = || DumpPlace::file(folder.path().join("users.larder"));
//! export(old.clone(), dump(), &ExportOptions::new()).await?;
//! let other = larder::open(&format!("lmdb:{at}/other")).await?;
//! import(dump(), other.clone(), &WriteOptions::new()).await?;
//!
//! // And the proof.
//! for target in [new, other] {
//!     let found = verify(Side::Store(old.clone()), Side::Store(target), &CompareOptions::new()).await?;
//!     assert!(found.is_equal());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Ask only for what changed
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use larder::{GetOptions, Got, Key, Store, StoreExt};
//! let store = larder::open("memory:").await?;
//! let version = store.put("page", "<h1>hello</h1>").await?.version;
//!
//! let options = GetOptions::new().with_unless(version);
//! let got = store.get_opts(&Key::new("page")?, &options).await?;
//! assert!(matches!(got, Got::Unchanged(_)));
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! # Parts of a value
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use larder::{ByteRange, StoreExt};
//! let store = larder::open("memory:").await?;
//! store.put("log", "one two three").await?;
//! assert_eq!(store.get_range("log", 4..7).await?.as_deref(), Some(&b"two"[..]));
//! assert_eq!(store.get_range("log", ByteRange::suffix(5)).await?.as_deref(), Some(&b"three"[..]));
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! # Folders
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use futures_util::TryStreamExt;
//! use larder::{ListOptions, Store, StoreExt};
//! let store = larder::open("memory:").await?;
//! for key in ["a.txt", "docs/b.txt", "docs/c.txt", "z.txt"] {
//!     store.put(key, key).await?;
//! }
//! let names: Vec<_> = store
//!     .list_opts(ListOptions::new().with_delimiter("/"))
//!     .map_ok(|item| item.name().to_owned())
//!     .try_collect()
//!     .await?;
//! assert_eq!(names, ["a.txt", "docs/", "z.txt"]);
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! # Values that expire
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::time::{Duration, SystemTime};
//! use larder::StoreExt;
//! let store = larder::open("memory:").await?;
//! store.put_until("session", "token", SystemTime::now() - Duration::from_secs(1)).await?;
//! assert_eq!(store.get("session").await?, None);
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! # Several keys at once, or none
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use larder::{Key, Precondition, PutItem, PutOptions, Step, StoreExt};
//! let store = larder::open("memory:").await?;
//! let put = |key: &str, value: &'static str, pre| -> larder::Result<Step> {
//!     Ok(Step::Put(PutItem {
//!         key: Key::new(key)?,
//!         value: value.into(),
//!         options: PutOptions::new().with_pre(pre),
//!     }))
//! };
//! store.transact(vec![put("a", "1", Precondition::Absent)?, put("b", "2", Precondition::Any)?]).await?;
//! // "a" is there now, so nothing of this is done.
//! let again = vec![put("b", "3", Precondition::Any)?, put("a", "4", Precondition::Absent)?];
//! let refused = store.transact(again).await.unwrap_err();
//! assert_eq!(refused.key().map(Key::as_str), Some("a"));
//! assert_eq!(store.get("b").await?.as_deref(), Some(&b"2"[..]));
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
