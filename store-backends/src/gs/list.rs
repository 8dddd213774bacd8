//! Listing: a thousand objects a request, with all that is known about them.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use google_cloud_storage::model;
use larder_store_core::derived::{Cursor, Delimited, Place};
use larder_store_core::system::Space;
use larder_store_core::{Items, ListOptions, Listed, Op, Result};

use super::object::Object;
use super::wire::Wire;
use crate::object::name::{Named, last_of};

/// Objects that one request brings (Cloud Storage RPC reference, ListObjectsRequest).
pub(super) const PAGE: usize = 1000;

/// An object; `None` for what several have in common.
type Found = Option<model::Object>;

/// Lists what `options` ask for, with values that have expired or without. Each page is a request, which the stream makes
/// when it is polled for.
pub(super) fn list(wire: &Arc<Wire>, options: ListOptions, expired: bool) -> Items<Listed> {
    let walk = Walk {
        wire: wire.clone(),
        cursor: Cursor::new(&options),
        space: options.space(),
        // The service knows nothing of the marks in names, so what might cut one is looked for here.
        delimiter: options.delimiter.clone().filter(|text| !text.is_empty() && !text.contains(['.', '~'])),
        options,
        expired,
        begun: false,
        page: Vec::new().into_iter(),
        token: String::new(),
        start: String::new(),
        last: false,
    };
    stream::unfold(Some(walk), |walk| async move {
        let mut walk = walk?;
        match walk.next().await {
            Ok(Some(listed)) => Some((Ok(listed), Some(walk))),
            Ok(None) => None,
            Err(error) => Some((Err(error.during(Op::List).at(&walk.wire.id)), None)),
        }
    })
    .boxed()
}

struct Walk {
    wire: Arc<Wire>,
    cursor: Cursor,
    options: ListOptions,
    space: Space,
    /// The delimiter, where the service may look for it.
    delimiter: Option<String>,
    /// Whether values are named that have expired.
    expired: bool,
    begun: bool,
    page: std::vec::IntoIter<(String, Found)>,
    /// Where the next page begins; nothing for `start`.
    token: String,
    /// The name that the listing begins behind.
    start: String,
    /// No page comes after this one.
    last: bool,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Listed>> {
        if !self.begun {
            self.begun = true;
            let busy = self.wire.begin(Op::List, &self.options.call)?;
            match self.cursor.place() {
                None => return Ok(None),
                Some(Place::After(text)) => self.start = self.wire.names.whole(self.space, &text),
                Some(_) => {}
            }
            self.fetch().await?;
            drop(busy);
        }
        loop {
            let Some((name, found)) = self.page.next() else {
                if self.last || self.cursor.place().is_none() {
                    return Ok(None);
                }
                self.fetch().await?;
                continue;
            };
            // The service begins with this name, and not behind it.
            if name == self.start {
                continue;
            }
            if let Some(listed) = self.meet(&name, found)? {
                return Ok(Some(listed));
            }
            if self.cursor.place().is_none() {
                return Ok(None);
            }
        }
    }

    /// What a name means to the listing.
    fn meet(&mut self, name: &str, found: Found) -> Result<Option<Listed>> {
        let names = &self.wire.names;
        let entry = match found {
            Some(entry) => entry,
            None => {
                let common = match names.common(self.space, name) {
                    None => return Ok(None),
                    Some(Err(why)) => {
                        return Ok(Some(Listed::Foreign { name: name.to_owned(), why: why.into() }));
                    }
                    Some(Ok(common)) => common,
                };
                return Ok(match self.cursor.meet(&common) {
                    Delimited::Prefix(prefix) => Some(Listed::Prefix(prefix)),
                    _ => None,
                });
            }
        };
        let key = match names.key(self.space, name) {
            Named::Key(key) => key,
            Named::Other => {
                // Past all of them at once, however many there are.
                let system = names.system();
                self.pass(&system);
                return Ok(None);
            }
            Named::Foreign(why) => return Ok(Some(Listed::Foreign { name: name.to_owned(), why })),
        };
        let object = match Object::of(&entry) {
            // One object whose metadata is damaged must not hide all that come behind it.
            Err(error) => {
                return Ok(Some(Listed::Foreign { name: name.to_owned(), why: error.why().to_owned() }));
            }
            Ok(object) if !self.expired && object.is_expired(self.wire.env.wall()) => return Ok(None),
            Ok(object) => object,
        };
        Ok(match self.cursor.meet(key.as_str()) {
            Delimited::Entry => Some(Listed::Entry(object.into_meta(&key))),
            Delimited::Prefix(prefix) => {
                let begin = names.of_text(self.space, &prefix);
                self.pass(&begin);
                Some(Listed::Prefix(prefix))
            }
            Delimited::Skip => {
                if let Some(Place::Past(common)) = self.cursor.place() {
                    let begin = names.of_text(self.space, &common);
                    self.pass(&begin);
                }
                None
            }
            Delimited::End => None,
        })
    }

    /// Goes past all names that begin like this.
    fn pass(&mut self, begin: &str) {
        let rest: Vec<_> = self.page.by_ref().skip_while(|(name, _)| name.starts_with(begin)).collect();
        if rest.is_empty() && !self.last {
            (self.start, self.token) = (last_of(begin), String::new());
        }
        self.page = rest.into_iter();
    }

    /// The next page.
    async fn fetch(&mut self) -> Result<()> {
        let (op, wire) = (Op::List, &self.wire);
        let (live, client) = wire.control(op, &self.options.call).await?;
        let limit =
            self.options.limit.filter(|_| self.delimiter.is_some() || self.options.delimiter.is_none());
        let request = client
            .list_objects()
            .set_parent(wire.bucket.as_str())
            .set_prefix(wire.names.of_text(self.space, &self.options.prefix))
            .set_delimiter(self.delimiter.clone().unwrap_or_default())
            .set_lexicographic_start(self.start.as_str())
            .set_page_token(self.token.as_str())
            // What is skipped does not count to the limit, and is seldom more than this.
            .set_page_size(limit.map_or(PAGE, |limit| limit.saturating_add(8).min(PAGE)) as i32)
            .send();
        let page = match wire.read(op, &self.options.call, &live, request).await? {
            Ok(page) => page,
            Err(failure) => return Err(failure.into()),
        };
        self.token = page.next_page_token;
        self.last = self.token.is_empty();
        let mut names: Vec<(String, Found)> =
            page.prefixes.into_iter().map(|common| (common, None)).collect();
        names.extend(page.objects.into_iter().map(|object| (object.name.clone(), Some(object))));
        names.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        self.page = names.into_iter();
        Ok(())
    }
}
