//! Slots of the log, taken and read.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{
    Call, Env, Error, ErrorKind, GetOptions, Got, Key, ListOptions, Listed, Op, Precondition, PutOptions,
    Result, Store,
};

use super::{Body, Entry};
use crate::segment::OnText as _;

/// How many slots are read at once.
const TOGETHER: usize = 16;

/// The key of a slot.
pub(crate) fn name(slot: u64) -> String {
    format!("wal/{slot:016x}")
}

/// What stands in the slots behind `floor`, in their order, up to the first that is free. It is whole if the manifest that says
/// `floor` is still the one there is: else slots may have been removed before they were listed.
///
/// # Errors
/// Those of the store; `Corrupt` for an object that is none of the log; `Conflict` where slots were removed meanwhile.
pub(crate) async fn read_from(
    store: &Arc<dyn Store>,
    dims: usize,
    floor: u64,
    call: &Call,
) -> Result<Vec<(u64, Entry)>> {
    let mut options = ListOptions::new().with_prefix("wal/").with_call(call.clone());
    options.start_after = Some(name(floor));
    let mut slots = Vec::new();
    let mut listed = store.list_opts(options);
    while let Some(item) = listed.next().await {
        let Listed::Entry(meta) = item? else { continue };
        let slot = meta.key.as_str().strip_prefix("wal/").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        // Behind a gap is nothing that was acknowledged before the listing began, unless a newer manifest covers what stood there.
        if slot != Some(floor + 1 + slots.len() as u64) {
            break;
        }
        slots.extend(slot);
    }
    let read = |slot| async move {
        let name = name(slot);
        match store.get_opts(&Key::new(&*name)?, &GetOptions::new().with_call(call.clone())).await? {
            Got::Found { body, .. } => {
                let entry = Entry::decode(&name, &body, dims).map_err(|e| e.at(store.id()).on_text(&name))?;
                Ok(Some((slot, entry)))
            }
            _ => Ok(None),
        }
    };
    let read: Vec<_> = futures_util::stream::iter(slots).map(read).buffered(TOGETHER).try_collect().await?;
    // Whoever removes slots has covered them by a manifest: what is gone from the front is to be read there.
    match read.iter().any(Option::is_none) {
        true => Err(cut_short()),
        false => Ok(read.into_iter().flatten().collect()),
    }
}

fn cut_short() -> Error {
    Error::new(ErrorKind::Conflict, Op::Open, "the log was cut short while it was read")
}

/// What became of an attempt to take the next slot.
#[derive(Debug)]
pub(crate) enum Appended {
    /// It is taken, as asked.
    Done { slot: u64 },
    /// Somebody else is the writer now.
    Fenced { epoch: u64 },
}

/// The end of the log, to which one writer appends.
#[derive(Debug)]
pub(crate) struct Log {
    store: Arc<dyn Store>,
    env: Env,
    dims: usize,
    epoch: u64,
    /// The slot that was free when it was looked at last.
    next: u64,
    /// What was sent for that slot and got no answer.
    open: Vec<u64>,
    /// What got no answer and turned out to have taken a slot: `(slot, nonce)`.
    late: Vec<(u64, u64)>,
}

impl Log {
    pub(crate) fn new(store: Arc<dyn Store>, env: Env, dims: usize, epoch: u64, next: u64) -> Log {
        Log { store, env, dims, epoch, next, open: Vec::new(), late: Vec::new() }
    }

    /// The last slot that is taken.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    /// What got no answer and turned out meanwhile to have taken a slot, as slot and nonce.
    pub(crate) fn take_late(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.late)
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.env.random_u64()
    }

    /// Takes the next slot.
    ///
    /// A slot that is taken is looked at: by an attempt of one's own that got no answer (then it counts, and the next slot is
    /// tried), or by another writer.
    ///
    /// # Errors
    /// Those of the store. Unless the error is settled, the attempt may still take effect: a later call finds out.
    pub(crate) async fn append(&mut self, nonce: u64, body: &Body, call: &Call) -> Result<Appended> {
        loop {
            let slot = self.next;
            let name = name(slot);
            let entry = Entry { epoch: self.epoch, nonce, body: body.clone() };
            let object = entry.encode(&name, self.dims);
            match self.take(&name, object, call).await {
                Ok(()) => {
                    self.step();
                    return Ok(Appended::Done { slot });
                }
                Err(error) if error.is(ErrorKind::Conflict) => {
                    if !error.settled() {
                        self.open.push(nonce);
                    }
                    let there = self.read(&name, call).await?;
                    if there.epoch != self.epoch {
                        return Ok(Appended::Fenced { epoch: there.epoch });
                    }
                    if there.nonce == nonce {
                        self.step();
                        return Ok(Appended::Done { slot });
                    }
                    if !self.open.contains(&there.nonce) {
                        // Two that became the writer at once have drawn the same epoch: the slot decides whose it is.
                        return Ok(Appended::Fenced { epoch: there.epoch });
                    }
                    self.late.push((slot, there.nonce));
                    self.step();
                }
                Err(error) => {
                    if !error.settled() {
                        self.open.push(nonce);
                    }
                    return Err(error);
                }
            }
        }
    }

    fn step(&mut self) {
        self.next += 1;
        self.open.clear();
    }

    async fn take(&self, name: &str, object: Bytes, call: &Call) -> Result<()> {
        let options = PutOptions::new().with_pre(Precondition::Absent).with_call(call.clone());
        self.store.put_opts(&Key::new(name)?, object, &options).await.map(drop)
    }

    async fn read(&self, name: &str, call: &Call) -> Result<Entry> {
        let options = GetOptions::new().with_call(call.clone());
        match self.store.get_opts(&Key::new(name)?, &options).await? {
            Got::Found { body, .. } => {
                Entry::decode(name, &body, self.dims).map_err(|e| e.at(self.store.id()).on_text(name))
            }
            // The next writer has covered it by a manifest and removed it.
            _ => Ok(Entry { epoch: u64::MAX, nonce: 0, body: Body::Begin }),
        }
    }
}
