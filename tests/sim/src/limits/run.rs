//! Fills a store, then has a child with a limit read it.

use larder_store_core::config::StoreConfig;

#[cfg(feature = "s3")]
use super::bucket;
use super::{Options, Subject, child as role, fill};
use crate::report::Report;
use crate::{Outcome, clock, process, stores};

/// Runs a case.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("limits", options.subject.name(), 0);
    match options.subject {
        Subject::Disk(kind) => {
            let (filled, took) =
                clock::timed(|| fill::disk(kind, &options.folder, &options.params, options.keys));
            let config = filled?;
            report.time("filling", took);
            child(options, &config, &mut report)?;
        }
        #[cfg(feature = "s3")]
        Subject::Bucket(layout) => {
            let (filled, took) = clock::timed(|| bucket::fill(layout, &options.folder, options.keys));
            let (double, config) = filled?;
            report.time("filling", took);
            child(options, &config, &mut report)?;
            bucket::look(&double, options, &mut report)?;
        }
    }
    Ok(report)
}

/// Has a child with a limit use the store.
fn child(options: &Options, config: &StoreConfig, report: &mut Report) -> Outcome {
    report.count("limit, KiB", options.limit / 1024);
    let url = stores::url(config);
    let (keys, value, limit) =
        (options.keys.to_string(), options.value.to_string(), options.limit.to_string());
    let args = ["--url", &url, "--keys", &keys, "--value", &value, "--limit", &limit];
    let (said, complaint) = process::told(&mut options.program.role(role::ROLE, args))?;
    report.absorb(&said)?;
    if let Some(complaint) = complaint {
        report.problem(complaint);
    }
    Ok(())
}
