//! All fences that stand before one origin in this process.
//!
//! Stacks over one origin may go by different tables: one of the process alone, and a file beside each front that is
//! shared with other processes. A write through any of them is opened in all of them, so that no reader of this process
//! misses it, whichever way it went. A table that joins while writes are open gets to know them first.

mod attachment;
mod cell;
mod doubts;
mod marker;
mod missed;
mod opened;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use larder_store_core::{Env, Error, Result, StoreId};

use crate::fence::{DEFAULT_WINDOW, Layout, Mapped, OpenWrite, Table};
use doubts::Doubts;
use missed::Missed;

pub(crate) use attachment::Attachment;
pub(crate) use cell::{Cell, CellSetup};
pub(crate) use marker::Marked;
pub(crate) use opened::{Opened, Stamps};

/// The fences of one origin.
pub(crate) struct Reach {
    root: StoreId,
    env: Env,
    state: Mutex<State>,
    attaching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    next: u64,
    members: Vec<Member>,
    /// Writes that are open, in every member.
    open: HashMap<u64, Open>,
    /// The tables of the process alone, one for each size that is asked for.
    own: Vec<(Layout, Duration, Arc<Table<Mapped>>)>,
    files: HashMap<PathBuf, Weak<Attachment>>,
    /// Keys whose writes may land late, with the time by which they have.
    doubts: Doubts,
    missed: Missed,
}

/// A table that somebody reads by.
struct Member {
    table: Weak<Table<Mapped>>,
    /// What it is attached by, if it is a file.
    attachment: Option<Weak<Attachment>>,
}

/// The table of one, and what it is attached by.
type Living = (Arc<Table<Mapped>>, Option<Weak<Attachment>>);

/// A write under way.
struct Open {
    name: Box<str>,
    writes: Vec<OpenWrite<Mapped>>,
}

/// A table in which no write can be opened any more.
pub(crate) struct Broken {
    pub(crate) error: Error,
    pub(crate) table: Arc<Table<Mapped>>,
    pub(crate) attachment: Option<Arc<Attachment>>,
}

/// The reaches of this process, by the place of the origin.
static REACHES: Mutex<Option<HashMap<StoreId, Weak<Reach>>>> = Mutex::new(None);

impl Reach {
    /// That of an origin, by whatever prefix or layout it is seen.
    pub(crate) fn of(origin: &StoreId, env: &Env) -> Arc<Reach> {
        let root = StoreId::new(origin.kind(), origin.place(), "");
        let mut reaches = REACHES.lock().unwrap_or_else(PoisonError::into_inner);
        let reaches = reaches.get_or_insert_default();
        if let Some(reach) = reaches.get(&root).and_then(Weak::upgrade) {
            return reach;
        }
        reaches.retain(|_, reach| reach.strong_count() > 0);
        let reach = Arc::new(Reach {
            root: root.clone(),
            env: env.clone(),
            state: Mutex::default(),
            attaching: tokio::sync::Mutex::default(),
        });
        reaches.insert(root, Arc::downgrade(&reach));
        reach
    }

    /// The origin, without prefix and layout.
    pub(crate) fn root(&self) -> &StoreId {
        &self.root
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table of this process alone.
    pub(crate) fn own(&self, layout: Layout, window: Duration) -> Result<Arc<Table<Mapped>>> {
        let mut state = self.state();
        if let Some((_, _, table)) = state.own.iter().find(|(l, w, _)| (*l, *w) == (layout, window)) {
            return Ok(table.clone());
        }
        let table = Arc::new(Table::in_process(layout, window, &self.env)?);
        state.join(&table, None, self.env.monotonic())?;
        state.own.push((layout, window, table.clone()));
        Ok(table)
    }

    /// Opens writes, before the origin is asked: one for each name.
    pub(crate) fn open<'n>(
        self: &Arc<Self>,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<Opened>, Broken> {
        let mut state = self.state();
        let members: Vec<_> = state.living();
        let mut opened = Vec::new();
        for name in names {
            let mut writes = Vec::with_capacity(members.len());
            for (table, attachment) in &members {
                match table.open_write(table.slot_of(name)) {
                    Ok(write) => writes.push(write),
                    Err(error) => {
                        // Nothing was sent: those that are open end as answered.
                        writes.into_iter().for_each(|write| {
                            write.answered();
                        });
                        drop(state);
                        opened.into_iter().for_each(|write: Opened| drop(write.answered()));
                        let attachment = attachment.as_ref().and_then(Weak::upgrade);
                        return Err(Broken { error, table: table.clone(), attachment });
                    }
                }
            }
            state.missed.note(name);
            let number = state.next;
            state.next += 1;
            state.open.insert(number, Open { name: name.into(), writes });
            opened.push(Opened::new(self.clone(), number));
        }
        Ok(opened)
    }

    /// A stack should go by a shared table from now on. Until it does, what is written is remembered for that table.
    pub(crate) fn watch(&self, cell: &Arc<Cell>) {
        self.state().missed.watch(cell);
    }

    /// It reads no more.
    pub(crate) fn unwatch(&self, cell: &Arc<Cell>) {
        self.state().missed.unwatch(cell);
    }

    /// Takes a write out of the books.
    fn take(&self, number: u64) -> Vec<OpenWrite<Mapped>> {
        self.state().open.remove(&number).map(|open| open.writes).unwrap_or_default()
    }

    /// Takes a write out of the books that may land late, and notes that, for tables that join later.
    fn take_doubted(&self, number: u64) -> Vec<OpenWrite<Mapped>> {
        let mut state = self.state();
        let Some(open) = state.open.remove(&number) else { return Vec::new() };
        let window = state.own.iter().map(|(_, window, _)| *window).max().unwrap_or(DEFAULT_WINDOW);
        state.doubts.note(open.name, self.env.monotonic(), window);
        open.writes
    }

    /// Held while a file is attached.
    fn attaching(&self) -> &tokio::sync::Mutex<()> {
        &self.attaching
    }

    fn attachment(&self, path: &Path) -> Option<Arc<Attachment>> {
        self.state().files.get(path).and_then(Weak::upgrade)
    }

    fn keep_attachment(&self, path: PathBuf, attachment: &Arc<Attachment>) {
        self.state().files.insert(path, Arc::downgrade(attachment));
    }

    /// Lets a table in, once it knows of every write that is open.
    fn join(&self, table: &Arc<Table<Mapped>>, attachment: Option<Weak<Attachment>>) -> Result<()> {
        self.state().join(table, attachment, self.env.monotonic())
    }

    /// Nobody reads by this table any more.
    fn leave(&self, table: &Arc<Table<Mapped>>) {
        self.state().members.retain(|member| !std::ptr::eq(member.table.as_ptr(), Arc::as_ptr(table)));
    }
}

impl State {
    fn join(
        &mut self,
        table: &Arc<Table<Mapped>>,
        attachment: Option<Weak<Attachment>>,
        now: Duration,
    ) -> Result<()> {
        let mut joined = Vec::with_capacity(self.open.len());
        for (number, open) in &self.open {
            joined.push((*number, table.open_write(table.slot_of(&open.name))?));
        }
        // Before it is read by: what may land late is in doubt here too.
        for slot in self.doubts.slots(table, now) {
            table.open_write(slot)?.unanswered();
        }
        // And what it has not seen gets new epochs: entries of before are not what the origin has.
        if attachment.is_some() {
            for slot in self.missed.slots(table) {
                table.open_write(slot)?.answered();
            }
        }
        for (number, write) in joined {
            if let Some(open) = self.open.get_mut(&number) {
                open.writes.push(write);
            }
        }
        self.members.push(Member { table: Arc::downgrade(table), attachment });
        Ok(())
    }

    fn living(&mut self) -> Vec<Living> {
        self.members.retain(|member| member.table.strong_count() > 0);
        let up = |member: &Member| Some((member.table.upgrade()?, member.attachment.clone()));
        self.members.iter().filter_map(up).collect()
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reach({})", self.root)
    }
}
