//! `larder get`.

use std::path::PathBuf;

use clap::Args;
use futures_util::StreamExt;
use larder::{ByteRange, ByteStream, GetOptions, Got, Key, Meta, Store, Version, derived};
use serde_json::json;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::open::{self, Make};
use crate::progress::Progress;
use crate::target::Target;
use crate::{escape, meta};

const EXAMPLES: &str = "\
Examples:
  larder get file:data user/7
  larder get file:data logs/app --range 0-99
  larder get file:data logs/app --range -10 -o tail.txt
  larder --json get file:data user/7";

/// The most bytes of a value that go into a line of JSON.
const MOST_IN_JSON: u64 = 16 << 20;

/// Read a value, to the standard output or a file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The value's key.
    key: String,
    /// Write to this file, which is there whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only these bytes: 0-99 (both included), 100- (to the end), -50 (the last 50).
    #[arg(long, value_name = "RANGE", value_parser = range, allow_hyphen_values = true)]
    range: Option<ByteRange>,
    /// Only if the value has this version, else exit code 4.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    if_version: Option<Version>,
}

impl Get {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, Make::Never, async |store| self.get(cx, store).await).await
    }

    async fn get(&self, cx: &Cx, store: &dyn Store) -> Result {
        let key = Key::new(self.key.as_str())?;
        let mut options = GetOptions::new().with_call(cx.call());
        options.range = self.range;
        options.only = self.if_version.clone();
        let got = store.get_stream_opts(&key, &options).await?;
        let Got::Found { meta, body, .. } = got else { return Err(absent(&key, store)) };
        let size = match (self.range, meta.size) {
            (Some(range), Some(size)) => range.resolve(size).ok().map(|part| part.end - part.start),
            (_, size) => size,
        };
        match &self.output {
            Some(path) => {
                let mut target = Target::create(path, &cx.env)?;
                let progress = Progress::bytes(cx, &self.key, size);
                self.copy(cx, body, |piece| {
                    progress.add(piece.len() as u64);
                    target.write(piece)
                })
                .await?;
                target.finish()?;
                progress.end();
                if cx.common.json {
                    cx.out.json(&meta::as_json(&meta))?;
                }
                Ok(())
            }
            None if cx.common.json => self.in_json(cx, &meta, size, body).await,
            None => self.copy(cx, body, |piece| cx.out.bytes(piece)).await,
        }
    }

    async fn copy(&self, cx: &Cx, mut body: ByteStream, mut write: impl FnMut(&[u8]) -> Result) -> Result {
        while let Some(piece) = cx.until_cancelled(body.next()).await? {
            write(&piece?)?;
        }
        Ok(())
    }

    /// The meta, and the value as text or in Base64.
    async fn in_json(&self, cx: &Cx, meta: &Meta, size: Option<u64>, body: ByteStream) -> Result {
        if size.is_none_or(|size| size > MOST_IN_JSON) {
            let why = format!("a value above {} MiB does not go into a line of JSON", MOST_IN_JSON >> 20);
            return Err(Failure::usage(why).hint("write it to a file with -o FILE, or leave --json out"));
        }
        let value = cx.until_cancelled(derived::collect(body, size.unwrap_or(0))).await??;
        let mut told = meta::as_json(meta);
        match str::from_utf8(&value) {
            Ok(text) => told["value"] = json!(text),
            Err(_) => told["value_base64"] = json!(base64_simd::STANDARD.encode_to_string(&value)),
        }
        cx.out.json(&told)
    }
}

/// There is no value.
pub(crate) fn absent(key: &Key, store: &dyn Store) -> Failure {
    let why = format!(
        "there is no value {} in {}",
        escape::shown(&format!("{key:?}")).replace("\\\\", "\\"),
        store.id()
    );
    Failure::own(Exit::Absent, why)
}

/// `0-99`, `100-`, `-50`.
fn range(text: &str) -> Result<ByteRange, String> {
    let wrong = || "wants bytes as in 0-99, 100- or -50".to_owned();
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let range = match (from, to) {
        ("", last) => ByteRange::suffix(number(last).ok_or_else(wrong)?),
        (from, "") => ByteRange::From(number(from).ok_or_else(wrong)?),
        (from, to) => {
            let (start, last) = (number(from).ok_or_else(wrong)?, number(to).ok_or_else(wrong)?);
            ByteRange::Bounded { start, end: last.checked_add(1).ok_or_else(wrong)? }
        }
    };
    range.check().map(|()| range).map_err(|e| e.why().to_owned())
}

/// A version, as `stat` and `put` print it.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    text.parse().map_err(|_| "wants a version as stat and put print it: W:…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        assert_eq!(range("0-99"), Ok((0..100).into()));
        assert_eq!(range("100-"), Ok((100..).into()));
        assert_eq!(range("-50"), Ok(ByteRange::suffix(50)));
        for bad in ["", "-", "1", "2-1", "-0", "+1-2", "a-b", "1-2-3", "0-18446744073709551615"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
