//! Stores of services beside their bare clients. Every server runs in a process of its own, so that its time is nobody's
//! here, but where requests are counted.

mod case;
mod clock;
mod dynamodb;
mod redis;
mod s3;
mod side;

use std::process::ExitCode;

pub(crate) use self::s3::server;
use crate::context::Context;
use crate::error::Result;

/// Plays the role of a server, if that was asked for.
pub(crate) fn role(words: &[String]) -> Option<ExitCode> {
    let words = || words.iter().cloned();
    s3::role(words()).or_else(|| dynamodb::role(words()))
}

pub(crate) const NAME: &str = "cloud";

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let runtime = &Context::runtime()?;
    s3::run(context, runtime)?;
    dynamodb::run(context, runtime)?;
    redis::run(context, runtime)
}
