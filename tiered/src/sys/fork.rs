//! Noticing that this process is the child of a fork: it has its parent's open file, and with it its parent's lock.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static FORKS: AtomicU32 = AtomicU32::new(0);
static HOOK: Once = Once::new();

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How many forks lie between this process and the first one that watched.
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Installs the hook, once.
pub(crate) fn watch() {
    HOOK.call_once(|| {
        // SAFETY: the handler only adds to an atomic number, which is allowed in the child of a fork.
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // It fails for want of memory alone; then only use after a fork goes unnoticed.
        debug_assert_eq!(failed, 0);
    });
}
