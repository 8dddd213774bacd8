//! The named stores of this process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::map::Map;

/// What the handles of one store share.
pub(super) type Shared = Arc<RwLock<Map>>;

static NAMES: Mutex<BTreeMap<String, Shared>> = Mutex::new(BTreeMap::new());

fn names() -> MutexGuard<'static, BTreeMap<String, Shared>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store of that name, if there is one.
pub(super) fn find(name: &str) -> Option<Shared> {
    names().get(name).cloned()
}

/// The store of that name, made if there is none.
pub(super) fn find_or_make(name: &str) -> Shared {
    names().entry(name.to_owned()).or_default().clone()
}

/// Forgets the store of that name and empties it, so that handles that are still open see it gone.
pub(super) fn forget(name: &str) {
    if let Some(shared) = names().remove(name) {
        *shared.write().unwrap_or_else(PoisonError::into_inner) = Map::default();
    }
}

/// A place for a store without a name: no two have the same, so that no two are taken for the same store.
pub(super) fn anonymous() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // A name cannot hold this sign, so the two never meet.
    format!("?{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
