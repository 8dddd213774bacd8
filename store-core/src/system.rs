//! The system key space: for the crates that build on the contract, not for their users.
//!
//! Every store has it from the first day, conditional writes included. Format markers, leases, migration state and
//! tombstones live there. Its keys are never in a listing of the user's keys, never copied, never dumped, and go
//! with the store when it is destroyed. The facade does not re-export this module, and no text that a caller gives
//! becomes one of its keys.

use std::sync::Arc;

use crate::error::Result;
use crate::key::Key;
use crate::options::ListOptions;

/// One of the two key spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Space {
    /// Keys of callers.
    #[default]
    User,
    /// Keys of Larder itself.
    System,
}

/// Makes a key of the system space.
///
/// # Errors
/// Those of [`Key::new`].
///
/// ```
/// use larder_store_core::{Key, system};
/// let lease = system::key("lease/migration")?;
/// assert!(lease.is_system());
/// assert_ne!(lease, Key::new("lease/migration")?);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
pub fn key(text: impl Into<Arc<str>>) -> Result<Key> {
    Key::in_space(Space::System, text.into())
}

/// Makes a key of `space`: what a layer that renames keys needs, so that the space is kept.
///
/// # Errors
/// Those of [`Key::new`].
pub fn key_in(space: Space, text: impl Into<Arc<str>>) -> Result<Key> {
    Key::in_space(space, text.into())
}

/// Turns a listing of the user's keys into one of the system's.
pub fn listing(mut options: ListOptions) -> ListOptions {
    options.space = Space::System;
    options
}
