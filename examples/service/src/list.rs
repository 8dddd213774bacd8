//! `GET /v1`: keys in order, as lines of JSON.

use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, TryStreamExt};
use larder::{ListOptions, Listed, Store};
use serde::Deserialize;

use crate::app::App;
use crate::etag;
use crate::status::Failure;

/// What is listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    delimiter: Option<String>,
    limit: Option<usize>,
}

/// Lists keys. The lines are streamed: a listing that breaks off breaks off the response, and goes on with `after`.
pub(crate) async fn list(State(app): State<App>, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let mut options = ListOptions::new().with_prefix(asked.prefix).with_call(app.stream_call());
    (options.start_after, options.delimiter, options.limit) = (asked.after, asked.delimiter, asked.limit);
    let mut items = app.store.list_opts(options).peekable();
    // What fails at once can still be told.
    if let Some(Err(error)) = std::pin::Pin::new(&mut items).peek().await {
        return Err(error.clone().into());
    }
    let lines = items.map_ok(|item| format!("{}\n", line(&item)));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

fn line(item: &Listed) -> serde_json::Value {
    match item {
        Listed::Entry(meta) => serde_json::json!({
            "key": meta.key.as_str(),
            "size": meta.size,
            "etag": meta.version.as_ref().map(etag::of),
            "modified_ms": meta.modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|d| d.as_millis() as u64),
        }),
        Listed::Prefix(name) => serde_json::json!({ "prefix": name }),
        Listed::Foreign { name, why } => serde_json::json!({ "foreign": name, "why": why }),
        _ => serde_json::json!({}),
    }
}
