//! What a job would do: `--dry-run`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::config::{StackConfig, StoreConfig};
use larder::migrate::{Plan, Requests};
use larder::{ErrorKind, Registry, Store};
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::open::{self, Make};
use crate::stores::Stores;
use crate::temp::Folder;
use crate::{escape, json, units};

/// A target that is judged and not written.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) store: Arc<dyn Store>,
    /// Whether it is there already; else this is a stand-in.
    pub(crate) is_there: bool,
}

impl Target {
    /// Opens the store; where there is none yet, an empty one of the same configuration in a temporary folder.
    pub(crate) async fn open(cx: &Cx, stores: &mut Stores<'_>, text: &str) -> Result<Target> {
        let failure = match stores.open(text, Make::Never).await {
            Ok(store) => return Ok(Target { store, is_there: true }),
            Err(failure) => failure,
        };
        let registry = larder::registry();
        let stack = open::config(cx, &registry, text)?;
        let Some(origin) = stack.tiers().last().filter(|tier| matches!(tier.scheme(), "file" | "lmdb"))
        else {
            return Err(failure);
        };
        let is_missing = matches!(&failure, Failure::Store(e) if e.is(ErrorKind::Invalid));
        if !is_missing {
            return Err(failure);
        }
        if !is_empty(origin.path()?) {
            // It may be a front that is missing.
            return match stack.alone() {
                Some(_) => Err(failure),
                None => {
                    let store = alone(cx, &registry, stores, origin.clone(), None).await?;
                    Ok(Target { store, is_there: true })
                }
            };
        }
        let folder = Folder::create(cx)?;
        let place = folder.path().join("store").display().to_string();
        let config = origin.param_names().fold(StoreConfig::new(origin.scheme(), place), |config, name| {
            config.with_param(name, origin.param(name).unwrap_or_default())
        });
        let store = alone(cx, &registry, stores, config, Some(folder)).await?;
        Ok(Target { store, is_there: false })
    }
}

async fn alone(
    cx: &Cx,
    registry: &Registry,
    stores: &mut Stores<'_>,
    config: StoreConfig,
    folder: Option<Folder>,
) -> Result<Arc<dyn Store>> {
    let stack = StackConfig::from_tiers(vec![config])?;
    let make = if folder.is_some() { Make::IfMissing } else { Make::Never };
    let opened = open::open_config(cx, registry, &stack, make).await?;
    Ok(stores.keep(opened, folder))
}

/// Whether nothing is there, or an empty folder.
fn is_empty(path: &Path) -> bool {
    std::fs::read_dir(path).map_or(!path.exists(), |mut entries| entries.next().is_none())
}

/// How a plan is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    /// Whether a job with a target that is no dump.
    pub(crate) writes: bool,
    /// Whether the target is there already.
    pub(crate) is_there: bool,
    /// Whether what cannot be carried would stop the job.
    pub(crate) refuses: bool,
}

/// Tells it; the exit code is that of the job if it would refuse.
pub(crate) fn tell(cx: &Cx, plan: &Plan, telling: Telling) -> Result {
    let refused = telling.refuses && !plan.found.misfits.is_empty();
    if cx.common.json {
        let mut value = serde_json::to_value(plan).unwrap_or(Value::Null);
        value["dry_run"] = json!(true);
        value["refused"] = json!(refused);
        if telling.writes {
            value["target_is_there"] = json!(telling.is_there);
        }
        cx.out.json(&json::known(value))?;
    } else {
        for (name, text) in rows(plan, telling) {
            cx.out.line(format!("{name:<11} {text}"))?;
        }
        cx.out.line(if refused {
            "nothing was written; it would be refused"
        } else {
            "nothing was written"
        })?;
    }
    match refused {
        true => Err(Failure::Said(Exit::Unsupported)),
        false => Ok(()),
    }
}

fn rows<'n>(plan: &Plan, telling: Telling) -> Vec<(&'n str, String)> {
    let found = &plan.found;
    let unknown = match found.of_unknown_size {
        0 => String::new(),
        n => format!(", and {n} of unknown size"),
    };
    let entries = units::count(found.entries, "entry", "entries");
    let mut rows = vec![("found", format!("{entries}, {}{unknown}", units::bytes(found.bytes)))];
    for misfit in &found.misfits {
        let first = misfit.examples.first().map(|name| format!(", first {}", escape::shown(name)));
        let text =
            format!("{} × {}: {}{}", misfit.entries, misfit.class, misfit.why, first.unwrap_or_default());
        rows.push(("not carried", text));
    }
    if telling.writes && !telling.is_there {
        rows.push(("target", "is not there yet, and would be made".to_owned()));
    }
    if plan.source != Requests::default() {
        let (lists, reads) = (plan.source.lists, plan.source.reads);
        let lists = units::count(lists, "listing", "listings");
        rows.push(("asks for", format!("{lists}, {}", units::count(reads, "read", "reads"))));
    }
    if telling.writes {
        rows.push(("makes", units::count(plan.target.writes, "write", "writes")));
    }
    rows.push(match plan.dollars {
        Some(dollars) if dollars > 0.0 => {
            ("costs", format!("about ${dollars:.4} for requests, at list price; transfer is not in it"))
        }
        Some(_) => ("costs", "nothing for requests".to_owned()),
        None => ("costs", "not known for this service".to_owned()),
    });
    if let Some(time) = plan.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        rows.push(("takes", format!("about {}", units::span(time))));
    }
    rows
}
