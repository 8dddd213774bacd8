//! Fills a store, then has a child with a limit read it.

use std::sync::Arc;

use larder_store_core::{Call, Key, PutItem, PutOptions, Store};

use super::{Options, child};
use crate::process;
use crate::report::Report;
use crate::{Outcome, clock, stores, value};

/// The key of a number: in many folders of all sizes, one of which is huge.
pub(super) fn key(n: u64) -> Key {
    let name = match n % 4 {
        0 => format!("huge/{:x}-{n}", crate::rng::mix(n)),
        1 => format!("{:x}/{:x}/-{n}", n % 241, n % 17),
        2 => format!("top-{n}"),
        _ => format!("a/b/c/{:x}/-{n}", n % 1009),
    };
    Key::new(name).expect("it is legal")
}

/// The length of its value.
pub(super) fn len_of(n: u64) -> usize {
    value::HEAD + (n % 50) as usize
}

/// Runs a case.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("limits", options.kind.name(), 0);
    let config = options.kind.at(&options.folder.join("store"), &options.params)?;
    let (filled, took) = clock::timed(|| {
        stores::block_on(async {
            let store = stores::open(&config).await?;
            fill(&store, options.keys).await?;
            store.close(&Call::default()).await?;
            Outcome::Ok(())
        })
    });
    filled?;
    report.time("filling", took);
    report.count("limit, KiB", options.limit / 1024);
    let url = stores::url(&config);
    let (keys, value, limit) =
        (options.keys.to_string(), options.value.to_string(), options.limit.to_string());
    let args = ["--url", &url, "--keys", &keys, "--value", &value, "--limit", &limit];
    let (said, complaint) = process::told(&mut options.program.role(child::ROLE, args))?;
    report.absorb(&said)?;
    if let Some(complaint) = complaint {
        report.problem(complaint);
    }
    Ok(report)
}

async fn fill(store: &Arc<dyn Store>, keys: u64) -> Outcome {
    let all: Vec<u64> = (0..keys).collect();
    for batch in all.chunks(1000) {
        let items = batch
            .iter()
            .map(|&n| {
                let key = key(n);
                let value = value::make(key.as_str(), n + 1, len_of(n));
                PutItem { key, value, options: PutOptions::new() }
            })
            .collect();
        for done in store.put_many_opts(items, &Call::default()).await {
            done?;
        }
    }
    Ok(())
}
