//! `larder-sim full-disk`.

use std::path::PathBuf;

use super::mount::Disk;
use super::{Options, available, forms, run, stack, steps};
use crate::args::Args;
use crate::process::{self, Program};
use crate::report::Report;
use crate::stores::Kind;
use crate::{Outcome, clock, rng};

/// The name of the role.
pub(super) const ROLE: &str = "role-full-disk";

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    match name {
        ROLE => Some(play(args)),
        stack::ROLE => Some(stack::play(args)),
        _ => None,
    }
}

fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let disk = Disk::parse(&args.need("disk")?)?;
    let mounted = folder.join("disk");
    disk.mount(&mounted, &folder)?;
    if args.flag("only-mount")? {
        return args.finish();
    }
    let kind = *Kind::list(&args.need("store")?)?.first().ok_or("no store is named")?;
    let params = args.text("params")?.unwrap_or_default();
    let (rounds, seed) = (args.number("rounds", 1)?, args.number("seed", 0)?);
    args.finish()?;
    let mut report = Report::new("full-disk", "", seed);
    crate::stores::block_on(steps::run(&mounted, kind, &params, rounds, seed, &mut report))?;
    print!("{}", report.lines());
    Ok(())
}

/// Runs the campaign as its options say: `--store` (`stack` is [another one](super::stack)), `--params`, `--disk`, `--rounds`, `--seed`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    if args.clone().text("store")?.as_deref() == Some("stack") {
        args.text("store")?;
        return stack::command(args);
    }
    let kinds = Kind::on_disk(&mut args)?;
    let params = args.text("params")?;
    let disks = match args.text("disk")? {
        Some(name) => vec![Disk::parse(&name)?],
        None => Disk::ALL.to_vec(),
    };
    let rounds = args.number("rounds", 20)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    args.finish()?;
    let program = Program::this()?;
    let mut reports = Vec::new();
    for disk in disks {
        available(&program, disk)?;
        for &kind in &kinds {
            let variants = match &params {
                Some(params) => vec![params.as_str()],
                None => forms::variants(kind).to_vec(),
            };
            for params in variants {
                eprintln!("full-disk {} {params:?} on {}: --seed {seed}", kind.name(), disk.name());
                let params = params.to_owned();
                let options = Options { kind, params, disk, rounds, seed, program: program.clone() };
                let (report, took) = clock::timed(|| run(&options));
                let mut report = report?;
                report.time("took", took);
                reports.push(report);
            }
        }
    }
    Ok(reports)
}
