//! What supervisors ask.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use larder::{Call, Consistency, HeadOptions, Key, Store};

use crate::app::App;
use crate::status::Failure;

/// The key that is looked at: it need not exist.
const PROBE: &str = "health";

/// How long the origin may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process runs.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// The origin answers, and the process is not about to stop.
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    if app.stopping.load(SeqCst) {
        return Err(Failure::Request(StatusCode::SERVICE_UNAVAILABLE, "it is stopping".into()));
    }
    let call = Call::within(&app.env, PATIENCE);
    let options = HeadOptions::new().with_consistency(Consistency::Origin).with_call(call);
    app.store.head_opts(&Key::new(PROBE)?, &options).await?;
    Ok("ready\n")
}

/// What Prometheus reads.
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render())
}
