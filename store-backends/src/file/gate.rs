//! Whether a call that is given up may still take effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

const OPEN: u8 = 0;
const PASSED: u8 = 1;
const SHUT: u8 = 2;

/// What the caller and the thread that works for it decide between them: either the work passes, and takes effect
/// whatever becomes of the caller, or the caller shuts it first, and nothing is changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<AtomicU8>);

impl Gate {
    /// The worker's last step before the change. `false`: the caller is gone, and there is to be none.
    pub(super) fn pass(&self) -> bool {
        self.0.compare_exchange(OPEN, PASSED, SeqCst, SeqCst).is_ok()
    }

    /// Whether the caller has shut it: work on is in vain.
    pub(super) fn is_shut(&self) -> bool {
        self.0.load(SeqCst) == SHUT
    }

    /// The caller gives up. `true`: nothing was changed, nor will be.
    fn shut(&self) -> bool {
        self.0.compare_exchange(OPEN, SHUT, SeqCst, SeqCst) != Err(PASSED)
    }
}

/// The caller's side. Dropped, it shuts the gate.
#[derive(Debug, Default)]
pub(super) struct Keeper(Gate);

impl Keeper {
    pub(super) fn gate(&self) -> Gate {
        self.0.clone()
    }

    /// Gives up. `true`: nothing was changed, nor will be.
    pub(super) fn give_up(self) -> bool {
        self.0.shut()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.shut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_passes_or_is_shut() {
        let keeper = Keeper::default();
        let gate = keeper.gate();
        assert!(gate.pass());
        assert!(!keeper.give_up());
        assert!(!gate.is_shut());

        let keeper = Keeper::default();
        let gate = keeper.gate();
        drop(keeper);
        assert!(gate.is_shut());
        assert!(!gate.pass());
    }
}
