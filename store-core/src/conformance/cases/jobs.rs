//! What workers of several processes do.

use crate::conformance::process::{Job, Opened, wrong};
use crate::error::Result;

/// Does a job.
pub(crate) async fn run(job: &Job, store: Opened) -> Result<()> {
    let _ = store;
    Err(wrong(format_args!("the job {:?} is not known", job.name)))
}
