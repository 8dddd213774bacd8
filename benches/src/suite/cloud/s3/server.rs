//! The double in a process of its own: this program again, in another role.

use std::process::{Command, ExitCode};
use std::time::Duration;

use larder_cloud_tests::s3::{Apart, DoubleOptions, program};

use super::BUCKET;
use crate::error::Result;

/// The word that makes this program the double.
const ROLE: &str = "role-s3-double";

/// Plays the role, if it was asked for.
pub(crate) fn role(mut words: impl Iterator<Item = String>) -> Option<ExitCode> {
    (words.next()? == ROLE).then(|| program::play(words))
}

pub(super) fn options() -> DoubleOptions {
    DoubleOptions { buckets: vec![BUCKET.into()], ..DoubleOptions::default() }
}

/// Starts one whose answers wait so long.
pub(crate) fn start(latency: Duration) -> Result<Apart> {
    let mut this = Command::new(std::env::current_exe()?);
    this.arg(ROLE);
    Apart::start(this, options(), latency)
}
