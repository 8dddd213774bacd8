//! What a search found, for people and for programs.

use larder::vector::{Answer, Approximate, Found};
use serde_json::{Value, json};

use super::{id, payload};
use crate::cx::Cx;
use crate::error::Result;
use crate::{json, units};

/// Tells the answers of queries, of which the first has this number; without a number there is one.
pub(crate) fn tell(cx: &Cx, answers: &[Answer], first: Option<usize>, with_payload: bool) -> Result {
    for (number, answer) in answers.iter().enumerate() {
        let query = first.map(|first| first + number);
        if cx.common.json {
            cx.out.json(&as_json(answer, query))?;
            continue;
        }
        if let Some(query) = query {
            cx.out.line(format!("query {query}"))?;
        }
        answer.hits.iter().try_for_each(|hit| cx.out.line(line(hit, with_payload)))?;
    }
    let total = answers.iter().fold(Approximate::default(), |total, answer| sum(total, &answer.approximate));
    if !cx.common.json && !total.is_exact() {
        cx.out.note(format!("approximate: {}", words(&total).join(", ")));
    }
    Ok(())
}

fn line(hit: &Found, with_payload: bool) -> String {
    let line = format!("{}  {}", id::shown(&hit.id), hit.distance);
    match &hit.payload {
        Some(payload) if with_payload && !payload.is_empty() => {
            format!("{line}  {}", json::text(&payload::as_json(payload)))
        }
        _ => line,
    }
}

fn as_json(answer: &Answer, query: Option<usize>) -> Value {
    let hit = |hit: &Found| {
        json::known(json!({
            "id": id::as_json(&hit.id),
            // The shortest number that is the same in single precision.
            "distance": hit.distance.to_string().parse::<f64>().ok(),
            "payload": hit.payload.as_ref().map(|payload| payload::as_json(payload)),
        }))
    };
    let (is, work) = (&answer.approximate, &answer.work);
    json::known(json!({
        "query": query,
        "hits": answer.hits.iter().map(hit).collect::<Vec<_>>(),
        "exact": is.is_exact(),
        "approximate": {
            "coded_segments": is.coded_segments,
            "skipped_cells": is.skipped_cells,
            "coded_hits": is.coded_hits,
            "half_hits": is.half_hits,
            "over_budget": is.over_budget,
            "late": is.late,
        },
        "work": {
            "scanned": work.scanned,
            "rescored": work.rescored,
            "remote_requests": work.remote_requests,
            "remote_bytes": work.remote_bytes,
            "took": work.took.as_secs_f64(),
        },
    }))
}

fn sum(mut total: Approximate, one: &Approximate) -> Approximate {
    // Segments and cells are the same for all queries.
    total.coded_segments = total.coded_segments.max(one.coded_segments);
    total.skipped_cells = total.skipped_cells.max(one.skipped_cells);
    total.coded_hits += one.coded_hits;
    total.half_hits += one.half_hits;
    total.over_budget += one.over_budget;
    total.late += one.late;
    total
}

fn words(is: &Approximate) -> Vec<String> {
    let parts = [
        (is.coded_segments, "segment", "segments", "whose candidates were chosen by their codes"),
        (is.skipped_cells, "cell", "cells", "not looked at"),
        (is.coded_hits, "distance", "distances", "by codes"),
        (is.half_hits, "distance", "distances", "in half precision"),
        (is.over_budget, "candidate", "candidates", "over the remote budget"),
        (is.late, "candidate", "candidates", "too late"),
    ];
    let told = parts.into_iter().filter(|(n, ..)| *n > 0);
    told.map(|(n, one, many, what)| format!("{} {what}", units::count(n as u64, one, many))).collect()
}
