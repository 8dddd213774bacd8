//! `larder backends`.

use clap::Args;
use larder::config::{Param, STACK_PARAMS, StoreConfig};
use larder::{Call, Guarantees, OpenOptions, Registry, Role};
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::temp::Folder;
use crate::{guarantees, json};

const EXAMPLES: &str = "\
Examples:
  larder backends
  larder backends lmdb
  larder backends --json";

/// A kind of store that there is.
struct Known {
    scheme: &'static str,
    form: &'static str,
    about: &'static str,
    compiled: bool,
}

/// Every one, compiled in or not. The features have the names of the schemes.
const KNOWN: [Known; 7] = [
    Known {
        scheme: "memory",
        form: "memory:, memory:NAME",
        about: "in the memory of a process",
        compiled: cfg!(feature = "memory"),
    },
    Known {
        scheme: "file",
        form: "file:PATH",
        about: "a folder with a file for each value",
        compiled: cfg!(feature = "file"),
    },
    Known {
        scheme: "lmdb",
        form: "lmdb:PATH",
        about: "a folder with one memory-mapped database",
        compiled: cfg!(feature = "lmdb"),
    },
    Known {
        scheme: "s3",
        form: "s3://BUCKET/PREFIX",
        about: "objects of a bucket",
        compiled: cfg!(feature = "s3"),
    },
    Known {
        scheme: "redis",
        form: "redis://HOST:PORT/DB/NAMESPACE, rediss://… with TLS",
        about: "a namespace in a Redis server or cluster",
        compiled: cfg!(feature = "redis"),
    },
    Known {
        scheme: "dynamodb",
        form: "dynamodb://TABLE/NAMESPACE",
        about: "items of a table",
        compiled: cfg!(feature = "dynamodb"),
    },
    Known {
        scheme: "gs",
        form: "gs://BUCKET/PREFIX",
        about: "objects of a bucket of Google Cloud Storage",
        compiled: cfg!(feature = "gs"),
    },
];

/// Show the kinds of stores: parameters, guarantees, and how to add what is missing
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backends {
    /// Only this scheme.
    scheme: Option<String>,
}

impl Backends {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let chosen =
            |known: &&Known| self.scheme.as_deref().is_none_or(|s| s.trim_end_matches(':') == known.scheme);
        let chosen: Vec<_> = KNOWN.iter().filter(chosen).collect();
        if chosen.is_empty() {
            let known = KNOWN.map(|known| known.scheme).join(", ");
            let asked = self.scheme.unwrap_or_default();
            return Err(
                Failure::usage(format!("there is no backend {asked:?}")).hint(format!("there are: {known}"))
            );
        }
        let registry = larder::registry();
        for known in &chosen {
            let promised = match known.compiled {
                true => sample(cx, &registry, known.scheme).await.map_err(|failure| {
                    failure.tell(cx);
                }),
                false => Err(()),
            };
            match cx.common.json {
                true => cx.out.json(&as_json(&registry, known, promised.ok().as_ref()))?,
                false => print(cx, &registry, known, promised.ok().as_ref())?,
            }
        }
        if self.scheme.is_none() {
            match cx.common.json {
                true => cx.out.json(&json!({ "stack": true, "parameters": params(STACK_PARAMS) }))?,
                false => {
                    cx.out
                        .line("stack  \"FRONT | … | ORIGIN\": the hottest first; these stand on the last")?;
                    print_params(cx, STACK_PARAMS)?;
                }
            }
        }
        Ok(())
    }
}

/// The command that compiles in what is missing, beside what is there.
pub(super) fn command(scheme: &str) -> String {
    let features: Vec<_> =
        KNOWN.iter().filter(|k| k.compiled || k.scheme == scheme).map(|known| known.scheme).collect();
    format!("cargo install --path cli --no-default-features --features {}", features.join(","))
}

/// Whether it is one that could be compiled in.
pub(super) fn is_known(scheme: &str) -> bool {
    KNOWN.iter().any(|known| known.scheme == scheme)
}

/// What a store of this scheme promises as it is by default. One is opened to ask it, where that makes anything in a
/// temporary folder.
async fn sample(cx: &Cx, registry: &Registry, scheme: &str) -> Result<Guarantees> {
    let folder = Folder::create(cx)?;
    let config = match scheme {
        "file" | "lmdb" => StoreConfig::new(scheme, folder.path().join("store").display().to_string()),
        // Opening asks the service nothing.
        "s3" => StoreConfig::parse("s3://bucket?region=us-east-1&anonymous=true")?,
        "redis" => StoreConfig::parse("redis://127.0.0.1")?,
        "dynamodb" => StoreConfig::parse("dynamodb://table?region=us-east-1")?,
        "gs" => StoreConfig::parse("gs://bucket?anonymous=true")?,
        _ => StoreConfig::new(scheme, ""),
    };
    let options = OpenOptions::new().with_role(Role::Alone).with_env(cx.env.clone());
    let store = registry.open(&config, &options).await?;
    let promised = store.guarantees().clone();
    store.close(&Call::default()).await?;
    Ok(promised)
}

fn print(cx: &Cx, registry: &Registry, known: &Known, promised: Option<&Guarantees>) -> Result {
    cx.out.line(format!("{}  {}: {}", known.scheme, known.form, known.about))?;
    if !known.compiled {
        cx.out.line(format!("  not compiled in: {}", command(known.scheme)))?;
        return cx.out.line("");
    }
    print_params(cx, registry.params(known.scheme))?;
    if let Some(promised) = promised {
        cx.out.line("  by default it guarantees")?;
        for (what, text) in guarantees::rows(promised) {
            cx.out.line(format!("    {what:<20} {text}"))?;
        }
    }
    cx.out.line("")
}

fn print_params(cx: &Cx, params: &[Param]) -> Result {
    if !params.is_empty() {
        cx.out.line("  parameters")?;
    }
    let secret = |param: &Param| if param.secret { "; a secret, or env:NAME, or file:PATH" } else { "" };
    params.iter().try_for_each(|p| cx.out.line(format!("    {:<20} {}{}", p.name, p.about, secret(p))))
}

fn params(params: &[Param]) -> Vec<Value> {
    params.iter().map(|p| json!({ "name": p.name, "about": p.about, "secret": p.secret })).collect()
}

fn as_json(registry: &Registry, known: &Known, promised: Option<&Guarantees>) -> Value {
    json::known(json!({
        "scheme": known.scheme,
        "form": known.form,
        "about": known.about,
        "compiled_in": known.compiled,
        "add_with": (!known.compiled).then(|| command(known.scheme)),
        "parameters": params(registry.params(known.scheme)),
        "guarantees": promised.map(guarantees::as_json),
    }))
}
