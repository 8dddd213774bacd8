//! The suite that a store runs against itself.
//!
//! One call, [`run`], opens many fresh stores through a [`Subject`] and checks the whole contract of
//! [`Store`](crate::Store): keys, values, conditions, listings, expiry, streams, futures dropped half-way, several
//! processes. Its [`Report`] says for each case what was checked and what came of it. What a store's
//! [`Guarantees`](crate::Guarantees) rule out must be refused by name and before any effect; a case about it is then
//! reported as refused, never left out. A [`Minimum`] keeps a store from passing by refusing.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//! use larder_store_core::conformance::{self, Minimum, Options, Place, Reference, Subject};
//! use larder_store_core::{Result, Store};
//!
//! #[derive(Debug, Default)]
//! struct Mine {
//!     places: Mutex<HashMap<String, Reference>>,
//! }
//!
//! #[async_trait::async_trait]
//! impl Subject for Mine {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!
//!     fn minimum(&self) -> Minimum {
//!         Minimum::MEMORY
//!     }
//!
//!     // Your store here, opened under `place.name()` and with the clocks of `place.env()`.
//!     async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
//!         let mut places = self.places.lock().unwrap();
//!         let store = places.entry(place.name().into()).or_insert_with(|| Reference::new(place));
//!         Ok(Arc::new(store.again()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let options = Options::quick().with_only("keys.");
//! conformance::run(Mine::default(), &options).await.assert_passed();
//! # }
//! ```
//!
//! # Several processes
//! A store that promises something to other processes is tested with some: the test binary is run again. The subject
//! says how, and the test that it names calls [`child`] before anything else:
//!
//! ```ignore
//! fn process(&self) -> Option<Command> {
//!     let mut command = Command::new(std::env::current_exe().ok()?);
//!     command.args(["--exact", "conformance", "--nocapture"]).env("MY_TEST_FOLDER", &self.folder);
//!     Some(command)
//! }
//!
//! #[tokio::test(flavor = "multi_thread")]
//! async fn conformance() {
//!     let subject = Mine::from_env_or_new_folder();
//!     if conformance::child(&subject).await {
//!         return;
//!     }
//!     conformance::run(subject, &Options::new().from_env()).await.assert_passed();
//! }
//! ```

mod case;
mod cases;
mod clock;
mod minimum;
mod naive;
mod options;
mod polls;
mod process;
mod reference;
mod report;
mod rng;
mod run;
mod see;
mod subject;
mod values;

pub use clock::TestClock;
pub use minimum::Minimum;
pub use options::Options;
pub use process::child;
pub use reference::{Reference, ReferenceSubject};
pub use report::{CaseReport, Report, Verdict};
pub use run::run;
pub use subject::{Place, Subject};
