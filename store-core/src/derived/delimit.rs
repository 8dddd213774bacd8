//! Listings over anything that can seek: prefix, start-after, delimiter and limit in one place.

use crate::options::ListOptions;
use crate::outcome::Listed;

/// Where a listing looks next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The first key at or after this text.
    From(String),
    /// The first key after this text.
    After(String),
    /// The first key after all that start with this text.
    Past(String),
}

impl Place {
    /// The smallest byte string that may be a key there, and whether it counts itself.
    ///
    /// `None`: nothing can follow.
    pub fn bound(&self) -> Option<(Vec<u8>, bool)> {
        match self {
            Place::From(text) => Some((text.clone().into_bytes(), true)),
            Place::After(text) => Some((text.clone().into_bytes(), false)),
            Place::Past(prefix) => successor(prefix.as_bytes()).map(|bytes| (bytes, true)),
        }
    }
}

/// The smallest byte string above all that start with `prefix`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let end = prefix.iter().rposition(|&b| b < 0xff)?;
    let mut bytes = prefix[..=end].to_vec();
    bytes[end] += 1;
    Some(bytes)
}

/// The rules of a listing. A store asks [`Cursor::place`] where to look, and tells [`Cursor::meet`] which key it found
/// there.
///
/// ```
/// use larder_store_core::{ListOptions, derived::{Cursor, Delimited, Place}};
/// let mut cursor = Cursor::new(&ListOptions::new().with_prefix("a/").with_delimiter("/"));
/// assert_eq!(cursor.place(), Some(Place::From("a/".into())));
/// assert_eq!(cursor.meet("a/b/1"), Delimited::Prefix("a/b/".into()));
/// assert_eq!(cursor.place(), Some(Place::Past("a/b/".into())));
/// assert_eq!(cursor.meet("a/c"), Delimited::Entry);
/// assert_eq!(cursor.meet("b"), Delimited::End);
/// ```
#[derive(Debug, Clone)]
pub struct Cursor {
    prefix: String,
    delimiter: Option<String>,
    start_after: Option<String>,
    left: usize,
    place: Option<Place>,
}

/// What a key that was met means to a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delimited {
    /// Report it.
    Entry,
    /// Report this common prefix, and not the key.
    Prefix(String),
    /// Report nothing, and go on.
    Skip,
    /// The listing is over.
    End,
}

impl Cursor {
    /// A listing with these options, at its beginning.
    pub fn new(options: &ListOptions) -> Cursor {
        let prefix = options.prefix.clone();
        let place = match &options.start_after {
            Some(after) if after.as_bytes() >= prefix.as_bytes() => Place::After(after.clone()),
            _ => Place::From(prefix.clone()),
        };
        Cursor {
            delimiter: options.delimiter.clone().filter(|d| !d.is_empty()),
            start_after: options.start_after.clone(),
            left: options.limit.unwrap_or(usize::MAX),
            place: Some(place),
            prefix,
        }
    }

    /// Where to look next; `None` when the listing is over.
    pub fn place(&self) -> Option<Place> {
        self.place.clone().filter(|_| self.left > 0)
    }

    /// Takes the next key in order from [`Cursor::place`] on, and says what to do with it.
    pub fn meet(&mut self, key: &str) -> Delimited {
        if self.left == 0 || !key.starts_with(&self.prefix) {
            self.place = None;
            return Delimited::End;
        }
        if let Some(delimiter) = &self.delimiter
            && let Some(at) = key[self.prefix.len()..].find(delimiter.as_str())
        {
            let common = key[..self.prefix.len() + at + delimiter.len()].to_owned();
            self.place = Some(Place::Past(common.clone()));
            // A listing is resumed from any name it gave: what is not after that name was reported before.
            if self.start_after.as_ref().is_some_and(|after| common.as_bytes() <= after.as_bytes()) {
                return Delimited::Skip;
            }
            self.left -= 1;
            return Delimited::Prefix(common);
        }
        self.left -= 1;
        self.place = Some(Place::After(key.to_owned()));
        Delimited::Entry
    }

    /// Takes back the last entry, which turned out to be none (it has expired): it does not count to the limit.
    pub fn forget(&mut self) {
        self.left = self.left.saturating_add(1);
    }
}

impl Delimited {
    /// Turns it into what the listing gives, with the meta of the key that was met.
    pub fn listed(self, meta: impl FnOnce() -> crate::Meta) -> Option<Listed> {
        match self {
            Delimited::Entry => Some(Listed::Entry(meta())),
            Delimited::Prefix(prefix) => Some(Listed::Prefix(prefix)),
            Delimited::Skip | Delimited::End => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The obvious listing, to compare with.
    fn naive(keys: &BTreeSet<&str>, o: &ListOptions) -> Vec<String> {
        let mut names = BTreeSet::new();
        for key in keys.iter().filter(|k| k.starts_with(&o.prefix)) {
            let rest = &key[o.prefix.len()..];
            let name = match o.delimiter.as_ref().and_then(|d| Some((rest.find(d.as_str())?, d))) {
                Some((at, d)) => key[..o.prefix.len() + at + d.len()].to_owned(),
                None => (*key).to_owned(),
            };
            names.insert(name);
        }
        let after = o.start_after.clone().unwrap_or_default();
        names.into_iter().filter(|n| *n > after).take(o.limit.unwrap_or(usize::MAX)).collect()
    }

    fn walk(keys: &BTreeSet<&str>, o: &ListOptions) -> Vec<String> {
        let mut cursor = Cursor::new(o);
        let mut names = Vec::new();
        while let Some((bound, inclusive)) = cursor.place().and_then(|p| p.bound()) {
            let from = keys
                .iter()
                .find(|k| if inclusive { k.as_bytes() >= &bound[..] } else { k.as_bytes() > &bound[..] });
            let Some(key) = from else { break };
            match cursor.meet(key) {
                Delimited::Entry => names.push((*key).to_owned()),
                Delimited::Prefix(p) => names.push(p),
                Delimited::Skip => {}
                Delimited::End => break,
            }
        }
        names
    }

    #[test]
    fn every_listing_of_a_small_store() {
        let keys: BTreeSet<&str> = [
            "a",
            "a-b",
            "a/",
            "a//b",
            "a/b",
            "a/b/c",
            "a/b/d",
            "a/c",
            "ab",
            "b/",
            "b/x",
            "é",
            "é/1",
            "\u{10ffff}",
            "\u{10ffff}/z",
        ]
        .into();
        let texts =
            ["", "a", "a/", "a/b", "a/b/", "a//", "b", "é", "\u{10ffff}", "\u{10ffff}/", "zz", "a-", "/"];
        let mut seen = 0;
        for prefix in texts {
            for after in texts {
                for delimiter in [None, Some("/"), Some("//"), Some("b"), Some("é")] {
                    for limit in [None, Some(0), Some(1), Some(2)] {
                        let mut o = ListOptions::new().with_prefix(prefix);
                        o.start_after = (!after.is_empty()).then(|| after.into());
                        o.delimiter = delimiter.map(Into::into);
                        o.limit = limit;
                        assert_eq!(walk(&keys, &o), naive(&keys, &o), "{o:?}");
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 13 * 13 * 5 * 4);
    }
}
