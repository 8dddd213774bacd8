//! `larder vector explain`.

use clap::Args;
use larder::vector::Explanation;
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::error::Result;
use crate::units;
use crate::vectors::open;

const EXAMPLES: &str = "\
Examples:
  larder vector explain lmdb:vectors
  larder vector explain lmdb:vectors --json";

/// Say of each segment in which tier it would begin, and why
///
/// Tiers are those of a process: this one has just begun, and shows what one begins with. A service tells its own by
/// Collection::explain.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// The store: a URL, a stack, or @NAME.
    store: String,
}

impl Explain {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, async |places| {
            cx.until_cancelled(places.rebalance()).await??;
            let segments = places.explain();
            if cx.common.json {
                return segments.iter().try_for_each(|segment| cx.out.json(&as_json(segment)));
            }
            if segments.is_empty() {
                return cx.out.line("there are no segments: all rows are in the log");
            }
            cx.out.line(format!("{:>8} {:>8}  {:<7} {:>12}  why", "segment", "rows", "tier", "memory"))?;
            segments.iter().try_for_each(|segment| {
                let Explanation { segment: number, rows, tier, bytes, reason, .. } = segment;
                let memory = units::bytes(bytes.memory);
                cx.out.line(format!("{number:>8} {rows:>8}  {tier:<7} {memory:>12}  {reason}"))
            })
        })
        .await
    }
}

fn as_json(segment: &Explanation) -> Value {
    json!({
        "segment": segment.segment,
        "rows": segment.rows,
        "tier": segment.tier.name(),
        "rate": segment.rate,
        "memory": segment.bytes.memory,
        "disk": segment.bytes.disk,
        "reason": segment.reason,
    })
}
