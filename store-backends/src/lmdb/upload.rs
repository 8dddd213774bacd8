//! Writing a long value: in parts, by small commits, made visible by one more.
//!
//! With the first part goes an entry in the books that says who uploads; the commit that writes the head takes it out.
//! Whatever ends the upload before (an error, a dropped future, a kill, a power cut), the entry leads to the parts:
//! they become garbage, at once or when the next process opens the store.

use std::collections::VecDeque;
use std::sync::Arc;

use larder_store_core::record::{Head, Parts, Sealer};
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, WriteId};

use super::handle::{Handle, Pending};
use super::keys::PartsId;
use super::writer::{Change, Done};

/// Parts of one upload that wait for their commit: a commit of several costs little more than one of one.
const PENDING: usize = 16;

/// What a write needs besides its value.
#[derive(Debug, Clone)]
pub(super) struct WriteSpec {
    pub(super) op: Op,
    pub(super) key: Key,
    pub(super) options: PutOptions,
    pub(super) write_id: WriteId,
}

impl WriteSpec {
    /// The head of the value, without its length and parts.
    pub(super) fn head(&self, handle: &Handle) -> Head {
        let mut head = Head::new(self.key.clone(), self.write_id, handle.env.wall());
        if let Precondition::Matches(version) = &self.options.pre {
            head.predecessors = version.chain().collect();
        }
        head.expires = self.options.expires;
        head.attributes = self.options.attributes.clone();
        head
    }

    /// The change that writes a head, and with it the body, unless that stands in parts.
    pub(super) fn change(&self, head: &Head, record: Vec<u8>) -> Change {
        Change::Put {
            op: self.op,
            key: self.key.clone(),
            pre: self.options.pre.clone(),
            record,
            version: head.version(),
            expires: head.expires,
            parts: head.parts.map(|parts| parts.id),
        }
    }
}

/// An upload. Dropped before it is finished, it is given up in the background.
#[derive(Debug)]
pub(super) struct Upload {
    handle: Arc<Handle>,
    op: Op,
    call: Call,
    head: Head,
    parts: Parts,
    sealer: Sealer,
    part: Vec<u8>,
    number: u32,
    pending: VecDeque<Pending>,
    over: bool,
}

impl Upload {
    pub(super) fn begin(handle: Arc<Handle>, spec: &WriteSpec) -> Upload {
        let mut id: PartsId = [0; 16];
        handle.env.fill_random(&mut id);
        let parts = Parts { id, part_len: handle.shared.settings.part_len() };
        let mut head = spec.head(&handle);
        head.parts = Some(parts);
        let sealer = Sealer::new(head.binding());
        Upload {
            op: spec.op,
            call: spec.options.call.clone(),
            handle,
            head,
            parts,
            sealer,
            part: Vec::new(),
            number: 0,
            pending: VecDeque::new(),
            over: false,
        }
    }

    /// Bytes taken so far.
    pub(super) fn len(&self) -> u64 {
        self.sealer.raw_len()
    }

    /// Takes the next bytes of the value.
    pub(super) async fn push(&mut self, piece: &[u8]) -> Result<()> {
        self.sealer.push(piece);
        self.store(piece).await
    }

    /// Cuts bytes of the body into parts.
    async fn store(&mut self, mut bytes: &[u8]) -> Result<()> {
        let len = self.parts.part_len as usize;
        while !bytes.is_empty() {
            if self.part.capacity() == 0 {
                self.part.reserve_exact(len);
            }
            let (now, later) = bytes.split_at(bytes.len().min(len - self.part.len()));
            self.part.extend_from_slice(now);
            bytes = later;
            if self.part.len() == len {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        self.handle.begin(self.op, &self.call)?;
        while self.pending.len() >= PENDING {
            self.settle_one().await?;
        }
        let bytes = std::mem::take(&mut self.part);
        let started = (self.number == 0).then(|| self.handle.env.wall());
        let change = Change::Part { op: self.op, id: self.parts.id, number: self.number, bytes, started };
        self.number = self.number.checked_add(1).ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, self.op, "the value has more parts than there can be")
        })?;
        let pending = self.handle.queue(self.op, &self.call, vec![change], false).await?;
        self.pending.push_back(pending);
        Ok(())
    }

    /// Waits for the oldest part. A part that may or may not have been written is no harm: nothing names it.
    async fn settle_one(&mut self) -> Result<()> {
        let Some(pending) = self.pending.pop_front() else { return Ok(()) };
        let done = self.handle.wait(self.op, &self.call, pending).await;
        let failed = match done {
            Ok(done) => match done.into_iter().find_map(Result::err) {
                None => return Ok(()),
                Some(error) => error,
            },
            Err(error) => error,
        };
        if !failed.is(ErrorKind::Unknown) {
            return Err(failed);
        }
        // Whatever became of the part, the value was surely not written.
        self.handle.begin(self.op, &self.call)?;
        Err(Error::new(ErrorKind::Unavailable, self.op, "a part of the value could not be written")
            .caused_by(failed))
    }

    /// Writes what is left of the body: the change that makes it visible. The upload stays its guard until that is made.
    pub(super) async fn finish(&mut self, spec: &WriteSpec) -> Result<(Change, usize)> {
        let sealer = std::mem::replace(&mut self.sealer, Sealer::new(self.head.binding()));
        let (raw_len, index) = sealer.finish();
        self.head.raw_len = raw_len;
        self.store(&index).await?;
        if !self.part.is_empty() {
            self.send().await?;
        }
        while !self.pending.is_empty() {
            self.settle_one().await?;
        }
        let record = self.head.encode()?;
        let len = record.len();
        Ok((spec.change(&self.head, record), len))
    }

    /// The head of the value.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The value is visible: there is nothing to give up.
    pub(super) fn done(mut self, made: &Result<Done>) {
        self.over = made.is_ok();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // If the head was written after all, the books have no entry, and this finds nothing to give up.
        if !self.over && self.number > 0 {
            // From behind, so that what is still written is whole.
            for pending in self.pending.drain(..).rev() {
                pending.give_up();
            }
            self.handle.abandon(self.parts.id);
        }
    }
}
