//! What a job did, for people and for programs.

use larder::migrate::Report;
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::error::Result;
use crate::{escape, json, output, units};

/// Where a report goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Output,
    /// The standard output is the dump's.
    ErrorOutput,
}

/// Tells it.
pub(crate) fn tell(cx: &Cx, to: To, report: &Report, dump: Option<&str>) -> Result {
    let lines = match cx.common.json {
        true => vec![json::text(&as_json(report, dump))],
        false => {
            let row = |(name, text): (&str, String)| escape::shown_line(&format!("{name:<11} {text}"));
            rows(report, dump).into_iter().map(row).collect()
        }
    };
    if cx.common.quiet && (to == To::ErrorOutput || !cx.common.json) {
        return Ok(());
    }
    for line in lines {
        match to {
            To::Output => cx.out.bytes(format!("{line}\n").as_bytes())?,
            To::ErrorOutput => output::complain(&line),
        }
    }
    Ok(())
}

fn as_json(report: &Report, dump: Option<&str>) -> Value {
    // Numbers and text always can be.
    let mut value = serde_json::to_value(report).unwrap_or(Value::Null);
    if let Some(dump) = dump {
        value["dump"] = json!(dump);
    }
    json::known(value)
}

fn rows<'n>(report: &Report, dump: Option<&str>) -> Vec<(&'n str, String)> {
    let entries = |n: u64| units::count(n, "entry", "entries");
    let mut rows = vec![("written", format!("{}, {}", entries(report.written), units::bytes(report.bytes)))];
    let counts = [
        ("resumed", report.resumed, "of them by earlier runs"),
        ("same", report.same, "there already, as they are"),
        ("skipped", report.skipped, "the target's were left"),
        ("gone", report.gone, "deleted or expired meanwhile"),
    ];
    for (name, n, what) in counts.into_iter().filter(|(_, n, _)| *n > 0) {
        rows.push((name, format!("{}: {what}", entries(n))));
    }
    for (class, n) in &report.left_out {
        rows.push(("left out", format!("{n} × {class}")));
    }
    if let Some(why) = &report.incomplete {
        rows.push(("incomplete", why.clone()));
    }
    if let Some(dump) = dump {
        let moment = if report.snapshot { ", one moment of its source" } else { "" };
        rows.push(("dump", format!("{dump}, {}{moment}", units::bytes(report.dump_bytes))));
    }
    rows.push(("took", units::took(report.took, report.bytes, report.written)));
    rows
}
