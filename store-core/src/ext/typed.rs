//! A store with values of a type, kept as CBOR.

mod codec;

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreExt;
use super::update::{self, UpdateOptions, Updated};
use crate::error::Result;
use crate::key::{IntoKey, Key};
use crate::meta::Meta;
use crate::options::{DeleteOptions, GetOptions, Precondition, PutOptions};
use crate::outcome::{Got, Removed, Written};
use crate::store::Store;
use crate::version::Version;

/// How many values of a listing are read together.
const BATCH: usize = 16;

/// A store with values of a type, kept as deterministic CBOR (RFC 8949, 4.2.1) with the content type
/// `application/cbor`: see [`StoreExt::typed`]. Equal values are equal bytes.
///
/// Values nest 63 levels deep at most; deeper ones are refused when written, and stored ones are never followed
/// further. A stored value that is no `T` is [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), with the key and the
/// type and without what is stored.
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::{Env, conformance::{Place, Reference}};
/// # let store = Reference::new(&Place::new("doc", Env::system()));
/// use larder_store_core::StoreExt;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct User {
///     name: String,
///     visits: u64,
/// }
///
/// let users = store.typed::<User>();
/// users.put("user/7", &User { name: "Anna".into(), visits: 1 }).await?;
/// users
///     .update("user/7", |user| user.map(|user| User { visits: user.visits + 1, ..user }))
///     .await?;
/// assert_eq!(users.get("user/7").await?.unwrap().visits, 2);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
pub struct Typed<S, T> {
    store: S,
    // It makes and takes values, and holds none.
    of: PhantomData<fn(T) -> T>,
}

/// A value of a listing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TypedEntry<T> {
    /// What is known about it.
    pub meta: Meta,
    /// The value.
    pub value: T,
}

impl<S: Store, T: Serialize + DeserializeOwned> Typed<S, T> {
    pub(super) fn new(store: S) -> Typed<S, T> {
        Typed { store, of: PhantomData }
    }

    /// The store with its bytes.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn decode(&self, key: &Key, bytes: &[u8]) -> Result<T> {
        codec::decode(bytes).map_err(|e| e.at(self.store.id()).on(key))
    }

    fn encode(&self, key: &Key, value: &T) -> Result<Bytes> {
        codec::encode(value).map_err(|e| e.at(self.store.id()).on(key))
    }

    /// Reads a value. `None` if it is absent or has expired.
    ///
    /// # Errors
    /// Those of get; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a value that is no `T`.
    pub async fn get(&self, key: impl IntoKey + Send) -> Result<Option<T>> {
        let key = key.into_key()?;
        match self.store.get(&key).await? {
            Some(bytes) => self.decode(&key, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a value with its version, for a conditional write later.
    ///
    /// # Errors
    /// Those of [`Typed::get`].
    pub async fn get_versioned(&self, key: impl IntoKey + Send) -> Result<Option<(T, Version)>> {
        let key = key.into_key()?;
        match self.store.get_versioned(&key).await? {
            Some((bytes, version)) => Ok(Some((self.decode(&key, &bytes)?, version))),
            None => Ok(None),
        }
    }

    /// Reads a value with options. A part of a value is no value: a range is refused.
    ///
    /// # Errors
    /// Those of [`Typed::get`]; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a range.
    pub async fn get_opts(&self, key: impl IntoKey + Send, options: &GetOptions) -> Result<Got<T>> {
        let key = key.into_key()?;
        if options.range.is_some() {
            return Err(codec::part().at(self.store.id()).on(&key));
        }
        let got = match self.store.try_get(&key, options) {
            Some(got) => got?,
            None => self.store.get_opts(&key, options).await?,
        };
        Ok(match got {
            Got::Absent => Got::Absent,
            Got::Unchanged(meta) => Got::Unchanged(meta),
            Got::Found { meta, body, served } => Got::Found { meta, body: self.decode(&key, &body)?, served },
        })
    }

    /// Writes a value.
    ///
    /// # Errors
    /// Those of put; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a value that is no CBOR or nests too deep.
    pub async fn put(&self, key: impl IntoKey + Send, value: &T) -> Result<Written> {
        self.put_opts(key, value, PutOptions::default()).await
    }

    /// Writes a value if there is none, else fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    ///
    /// # Errors
    /// Those of [`Typed::put`].
    pub async fn put_if_absent(&self, key: impl IntoKey + Send, value: &T) -> Result<Written> {
        self.put_opts(key, value, PutOptions::new().with_pre(Precondition::Absent)).await
    }

    /// Writes a value over the version that was read, else fails with
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    ///
    /// # Errors
    /// Those of [`Typed::put`].
    pub async fn put_if_matches(
        &self,
        key: impl IntoKey + Send,
        value: &T,
        version: Version,
    ) -> Result<Written> {
        self.put_opts(key, value, PutOptions::new().with_pre(Precondition::Matches(version))).await
    }

    /// Writes a value with options. Its content type is set, whatever they say.
    ///
    /// # Errors
    /// Those of [`Typed::put`].
    pub async fn put_opts(
        &self,
        key: impl IntoKey + Send,
        value: &T,
        mut options: PutOptions,
    ) -> Result<Written> {
        let key = key.into_key()?;
        let bytes = self.encode(&key, value)?;
        options.attributes = options.attributes.content_type(codec::CONTENT_TYPE);
        self.store.put_opts(&key, bytes, &options).await
    }

    /// Removes a value. A key that is absent already is no error.
    ///
    /// # Errors
    /// Those of delete.
    pub async fn delete(&self, key: impl IntoKey + Send) -> Result<Removed> {
        self.store.delete(key).await
    }

    /// Removes the version that was read, else fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    ///
    /// # Errors
    /// Those of delete.
    pub async fn delete_if_matches(&self, key: impl IntoKey + Send, version: Version) -> Result<Removed> {
        self.store.delete_opts(&key.into_key()?, &DeleteOptions::new().with_only(version)).await
    }

    /// Lists the values that start with `prefix`, in order. One that goes away meanwhile is left out; one that is no
    /// `T` is an error in its place, and the listing goes on.
    pub fn list(
        &self,
        prefix: impl Into<String>,
    ) -> impl stream::Stream<Item = Result<TypedEntry<T>>> + Send + '_
    where
        T: Send,
    {
        let batches = self.store.entries(prefix).chunks(BATCH);
        batches.then(|metas| self.read_batch(metas)).map(stream::iter).flatten()
    }

    /// The values of listed keys, in their place.
    async fn read_batch(&self, listed: Vec<Result<Meta>>) -> Vec<Result<TypedEntry<T>>> {
        let keys: Vec<Key> = listed.iter().flatten().map(|meta| meta.key.clone()).collect();
        let got = self.store.get_many_opts(&keys, &GetOptions::default()).await;
        let mut got = keys.iter().zip(got);
        let entry = |listed: Result<Meta>| match listed {
            Err(error) => Some(Err(error)),
            Ok(meta) => match got.next() {
                Some((_, Err(error))) => Some(Err(error)),
                Some((key, Ok(Got::Found { meta, body, .. }))) => {
                    Some(self.decode(key, &body).map(|value| TypedEntry { meta, value }))
                }
                // Removed or expired since it was listed.
                Some((_, Ok(_))) => None,
                None => Some(Err(codec::no_outcome().at(self.store.id()).on(&meta.key))),
            },
        };
        listed.into_iter().filter_map(entry).collect()
    }

    /// Reads a value, changes it and writes it back, atomically wherever there is compare-and-swap: see
    /// [`StoreExt::update`]. Attributes and expiry are kept.
    ///
    /// # Errors
    /// Those of [`StoreExt::update`]; [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) for a stored value that is no
    /// `T` and [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a new one that cannot be written: nothing is
    /// changed then.
    pub async fn update<F>(&self, key: impl IntoKey + Send, change: F) -> Result<Updated<T>>
    where
        T: Send,
        F: FnMut(Option<T>) -> Option<T> + Send,
    {
        self.update_opts(key, UpdateOptions::default(), change).await
    }

    /// [`Typed::update`] with options.
    ///
    /// # Errors
    /// Those of [`Typed::update`].
    pub async fn update_opts<F>(
        &self,
        key: impl IntoKey + Send,
        options: UpdateOptions,
        mut change: F,
    ) -> Result<Updated<T>>
    where
        T: Send,
        F: FnMut(Option<T>) -> Option<T> + Send,
    {
        let key = key.into_key()?;
        let mut last = None;
        let change = |bytes: Option<Bytes>| -> Result<Option<Bytes>> {
            let value = bytes.map(|bytes| codec::decode(&bytes)).transpose()?;
            last = change(value);
            last.as_ref().map(codec::encode).transpose()
        };
        let updated = update::update(&self.store, &key, &options, Some(codec::CONTENT_TYPE), change).await?;
        Ok(match (updated, last) {
            (Updated::Written { written, .. }, Some(value)) => Updated::Written { value, written },
            // What was written is what `change` gave last; this is for the compiler alone.
            (Updated::Written { value, written }, None) => {
                Updated::Written { value: self.decode(&key, &value)?, written }
            }
            (Updated::Removed(removed), _) => Updated::Removed(removed),
            (Updated::Nothing, _) => Updated::Nothing,
        })
    }
}

impl<S: Clone, T> Clone for Typed<S, T> {
    fn clone(&self) -> Typed<S, T> {
        Typed { store: self.store.clone(), of: PhantomData }
    }
}

impl<S: fmt::Debug, T> fmt::Debug for Typed<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("store", &self.store).field("of", &std::any::type_name::<T>()).finish()
    }
}
