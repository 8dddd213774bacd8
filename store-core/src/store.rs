//! The contract.

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use crate::call::Call;
use crate::error::{Error, Result};
use crate::front::{Objects, Usage};
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::layer::Layers;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, Swept, Transacted, Written};
use crate::store_id::StoreId;

/// What every store does: the contract for those who implement one. Those who use one want
/// [`StoreExt`](crate::StoreExt).
///
/// # Contract
/// - **Atomic**: a reader sees the value before a put or the one after it, whole. When a put returns, the value is as
///   durable as [`Guarantees::durability`] says.
/// - **Absent, empty and error are three answers.** Throttling, timeouts and damage are never "absent".
/// - **Expiry** is an absolute time by the wall clock of the store's [`Env`](crate::Env). An expired value is absent
///   for get, head, delete and preconditions; a listing may still name it where
///   [`Listing::names_expired`](crate::Listing::names_expired) says so.
/// - **Conditions** are decided atomically within [`Guarantees::cas`]. [`Precondition::Matches`] extends the version's
///   chain of predecessors, the others begin a new one.
/// - **Refusals come first**: what the guarantees do not hold is [`ErrorKind::Unsupported`] before any I/O; a call that
///   is over (deadline, cancelled) before it begins changes nothing.
/// - **Dropping a future** leaves the store as it was or as the whole call would have left it, and loses nothing that
///   others wrote. Work that runs on is in flight: `drain` and `close` wait for it.
/// - **Ambiguity is told**: a write that may have been made although it failed is [`ErrorKind::Unknown`] or carries
///   `settled = false`. A layer that resends keeps the write id and combines `settled`.
/// - **Listings** come in the bytewise order of keys (`a-b` before `a/b` before `ab`), in bounded memory, and never
///   name a key of the system space unless they are asked for those alone.
/// - **No I/O is defaulted**: a layer that forgot a method would bypass its inner store. The functions in
///   [`derived`](crate::derived) make each derived operation one line.
///
/// [`Precondition::Matches`]: crate::Precondition::Matches
/// [`ErrorKind::Unsupported`]: crate::ErrorKind::Unsupported
/// [`ErrorKind::Unknown`]: crate::ErrorKind::Unknown
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// Who this store is.
    fn id(&self) -> &StoreId;

    /// What it promises.
    fn guarantees(&self) -> &Guarantees;

    /// Answers a get at once, or not at all: `None` means "ask [`Store::get_opts`]". Never blocks, takes no lock that
    /// is held across I/O, and boxes nothing.
    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>>;

    /// Reads a value, or a part of it, in one request. A range moves only what covers it.
    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>>;

    /// Reads a value as a stream of one version: it ends in [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if
    /// that version goes away meanwhile, never in a mix.
    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>>;

    /// Reads what is known about a value.
    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>>;

    /// Writes a value.
    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written>;

    /// Writes a value from a stream, in bounded memory. A stream that fails, a dropped call or a kill leaves nothing
    /// visible. The precondition is decided at the end; a store may also refuse at the beginning.
    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written>;

    /// Removes a value. A key that is absent already is no error.
    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed>;

    /// Reads many values: an outcome for each key, in order. `options` hold for each of them.
    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>>;

    /// Writes many values: an outcome for each, in order. Not atomic together, each is by itself; of two with the same
    /// key the later one wins.
    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>>;

    /// Removes many values: an outcome for each, in order.
    async fn delete_many_opts(&self, items: Vec<DeleteItem>, options: &DeleteOptions)
    -> Vec<Result<Removed>>;

    /// Copies a value with its attributes and expiry to another key of this store.
    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied>;

    /// Makes all steps or none. The first precondition that fails is a conflict that names its key.
    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted>;

    /// Lists keys, or common prefixes, in order. The stream owns what it needs.
    fn list_opts(&self, options: ListOptions) -> Items<Listed>;

    /// Finds and removes what killed or dropped writers left: temporary files, parts of unfinished uploads.
    async fn sweep(&self, options: &SweepOptions) -> Result<Swept>;

    /// Makes durable, as far as this store can, everything that was accepted before.
    async fn flush(&self, call: &Call) -> Result<()>;

    /// Waits until nothing that was begun before runs in the background.
    async fn drain(&self, call: &Call) -> Result<()>;

    /// Refuses new calls, sees out those in flight, and lets go of what the store holds. Closing twice is no error.
    async fn close(&self, call: &Call) -> Result<()>;

    /// Where this store keeps objects in memory, if it does. A layer leaves it at `None`, so that nothing passes it by.
    fn objects(&self) -> Option<&dyn Objects> {
        None
    }

    /// A folder that all processes which share this store reach, where a tier above it keeps its fence. A layer passes
    /// it on.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// The layers that it has, or is made of: what decides which others may lie around it. A layer passes on those of
    /// its inner store.
    fn layers(&self) -> Layers {
        Layers::NONE
    }

    /// What it holds, as far as it counts. A layer passes it on.
    fn usage(&self) -> Usage {
        Usage::UNKNOWN
    }
}

/// The error of a call on a closed store.
pub fn closed(op: crate::error::Op, store: &StoreId) -> Error {
    Error::new(crate::ErrorKind::Closed, op, "the store was closed").at(store)
}
