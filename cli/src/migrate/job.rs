//! What every command that moves or compares can be asked for, and how it ends.

use std::time::Duration;

use clap::Args;
use larder::config::parse_size;
use larder::migrate::{JobOptions, Rate, Select};
use larder::{Error, ErrorKind};

use super::progress::Shown;
use crate::args::time;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::hints::{self, Going};

/// What may be under way by default, in bytes.
const MEMORY: u64 = 64 << 20;

/// Which entries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which entries")]
pub(crate) struct SelectArgs {
    /// Only keys that begin with this.
    #[arg(long, value_name = "PREFIX", default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only keys that match this, or another glob given: * and ? match no /, ** does; [a-z], {png,jpg}.
    #[arg(long, value_name = "GLOB")]
    glob: Vec<String>,
    /// No keys that match this, or another glob given.
    #[arg(long, value_name = "GLOB")]
    not: Vec<String>,
    /// Only values that were written before this long ago, such as 30d or 12h.
    #[arg(long, value_name = "TIME", value_parser = time)]
    older_than: Option<Duration>,
    /// Only values that were written since this long ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    newer_than: Option<Duration>,
    /// Only values of at least this size, such as 4096 or 64KiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    min_size: Option<u64>,
    /// Only values of at most this size.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_size: Option<u64>,
}

/// How it goes about it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How fast")]
pub(crate) struct PaceArgs {
    /// How many values are under way at once; by default 64 for a bucket, else 16.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=4096))]
    width: Option<u16>,
    /// How many bytes of values may be under way, about; at least 4MiB.
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "64MiB")]
    memory: u64,
    /// At most so many bytes of values a second, such as 10MiB/s.
    #[arg(long, value_name = "SIZE/s", value_parser = byte_rate)]
    rate: Option<u64>,
    /// At most so many entries a second.
    #[arg(long, value_name = "NUMBER", value_parser = entry_rate)]
    rate_entries: Option<u64>,
}

impl SelectArgs {
    /// Whether nothing was said.
    pub(crate) fn is_everything(&self) -> bool {
        self.select() == Select::new()
    }

    fn select(&self) -> Select {
        let mut select = Select::new().with_prefix(&self.prefix);
        select.globs = self.glob.clone();
        select.not_globs = self.not.clone();
        select.older_than = self.older_than;
        select.newer_than = self.newer_than;
        select.min_size = self.min_size;
        select.max_size = self.max_size;
        select
    }
}

impl PaceArgs {
    /// Whether nothing was said.
    pub(crate) fn is_default(&self) -> bool {
        (self.width, self.rate, self.rate_entries) == (None, None, None) && self.memory == MEMORY
    }
}

/// What a job is asked for, and what shows how far it is.
pub(crate) fn options(
    cx: &Cx,
    select: &SelectArgs,
    pace: &PaceArgs,
    preflight: bool,
    shown: &Shown,
) -> JobOptions {
    let mut job = JobOptions::new().with_select(select.select()).with_preflight(preflight);
    job.width = pace.width.map(usize::from);
    job.memory = pace.memory;
    let mut rate = Rate::new();
    (rate.bytes, rate.entries) = (pace.rate, pace.rate_entries);
    job.rate = rate;
    job.progress = shown.on_progress();
    job.call = cx.call();
    job.env = cx.env.clone();
    job
}

/// What a job's error is to the user.
pub(crate) fn ended<T>(cx: &Cx, going: Going, done: larder::Result<T>) -> Result<T> {
    let error = match done {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    // A signal also ends whoever fed us or read from us: then it is their end that shows first.
    let by_signal = match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Unknown => true,
        ErrorKind::Corrupt | ErrorKind::Unavailable | ErrorKind::Invalid => going.streams,
        _ => false,
    };
    if cx.cancel.signal().is_some() && by_signal {
        return Err(Failure::Stopped(going.how_to_go_on().into()));
    }
    if going.streams && is_broken_pipe(&error) {
        return Err(Failure::Pipe);
    }
    Err(hints::named(error, going).into())
}

fn is_broken_pipe(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// A number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| "wants a size such as 64MiB, 1GiB or 4096 (B, KiB, MiB, GiB, TiB)".into())
}

fn memory(text: &str) -> Result<u64, String> {
    size(text).and_then(|bytes| match bytes {
        0 => Err("wants some memory, such as 64MiB".into()),
        bytes => Ok(bytes),
    })
}

/// `10MiB/s`, `10MiB`.
fn byte_rate(text: &str) -> Result<u64, String> {
    let rate = parse_size(text.strip_suffix("/s").unwrap_or(text)).filter(|rate| *rate > 0);
    rate.ok_or_else(|| "wants bytes a second, such as 10MiB/s or 512KiB/s".into())
}

/// `1000/s`, `1000`.
fn entry_rate(text: &str) -> Result<u64, String> {
    let rate = text.strip_suffix("/s").unwrap_or(text).parse().ok().filter(|rate| *rate > 0);
    rate.ok_or_else(|| "wants a number of entries a second, such as 1000".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_second() {
        assert_eq!(byte_rate("10MiB/s"), Ok(10 << 20));
        assert_eq!(byte_rate("512KiB"), Ok(512 << 10));
        assert_eq!(entry_rate("1000/s"), Ok(1000));
        for wrong in ["", "0", "10MB/s", "fast", "-1", "10MiB/m"] {
            assert!(byte_rate(wrong).is_err() && entry_rate(wrong).is_err(), "{wrong}");
        }
    }
}
