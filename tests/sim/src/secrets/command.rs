//! `larder-sim secrets`.

use super::canary::{canary, leaks};
use super::child;
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock};

/// What the child must say at least, else nothing was listened to.
const HEARD: &[&str] =
    &["harmless-region", "store opened", "event INFO", "event DEBUG", "panicked: true", "***", "known:"];

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the child and looks at what it says. With `leak` it says a secret on purpose.
///
/// # Errors
/// What keeps the campaign from going on.
pub fn run(program: &Program, leak: bool) -> Outcome<Report> {
    let mut report = Report::new("secrets", "all", 0);
    let place = Place::new(None)?;
    let folder = place.path();
    let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let mut args = vec!["--folder", folder];
    args.extend(leak.then_some("--leak"));
    let output = program.role(child::ROLE, args).env("RUST_BACKTRACE", "1").output()?;
    let said =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        report.problem(format!("the child ended with {}", output.status));
    }
    report.count("lines", said.lines().count() as u64);
    report.count("events", said.lines().filter(|line| line.starts_with("event ")).count() as u64);
    report.count("mistakes", said.lines().filter(|line| line.starts_with("form ")).count() as u64);
    for heard in HEARD.iter().filter(|heard| !said.contains(**heard)) {
        report.problem(format!("the child did not say {heard:?}"));
    }
    let canaries: Vec<String> = (0..5).map(canary).collect();
    let leaks = leaks(&said, &canaries);
    report.count("leaks", leaks.len() as u64);
    leaks.into_iter().for_each(|leak| report.problem(leak));
    Ok(report)
}

/// Runs the campaign. It has no options.
///
/// # Errors
/// Options that are given, and what keeps the campaign from going on.
pub fn command(args: Args) -> Outcome<Vec<Report>> {
    args.finish()?;
    let (report, took) = clock::timed(|| run(&Program::this()?, false));
    let mut report = report?;
    report.time("took", took);
    Ok(vec![report])
}
