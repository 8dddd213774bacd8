//! One page of a listing.

use std::ops::Bound;

use base64_simd::URL_SAFE_NO_PAD;
use s3s::{S3Result, s3_error};

use super::bucket::Objects;
use super::object::Object;

/// The most names in a page.
pub(super) const LARGEST_PAGE: usize = 1000;

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum After {
    #[default]
    Nothing,
    /// Behind this name.
    Key(Vec<u8>),
    /// Behind every name that begins so: the page before ended with this common prefix.
    Prefix(Vec<u8>),
}

impl After {
    pub(super) fn token(&self) -> String {
        let (mark, name) = match self {
            Self::Nothing => (b'n', &[][..]),
            Self::Key(name) => (b'k', &name[..]),
            Self::Prefix(name) => (b'p', &name[..]),
        };
        URL_SAFE_NO_PAD.encode_to_string([&[mark], name].concat())
    }

    pub(super) fn of_token(token: &str) -> S3Result<Self> {
        let decoded = URL_SAFE_NO_PAD.decode_to_vec(token).unwrap_or_default();
        match decoded.split_first() {
            Some((b'k', name)) => Ok(Self::Key(name.to_vec())),
            Some((b'p', name)) => Ok(Self::Prefix(name.to_vec())),
            _ => Err(s3_error!(InvalidArgument, "The continuation token provided is incorrect")),
        }
    }
}

#[derive(Debug)]
pub(super) enum Item<'a> {
    Object(&'a [u8], &'a Object),
    Prefix(&'a [u8]),
}

#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<After>,
}

/// At most `most` names that begin with `prefix`, in the order of their bytes; those with `delimiter` behind the
/// prefix are one common prefix.
pub(super) fn page<'a>(
    objects: &'a Objects,
    prefix: &[u8],
    delimiter: Option<&[u8]>,
    after: &After,
    most: usize,
) -> Page<'a> {
    let mut items = Vec::new();
    let mut last = After::Nothing;
    let mut from = match after {
        After::Nothing => Some(Bound::Included(prefix.to_vec())),
        After::Key(name) if name.as_slice() < prefix => Some(Bound::Included(prefix.to_vec())),
        After::Key(name) => Some(Bound::Excluded(name.clone())),
        After::Prefix(name) => behind(name).map(Bound::Included),
    };
    'pages: while let Some(start) = from.take() {
        let start = start.as_ref().map(Vec::as_slice);
        for (name, object) in objects.range::<[u8], _>((start, Bound::Unbounded)) {
            if !name.starts_with(prefix) {
                break 'pages;
            }
            if items.len() == most {
                // Nothing was asked for, so nothing is left out.
                let next = (most > 0).then_some(last);
                return Page { items, next };
            }
            let common = delimiter.and_then(|delimiter| find(&name[prefix.len()..], delimiter));
            if let Some(end) = common {
                let group = &name[..prefix.len() + end];
                items.push(Item::Prefix(group));
                last = After::Prefix(group.to_vec());
                from = behind(group).map(Bound::Included);
                continue 'pages;
            }
            items.push(Item::Object(name, object));
            last = After::Key(name.to_vec());
        }
    }
    Page { items, next: None }
}

/// The end of the first `delimiter` in `name`.
fn find(name: &[u8], delimiter: &[u8]) -> Option<usize> {
    name.windows(delimiter.len()).position(|window| window == delimiter).map(|at| at + delimiter.len())
}

/// The first name behind every name that begins with `prefix`; `None` if there can be none.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut name = prefix.to_vec();
    while let Some(last) = name.pop() {
        if last < u8::MAX {
            name.push(last + 1);
            return Some(name);
        }
    }
    None
}
