//! What verify and diff have in common.

use clap::Args;
use larder::migrate::{CompareOptions, Comparison, Depth, Difference, JobOptions, What, diff};
use serde_json::{Value, json};

use super::job;
use super::name::SideName;
use super::side;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::hints::{Going, Job};
use crate::stores::Stores;
use crate::{escape, units};

/// How closely it is looked at.
#[derive(Debug, Clone, Args)]
pub(crate) struct DepthArgs {
    /// Compare sizes, attributes and expiry, and read no value of a store.
    #[arg(long)]
    pub(crate) facts: bool,
}

/// Compares two sides. What `tell` cannot print ends it.
pub(crate) async fn compare(
    cx: &Cx,
    stores: &mut Stores<'_>,
    sides: [&SideName; 2],
    depth: &DepthArgs,
    mut job: JobOptions,
    mut tell: impl FnMut(&Difference) -> Result,
) -> Result<Comparison> {
    let streams = sides.map(side::streams);
    if streams == [true, true] {
        return Err(Failure::usage("only one side can come from the standard input"));
    }
    // Cancelled too if nobody reads what it says.
    let token = cx.cancel.token().child_token();
    job.call = job.call.with_cancel(token.clone());
    let depth = if depth.facts { Depth::Facts } else { Depth::Values };
    let options = CompareOptions::new().with_job(job).with_depth(depth);
    let first = side::open(cx, stores, sides[0]).await?;
    let second = side::open(cx, stores, sides[1]).await?;
    let mut told = Ok(());
    let done = diff(first, second, &options, |difference| {
        if told.is_ok() {
            told = tell(difference);
            if told.is_err() {
                token.cancel();
            }
        }
    })
    .await;
    told?;
    let going = Going { job: Job::Compare, resumes: false, streams: streams.contains(&true) };
    job::ended(cx, going, done)
}

/// `- key`, `+ key`, `~ key (value, expiry)`.
pub(crate) fn line(difference: &Difference) -> String {
    let key = escape::shown(difference.key.as_str());
    match difference.what {
        What::Missing => format!("- {key}"),
        What::Extra => format!("+ {key}"),
        What::Changed { value, attributes, expiry } => {
            let what = [(value, "value"), (attributes, "attributes"), (expiry, "expiry")];
            let what: Vec<_> = what.iter().filter(|(differs, _)| *differs).map(|(_, name)| *name).collect();
            format!("~ {key} ({})", what.join(", "))
        }
        _ => format!("? {key}"),
    }
}

/// The same in JSON.
pub(crate) fn as_json(difference: &Difference) -> Value {
    let key = difference.key.as_str();
    match difference.what {
        What::Missing => json!({ "key": key, "what": "missing" }),
        What::Extra => json!({ "key": key, "what": "extra" }),
        What::Changed { value, attributes, expiry } => {
            json!({ "key": key, "what": "changed", "value": value, "attributes": attributes, "expiry": expiry })
        }
        _ => json!({ "key": key, "what": "other" }),
    }
}

/// The summary as rows of a name and what is told.
pub(crate) fn rows<'n>(found: &Comparison) -> Vec<(&'n str, String)> {
    let entries = |n: u64| units::count(n, "entry", "entries");
    let mut rows = vec![("equal", format!("{}, {}", entries(found.equal), units::bytes(found.bytes)))];
    let counts = [
        ("missing", found.missing, "only the first has"),
        ("extra", found.extra, "only the second has"),
        ("changed", found.changed, "both have, and not the same"),
    ];
    for (name, n, what) in counts.into_iter().filter(|(_, n, _)| *n > 0) {
        rows.push((name, format!("{} that {what}", entries(n))));
    }
    let all = found.equal + found.missing + found.extra + found.changed;
    rows.push(("took", units::took(found.took, found.bytes, all)));
    rows
}
