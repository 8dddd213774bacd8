//! Turns: within a process, the updates of one key wait in a queue instead of failing each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::key::Key;
use crate::store_id::StoreId;

type Name = (StoreId, Key);

/// A lock per key that is being updated, and none for others.
struct Turns {
    hasher: RandomState,
    shards: [Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>>; 16],
}

fn turns() -> &'static Turns {
    static TURNS: OnceLock<Turns> = OnceLock::new();
    TURNS.get_or_init(|| Turns { hasher: RandomState::new(), shards: Default::default() })
}

impl Turns {
    fn shard(&self, name: &Name) -> &Mutex<HashMap<Name, Arc<tokio::sync::Mutex<()>>>> {
        &self.shards[self.hasher.hash_one(name) as usize % self.shards.len()]
    }
}

/// One update's turn. The queue is first come, first served.
pub(super) struct Turn {
    name: Name,
    lock: Arc<tokio::sync::Mutex<()>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    /// Stands in the queue for `key`.
    pub(super) fn queue(store: &StoreId, key: &Key) -> Turn {
        let name = (store.clone(), key.clone());
        let mut shard = turns().shard(&name).lock().unwrap_or_else(PoisonError::into_inner);
        let lock = shard.entry(name.clone()).or_default().clone();
        drop(shard);
        Turn { name, lock, held: None }
    }

    /// Waits for the turn to come.
    pub(super) async fn wait(&mut self) {
        self.held = Some(self.lock.clone().lock_owned().await);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut shard = turns().shard(&self.name).lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and ours: nobody else stands in the queue, and nobody can join it while the shard is locked.
        if Arc::strong_count(&self.lock) == 2
            && let Entry::Occupied(entry) = shard.entry(self.name.clone())
        {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn in_order_and_nothing_is_left() {
        let (store, key) = (StoreId::new("memory", "fair", "record"), Key::new("k").unwrap());
        let mut first = Turn::queue(&store, &key);
        let mut second = Turn::queue(&store, &key);
        first.wait().await;
        assert!(second.wait().now_or_never().is_none());
        drop(first);
        second.wait().await;
        drop(second);
        let name = (store, key);
        assert!(!turns().shard(&name).lock().unwrap().contains_key(&name));
    }
}
