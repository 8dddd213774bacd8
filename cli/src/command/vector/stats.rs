//! `larder vector stats`.

use clap::Args;
use larder::vector::tier::{Room, Tier};
use larder::vector::{Collection, VectorStore};
use serde_json::{Map, Value, json};

use crate::cx::Cx;
use crate::error::Result;
use crate::units;
use crate::vectors::{open, schema};

const EXAMPLES: &str = "\
Examples:
  larder vector stats lmdb:vectors
  larder vector stats lmdb:vectors --json";

/// Count what is in a collection: rows, segments, bytes
///
/// Reads the manifest and the tail of the log, and nothing else.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {
    /// The store: a URL, a stack, or @NAME.
    store: String,
}

impl Stats {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, async |places| {
            if cx.common.json { cx.out.json(&as_json(places)) } else { print(cx, places) }
        })
        .await
    }
}

fn as_json(places: &Collection) -> Value {
    let (stats, schema) = (places.stats(), places.schema());
    let tiers = Tier::ALL.into_iter().map(|tier| (tier.name().to_owned(), stats.tiers[tier as usize].into()));
    let room = |room: Room| json!({ "limit": room.limit, "used": room.used });
    json!({
        "dims": schema.dims,
        "metric": schema::metric(schema),
        "keep": schema::keep(schema),
        "rows": stats.rows,
        "dead": stats.dead,
        "unsealed": stats.unsealed,
        "segments": stats.segments,
        "tiers": Map::from_iter(tiers),
        "stored_bytes": stats.stored,
        "memory": room(stats.memory),
        "disk": room(stats.disk),
        "epoch": stats.epoch,
    })
}

fn print(cx: &Cx, places: &Collection) -> Result {
    let (stats, schema) = (places.stats(), places.schema());
    let row = |name: &str, text: String| cx.out.line(format!("{name:<11} {text}"));
    row(
        "vectors",
        format!(
            "{} dimensions, metric {}, kept as {}",
            schema.dims,
            schema::metric(schema),
            schema::keep(schema)
        ),
    )?;
    row("rows", stats.rows.to_string())?;
    if stats.dead > 0 {
        row("dead", format!("{} in segments that count no more", units::count(stats.dead, "row", "rows")))?;
    }
    if stats.unsealed > 0 {
        row("unsealed", format!("{} of them in the log alone", stats.unsealed))?;
    }
    let tiers = Tier::ALL.into_iter().rev().filter(|tier| stats.tiers[*tier as usize] > 0);
    let tiers: Vec<_> = tiers.map(|tier| format!("{} {tier}", stats.tiers[tier as usize])).collect();
    let held = if tiers.is_empty() { String::new() } else { format!(": {}", tiers.join(", ")) };
    row("segments", format!("{}{held}", stats.segments))?;
    row("stored", units::bytes(stats.stored))?;
    row("writers", format!("{} so far", stats.epoch))
}
