//! One page of a listing.

use std::sync::Arc;

use super::bucket::Bucket;
use super::object::Object;

/// The most that a page holds (Cloud Storage RPC reference, ListObjectsRequest).
pub(super) const LARGEST_PAGE: usize = 1000;

/// What is listed.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) prefix: &'a str,
    pub(super) delimiter: &'a str,
    /// From this name on.
    pub(super) start: &'a str,
    /// Up to, and without, this name; nothing for no end.
    pub(super) end: &'a str,
    pub(super) versions: bool,
    /// What came last on the page before.
    pub(super) after: Option<After>,
    pub(super) most: usize,
}

/// What a page ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum After {
    /// An object, by its generation.
    Object(String, i64),
    Prefix(String),
}

#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Arc<Object>)>,
    pub(super) prefixes: Vec<String>,
    pub(super) next: Option<After>,
}

pub(super) fn page(bucket: &Bucket, wanted: &Wanted<'_>) -> Page {
    let mut page = Page::default();
    let mut last = None;
    let after = wanted.after.as_ref();
    // Where to begin: nothing before it can be on the page.
    let resumed = match after {
        Some(After::Object(name, _) | After::Prefix(name)) => name.as_str(),
        None => "",
    };
    let mut from = [wanted.prefix, wanted.start, resumed].into_iter().max().unwrap_or("").to_owned();
    'names: loop {
        let names = generations(bucket, &from, wanted.versions);
        for (name, object) in names {
            if !name.starts_with(wanted.prefix) || (!wanted.end.is_empty() && &**name >= wanted.end) {
                break 'names;
            }
            match after {
                Some(After::Prefix(prefix)) if name.starts_with(prefix.as_str()) => {
                    from = behind(prefix);
                    continue 'names;
                }
                Some(After::Object(last, generation))
                    if (&**name, object.generation) <= (last.as_str(), *generation) =>
                {
                    continue;
                }
                _ => {}
            }
            let rest = &name[wanted.prefix.len()..];
            let common = match wanted.delimiter {
                "" => None,
                delimiter => rest.find(delimiter).map(|at| wanted.prefix.len() + at + delimiter.len()),
            };
            if page.objects.len() + page.prefixes.len() == wanted.most {
                page.next = last;
                return page;
            }
            match common {
                Some(end) => {
                    let prefix = name[..end].to_owned();
                    last = Some(After::Prefix(prefix.clone()));
                    from = behind(&prefix);
                    page.prefixes.push(prefix);
                    continue 'names;
                }
                None => {
                    last = Some(After::Object(name.to_string(), object.generation));
                    page.objects.push((name.to_string(), object.clone()));
                }
            }
        }
        break;
    }
    page
}

/// A name behind all that begin like this. No name has the character that it ends in more often.
fn behind(prefix: &str) -> String {
    format!("{prefix}{}", "\u{10ffff}".repeat(300))
}

/// The live objects from a name on; with `versions` all generations, the oldest of each name first.
fn generations<'a>(
    bucket: &'a Bucket,
    from: &str,
    versions: bool,
) -> Box<dyn Iterator<Item = (&'a Box<str>, &'a Arc<Object>)> + 'a> {
    let from: Box<str> = from.into();
    let live = bucket.live.range(from.clone()..);
    if !versions {
        return Box::new(live);
    }
    let old = bucket.noncurrent.range((from, 0)..).map(|((name, _), object)| (name, object));
    let mut all: Vec<_> = live.chain(old).collect();
    all.sort_by(|a, b| (a.0, a.1.generation).cmp(&(b.0, b.1.generation)));
    Box::new(all.into_iter())
}
