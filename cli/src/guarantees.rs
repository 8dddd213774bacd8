//! What a store promises, for people and for programs.

use larder::{CasScope, Durability, Guarantees, ListedTimes, Ranges, Retention, Sharing, Versions};
use serde_json::{Value, json};

use crate::units;

/// A row for each promise: its name, and what is promised.
pub(crate) fn rows(g: &Guarantees) -> Vec<(&'static str, String)> {
    let conditional = |scope: CasScope, offered: bool| match scope {
        _ if !offered => "refused".into(),
        CasScope::None => "refused".into(),
        scope => format!("decided in scope {scope}"),
    };
    vec![
        ("compare-and-swap", conditional(g.cas, true)),
        ("conditional delete", conditional(g.cas, g.conditional_delete)),
        ("versions", versions(g.versions).into()),
        ("a put survives", durability(g.durability).into()),
        ("shared by", sharing(g.sharing).into()),
        ("longest key", format!("{} B", g.max_key)),
        ("largest value", if g.max_value >= 1 << 62 { "any".into() } else { units::bytes(g.max_value) }),
        (
            "attributes",
            if g.max_attributes == 0 { "refused".into() } else { format!("{} B", g.max_attributes) },
        ),
        (
            "transactions",
            match g.transactions {
                None => "refused".into(),
                Some(limit) if limit.max_steps == usize::MAX => "of any size".into(),
                Some(limit) => format!("of {} keys", limit.max_steps),
            },
        ),
        ("listing", listing(g)),
        ("expiry", if g.expiry { "exact on read".into() } else { "refused".into() }),
        ("damage in a range", ranges(g.ranges).into()),
        (
            "late landing",
            if g.late_landing { "a write without an answer may land later" } else { "none" }.into(),
        ),
        (
            "retention",
            match g.retention {
                Retention::Keeps => "values stay".into(),
                Retention::MayEvict => "values may be evicted".into(),
            },
        ),
    ]
}

/// The same in JSON, by the names that the library has.
pub(crate) fn as_json(g: &Guarantees) -> Value {
    json!({
        "cas": g.cas.to_string(),
        "conditional_delete": g.conditional_delete,
        "versions": if g.versions == Versions::PerWrite { "per_write" } else { "per_content" },
        "durability": match g.durability {
            Durability::Process => "process",
            Durability::Host => "host",
            _ => "durable",
        },
        "sharing": match g.sharing {
            Sharing::Process => "process",
            Sharing::Host => "host",
            Sharing::Global => "global",
        },
        "max_key": g.max_key,
        "max_value": g.max_value,
        "max_attributes": g.max_attributes,
        "batches": { "get": g.batches.get, "put": g.batches.put, "delete": g.batches.delete },
        "transactions": g.transactions.map(|t| json!({ "max_steps": t.max_steps, "max_bytes": t.max_bytes })),
        "listing": {
            "ordered": g.listing.ordered,
            "page": g.listing.page,
            "names_expired": g.listing.names_expired,
            "times": if g.listing.times == ListedTimes::OfService { "of_service" } else { "of_writers" },
        },
        "expiry": g.expiry,
        "ranges": match g.ranges {
            Ranges::None => "none",
            Ranges::Unverified => "unverified",
            Ranges::Verified => "verified",
        },
        "late_landing": g.late_landing,
        "retention": if g.retention == Retention::Keeps { "keeps" } else { "may_evict" },
    })
}

fn versions(versions: Versions) -> &'static str {
    match versions {
        Versions::PerContent => "one for each content",
        Versions::PerWrite => "one for each write",
    }
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Process => "until the process ends",
        Durability::Host => "the end of the process",
        _ => "a crash of the machine",
    }
}

fn sharing(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Process => "the handles of a process",
        Sharing::Host => "the processes of a host",
        Sharing::Global => "everybody",
    }
}

fn ranges(ranges: Ranges) -> &'static str {
    match ranges {
        Ranges::None => "ranges are refused",
        Ranges::Unverified => "may pass",
        Ranges::Verified => "is found",
    }
}

fn listing(g: &Guarantees) -> String {
    let order = if g.listing.ordered { "in order of bytes" } else { "in no order" };
    match g.listing.page {
        None => order.into(),
        Some(page) => format!("{order}, {page} keys a request"),
    }
}
