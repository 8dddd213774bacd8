//! One store.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use larder::config::StoreConfig;
use larder::probe::{Found, probe};
use larder::{
    Call, Error, ErrorKind, GetOptions, ListOptions, Listed, Meta, Op, OpenOptions, Registry, Role, Store,
    SweepOptions,
};

use super::folder;
use super::report::Report;
use crate::command::{backends, probe as words};
use crate::error::Result;
use crate::{escape, units};

/// How long closing may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How many names are listed.
const LISTED: usize = 1000;
/// How many values are read, and how large they may be.
const READ: usize = 3;
const READ_BYTES: u64 = 8 << 20;

/// How far one came with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    Fails,
    NotThere,
    Works,
}

/// Looks at a store, step by step, until one fails that the others need.
pub(super) async fn examine(
    report: &mut Report<'_>,
    registry: &Registry,
    config: &StoreConfig,
    role: Role,
    read_only: bool,
) -> Result<Seen> {
    let scheme = config.scheme();
    if !registry.schemes().any(|known| known == scheme) {
        let advice = match backends::is_known(scheme) {
            true => backends::command(scheme),
            false => format!("there are: {}", registry.schemes().collect::<Vec<_>>().join(", ")),
        };
        report.wrong("backend", format!("{scheme}: is not compiled in"), &advice)?;
        return Ok(Seen::Fails);
    }
    if matches!(scheme, "file" | "lmdb") {
        match config.path() {
            Ok(path) => match folder::examine(report, path)? {
                Seen::Works => {}
                seen => return Ok(seen),
            },
            Err(error) => {
                report.error("place", &error)?;
                return Ok(Seen::Fails);
            }
        }
    }
    let options = OpenOptions::new().with_role(role).with_env(report.cx.env.clone());
    // Memory is never there before it is opened.
    if scheme != "memory" {
        let there = registry.exists(config, &options);
        match report.cx.until_cancelled(there).await? {
            Ok(true) => report.ok("store", "is there")?,
            Ok(false) if matches!(scheme, "file" | "lmdb") => {
                report.ok("store", "none is there yet; it is made when something is put")?;
                return Ok(Seen::NotThere);
            }
            Ok(false) => {
                report.wrong(
                    "store",
                    "there is none",
                    "make the bucket, or mend its name: Larder makes none",
                )?;
                return Ok(Seen::Fails);
            }
            // Whoever may not look at a bucket may still be allowed what is in it.
            Err(error) if error.is(ErrorKind::Denied) => report.doubt("store", &error)?,
            Err(error) => {
                report.error("store", &error)?;
                return Ok(Seen::Fails);
            }
        }
    }
    // Nothing that is kept is made: it is there.
    let options = options.with_create_if_missing(!matches!(scheme, "file" | "lmdb"));
    let opening = registry.open(config, &options);
    let store = match report.cx.until_cancelled(opening).await? {
        Ok(store) => store,
        Err(error) => {
            report.error("open", &error)?;
            return Ok(Seen::Fails);
        }
    };
    report.ok("open", escape::shown(&store.id().to_string()))?;
    let done = use_it(report, &*store, read_only).await;
    let closed = store.close(&Call::within(&report.cx.env, PATIENCE)).await;
    done?;
    if let Err(error) = closed {
        report.doubt("close", &error)?;
    }
    Ok(Seen::Works)
}

async fn use_it(report: &mut Report<'_>, store: &dyn Store, read_only: bool) -> Result {
    let some = list(report, store).await?;
    read(report, store, &some).await?;
    if read_only {
        return Ok(());
    }
    write(report, store).await?;
    leftovers(report, store).await
}

/// Lists the first keys, foreign objects among them.
async fn list(report: &mut Report<'_>, store: &dyn Store) -> Result<Vec<Meta>> {
    let cx = report.cx;
    let items = store.list_opts(ListOptions::new().with_limit(LISTED).with_call(cx.call()));
    let listed: larder::Result<Vec<_>> = cx.until_cancelled(items.take(LISTED).try_collect()).await?;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            report.error("list", &error)?;
            return Ok(Vec::new());
        }
    };
    let more = if listed.len() == LISTED { ", and there may be more" } else { "" };
    let (mut metas, mut foreign) = (Vec::new(), Vec::new());
    for item in listed {
        match item {
            Listed::Entry(meta) => metas.push(meta),
            Listed::Foreign { name, why } => foreign.push(format!("{}: {why}", escape::shown(&name))),
            _ => {}
        }
    }
    report.ok("list", format!("{}{more}", units::count(metas.len() as u64, "value", "values")))?;
    if let Some(first) = foreign.first() {
        let found = format!("{}, first {first}", units::count(foreign.len() as u64, "object", "objects"));
        report.warning(
            "foreign objects",
            found,
            "they are no values, and are left alone: move them elsewhere",
        )?;
    }
    Ok(metas)
}

/// Reads some of them, so that damage shows.
async fn read(report: &mut Report<'_>, store: &dyn Store, metas: &[Meta]) -> Result {
    let (cx, mut count) = (report.cx, 0);
    let small = |meta: &&Meta| meta.size.is_none_or(|size| size <= READ_BYTES);
    // From all over the listing.
    let small: Vec<_> = metas.iter().filter(small).collect();
    let step = small.len().div_ceil(READ).max(1);
    for meta in small.into_iter().step_by(step) {
        let options = GetOptions::new().with_call(cx.call());
        let got = cx.until_cancelled(drained(store, meta, &options)).await?;
        match got {
            Ok(()) => count += 1,
            Err(error) => report.error("read", &error)?,
        }
    }
    match count {
        0 => Ok(()),
        _ => report.ok("read", format!("{}, whole", units::count(count, "value", "values"))),
    }
}

/// Reads a value to its end.
async fn drained(store: &dyn Store, meta: &Meta, options: &GetOptions) -> larder::Result<()> {
    match store.get_stream_opts(&meta.key, options).await?.into_body() {
        Some(body) => body.try_for_each(|_| async { Ok(()) }).await,
        // It was removed, or has expired, meanwhile.
        None => Ok(()),
    }
}

/// Tries what the store promises.
async fn write(report: &mut Report<'_>, store: &dyn Store) -> Result {
    let cx = report.cx;
    let probed = match probe(store, &cx.env, &cx.call()).await {
        Ok(probed) => probed,
        Err(error) => return report.error("write", &error),
    };
    let (mut tried, mut broken) = (0, false);
    for finding in &probed.findings {
        match &finding.found {
            Found::Kept => tried += 1,
            Found::Broken(seen) => {
                broken = true;
                let advice = "do not rely on it; for s3: and gs: conditions=probed refuses what the service does not keep";
                report.wrong(
                    "write",
                    format!("{} are claimed and not kept: {seen}", finding.what),
                    advice,
                )?;
            }
            Found::Unclear(error) => {
                let told = Error::new(error.kind(), Op::Put, format!("{}: {}", finding.what, error.why()));
                report.doubt("write", &told)?;
            }
            _ => {}
        }
    }
    if !broken {
        report.ok(
            "write",
            format!("{tried} promises tried and kept, compare-and-swap in scope {}", store.guarantees().cas),
        )?;
    }
    match probed.clock_ahead_ms {
        Some(off) if words::is_off(off) => report.warning(
            "clock",
            format!("the service's clock is {}", words::clock(off)),
            "set this machine's clock by NTP: services refuse requests that are minutes off, and expiry is by it",
        ),
        Some(_) => report.ok("clock", "as the service's"),
        None => Ok(()),
    }
}

/// Looks for what killed writers left.
async fn leftovers(report: &mut Report<'_>, store: &dyn Store) -> Result {
    let cx = report.cx;
    let options = SweepOptions::new().with_dry_run(true).with_call(cx.call());
    match store.sweep(&options).await {
        Ok(swept) if swept.found == 0 => report.ok("leftovers", "none older than an hour"),
        Ok(swept) => {
            let first =
                swept.names.first().map_or(String::new(), |name| format!(", first {}", escape::shown(name)));
            let count = units::count(swept.found, "leftover", "leftovers");
            let found = format!("{count} of writers that were killed, {}{first}", units::bytes(swept.bytes));
            report.warning("leftovers", found, "larder gc-uploads removes them; no value is among them")
        }
        Err(error) if error.is(ErrorKind::Unsupported) => Ok(()),
        Err(error) => report.doubt("leftovers", &error),
    }
}
