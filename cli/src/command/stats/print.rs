//! The count, for people and for programs.

use larder::tiered::StackStats;
use larder::{StoreId, Usage};
use serde_json::{Value, json};

use super::tally::{At, Tally};
use crate::cx::Cx;
use crate::error::Result;
use crate::{escape, json, time, units};

/// All that is shown.
pub(super) struct Shown {
    pub(super) id: StoreId,
    pub(super) tally: Tally,
    pub(super) tiers: Option<StackStats>,
    pub(super) usage: Usage,
}

impl Shown {
    pub(super) fn print(&self, cx: &Cx) -> Result {
        let (tally, row) =
            (&self.tally, |what: &str, told: String| cx.out.line(format!("{what:<16} {told}")));
        row("store", escape::shown(&self.id.to_string()))?;
        row("entries", tally.entries.to_string())?;
        row("bytes", sized(tally.bytes))?;
        tally.stored_bytes.map_or(Ok(()), |stored| row("stored bytes", sized(stored)))?;
        usage_text(&self.usage).map_or(Ok(()), |text| row("the store counts", text))?;
        if tally.unknown_sizes > 0 {
            row("unknown sizes", tally.unknown_sizes.to_string())?;
        }
        for (what, at) in [("oldest", &tally.oldest), ("newest", &tally.newest)] {
            at.as_ref().map_or(Ok(()), |(at, key)| {
                row(what, format!("{}  {}", time::seconds(*at), escape::shown(key)))
            })?;
        }
        row("expiring", tally.expiring.to_string())?;
        if let Some((at, key)) = &tally.first_to_expire {
            row("  first", format!("{}  {}", time::seconds(*at), escape::shown(key)))?;
        }
        for (what, count) in [("expired, listed", tally.expired), ("unknown expiry", tally.unknown_expiry)] {
            if count > 0 {
                row(what, count.to_string())?;
            }
        }
        self.sizes(cx)?;
        self.largest(cx)?;
        self.segments(cx)?;
        self.foreign(cx)?;
        self.tiers(cx)
    }

    fn sizes(&self, cx: &Cx) -> Result {
        let most = self.tally.classes.used().map(|(_, class)| class.entries).max().unwrap_or(0);
        if most > 0 {
            cx.out.line("")?;
            cx.out.line(format!("{:<14} {:>12} {:>12}", "sizes up to", "entries", "bytes"))?;
        }
        for (end, class) in self.tally.classes.used() {
            let end = end.map_or("more".into(), units::bytes);
            // The longest bar has 30 signs, and what is there has one.
            let bar = "#".repeat((class.entries * 30).div_ceil(most) as usize);
            cx.out.line(format!(
                "{end:<14} {:>12} {:>12}  {bar}",
                class.entries,
                units::bytes(class.bytes)
            ))?;
        }
        Ok(())
    }

    fn largest(&self, cx: &Cx) -> Result {
        let largest = self.tally.largest.sorted();
        if !largest.is_empty() {
            cx.out.line("")?;
            cx.out.line("largest values")?;
        }
        largest.iter().try_for_each(|(size, key)| {
            cx.out.line(format!("{:>12}  {}", units::bytes(*size), escape::shown(key)))
        })
    }

    fn segments(&self, cx: &Cx) -> Result {
        let Some(segments) = &self.tally.segments else { return Ok(()) };
        let (sorted, bare) = (segments.sorted(), &segments.bare);
        if sorted.is_empty() {
            return Ok(());
        }
        cx.out.line("")?;
        cx.out.line(format!("first segments, {} in all, those with most bytes", segments.count))?;
        let row = |segment: &super::segments::Segment, name: &str| {
            cx.out.line(format!("{:>12} {:>12}  {name}", segment.entries, units::bytes(segment.bytes)))
        };
        sorted.iter().try_for_each(|segment| row(segment, &escape::shown(&segment.name)))?;
        if bare.entries > 0 {
            row(bare, "(keys without a /)")?;
        }
        Ok(())
    }

    fn foreign(&self, cx: &Cx) -> Result {
        if self.tally.foreign == 0 {
            return Ok(());
        }
        cx.out.line("")?;
        cx.out.line(format!("foreign objects: {}", self.tally.foreign))?;
        self.tally
            .foreign_names
            .iter()
            .try_for_each(|(name, why)| cx.out.line(format!("  {}: {}", escape::shown(name), why)))
    }

    fn tiers(&self, cx: &Cx) -> Result {
        let Some(stats) = &self.tiers else { return Ok(()) };
        cx.out.line("")?;
        for tier in &stats.tiers {
            let store = tier.store.as_ref().map_or("not open".into(), |id| escape::shown(&id.to_string()));
            let usage = usage_text(&tier.usage).unwrap_or("does not count".into());
            cx.out.line(format!("tier {}  {store}: {usage}", tier.tier))?;
        }
        cx.out.line(format!("origin  {}", escape::shown(&stats.origin.store.to_string())))
    }

    pub(super) fn as_json(&self) -> Value {
        let tally = &self.tally;
        let sizes: Vec<_> = tally
            .classes
            .used()
            .map(|(end, class)| json!({ "up_to": end, "entries": class.entries, "bytes": class.bytes }))
            .collect();
        let largest: Vec<_> =
            tally.largest.sorted().iter().map(|(size, key)| json!({ "key": key, "size": size })).collect();
        let foreign: Vec<_> =
            tally.foreign_names.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
        let mut value = json::known(json!({
            "store": self.id.to_string(),
            "entries": tally.entries,
            "bytes": tally.bytes,
            "stored_bytes": tally.stored_bytes,
            "unknown_sizes": tally.unknown_sizes,
            "sizes": sizes,
            "largest": largest,
            "oldest": at(&tally.oldest),
            "newest": at(&tally.newest),
            "expiring": tally.expiring,
            "expired_listed": tally.expired,
            "unknown_expiry": tally.unknown_expiry,
            "first_to_expire": at(&tally.first_to_expire),
            "foreign": tally.foreign,
            "foreign_names": foreign,
            "usage": usage(&self.usage),
        }));
        if let Some(segments) = &tally.segments {
            let one = |segment: &super::segments::Segment| json!({ "name": segment.name, "entries": segment.entries, "bytes": segment.bytes });
            value["segments"] = segments.sorted().into_iter().map(one).collect();
            value["segment_count"] = segments.count.into();
            value["without_segment"] =
                json!({ "entries": segments.bare.entries, "bytes": segments.bare.bytes });
        }
        if let Some(stats) = &self.tiers {
            let tiers: Vec<_> = stats
                .tiers
                .iter()
                .map(|tier| {
                    let store = tier.store.as_ref().map(ToString::to_string);
                    json!({ "tier": tier.tier, "store": store, "usage": usage(&tier.usage) })
                })
                .collect();
            value["tiers"] = tiers.into();
        }
        value
    }
}

fn sized(bytes: u64) -> String {
    match bytes {
        0..1024 => bytes.to_string(),
        _ => format!("{bytes} ({})", units::bytes(bytes)),
    }
}

fn at(at: &At) -> Option<Value> {
    at.as_ref().map(|(time, key)| json!({ "key": key, "time": time::exact(*time) }))
}

fn usage(usage: &Usage) -> Value {
    json::known(json!({
        "entries": usage.entries,
        "bytes": usage.bytes,
        "capacity": usage.capacity,
    }))
}

fn usage_text(usage: &Usage) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(usage.entries.map(|entries| units::count(entries, "entry", "entries")));
    parts.extend(usage.bytes.map(units::bytes));
    parts.extend(usage.capacity.map(|capacity| format!("of {}", units::bytes(capacity))));
    (!parts.is_empty()).then(|| parts.join(", ").replace(", of", " of"))
}
