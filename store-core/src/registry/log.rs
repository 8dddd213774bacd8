//! Says once what a store was opened with.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::OpenOptions;
use crate::config::{Param, StoreConfig};
use crate::store::Store;

/// How many texts are remembered; past that, all are said again.
const REMEMBERED: usize = 1024;

/// Logs the configuration without its secrets, and what holds for the parameters that are not given.
pub(super) fn opened(config: &StoreConfig, known: &[Param], options: &OpenOptions, store: &dyn Store) {
    let url = config.to_redacted_url(known);
    let defaults: Vec<_> =
        known.iter().filter(|p| config.param(p.name).is_none()).map(ToString::to_string).collect();
    let defaults = defaults.join("; ");
    let (role, id) = (options.role, store.id());
    if first(&url) {
        tracing::info!(%url, ?role, %id, %defaults, "store opened");
    } else {
        tracing::debug!(%url, ?role, %id, %defaults, "store opened again");
    }
}

/// Whether this text was not said before.
fn first(text: &str) -> bool {
    static SAID: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();
    let mut said = SAID.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() >= REMEMBERED {
        said.clear();
    }
    said.insert(text.to_owned())
}
