//! Many values at once: one transaction for each piece of a batch.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Error, GetOptions, Got, Key, Op, PutItem, Removed, Result, Step,
    StepDone, Transacted, Written, derived,
};

use super::body::Body;
use super::handle::Handle;
use super::read::{Look, Wanted};
use super::upload::Upload;
use super::write::removed;
use super::writer::{Change, Done};

/// Values that one transaction reads.
pub(super) const GETS: usize = 256;
/// Bytes of values that one transaction reads, at least one value.
const GET_BYTES: usize = 1 << 20;
/// Values that one transaction writes.
pub(super) const PUTS: usize = 1000;
/// Bytes of values that one transaction writes, at least one value.
const PUT_BYTES: usize = 4 << 20;

/// What is known of each of many: an answer already, or the place of its change.
enum Slot {
    Failed(Error),
    At(usize),
}

impl Handle {
    /// Reads many values.
    pub(super) async fn get_many(
        self: &Arc<Handle>,
        keys: &[Key],
        options: &GetOptions,
    ) -> Vec<Result<Got<Bytes>>> {
        let op = Op::GetMany;
        let wanted = Wanted::of(options);
        let mut answers = Vec::with_capacity(keys.len());
        while answers.len() < keys.len() {
            if let Err(error) = self.begin(op, &options.call) {
                answers.resize_with(keys.len(), || Err(error.clone()));
                break;
            }
            let done = answers.len();
            let looked = self.read(op, |snapshot| {
                let (mut looks, mut bytes) = (Vec::new(), 0);
                for key in &keys[done..] {
                    if looks.len() == GETS || bytes >= GET_BYTES {
                        break;
                    }
                    let look = self
                        .guarantees
                        .check_get(op, key, options)
                        .and_then(|()| self.look(snapshot, op, key, &wanted));
                    if let Ok(Look::Got(Got::Found { body, .. })) = &look {
                        bytes += body.len();
                    }
                    looks.push(look);
                }
                Ok(looks)
            });
            match looked.await {
                Ok(looks) => {
                    for (look, key) in looks.into_iter().zip(&keys[done..]) {
                        answers.push(self.finish_get(op, key, options, look).await);
                    }
                }
                Err(error) => answers.push(Err(error)),
            }
        }
        answers.into_iter().zip(keys).map(|(got, key)| got.map_err(self.named(op, key))).collect()
    }

    /// Reads the parts of a value, if it stands in parts. A value that is replaced meanwhile is read anew.
    pub(super) async fn finish_get(
        self: &Arc<Handle>,
        op: Op,
        key: &Key,
        options: &GetOptions,
        mut look: Result<Look>,
    ) -> Result<Got<Bytes>> {
        // Each time somebody else made progress.
        const TRIES: usize = 16;
        for tried in 1.. {
            let (head, meta) = match look? {
                Look::Got(got) => return Ok(got),
                Look::Parts(parts) => *parts,
            };
            let Some(parts) = head.parts else { return Ok(Got::Absent) };
            let body = Body::new(self.clone(), op, options.call.clone(), head, parts, options.range)?;
            match body.collect().await {
                Ok(body) => return Ok(Got::found(meta, body)),
                Err(error) if error.is(larder_store_core::ErrorKind::Conflict) && tried < TRIES => {}
                Err(error) => return Err(error),
            }
            let wanted = Wanted::of(options);
            look = self.read(op, |snapshot| self.look(snapshot, op, key, &wanted)).await;
        }
        Ok(Got::Absent)
    }

    /// Writes many values.
    pub(super) async fn put_many(
        self: &Arc<Handle>,
        items: Vec<PutItem>,
        call: &Call,
    ) -> Vec<Result<Written>> {
        let op = Op::PutMany;
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let mut answers: Vec<Result<Written>> = Vec::with_capacity(items.len());
        let mut items = items.into_iter().peekable();
        let inline = self.shared.settings.inline();
        while items.peek().is_some() {
            let (mut piece, mut bytes) = (Vec::new(), 0);
            while piece.len() < PUTS && bytes < PUT_BYTES {
                let Some(item) = items.next() else { break };
                // A long one is uploaded before, and costs its head here.
                bytes += if item.value.len() > inline { 0 } else { item.value.len() };
                piece.push(item);
            }
            answers.extend(self.put_piece(op, piece, call).await);
        }
        answers.into_iter().zip(&keys).map(|(put, key)| put.map_err(self.named(op, key))).collect()
    }

    async fn put_piece(self: &Arc<Handle>, op: Op, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let mut slots = Vec::with_capacity(items.len());
        let (mut changes, mut uploads, mut writes) = (Vec::new(), HashMap::new(), Vec::new());
        for mut item in items {
            item.options.call = call.clone();
            let made = match self.begin(op, call) {
                Ok(()) => self.prepare(op, &item).await,
                Err(error) => Err(error),
            };
            match made {
                Ok((change, upload, written)) => {
                    slots.push(Slot::At(changes.len()));
                    if let Some(upload) = upload {
                        uploads.insert(changes.len(), upload);
                    }
                    changes.push(change);
                    writes.push(written);
                }
                Err(error) => slots.push(Slot::Failed(error)),
            }
        }
        let mut outcomes = self.submit_all(op, call, changes).await;
        for (at, upload) in uploads {
            upload.done(&outcomes[at]);
        }
        slots
            .into_iter()
            .map(|slot| match slot {
                Slot::Failed(error) => Err(error),
                Slot::At(at) => {
                    std::mem::replace(&mut outcomes[at], Ok(Done::Made)).map(|_| writes[at].clone())
                }
            })
            .collect()
    }

    async fn prepare(
        self: &Arc<Handle>,
        op: Op,
        item: &PutItem,
    ) -> Result<(Change, Option<Upload>, Written)> {
        let spec = self.spec(op, &item.key, &item.options, Some(item.value.len() as u64))?;
        let ready = self.ready(&spec, &item.value).await?;
        Ok((ready.change, ready.upload, ready.written))
    }

    /// An outcome for each change.
    async fn submit_all(&self, op: Op, call: &Call, changes: Vec<Change>) -> Vec<Result<Done>> {
        let count = changes.len();
        if count == 0 {
            return Vec::new();
        }
        match self.submit(op, call, changes, false).await {
            Ok(outcomes) if outcomes.len() == count => outcomes,
            Ok(_) => {
                let error =
                    Error::new(larder_store_core::ErrorKind::Unknown, op, "the writer left answers out");
                vec![Err(error); count]
            }
            Err(error) => vec![Err(error); count],
        }
    }

    /// Removes many values.
    pub(super) async fn delete_many(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let op = Op::DeleteMany;
        if let Err(error) = derived::check_delete_many(options) {
            return items.iter().map(|item| Err(self.named(op, &item.key)(error.clone()))).collect();
        }
        let mut answers = Vec::with_capacity(items.len());
        for piece in items.chunks(PUTS) {
            let begun = self.begin(op, &options.call);
            let (mut slots, mut changes) = (Vec::new(), Vec::new());
            for item in piece {
                let deletion = match &begun {
                    Ok(()) => self.deletion(op, item),
                    Err(error) => Err(error.clone()),
                };
                slots.push(match deletion {
                    Ok(change) => {
                        changes.push(change);
                        Slot::At(changes.len() - 1)
                    }
                    Err(error) => Slot::Failed(error),
                });
            }
            let outcomes = self.submit_all(op, &options.call, changes).await;
            for (slot, item) in slots.into_iter().zip(piece) {
                let done = match slot {
                    Slot::Failed(error) => Err(error),
                    Slot::At(at) => outcomes[at].clone(),
                };
                answers.push(done.map(removed).map_err(self.named(op, &item.key)));
            }
        }
        answers
    }

    /// Makes all steps or none.
    pub(super) async fn transact(self: &Arc<Handle>, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let op = Op::Transact;
        self.begin(op, call)?;
        self.guarantees.check_transact(&steps)?;
        let (mut changes, mut uploads, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for step in steps {
            let (change, what) = match step {
                Step::Check { key, pre } => (Change::Check { key, pre }, Some(StepDone::Checked)),
                Step::Put(mut item) => {
                    item.options.call = call.clone();
                    let prepared = self.prepare(op, &item).await.map_err(|e| e.on(&item.key))?;
                    let (change, upload, written) = prepared;
                    uploads.extend(upload);
                    (change, Some(StepDone::Written(written)))
                }
                Step::Delete(item) => (self.deletion(op, &item)?, None),
                _ => return Err(Error::unsupported(op, "this kind of step")),
            };
            changes.push(change);
            done.push(what);
        }
        if changes.is_empty() {
            return Ok(Transacted::new(Vec::new()));
        }
        let outcomes = self.submit(op, call, changes, true).await;
        let made: Result<Vec<Done>> = outcomes.and_then(|outcomes| outcomes.into_iter().collect());
        let verdict = made.as_ref().map(|_| Done::Made).map_err(Error::clone);
        for upload in uploads {
            upload.done(&verdict);
        }
        let steps = done
            .into_iter()
            .zip(made?)
            .map(|(what, outcome)| what.unwrap_or_else(|| StepDone::Removed(removed(outcome))))
            .collect();
        Ok(Transacted::new(steps))
    }
}
