//! The cases, a file a group.

pub(crate) mod jobs;
mod keys;
mod minimum;
mod sizes;

use super::case::Case;

/// All of them, in the order of reports.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [minimum::CASES, keys::CASES, sizes::CASES].into_iter().flatten()
}
