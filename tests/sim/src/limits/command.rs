//! `larder-sim limits`.

use std::path::Path;

use super::{Options, Subject, child, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::stores::Kind;
use crate::{Outcome, clock};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--store`, `--layout`, `--params`, `--keys`, `--value` (MiB), `--limit` (MiB), `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let subjects = subjects(&mut args)?;
    let params = args.text("params")?.unwrap_or_else(|| "sync=none".to_owned());
    let keys = args.number("keys", 1_000_000)?;
    let value = args.number("value", 1024)? << 20;
    let limit = args.number("limit", 96)? << 20;
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for subject in subjects {
        eprintln!(
            "limits {}: {keys} keys, a value of {} MiB, {} MiB of data",
            subject.name(),
            value >> 20,
            limit >> 20
        );
        let place = Place::new(dir.as_deref().map(Path::new))?;
        let (params, program) = (params.clone(), Program::this()?);
        let options = Options { subject, params, folder: place.path(), keys, value, limit, program };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}

/// The stores that `--store` and `--layout` name: those on disk by default.
fn subjects(args: &mut Args) -> Outcome<Vec<Subject>> {
    #[cfg(feature = "s3")]
    if args.clone().text("store")?.as_deref() == Some("s3") {
        args.text("store")?;
        return Ok(match args.text("layout")?.as_deref() {
            None | Some("all") => vec![Subject::Bucket("plain"), Subject::Bucket("record")],
            Some("plain") => vec![Subject::Bucket("plain")],
            Some("record") => vec![Subject::Bucket("record")],
            Some(other) => return Err(format!("there is no layout {other:?}").into()),
        });
    }
    Ok(Kind::on_disk(args)?.into_iter().map(Subject::Disk).collect())
}
