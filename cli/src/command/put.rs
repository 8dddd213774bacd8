//! `larder put`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use larder::config::parse_duration;
use larder::{Attributes, Durability, Key, Native, Op, Precondition, PutOptions, Store, Version};
use serde_json::json;

use super::get::version;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::open::{self, Make};
use crate::progress::Progress;
use crate::source::{self, Body};
use crate::{escape, json, time, units};

const EXAMPLES: &str = "\
Examples:
  echo Anna | larder put file:data user/8
  larder put file:data logo --content-type image/png logo.png
  larder put lmdb:cache session/1 --expires 30d --if-absent logo.png
  larder put file:data report --attribute owner=anna --attribute year=2026 report.pdf";

/// Write a value from a file or the standard input, atomically
///
/// A reader sees the value before or the new one, whole. A store that is missing is made. What is cut short (an input that
/// fails, Ctrl-C, a kill) leaves nothing visible.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Put {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The value's key.
    key: String,
    /// What to write; - and nothing are the standard input.
    file: Option<PathBuf>,
    /// Only if there is no value, else exit code 4.
    #[arg(long, conflicts_with = "if_version")]
    if_absent: bool,
    /// Only if the value has this version, else exit code 4.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    if_version: Option<Version>,
    /// From when on the value is absent: a time from now (30d, 12h, 90s) or a moment (2026-12-31T12:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    expires: Option<Expiry>,
    /// Content-Type, kept beside the value.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Cache-Control.
    #[arg(long, value_name = "TEXT")]
    cache_control: Option<String>,
    /// Content-Encoding.
    #[arg(long, value_name = "TEXT")]
    content_encoding: Option<String>,
    /// Content-Disposition.
    #[arg(long, value_name = "TEXT")]
    content_disposition: Option<String>,
    /// Content-Language.
    #[arg(long, value_name = "TEXT")]
    content_language: Option<String>,
    /// An attribute of your own, kept beside the value; as often as you like, 1,024 bytes in all.
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    attribute: Vec<(String, String)>,
}

/// When a value expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    In(Duration),
    At(SystemTime),
}

impl Put {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        // What is wrong with the call is said before a store is made.
        let (key, options) = (Key::new(self.key.as_str())?, self.options(cx)?);
        let source = source::open(cx, self.file.as_deref())?;
        open::with(cx, &self.store, Make::IfMissing, async |store| {
            self.put(cx, store, key, options, source).await
        })
        .await
    }

    fn options(&self, cx: &Cx) -> Result<PutOptions> {
        let mut options = PutOptions::new().with_call(cx.call()).with_attributes(self.attributes());
        options.pre = match &self.if_version {
            Some(version) => Precondition::Matches(version.clone()),
            None if self.if_absent => Precondition::Absent,
            None => Precondition::Any,
        };
        let now = cx.env.wall();
        let too_far = || Failure::usage("--expires is further away than can be told");
        options.expires = match self.expires {
            None => None,
            Some(Expiry::In(time)) => Some(now.checked_add(time).ok_or_else(too_far)?),
            Some(Expiry::At(at)) if at <= now => {
                let why =
                    format!("--expires {} is past: the value would be absent at once", time::seconds(at));
                return Err(Failure::usage(why).hint("leave it out, or remove the value with larder rm"));
            }
            Some(Expiry::At(at)) => Some(at),
        };
        Ok(options)
    }

    fn attributes(&self) -> Attributes {
        let native = [
            (Native::ContentType, &self.content_type),
            (Native::CacheControl, &self.cache_control),
            (Native::ContentEncoding, &self.content_encoding),
            (Native::ContentDisposition, &self.content_disposition),
            (Native::ContentLanguage, &self.content_language),
        ];
        let mut attributes = Attributes::new();
        for (field, text) in native {
            if let Some(text) = text {
                attributes = attributes.set_native(field, text.clone());
            }
        }
        self.attribute.iter().fold(attributes, |all, (name, value)| all.set(name.clone(), value.clone()))
    }

    async fn put(
        &self,
        cx: &Cx,
        store: &dyn Store,
        key: Key,
        mut options: PutOptions,
        source: source::Source,
    ) -> Result {
        // Before anything is read: who waits for an input should not learn afterwards that it was in vain.
        store.guarantees().check_put(Op::Put, &key, &options, source.size).map_err(|e| e.at(store.id()))?;
        let (told, progress) = (source.size, Progress::bytes(cx, &self.key, source.size));
        let body = cx.until_cancelled(source.body(progress.clone())).await??;
        let written = match body {
            Body::Whole(value) => store.put_opts(&key, value, &options).await?,
            Body::Stream(body) => {
                options.size_hint = told;
                store.put_stream_opts(&key, body, &options).await?
            }
        };
        let size = progress.position();
        progress.end();
        if cx.common.json {
            return cx.out.json(&json::known(json!({
                "key": key.as_str(),
                "size": size,
                "version": written.version.to_string(),
                "write_id": written.write_id.to_string(),
                "durability": durability(written.durability),
                "settled": written.settled,
                "modified": written.modified.map(time::exact),
            })));
        }
        if !written.settled {
            cx.out.note("an attempt got no answer, and may land later over another write");
        }
        if cx.common.quiet {
            return Ok(());
        }
        let (key, size, version) = (escape::shown(key.as_str()), units::bytes(size), &written.version);
        cx.out.line(format!("{key}: {size}, version {}", escape::shown(&version.to_string())))
    }
}

/// How long what was written lasts.
fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Process => "process",
        Durability::Host => "host",
        _ => "durable",
    }
}

/// `30d`, or a moment.
fn expiry(text: &str) -> Result<Expiry, String> {
    if let Some(time) = parse_duration(text) {
        return Ok(Expiry::In(time));
    }
    let wanted = "wants a time from now (30d, 12h, 5m, 90s) or a moment (2026-12-31T12:00:00Z)";
    time::parse(text).map(Expiry::At).ok_or_else(|| wanted.to_owned())
}

/// `NAME=VALUE`.
fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("wants NAME=VALUE".into()),
    }
}
