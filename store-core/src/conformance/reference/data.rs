//! Where the map is: in this process, or (in tests of the cases about processes) in a file.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::state::State;

/// A map that is kept elsewhere as well.
pub(super) trait Kept: Debug + Send + Sync {
    /// Shuts everybody else out, and brings the map up to date.
    fn enter(&self, state: &mut State);
    /// Keeps the map, if it was changed, and lets others in.
    fn leave(&self, state: &State, changed: bool);
}

#[derive(Debug, Default)]
pub(super) struct Data {
    state: Mutex<State>,
    kept: Option<Box<dyn Kept>>,
}

impl Data {
    #[cfg(test)]
    pub(super) fn kept(kept: impl Kept + 'static) -> Data {
        Data { state: Mutex::default(), kept: Some(Box::new(kept)) }
    }

    pub(super) fn enter(&self) -> Entered<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &self.kept {
            kept.enter(&mut state);
        }
        Entered { state, kept: self.kept.as_deref(), changed: false }
    }
}

/// The map, with nobody else in it.
pub(super) struct Entered<'a> {
    state: MutexGuard<'a, State>,
    kept: Option<&'a dyn Kept>,
    changed: bool,
}

impl Deref for Entered<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Entered<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.changed = true;
        &mut self.state
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(kept) = self.kept {
            kept.leave(&self.state, self.changed);
        }
    }
}
