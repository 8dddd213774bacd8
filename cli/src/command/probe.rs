//! `larder probe`.

use clap::Args;
use larder::probe::{Found, Probed, probe};
use larder::{Guarantees, Store};
use serde_json::json;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::guarantees;
use crate::open::{self, Make};

const EXAMPLES: &str = "\
Examples:
  larder probe file:data
  larder probe memory: --json";

/// How far a clock may be off before it is said, in milliseconds: S3 refuses requests beyond 15 minutes.
const CLOCK: i64 = 5000;

/// Try the promises of a store against the live service
///
/// Writes some small values into the store's system space, which no listing or copy of yours ever shows, and removes them.
/// Shows for each promise what is claimed and what was found; exit code 11 if one is not kept. What cannot be tried
/// (durability, sharing) is shown as it is claimed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Probe {
    /// The store: a URL, a stack, or @NAME.
    store: String,
}

impl Probe {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, Make::Never, async |store| run(cx, store).await).await
    }
}

async fn run(cx: &Cx, store: &dyn Store) -> Result {
    let probed = probe(store, &cx.env, &cx.call()).await.map_err(|e| e.at(store.id()))?;
    match cx.common.json {
        true => cx.out.json(&as_json(store, &probed))?,
        false => print(cx, store.guarantees(), &probed)?,
    }
    match probed.kept() {
        true => Ok(()),
        false => Err(Failure::Said(Exit::Found)),
    }
}

fn print(cx: &Cx, g: &Guarantees, probed: &Probed) -> Result {
    let row = |what: &str, claim: &str, found: &str| cx.out.line(format!("{what:<31}  {claim:<27}  {found}"));
    row("PROMISE", "CLAIMED", "FOUND")?;
    for finding in &probed.findings {
        row(finding.what, &finding.claim, &finding.found.to_string())?;
    }
    // What the probe has no row for is the store's word.
    const WORD: [&str; 5] = ["a put survives", "shared by", "largest value", "late landing", "retention"];
    for (what, claim) in guarantees::rows(g).iter().filter(|(what, _)| WORD.contains(what)) {
        row(what, claim, "not tried")?;
    }
    match probed.clock_ahead_ms {
        Some(off) if is_off(off) => row("clock", "", &clock(off)),
        Some(_) => row("clock", "", "as ours"),
        None => Ok(()),
    }
}

/// How far the service's clock is off.
pub(super) fn clock(ahead_ms: i64) -> String {
    let how = if ahead_ms > 0 { "ahead of" } else { "behind" };
    format!("{} s {how} ours", ahead_ms.abs() / 1000)
}

/// Whether that matters.
pub(super) fn is_off(ahead_ms: i64) -> bool {
    ahead_ms.abs() >= CLOCK
}

/// What was found, in a word.
pub(super) fn word(found: &Found) -> &'static str {
    match found {
        Found::Kept => "kept",
        Found::Broken(_) => "broken",
        Found::NotPromised => "not_promised",
        _ => "unclear",
    }
}

fn as_json(store: &dyn Store, probed: &Probed) -> serde_json::Value {
    let findings: Vec<_> = probed
        .findings
        .iter()
        .map(|finding| {
            let seen = match &finding.found {
                Found::Broken(seen) => Some(seen.clone()),
                Found::Unclear(error) => Some(error.to_string()),
                _ => None,
            };
            json!({ "what": finding.what, "claim": finding.claim, "found": word(&finding.found), "seen": seen })
        })
        .collect();
    json!({
        "store": store.id().to_string(),
        "kept": probed.kept(),
        "findings": findings,
        "clock_ahead_ms": probed.clock_ahead_ms,
        "guarantees": guarantees::as_json(store.guarantees()),
    })
}
