//! Reading a value in every way there is, which must agree.

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::case::{Held, T, check, fail, same};
use crate::derived;
use crate::error::Error;
use crate::guarantees::ListedTimes;
use crate::key::Key;
use crate::meta::Meta;
use crate::options::{GetOptions, HeadOptions};
use crate::outcome::{Got, Listed};
use crate::store::Store;
use crate::version::Version;

/// A value, as all ways of reading showed it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) value: Bytes,
    pub(crate) meta: Meta,
}

impl Seen {
    pub(crate) fn version(&self) -> Version {
        self.meta.version.clone().expect("checked when it was seen")
    }
}

impl T {
    /// Reads `key` by get, try_get, head, stream and many, and checks that they agree.
    pub(crate) async fn see(&self, key: &Key) -> Held<Option<Seen>> {
        self.see_at(&*self.store, key).await
    }

    /// The same on another store.
    pub(crate) async fn see_at(&self, store: &dyn Store, key: &Key) -> Held<Option<Seen>> {
        let options = GetOptions::new();
        let seen = seen(key, "get", store.get_opts(key, &options).await)?;
        if let Some(seen) = &seen {
            self.complete(key, seen)?;
        }
        if let Some(quick) = store.try_get(key, &options) {
            self.agree(key, "try_get", &self::seen(key, "try_get", quick)?, &seen)?;
        }
        let streamed = match store.get_stream_opts(key, &options).await {
            Ok(Got::Found { meta, body, served }) => {
                let body = derived::collect(body, u64::MAX).await;
                body.map(|body| Got::Found { meta, body, served })
            }
            Ok(Got::Absent) => Ok(Got::Absent),
            Ok(Got::Unchanged(meta)) => Ok(Got::Unchanged(meta)),
            Err(error) => Err(error),
        };
        self.agree(key, "get_stream", &self::seen(key, "get_stream", streamed)?, &seen)?;
        let value = seen.as_ref().map_or_else(Bytes::new, |s| s.value.clone());
        let head = store.head_opts(key, &HeadOptions::new()).await.map(|got| got.map(|()| value));
        self.agree(key, "head", &self::seen(key, "head", head)?, &seen)?;
        let mut many = store.get_many_opts(std::slice::from_ref(key), &options).await;
        same!(self, many.len(), 1, "outcomes of get_many of one key");
        self.agree(key, "get_many", &self::seen(key, "get_many", many.remove(0))?, &seen)?;
        Ok(seen)
    }

    /// What a get must know about a value.
    fn complete(&self, key: &Key, seen: &Seen) -> Held {
        let meta = &seen.meta;
        same!(self, meta.key, *key, "the key in the meta");
        same!(self, meta.size, Some(seen.value.len() as u64), "the size of {key:?}");
        for (known, what) in [
            (meta.version.is_some(), "version"),
            (meta.write_id.is_some(), "write id"),
            (meta.modified.is_some(), "time of writing"),
            (meta.expires.is_some(), "expiry"),
            (meta.attributes.is_some(), "attributes"),
        ] {
            check!(self, known, "get {key:?}: its meta has no {what}");
        }
        let version = meta.version.as_ref().and_then(Version::write_id);
        check!(
            self,
            version.is_none() || version == meta.write_id,
            "get {key:?}: the version names the write {version:?}, the meta {:?}",
            meta.write_id
        );
        Ok(())
    }

    fn agree(&self, key: &Key, way: &str, got: &Option<Seen>, want: &Option<Seen>) -> Held {
        match (got, want) {
            (Some(got), Some(want)) => {
                if got.value != want.value {
                    let why = differ(&got.value, &want.value);
                    return Err(fail(format_args!("{way} {key:?} and get give different values: {why}")));
                }
                self.same_meta(&format!("{way} {key:?}"), &got.meta, &want.meta)
            }
            _ => {
                let (got, want) = (got.is_some(), want.is_some());
                same!(self, got, want, "{way} {key:?} and get: whether there is a value");
                Ok(())
            }
        }
    }

    /// Two metas of one value, read at two times or in two ways. A stored size that is not known may be `None`.
    pub(crate) fn same_meta(&self, what: &str, got: &Meta, want: &Meta) -> Held {
        let mut got = got.clone();
        if got.stored_size.is_none() || want.stored_size.is_none() {
            got.stored_size = want.stored_size;
        }
        same!(self, got, *want, "{what}: the meta");
        let chain = |m: &Meta| m.version.as_ref().map(|v| v.predecessors().to_vec());
        same!(self, chain(&got), chain(want), "{what}: the predecessors");
        Ok(())
    }

    /// The entry of a listing: what it knows must be what a get knows.
    pub(crate) fn same_entry(&self, got: &Meta, want: &Meta) -> Held {
        let mut full = got.clone();
        full.size = full.size.or(want.size);
        full.stored_size = full.stored_size.or(want.stored_size);
        full.version = full.version.or_else(|| want.version.clone());
        full.modified = full.modified.or(want.modified);
        full.expires = full.expires.or(want.expires);
        full.attributes = full.attributes.or_else(|| want.attributes.clone());
        full.write_id = full.write_id.or(want.write_id);
        if self.g.listing.times == ListedTimes::OfService {
            full.modified = want.modified;
        }
        if want.stored_size.is_none() {
            full.stored_size = None;
        }
        same!(self, full, *want, "the listing's entry of {:?}, filled up with what get knows", want.key);
        Ok(())
    }

    /// `key` must hold `value`.
    pub(crate) async fn expect(&self, key: &Key, value: &[u8], when: &str) -> Held<Seen> {
        self.expect_at(&*self.store, key, value, when).await
    }

    /// The same on another store.
    pub(crate) async fn expect_at(
        &self,
        store: &dyn Store,
        key: &Key,
        value: &[u8],
        when: &str,
    ) -> Held<Seen> {
        let Some(seen) = self.see_at(store, key).await? else {
            return Err(fail(format_args!("{when}: {key:?} is absent, expected {} bytes", value.len())));
        };
        self.count();
        if seen.value != value {
            let why = differ(&seen.value, value);
            return Err(fail(format_args!("{when}: {key:?} has a wrong value: {why}")));
        }
        Ok(seen)
    }

    /// `key` must be absent.
    pub(crate) async fn expect_absent(&self, key: &Key, when: &str) -> Held {
        self.expect_absent_at(&*self.store, key, when).await
    }

    /// The same on another store.
    pub(crate) async fn expect_absent_at(&self, store: &dyn Store, key: &Key, when: &str) -> Held {
        match self.see_at(store, key).await? {
            None => Ok(()),
            Some(seen) => Err(fail(format_args!(
                "{when}: {key:?} must be absent, and has {} bytes of write {:?}",
                seen.value.len(),
                seen.meta.write_id
            ))),
        }
    }

    /// `key` must be as it was.
    pub(crate) async fn expect_same(&self, key: &Key, before: &Option<Seen>, when: &str) -> Held {
        let now = self.see(key).await?;
        self.agree(key, when, &now, before)
    }

    /// The names in the whole store.
    pub(crate) async fn names(&self, store: &dyn Store) -> Held<Vec<String>> {
        let items: Vec<Listed> = store.list_opts(crate::ListOptions::new()).try_collect().await?;
        Ok(items.iter().map(|item| item.name().to_owned()).collect())
    }
}

fn seen(key: &Key, way: &str, got: Result<Got<Bytes>, Error>) -> Held<Option<Seen>> {
    match got {
        Ok(Got::Absent) => Ok(None),
        Ok(Got::Found { meta, body, .. }) => Ok(Some(Seen { value: body, meta })),
        Ok(Got::Unchanged(_)) => {
            Err(fail(format_args!("{way} {key:?}: \"unchanged\", and no version was given")))
        }
        Err(error) => Err(fail(format_args!("{way} {key:?}: unexpected error: {error:?}"))),
    }
}

/// Where two values differ.
pub(crate) fn differ(got: &[u8], want: &[u8]) -> String {
    if got.len() != want.len() && (got.len() < 64 && want.len() < 64) {
        let (got, want) = (Bytes::copy_from_slice(got), Bytes::copy_from_slice(want));
        return format!("got {got:?}, expected {want:?}");
    }
    match got.iter().zip(want).position(|(a, b)| a != b) {
        Some(at) => format!(
            "got {} bytes, expected {}; they differ from byte {at} on ({:?}, expected {:?})",
            got.len(),
            want.len(),
            Bytes::copy_from_slice(&got[at..got.len().min(at + 16)]),
            Bytes::copy_from_slice(&want[at..want.len().min(at + 16)])
        ),
        None => format!("got {} bytes, expected {}", got.len(), want.len()),
    }
}
