//! `larder-sim permissions`.

use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::cases::{CASES, Case, OUTSIDE, Try, outside};
use super::{child, stack};
use crate::args::Args;
use crate::place::Place;
use crate::process::{Program, Running};
use crate::report::Report;
use crate::stores::{self, Kind};
use crate::{Outcome, clock, rng};

/// A user who owns nothing: `nobody`.
pub(super) const NOBODY: u32 = 65_534;

/// How long a child may take: one that waits for a pipe waits for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    match name {
        child::ROLE => Some(child::play(args)),
        stack::ROLE => Some(stack::play(args)),
        _ => None,
    }
}

/// Runs every case about one kind of store.
///
/// # Errors
/// What keeps the campaign from going on.
pub fn run(program: &Program, kind: Kind) -> Outcome<Report> {
    let mut report = Report::new("permissions", kind.name(), 0);
    let is_root = rustix::process::geteuid().is_root();
    let program = reachable(program)?;
    let (mut tried, mut refused, mut skipped) = (0, 0, 0);
    for case in CASES.iter().filter(|case| case.stores.contains(&kind)) {
        if case.root && !is_root {
            skipped += 1;
            continue;
        }
        tried += 1;
        match attempt(&program.1, kind, case, is_root)? {
            Ok(()) => refused += u64::from(!case.kinds.is_empty()),
            Err(why) => report.problem(format!("{}: {why}", case.name)),
        }
    }
    report.count("cases", tried);
    report.count("rightly refused", refused);
    report.count("skipped: only the superuser can set them up", skipped);
    Ok(report)
}

/// A copy of the program where everybody can run it.
pub(super) fn reachable(program: &Program) -> Outcome<(Place, Program)> {
    let place = Place::new(None)?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))?;
    let copy = place.path().join("larder-sim");
    std::fs::copy(program.path(), &copy)?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    Ok((place, Program::at(copy)))
}

/// What is not as it should be, if anything.
fn attempt(program: &Program, kind: Kind, case: &Case, is_root: bool) -> Outcome<Result<(), String>> {
    let place = Place::new(None)?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))?;
    let own = place.path().join("own");
    std::fs::create_dir(&own)?;
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o700))?;
    if is_root {
        chown(&own, Some(NOBODY), Some(NOBODY))?;
    }
    let store = own.join("store");
    let made = play(program, kind, &store, Try::Put, is_root)?;
    if made != "ok" {
        return Err(format!("a store could not be made: {made}").into());
    }
    (case.spoil)(&store)?;
    let came = play(program, kind, &store, case.what, is_root)?;
    let verdict = judge(case, &came, &store);
    // So that the folder can be removed by anybody.
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o700))?;
    let _ = std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o700));
    let beside = outside(&store)?;
    let file = beside.join("file");
    if file.exists() && std::fs::read_to_string(&file).ok().as_deref() != Some(OUTSIDE) {
        return Ok(Err("a file outside was written".to_owned()));
    }
    for entry in std::fs::read_dir(beside)? {
        let name = entry?.file_name();
        if name != "file" && name != "private" {
            return Ok(Err(format!("{name:?} was made outside")));
        }
    }
    Ok(verdict)
}

fn judge(case: &Case, came: &str, store: &Path) -> Result<(), String> {
    if case.kinds.is_empty() {
        return if came == "ok" { Ok(()) } else { Err(format!("must succeed: {came}")) };
    }
    let mut fields = came.split('\t');
    let kind = fields.next().unwrap_or_default();
    if !case.kinds.iter().any(|wanted| format!("{wanted:?}") == kind) {
        return Err(format!("must be one of {:?}: {came}", case.kinds));
    }
    let (words, advice) = (fields.nth(1).unwrap_or_default(), fields.next().unwrap_or_default());
    if words.contains(OUTSIDE) {
        return Err(format!("shows what is outside: {words}"));
    }
    // A sentence that helps says where, and what to do unless there is nothing to be done but to look there.
    let place = store.display().to_string();
    let above = store.parent().map(|path| path.display().to_string()).unwrap_or_default();
    if !words.contains(&place) && !words.contains(&above) {
        return Err(format!("does not say where: {words}"));
    }
    if kind != "Corrupt" && kind != "Invalid" && advice.is_empty() {
        return Err(format!("does not say what to do: {words}"));
    }
    Ok(())
}

/// Has a child of the other user do it. What it said, or how it ended.
fn play(program: &Program, kind: Kind, store: &Path, what: Try, is_root: bool) -> Outcome<String> {
    let url = stores::url(&kind.at(store, "")?);
    let mut command = program.role(child::ROLE, ["--url", &url, "--try", what.name()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir("/");
    if is_root {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut running = Running::begin(&mut command)?;
    let begin = Instant::now();
    loop {
        if let Some(status) = running.child().try_wait()? {
            let mut said = String::new();
            if let Some(pipe) = &mut running.child().stdout {
                pipe.read_to_string(&mut said)?;
            }
            return Ok(match status.success() {
                true => said.trim().to_owned(),
                false => format!("{status}: {}", running.complaint()),
            });
        }
        if begin.elapsed() > PATIENCE {
            return Ok("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs the campaign: `--store` (`stack` is [another one](super::stack), which takes `--seed`).
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    if args.clone().text("store")?.as_deref() == Some("stack") {
        args.text("store")?;
        let seed = args.number("seed", rng::fresh_seed())?;
        args.finish()?;
        let (report, took) = clock::timed(|| stack::run(&Program::this()?, seed));
        let mut report = report?;
        report.time("took", took);
        return Ok(vec![report]);
    }
    let kinds = Kind::on_disk(&mut args)?;
    args.finish()?;
    let mut reports = Vec::new();
    for kind in kinds {
        let (report, took) = clock::timed(|| run(&Program::this()?, kind));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
