//! `larder verify`.

use clap::Args;
use larder::migrate::{Comparison, Consistency, Difference, JobOptions, Trailer, What, check};
use serde_json::json;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::hints::{Going, Job};
use crate::migrate::compare::{self, DepthArgs};
use crate::migrate::job::{self, PaceArgs, SelectArgs};
use crate::migrate::name::{DumpName, FORM, SideName};
use crate::migrate::place::Place;
use crate::migrate::progress::Shown;
use crate::open::Make;
use crate::stores::{self, Stores};
use crate::{time, units};

const EXAMPLES: &str = "\
Examples:
  larder verify data.larder
  larder verify file:data data.larder
  larder verify data.larder file:data --exact
  larder verify file:data lmdb:replica --facts --json";

/// Faults that are named; `larder diff` names all.
const NAMED: u64 = 10;

/// Prove that all of a store or dump is in another, or that a dump is whole
///
/// Compares every byte of every value, attributes and expiry. Exit code 11 if something of the first is missing in the
/// second or differs there; what the second has besides is counted, and with --exact a fault too. A dump alone is read and
/// checked: its digests, its order, its end. Each side is a store, or a dump: PATH, - or STORE::KEY.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// A dump, or the store that something was made of.
    first: String,
    /// What was made of it: a store or a dump.
    second: Option<String>,
    /// What only the second has is a fault too.
    #[arg(long, requires = "second")]
    exact: bool,
    #[command(flatten)]
    depth: DepthArgs,
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    pace: PaceArgs,
}

impl Verify {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let first = SideName::parse(&self.first)?;
        let shown = Shown::new(cx, false);
        let job = job::options(cx, &self.select, &self.pace, false, &shown);
        let Some(second) = &self.second else { return self.alone(cx, &first, job, shown).await };
        let second = SideName::parse(second)?;
        let (mut named, mut faults) = (Vec::new(), 0u64);
        let tell = |difference: &Difference| {
            if self.is_fault(difference) {
                faults += 1;
                if faults <= NAMED {
                    named.push(difference.clone());
                }
            }
            Ok(())
        };
        let sides = [&first, &second];
        let found = stores::with(cx, async |stores| {
            compare::compare(cx, stores, sides, &self.depth, job, tell).await
        })
        .await?;
        drop(shown);
        self.tell(cx, &found, &named, faults)
    }

    fn is_fault(&self, difference: &Difference) -> bool {
        self.exact || difference.what != What::Extra
    }

    fn tell(&self, cx: &Cx, found: &Comparison, named: &[Difference], faults: u64) -> Result {
        if cx.common.json {
            let mut value = serde_json::to_value(found).unwrap_or_default();
            value["verified"] = (faults == 0).into();
            value["faults"] = named.iter().map(compare::as_json).collect();
            cx.out.json(&value)?;
        } else if !cx.common.quiet || faults > 0 {
            named.iter().try_for_each(|difference| cx.out.line(compare::line(difference)))?;
            if faults > NAMED {
                cx.out.line(format!("… and {} more: larder diff names them all", faults - NAMED))?;
            }
            compare::rows(found)
                .iter()
                .try_for_each(|(name, text)| cx.out.line(format!("{name:<11} {text}")))?;
            let said = match (faults, self.exact, self.depth.facts) {
                (0, true, false) => "verified: both have the same",
                (0, true, true) => {
                    "verified: both have the same, as far as sizes, attributes and expiry tell"
                }
                (0, false, false) => "verified: all of the first is in the second",
                (0, false, true) => {
                    "verified: all of the first is in the second, as far as sizes, attributes and expiry tell"
                }
                _ => "not verified",
            };
            cx.out.line(said)?;
        }
        match faults {
            0 => Ok(()),
            _ => Err(Failure::Said(Exit::Found)),
        }
    }

    /// Reads one dump and checks it.
    async fn alone(&self, cx: &Cx, name: &SideName, job: JobOptions, shown: Shown) -> Result {
        let SideName::Dump(name) = name else {
            let hint = format!("name a second one; {FORM}");
            return Err(Failure::usage("a store alone has nothing to be compared with").hint(hint));
        };
        if self.depth.facts || !self.select.is_everything() || !self.pace.is_default() {
            let why = "a dump alone is checked as a whole, and as fast as it goes";
            return Err(Failure::usage(why).hint("leave the options out, or name a second store or dump"));
        }
        let going = Going { job: Job::Compare, resumes: false, streams: *name == DumpName::Stream };
        let done = stores::with(cx, async |stores: &mut Stores<'_>| {
            let place = Place::of(name, stores, Make::Never).await?;
            place.must_be_there(cx).await?;
            job::ended(cx, going, check(place.to_read(cx)?, &job).await)
        })
        .await?;
        drop(shown);
        tell_dump(cx, &done)
    }
}

fn tell_dump(cx: &Cx, dump: &Trailer) -> Result {
    let is_snapshot = dump.consistency == Consistency::Snapshot;
    if cx.common.json {
        return cx.out.json(&json!({
            "verified": true,
            "totals": dump.totals,
            "parts": dump.parts,
            "finished": time::exact(dump.finished),
            "snapshot": is_snapshot,
            "left_out": dump.left_out,
        }));
    }
    if cx.common.quiet {
        return Ok(());
    }
    let row = |name: &str, text: String| cx.out.line(format!("{name:<11} {text}"));
    let totals = &dump.totals;
    row(
        "holds",
        format!("{}, {}", units::count(totals.entries, "entry", "entries"), units::bytes(totals.bytes)),
    )?;
    for (class, n) in &dump.left_out {
        row("left out", format!("{n} × {class}"))?;
    }
    if dump.parts > 1 {
        row("parts", dump.parts.to_string())?;
    }
    let moment = if is_snapshot { ", one moment of its source" } else { "" };
    row("finished", format!("{}{moment}", time::seconds(dump.finished)))?;
    cx.out.line("verified: the dump is whole and undamaged")
}
