//! The cases, a file a group.

mod conditions;
mod copy;
mod expiry;
pub(crate) mod jobs;
mod keys;
mod list;
mod many;
mod minimum;
mod ranges;
mod reads;
mod sizes;
mod transact;
mod writes;

use super::case::Case;

/// All of them, in the order of reports.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    let groups = [
        minimum::CASES,
        keys::CASES,
        sizes::CASES,
        reads::CASES,
        ranges::CASES,
        conditions::CASES,
        writes::CASES,
        expiry::CASES,
        copy::CASES,
        many::CASES,
        transact::CASES,
        list::CASES,
    ];
    groups.into_iter().flatten()
}
