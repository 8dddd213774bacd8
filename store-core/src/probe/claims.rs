//! What the guarantees say, in a few words each.

use crate::guarantees::{Guarantees, Ranges, Versions};

pub(super) fn versions(g: &Guarantees) -> &'static str {
    match g.versions {
        Versions::PerContent => "one for each content",
        Versions::PerWrite => "one for each write",
    }
}

pub(super) fn ranges(g: &Guarantees) -> &'static str {
    match g.ranges {
        Ranges::None => "none",
        Ranges::Unverified => "unverified",
        Ranges::Verified => "verified",
    }
}

pub(super) fn attributes(g: &Guarantees) -> String {
    match g.max_attributes {
        0 => "none".into(),
        bytes => format!("up to {bytes} B"),
    }
}

pub(super) fn expiry(g: &Guarantees) -> &'static str {
    if g.expiry { "exact" } else { "none" }
}

pub(super) fn listing(g: &Guarantees) -> &'static str {
    if g.listing.ordered { "complete, in order of bytes" } else { "complete, in no order" }
}

pub(super) fn transactions(g: &Guarantees) -> String {
    match g.transactions {
        None => "none".into(),
        Some(limit) if limit.max_steps == usize::MAX => "of any size".into(),
        Some(limit) => format!("up to {} steps", limit.max_steps),
    }
}
