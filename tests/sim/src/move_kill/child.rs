//! The child that does the work until it is killed.

use std::time::Duration;

use larder_migrate::{ExportOptions, JobOptions, Rate, Report, WriteOptions, copy, export, import};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, ErrorKind};

use super::case;
use super::ground::Dump;
use crate::args::Args;
use crate::{Outcome, process, stores};

/// The name of the role.
pub(super) const ROLE: &str = "role-move";

/// What a child says that found the dump whole: one that was killed behind its last step.
pub(super) const WHOLE: &str = "whole";

/// Plays the role.
///
/// # Errors
/// Those of the work.
pub(super) fn play(args: Args) -> Outcome {
    process::die_with_parent()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match runtime.block_on(run(args)) {
        Ok(report) => {
            println!("resumed {}", report.resumed);
            println!("seen {}", report.written + report.same + report.skipped);
            Ok(())
        }
        Err(error) => match error.downcast::<larder_store_core::Error>() {
            Ok(error) if is_whole(&error) => {
                println!("{WHOLE}");
                Ok(())
            }
            Ok(error) => Err(error),
            Err(error) => Err(error),
        },
    }
}

fn is_whole(error: &larder_store_core::Error) -> bool {
    error.is(ErrorKind::Invalid) && error.to_string().contains("a whole dump is there already")
}

async fn run(mut args: Args) -> Outcome<Report> {
    let work = args.need("work")?;
    let rate = Rate::new().with_entries(args.number("entries", 0)?).with_bytes(args.number("bytes", 0)?);
    let mut job = JobOptions::new().with_rate(rate);
    job.remember = Duration::from_millis(args.number("remember", 1000)?);
    job.preflight = !args.flag("no-preflight")?;
    let dump = Dump::take(&mut args)?;
    let source = args.text("source")?;
    let target = args.text("target")?;
    let open = async |url: Option<String>| {
        let url = url.ok_or("a store is missing")?;
        Outcome::Ok(stores::open(&StoreConfig::parse(&url)?).await?)
    };
    let encoding = case::encoding(&args.need("encoding")?).ok_or("there is no such encoding")?;
    let on_conflict = case::on_conflict(&args.need("conflict")?).ok_or("there is no such word")?;
    let split = args.number("split", 0)?;
    args.finish()?;
    let write = WriteOptions::new().with_job(job.clone()).with_on_conflict(on_conflict);
    let (report, close) = match &*work {
        "export" => {
            let source = open(source).await?;
            let mut options = ExportOptions::new().with_job(job).with_encoding(encoding);
            options.split = (split > 0).then_some(split);
            let place = dump.ok_or("a dump is missing")?.place().await?;
            (export(source.clone(), place, &options).await?, vec![source])
        }
        "import" => {
            let target = open(target).await?;
            let place = dump.ok_or("a dump is missing")?.place().await?;
            (import(place, target.clone(), &write).await?, vec![target])
        }
        "copy" => {
            let (source, target) = (open(source).await?, open(target).await?);
            (copy(source.clone(), target.clone(), &write).await?, vec![source, target])
        }
        other => return Err(format!("there is no work {other:?}").into()),
    };
    for store in close {
        store.close(&Call::default()).await?;
    }
    Ok(report)
}
