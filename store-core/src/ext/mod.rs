//! The store as its users see it.

mod fair;
mod ranges;
mod typed;
mod update;

use std::future::Future;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::call::Call;
use crate::error::{Error, Op, Result};
use crate::key::IntoKey;
use crate::layer::prefix::Prefixed;
use crate::meta::Meta;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, Precondition, PutItem,
    PutOptions, Step,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, Transacted, Written};
use crate::range::ByteRange;
use crate::store::Store;
use crate::version::Version;

pub use ranges::RangesOptions;
pub use typed::{Typed, TypedEntry};
pub use update::{UpdateOptions, Updated};

/// What most code calls: simple things look simple. Every store has it.
///
/// Each method is a call of [`Store`] with default options; where options are wanted, call that method (`get_opts`
/// and so on) itself. Keys are anything that [`IntoKey`] takes.
pub trait StoreExt: Store {
    /// Reads a value. `None` if it is absent or has expired.
    fn get(&self, key: impl IntoKey + Send) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        async move {
            let (key, options) = (key.into_key()?, GetOptions::default());
            let got = match self.try_get(&key, &options) {
                Some(got) => got,
                None => self.get_opts(&key, &options).await,
            };
            Ok(got?.into_body())
        }
    }

    /// Reads a value with its version, for a conditional write later.
    fn get_versioned(
        &self,
        key: impl IntoKey + Send,
    ) -> impl Future<Output = Result<Option<(Bytes, Version)>>> + Send {
        async move {
            let key = key.into_key()?;
            match self.get_opts(&key, &GetOptions::default()).await? {
                Got::Found { meta: Meta { version: Some(version), .. }, body, .. } => {
                    Ok(Some((body, version)))
                }
                Got::Found { .. } => Err(Error::unsupported(Op::Get, "versions").at(self.id()).on(&key)),
                _ => Ok(None),
            }
        }
    }

    /// Reads a part of a value.
    fn get_range(
        &self,
        key: impl IntoKey + Send,
        range: impl Into<ByteRange> + Send,
    ) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        async move {
            let got = self.get_opts(&key.into_key()?, &GetOptions::new().with_range(range)).await?;
            Ok(got.into_body())
        }
    }

    /// Reads a value as a stream.
    fn get_stream(
        &self,
        key: impl IntoKey + Send,
    ) -> impl Future<Output = Result<Option<ByteStream>>> + Send {
        async move {
            let got = self.get_stream_opts(&key.into_key()?, &GetOptions::default()).await?;
            Ok(got.into_body())
        }
    }

    /// Reads what is known about a value.
    fn head(&self, key: impl IntoKey + Send) -> impl Future<Output = Result<Option<Meta>>> + Send {
        async move {
            let got = self.head_opts(&key.into_key()?, &HeadOptions::default()).await?;
            Ok(got.meta().cloned())
        }
    }

    /// Whether there is a value.
    fn exists(&self, key: impl IntoKey + Send) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.head(key).await?.is_some()) }
    }

    /// Writes a value.
    fn put(
        &self,
        key: impl IntoKey + Send,
        value: impl Into<Bytes> + Send,
    ) -> impl Future<Output = Result<Written>> + Send {
        async move { self.put_opts(&key.into_key()?, value.into(), &PutOptions::default()).await }
    }

    /// Writes a value if there is none, else fails with [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    fn put_if_absent(
        &self,
        key: impl IntoKey + Send,
        value: impl Into<Bytes> + Send,
    ) -> impl Future<Output = Result<Written>> + Send {
        async move {
            let options = PutOptions::new().with_pre(Precondition::Absent);
            self.put_opts(&key.into_key()?, value.into(), &options).await
        }
    }

    /// Writes a value over the version that was read, else fails with
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    fn put_if_matches(
        &self,
        key: impl IntoKey + Send,
        value: impl Into<Bytes> + Send,
        version: Version,
    ) -> impl Future<Output = Result<Written>> + Send {
        async move {
            let options = PutOptions::new().with_pre(Precondition::Matches(version));
            self.put_opts(&key.into_key()?, value.into(), &options).await
        }
    }

    /// Writes a value that is absent from `expires` on.
    fn put_until(
        &self,
        key: impl IntoKey + Send,
        value: impl Into<Bytes> + Send,
        expires: SystemTime,
    ) -> impl Future<Output = Result<Written>> + Send {
        async move {
            self.put_opts(&key.into_key()?, value.into(), &PutOptions::new().with_expires(expires)).await
        }
    }

    /// Writes a value from a stream.
    fn put_stream(
        &self,
        key: impl IntoKey + Send,
        body: ByteStream,
    ) -> impl Future<Output = Result<Written>> + Send {
        async move { self.put_stream_opts(&key.into_key()?, body, &PutOptions::default()).await }
    }

    /// Removes a value.
    fn delete(&self, key: impl IntoKey + Send) -> impl Future<Output = Result<Removed>> + Send {
        async move { self.delete_opts(&key.into_key()?, &DeleteOptions::default()).await }
    }

    /// Reads many values: an outcome for each key, in order. A key that is none fails before any is read.
    fn get_many<K: IntoKey + Send>(
        &self,
        keys: impl IntoIterator<Item = K> + Send,
    ) -> impl Future<Output = Result<Vec<Result<Option<Bytes>>>>> + Send {
        let keys: Result<Vec<_>> = keys.into_iter().map(IntoKey::into_key).collect();
        async move {
            let got = self.get_many_opts(&keys?, &GetOptions::default()).await;
            Ok(got.into_iter().map(|one| one.map(Got::into_body)).collect())
        }
    }

    /// Writes many values: an outcome for each, in order. A key that is none fails before any is written.
    fn put_many<K: IntoKey + Send, V: Into<Bytes> + Send>(
        &self,
        entries: impl IntoIterator<Item = (K, V)> + Send,
    ) -> impl Future<Output = Result<Vec<Result<Written>>>> + Send {
        let items: Result<Vec<_>> = entries
            .into_iter()
            .map(|(key, value)| {
                Ok(PutItem { key: key.into_key()?, value: value.into(), options: PutOptions::default() })
            })
            .collect();
        async move { Ok(self.put_many_opts(items?, &Call::default()).await) }
    }

    /// Removes many values: an outcome for each, in order. A key that is none fails before any is removed.
    fn delete_many<K: IntoKey + Send>(
        &self,
        keys: impl IntoIterator<Item = K> + Send,
    ) -> impl Future<Output = Result<Vec<Result<Removed>>>> + Send {
        let items: Result<Vec<_>> =
            keys.into_iter().map(|key| Ok(DeleteItem { key: key.into_key()?, only: None })).collect();
        async move { Ok(self.delete_many_opts(items?, &DeleteOptions::default()).await) }
    }

    /// Copies a value with its attributes and expiry.
    fn copy(
        &self,
        from: impl IntoKey + Send,
        to: impl IntoKey + Send,
    ) -> impl Future<Output = Result<Copied>> + Send {
        async move { self.copy_opts(&from.into_key()?, &to.into_key()?, &CopyOptions::default()).await }
    }

    /// Makes all steps or none.
    fn transact(&self, steps: Vec<Step>) -> impl Future<Output = Result<Transacted>> + Send {
        async move { self.transact_opts(steps, &Call::default()).await }
    }

    /// Lists what starts with `prefix`, in order. A foreign object is an item of its own.
    fn list(&self, prefix: impl Into<String>) -> Items<Listed> {
        self.list_opts(ListOptions::new().with_prefix(prefix))
    }

    /// Lists the values that start with `prefix`, in order, and fails at a foreign object.
    fn entries(&self, prefix: impl Into<String>) -> Items<Meta> {
        let id = self.id().clone();
        self.list(prefix)
            .filter_map(move |item| {
                let entry = match item {
                    Ok(Listed::Entry(meta)) => Some(Ok(meta)),
                    Ok(Listed::Prefix(_)) => None,
                    Ok(Listed::Foreign { name, why }) => Some(Err(Error::new(
                        crate::ErrorKind::Corrupt,
                        Op::List,
                        format!("{name:?} is no value of this store: {why}"),
                    )
                    .at(&id)
                    .hint("list() reports such objects as items and goes on"))),
                    Err(error) => Some(Err(error)),
                };
                std::future::ready(entry)
            })
            .boxed()
    }

    /// Reads parts of a value, all of one version, in the order that they are asked for: see
    /// [`StoreExt::get_ranges_opts`].
    ///
    /// ```
    /// # #[cfg(feature = "conformance")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> larder_store_core::Result<()> {
    /// # use larder_store_core::{Env, conformance::{Place, Reference}};
    /// # let store = Reference::new(&Place::new("doc", Env::system()));
    /// use larder_store_core::{ByteRange, StoreExt};
    ///
    /// store.put("k", "0123456789").await?;
    /// let parts = store.get_ranges("k", [ByteRange::suffix(3), (2..4).into()]).await?.unwrap();
    /// assert_eq!(parts, ["789", "23"]);
    /// assert!(store.get_ranges("absent", [0..1]).await?.is_none());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "conformance"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// Those of get; [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if the value changes meanwhile.
    fn get_ranges<R: Into<ByteRange>>(
        &self,
        key: impl IntoKey + Send,
        ranges: impl IntoIterator<Item = R> + Send,
    ) -> impl Future<Output = Result<Option<Vec<Bytes>>>> + Send {
        self.get_ranges_opts(key, ranges, RangesOptions::default())
    }

    /// Reads parts of a value, all of one version, in the order that they are asked for.
    ///
    /// Parts that overlap or lie close together are read by one request, as far as [`RangesOptions::coalesce`] says.
    /// The first request finds the version, the others insist on it, some at a time. Where a part is counted from the
    /// end, or there is none at all, a head comes first. `None` if the value is absent.
    ///
    /// # Errors
    /// Those of get, for a part that covers no byte of the value too;
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if the value changes meanwhile.
    fn get_ranges_opts<R: Into<ByteRange>>(
        &self,
        key: impl IntoKey + Send,
        ranges: impl IntoIterator<Item = R> + Send,
        options: RangesOptions,
    ) -> impl Future<Output = Result<Option<Vec<Bytes>>>> + Send {
        let ranges: Vec<ByteRange> = ranges.into_iter().map(Into::into).collect();
        async move { ranges::get_ranges(self, &key.into_key()?, &ranges, &options).await }
    }

    /// This store with values of a type, kept as CBOR: see [`Typed`].
    ///
    /// Takes the store, or a clone of its `Arc`.
    fn typed<T>(self) -> Typed<Self, T>
    where
        Self: Sized,
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        Typed::new(self)
    }

    /// The part of this store behind a prefix, as a store of its own: see [`Prefixed`].
    ///
    /// Takes the store, or a clone of its `Arc`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a prefix that is empty, holds a control character, or
    /// leaves less than 480 bytes for keys.
    fn prefixed(self, prefix: impl Into<String>) -> Result<Prefixed<Self>>
    where
        Self: Sized,
    {
        Prefixed::new(self, prefix)
    }

    /// Reads a value, changes it and writes it back, atomically wherever there is compare-and-swap.
    ///
    /// `change` gets the current value, or `None`, and gives the new one, or `None` to delete it. It runs once per
    /// attempt. Within a process the updates of a key take turns, so that contention costs two requests an update;
    /// beyond it they are optimistic and try again after a random pause.
    ///
    /// # Errors
    /// Those of get and put; [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) after a thousand attempts;
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) when the write may have been made: `change` is never applied
    /// a second time then.
    fn update<F>(&self, key: impl IntoKey + Send, change: F) -> impl Future<Output = Result<Updated>> + Send
    where
        F: FnMut(Option<Bytes>) -> Option<Bytes> + Send,
    {
        self.update_opts(key, UpdateOptions::default(), change)
    }

    /// [`StoreExt::update`] with options.
    ///
    /// # Errors
    /// Those of [`StoreExt::update`].
    fn update_opts<F>(
        &self,
        key: impl IntoKey + Send,
        options: UpdateOptions,
        mut change: F,
    ) -> impl Future<Output = Result<Updated>> + Send
    where
        F: FnMut(Option<Bytes>) -> Option<Bytes> + Send,
    {
        async move {
            let change = move |value| Ok(change(value));
            update::update(self, &key.into_key()?, &options, None, change).await
        }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
