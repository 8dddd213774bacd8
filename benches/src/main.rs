//! Larder side by side with its peers, in one process.
//!
//! ```text
//! cargo run --release -p larder-bench -- [SUITE…] [--quick] [--json FILE] [--svg FILE] [--case FILTER] [--dir DIR] [--check]
//! ```
//!
//! Every case is a pair: ours and the peer's do the same work in turn, the order swapped each round, and what counts is
//! the ratio of each round. A machine that is slow for a while is slow for both.
#![allow(
    clippy::disallowed_methods,
    reason = "what is measured here is measured by the real clock, on real threads"
)]

mod args;
mod case;
mod context;
mod error;
mod measure;
mod open;
mod peer;
mod place;
mod report;
mod stats;
mod suite;
mod workload;

use std::process::ExitCode;

use args::Args;
use context::Context;
use error::Result;

fn main() -> ExitCode {
    #[cfg(feature = "cloud")]
    if let Some(code) = suite::cloud::role(&std::env::args().skip(1).collect::<Vec<_>>()) {
        return code;
    }
    if let Some(code) = suite::vector::resident::role(std::env::args().skip(1)) {
        return code;
    }
    let done = Args::parse(std::env::args().skip(1)).and_then(|asked| match asked {
        Some(args) => run(&args),
        None => {
            print!("{}", args::HELP);
            Ok(ExitCode::SUCCESS)
        }
    });
    done.unwrap_or_else(|error| {
        eprintln!("larder-bench: {error}");
        ExitCode::from(2)
    })
}

fn run(args: &Args) -> Result<ExitCode> {
    let mut context = Context::new(args)?;
    let result = suite::run(args, &mut context);
    // What was measured before something failed is not lost.
    let outcomes = context.finish();
    if !outcomes.is_empty() {
        print!("{}", report::table(&outcomes));
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, report::svg(&outcomes)).map_err(|e| error::at(path, e))?;
    }
    result?;
    if outcomes.is_empty() {
        let filter = args.case.as_deref().unwrap_or_default();
        return Err(format!(
            "nothing was measured: no case has {filter:?} in its name, or what it needs is not there"
        )
        .into());
    }
    let missed = outcomes.iter().filter(|outcome| outcome.met() == Some(false)).count();
    if args.check && missed > 0 {
        eprintln!("larder-bench: {missed} of {} cases are above their limit", outcomes.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
