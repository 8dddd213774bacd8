//! Origins, fronts and stacks for the tests.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_store_backends::memory::MemoryCache;
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::{Call, Env, Retention, Sharing, Store};
use larder_tiered::TieredStore;

use crate::hooked::Hooked;

static NEXT: AtomicU64 = AtomicU64::new(0);

fn place() -> Place {
    Place::new(format!("place-{}", NEXT.fetch_add(1, Ordering::Relaxed)), Env::system())
}

/// An origin of this process: an error of it is an answer.
pub(crate) fn local() -> Hooked {
    Hooked::new(Reference::new(&place()))
}

/// An origin beyond a network, which others can write too: what got no answer may land late.
pub(crate) fn remote() -> Hooked {
    local().promising(|g| {
        g.late_landing = true;
        g.sharing = Sharing::Global;
    })
}

/// A front that keeps bytes, and has to be waited for.
pub(crate) fn slow_front() -> Hooked {
    Hooked::new(Reference::new(&place())).promising(|g| g.retention = Retention::MayEvict)
}

/// A front that keeps bytes, and answers at once.
pub(crate) fn byte_front() -> Hooked {
    slow_front().at_once()
}

/// A front that keeps objects.
pub(crate) fn object_front() -> MemoryCache {
    MemoryCache::new(64 << 20).unwrap()
}

/// Every kind of front over an origin, each as a stack of its own, and all of them together.
pub(crate) async fn stacks(origin: impl Fn() -> Hooked) -> Vec<(&'static str, Hooked, TieredStore)> {
    let mut stacks = Vec::new();
    let fresh = larder_store_core::config::Freshness::SoleWriter;
    for name in ["objects", "bytes", "slow bytes", "objects over bytes over slow bytes"] {
        let origin = origin();
        let mut builder = TieredStore::builder(origin.clone()).fresh(fresh);
        if name.starts_with("objects") {
            builder = builder.front(object_front());
        }
        if name == "bytes" || name.contains("over bytes") {
            builder = builder.front(byte_front());
        }
        if name.ends_with("slow bytes") {
            builder = builder.front(slow_front());
        }
        stacks.push((name, origin, builder.open().await.unwrap()));
    }
    stacks
}

/// Waits for everything in the background.
pub(crate) async fn settle(store: &TieredStore) {
    store.drain(&Call::default()).await.unwrap();
}
