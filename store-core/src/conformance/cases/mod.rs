//! The cases, a file a group.

mod atomic;
mod calls;
mod conditions;
mod copy;
mod counters;
mod drops;
mod expiry;
pub(crate) mod jobs;
mod keys;
mod life;
mod list;
mod many;
mod minimum;
mod ops;
mod processes;
mod ranges;
mod reads;
mod sizes;
mod streams;
mod transact;
mod walk;
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
        streams::CASES,
        atomic::CASES,
        counters::CASES,
        calls::CASES,
        life::CASES,
        drops::CASES,
        processes::CASES,
        walk::CASES,
    ];
    groups.into_iter().flatten()
}
