//! Listing: a thousand names a request.

use std::sync::Arc;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, Object as Entry};
use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited, Place};
use larder_store_core::system::Space;
use larder_store_core::{Error, ErrorKind, Items, ListOptions, Listed, Meta, Op, Result, Version};
use percent_encoding::percent_decode_str;

use super::config::Layout;
use super::object::listed_time;
use super::wire::Wire;
use crate::object::name::{Named, last_of};

/// Names that one request brings (Amazon S3 API Reference, ListObjectsV2).
pub(super) const PAGE: usize = 1000;

/// An object; `None` for what several have in common.
type Found = Option<Entry>;

/// Lists what `options` ask for. Each page is a request, which the stream makes when it is polled for.
pub(super) fn list(wire: &Arc<Wire>, options: ListOptions) -> Items<Listed> {
    let walk = Walk {
        wire: wire.clone(),
        cursor: Cursor::new(&options),
        space: options.space(),
        // S3 knows nothing of the marks in names, so what might cut one is looked for here.
        delimiter: options.delimiter.clone().filter(|text| !text.is_empty() && !text.contains(['.', '~'])),
        options,
        begun: false,
        page: Vec::new().into_iter(),
        token: None,
        from: None,
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
    /// The delimiter, where S3 may look for it.
    delimiter: Option<String>,
    begun: bool,
    page: std::vec::IntoIter<(String, Found)>,
    token: Option<String>,
    /// Begin behind this name instead of at the token.
    from: Option<String>,
    /// No page comes after this one.
    last: bool,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Listed>> {
        if !self.begun {
            self.begun = true;
            let busy = self.wire.begin(Op::List, &self.options.call)?;
            self.from = match self.cursor.place() {
                None => return Ok(None),
                Some(Place::After(text)) => Some(self.wire.names.whole(self.space, &text)),
                Some(_) => None,
            };
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
        Ok(match self.cursor.meet(key.as_str()) {
            Delimited::Entry => Some(Listed::Entry(self.meta(key, &entry))),
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
            self.from = Some(last_of(begin));
        }
        self.page = rest.into_iter();
    }

    fn meta(&self, key: larder_store_core::Key, entry: &Entry) -> Meta {
        let plain = self.wire.layout_of(&key) == Layout::Plain;
        let mut meta = Meta::new(key);
        let size = entry.size().and_then(|size| u64::try_from(size).ok());
        meta.stored_size = size;
        meta.size = size.filter(|_| plain);
        meta.version = entry.e_tag().map(|etag| Version::of_service(etag, None, []));
        meta.modified = listed_time(entry.last_modified());
        meta
    }

    /// The next page.
    async fn fetch(&mut self) -> Result<()> {
        let (op, wire) = (Op::List, &self.wire);
        let live = wire.live(op, &self.options.call).await?;
        let from = self.from.take();
        let token = self.token.take().filter(|_| from.is_none());
        let limit =
            self.options.limit.filter(|_| self.delimiter.is_some() || self.options.delimiter.is_none());
        let request = live
            .sdk
            .list_objects_v2()
            .bucket(wire.bucket())
            .prefix(wire.names.of_text(self.space, &self.options.prefix))
            .set_delimiter(self.delimiter.clone())
            .set_start_after(from)
            .set_continuation_token(token)
            // What is skipped does not count to the limit, and is seldom more than this.
            .max_keys(limit.map_or(PAGE, |limit| limit.saturating_add(8).min(PAGE)) as i32)
            .encoding_type(EncodingType::Url)
            .send();
        let page = match wire.read(op, &self.options.call, &live, request).await? {
            Ok(page) => page,
            Err(failure) => return Err(failure.into()),
        };
        self.token = page.next_continuation_token().map(str::to_owned);
        self.last = page.is_truncated() != Some(true);
        if !self.last && self.token.is_none() {
            let why = "the service says that more names follow, and not where";
            return Err(Error::new(ErrorKind::Unavailable, op, why));
        }
        self.page = in_order(page)?.into_iter();
        Ok(())
    }
}

/// A name as it is, out of an answer.
pub(super) fn decoded(encoded: bool, name: &str) -> Result<String> {
    if !encoded {
        return Ok(name.to_owned());
    }
    // A blank comes as a plus, as in a form.
    let name = name.replace('+', " ");
    let decoded = percent_decode_str(&name).decode_utf8().map_err(|_| {
        Error::new(ErrorKind::Unavailable, Op::List, "the service's answer has a name that is not UTF-8")
    })?;
    Ok(decoded.into_owned())
}

/// Objects and common prefixes in the order of their names.
fn in_order(page: ListObjectsV2Output) -> Result<Vec<(String, Found)>> {
    let mut names = Vec::new();
    let encoded = page.encoding_type() == Some(&EncodingType::Url);
    let decode = |name: &str| decoded(encoded, name);
    for common in page.common_prefixes() {
        let name = decode(common.prefix().unwrap_or_default())?;
        names.push((name, None));
    }
    for entry in page.contents.unwrap_or_default() {
        names.push((decode(entry.key().unwrap_or_default())?, Some(entry)));
    }
    names.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    Ok(names)
}
