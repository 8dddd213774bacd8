//! From the text of a store to the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use larder::config::StackConfig;
use larder::{Call, OpenOptions, Registry, Store, TieredStore};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::secrets;

/// How long closing may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a store that is missing is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    Never,
    IfMissing,
}

/// A store that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// The same, where it is a stack.
    pub(crate) tiered: Option<TieredStore>,
}

/// The configuration that STORE names, secrets in their places.
pub(crate) fn config(cx: &Cx, registry: &Registry, text: &str) -> Result<StackConfig> {
    let stack = match text.trim_ascii_start().strip_prefix('@') {
        Some(name) => named(cx, name.trim_ascii_end())?,
        None => StackConfig::parse(text)?,
    };
    secrets::fill(stack, registry)
}

/// Opens STORE.
pub(crate) async fn open(cx: &Cx, text: &str, make: Make) -> Result<Opened> {
    let registry = larder::registry();
    let stack = config(cx, &registry, text)?;
    open_config(cx, &registry, &stack, make).await
}

/// Opens what a configuration says.
pub(crate) async fn open_config(
    cx: &Cx,
    registry: &Registry,
    stack: &StackConfig,
    make: Make,
) -> Result<Opened> {
    // A bucket is never made by Larder, and memory is never there before: asking first would cost a request, and a
    // right, for nothing.
    let kept_here = stack.tiers().last().is_some_and(|tier| matches!(tier.scheme(), "file" | "lmdb"));
    let create = make == Make::IfMissing || !kept_here;
    let options = OpenOptions::new().with_create_if_missing(create).with_env(cx.env.clone());
    let opening = async {
        if stack.alone().is_some() {
            return Ok(Opened { store: registry.open_stack(stack, &options).await?, tiered: None });
        }
        let tiered = TieredStore::open(registry, stack, &options).await?;
        Ok(Opened { store: Arc::new(tiered.clone()), tiered: Some(tiered) })
    };
    cx.until_cancelled(opening).await?
}

impl Opened {
    /// Lets it go. What was written is durable already: a close that takes too long is said, and no failure.
    pub(crate) async fn close(self, cx: &Cx) {
        if let Err(error) = self.store.close(&Call::within(&cx.env, PATIENCE)).await {
            cx.out.note(error.to_string());
        }
    }
}

/// Runs `work` on STORE, and closes it however that ends.
pub(crate) async fn with<T>(
    cx: &Cx,
    text: &str,
    make: Make,
    work: impl AsyncFnOnce(&dyn Store) -> Result<T>,
) -> Result<T> {
    let opened = open(cx, text, make).await?;
    let done = work(&*opened.store).await;
    opened.close(cx).await;
    done
}

/// A store of the configuration file; without a name the one that the file describes.
fn named(cx: &Cx, name: &str) -> Result<StackConfig> {
    let path = cx.common.config.clone().or_else(|| std::env::var_os("LARDER_CONFIG").map(PathBuf::from));
    let Some(path) = path else {
        return Err(Failure::usage("a store by its name needs a configuration")
            .hint("name its file with --config or LARDER_CONFIG"));
    };
    let file = &path.display();
    let text = std::fs::read_to_string(&path).map_err(|e| Failure::usage(format!("{file}: {e}")))?;
    let table: toml::Table = toml::from_str(&text).map_err(|e| wrong(&path, &text, &e))?;
    let mut stores = match table.get("stores") {
        Some(toml::Value::Table(stores)) => stores.clone(),
        Some(_) => return Err(Failure::usage(format!("{file}: stores is no table")).hint(FORM)),
        None => toml::Table::new(),
    };
    let told = match name {
        "" => toml::Value::Table(table.into_iter().filter(|(name, _)| name != "stores").collect()),
        name => stores.remove(name).ok_or_else(|| {
            let known: Vec<_> = stores.keys().map(|name| format!("@{name}")).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            Failure::usage(format!("{file} has no [stores.{name}]")).hint(format!("it has: {known}"))
        })?,
    };
    let read = match told {
        toml::Value::String(text) => return Ok(StackConfig::parse(&text)?),
        // A store that stands alone needs no list of tiers.
        toml::Value::Table(table) if !table.contains_key("tiers") && !table.is_empty() => {
            let tiers = toml::Value::Array(vec![toml::Value::Table(table)]);
            toml::Table::from_iter([("tiers".to_owned(), tiers)]).try_into()
        }
        told => told.try_into(),
    };
    let of = if name.is_empty() { "the store of the file".into() } else { format!("[stores.{name}]") };
    // The message alone: what it shows of the file may hold a secret.
    read.map_err(|e: toml::de::Error| Failure::usage(format!("{file}: {of}: {}", e.message())).hint(FORM))
}

const FORM: &str =
    "prod = \"URL\" under [stores], or [stores.prod] with url and parameters, or with tiers and fresh";

/// What is wrong with the file, and in which line; never the line itself.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
    Failure::usage(format!("{}, line {line}: {}", path.display(), error.message()))
}
