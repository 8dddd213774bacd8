//! A fence file as this process is attached to it: once, whatever number of stacks goes by it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::marker::Marked;
use super::{Cell, Reach};
use crate::fence::{FenceFile, FrontSays, Mapped, Table};

/// A file, its table, and who goes by it.
pub(crate) struct Attachment {
    reach: Arc<Reach>,
    request: FenceFile,
    /// The front beside which the file is, whose data says which table they belong to.
    front: Marked,
    held: Mutex<Held>,
    renewing: tokio::sync::Mutex<()>,
}

struct Held {
    /// None once it was lost.
    table: Option<Arc<Table<Mapped>>>,
    cells: Vec<Weak<Cell>>,
}

impl Attachment {
    /// Attaches to the file, or shares what this process has attached already, and lets `cell` go by it.
    pub(crate) async fn open(
        reach: &Arc<Reach>,
        request: FenceFile,
        front: Marked,
        cell: &Arc<Cell>,
    ) -> Result<Arc<Attachment>> {
        // One at a time, so that a process has one bit.
        let _alone = reach.attaching().lock().await;
        if let Some(attachment) = reach.attachment(&request.path) {
            if attachment.request.layout != request.layout || attachment.request.window != request.window {
                let why = format!("another stack of this process uses {} otherwise", request.path.display());
                return Err(Error::new(ErrorKind::Invalid, Op::Open, why)
                    .hint("stacks that share a front must have the same fence_slots and doubt window"));
            }
            if attachment.serve(cell) {
                return Ok(attachment);
            }
        }
        let path = request.path.clone();
        let table = attach(&request, &front).await?;
        let attachment = Arc::new(Attachment {
            reach: reach.clone(),
            request,
            front,
            held: Mutex::new(Held { table: Some(table.clone()), cells: Vec::new() }),
            renewing: tokio::sync::Mutex::default(),
        });
        reach.join(&table, Some(Arc::downgrade(&attachment)))?;
        reach.keep_attachment(path, &attachment);
        attachment.serve(cell);
        Ok(attachment)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a cell go by the table; `false` if that was lost.
    fn serve(&self, cell: &Arc<Cell>) -> bool {
        let mut held = self.held();
        let Some(table) = &held.table else { return false };
        cell.attach(table);
        held.cells.retain(|cell| cell.strong_count() > 0);
        held.cells.push(Arc::downgrade(cell));
        true
    }

    /// Attaches anew, because `broken` is no longer what the others read, unless that was done already.
    ///
    /// # Errors
    /// If it cannot be done: everybody in this process goes by the table of the process alone then.
    pub(crate) async fn renew(&self, broken: &Arc<Table<Mapped>>, why: &Error) -> Result<()> {
        let _alone = self.renewing.lock().await;
        if !self.held().table.as_ref().is_some_and(|table| Arc::ptr_eq(table, broken)) {
            return Ok(());
        }
        tracing::warn!(error = %why, "the fence is attached anew");
        let renewed = attach(&self.request, &self.front).await.and_then(|table| {
            let me = self.reach.attachment(&self.request.path).map(|me| Arc::downgrade(&me));
            self.reach.join(&table, me).map(|()| table)
        });
        // First the new one, then the old one away: in between a write meets the old one and waits here.
        let mut held = self.held();
        held.table = renewed.as_ref().ok().cloned();
        for cell in held.cells.iter().filter_map(Weak::upgrade) {
            match &held.table {
                Some(table) => cell.attach(table),
                None => cell.detach(),
            }
        }
        drop(held);
        self.reach.leave(broken);
        renewed.map(drop)
    }
}

/// Attaches, and notes it in the front.
async fn attach(request: &FenceFile, front: &Marked) -> Result<Arc<Table<Mapped>>> {
    let says = front.read().await?;
    let request = FenceFile { front: says, ..request.clone() };
    let table = Arc::new(request.attach().await?);
    if says != FrontSays::Incarnation(table.incarnation()) {
        front.write(table.incarnation()).await;
    }
    Ok(table)
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({})", self.request.path.display())
    }
}
