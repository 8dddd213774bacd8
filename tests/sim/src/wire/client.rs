//! One of those who ask: a call after the other, each an event of a register.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use larder_store_core::{
    ByteRange, Call, DeleteItem, DeleteOptions, Deleted, Error, ErrorKind, GetOptions, Got, Key, ListOptions,
    Listed, Precondition, PutOptions, Removed, Result as Done, Store, StoreExt as _, UpdateOptions, Version,
    Written,
};

use super::kinds::{Asked, wrong};
use super::pulse::Pulse;
use super::round::held;
use super::tally::Tally;
use crate::Outcome;
use crate::clock::nanos;
use crate::model::{Action, Event, Outcome as Answer, Pre, State};
use crate::rng::Rng;
use crate::value::{self, HEAD, WriteNo};

/// What a deadline leaves for being told about it, on a machine that has other things to do.
const GRACE: Duration = Duration::from_millis(1500);
/// Values that go up in parts begin here.
const LARGE: usize = 17 << 20;

/// What the clients share.
pub(super) struct Shared<'a> {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: &'a [Key],
    pub(super) counters: &'a [Key],
    pub(super) events: Mutex<Vec<Event>>,
    pub(super) tally: Mutex<Tally>,
    pub(super) problems: Mutex<Vec<String>>,
    pub(super) pulse: Pulse,
}

/// A client.
pub(super) struct Client<'a> {
    shared: &'a Shared<'a>,
    who: u32,
    count: u32,
    rng: Rng,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Get,
    GetPart,
    Put,
    PutIfAbsent,
    PutIfMatches,
    PutLarge,
    Delete,
    DeleteIfMatches,
    DeleteMany,
    List,
    Update,
}

const DOINGS: &[(u32, Doing)] = &[
    (60, Doing::Get),
    (20, Doing::GetPart),
    (30, Doing::Put),
    (25, Doing::PutIfAbsent),
    (60, Doing::PutIfMatches),
    (1, Doing::PutLarge),
    (12, Doing::Delete),
    (20, Doing::DeleteIfMatches),
    (8, Doing::DeleteMany),
    (8, Doing::List),
    (12, Doing::Update),
];

const SIZES: &[(u32, (u64, u64))] = &[(12, (40, 3_000)), (3, (3_000, 70_000)), (1, (70_000, 300_000))];

/// What a get tells about the key, whose bytes are checked.
///
/// # Errors
/// Bytes that nobody wrote so.
pub(super) fn seen(key: &Key, got: &Got<Bytes>) -> Outcome<State> {
    match got {
        Got::Absent => Ok(None),
        Got::Found { body, .. } => {
            Ok(Some(value::check(key.as_str(), body).map_err(|e| format!("torn: {key:?}: {e}"))?))
        }
        Got::Unchanged(_) => Err("a get without a version says that it is unchanged".into()),
    }
}

/// What a counter is at.
///
/// # Errors
/// What is no number.
pub(super) fn count(got: &Got<Bytes>) -> Outcome<u64> {
    match got {
        Got::Absent => Ok(0),
        Got::Found { body, .. } => Ok(std::str::from_utf8(body)?.parse()?),
        Got::Unchanged(_) => Err("a get without a version says that it is unchanged".into()),
    }
}

/// The same of the first bytes of a value: its head tells whose they are.
fn seen_part(key: &Key, body: &[u8]) -> Outcome<WriteNo> {
    let word =
        |at: usize| -> Option<u64> { Some(u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?)) };
    let (Some(write), Some(len)) = (word(8), word(16)) else { return Err("torn: less than a head".into()) };
    let right = value::part(key.as_str(), write, len as usize, 0..body.len());
    if right != body {
        return Err(format!(
            "torn: the first {} bytes of {key:?} are not those of write {write:x}",
            body.len()
        )
        .into());
    }
    Ok(write)
}

impl<'a> Client<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, who: u32, rng: Rng) -> Self {
        Self { shared, who, count: 0, rng }
    }

    pub(super) async fn work(&mut self, calls: u64) {
        for _ in 0..calls {
            let doing = *self.rng.weighted(DOINGS);
            *held(&self.shared.tally).calls.entry(name(doing)).or_default() += 1;
            let key = self.key();
            match doing {
                Doing::Get => drop(self.get().await),
                Doing::GetPart => self.get_part().await,
                Doing::Put => self.put(key, None, Pre::Any).await,
                Doing::PutIfAbsent => self.put(key, None, Pre::Absent).await,
                Doing::PutIfMatches => {
                    if let Some((key, write, version)) = self.get().await {
                        self.put(key, Some(version), Pre::Matches(write)).await;
                    }
                }
                Doing::PutLarge => self.put_large().await,
                Doing::Delete => self.delete(key, None).await,
                Doing::DeleteIfMatches => {
                    if let Some((key, write, version)) = self.get().await {
                        self.delete(key, Some((write, version))).await;
                    }
                }
                Doing::DeleteMany => self.delete_many().await,
                Doing::List => self.list().await,
                Doing::Update => self.update().await,
            }
        }
    }

    fn key(&mut self) -> usize {
        self.rng.index(self.shared.keys.len())
    }

    fn value(&mut self, key: usize, len: usize) -> (WriteNo, Bytes) {
        self.count += 1;
        let write = u64::from(self.who) << 32 | u64::from(self.count);
        (write, value::make(self.shared.keys[key].as_str(), write, len))
    }

    fn problem(&self, what: impl Into<String>) {
        held(&self.shared.problems).push(what.into());
    }

    /// Carries a call out that has a deadline.
    async fn timed<T>(
        &mut self,
        asked: Asked,
        what: &str,
        work: impl AsyncFnOnce(Call) -> Done<T>,
    ) -> Done<T> {
        let time = Duration::from_millis(if self.rng.one_in(10) { self.rng.between(1, 400) } else { 4_000 });
        self.timed_within(time, asked, what, work).await
    }

    async fn timed_within<T>(
        &mut self,
        time: Duration,
        asked: Asked,
        what: &str,
        work: impl AsyncFnOnce(Call) -> Done<T>,
    ) -> Done<T> {
        let deadline = Instant::now() + time;
        let done = work(Call::default().with_deadline(deadline)).await;
        let past = Instant::now().saturating_duration_since(deadline);
        let past = past.saturating_sub(self.shared.pulse.lost_since(deadline));
        if past > GRACE {
            self.problem(format!("{what} ended {past:?} past its deadline of {time:?}"));
        }
        let mut tally = held(&self.shared.tally);
        tally.longest_past = tally.longest_past.max(past);
        if let Err(error) = &done {
            match error.is(ErrorKind::Conflict) {
                true => tally.conflicts += 1,
                false => tally.error(error),
            }
            if let Some(wrong) = wrong(asked, error) {
                drop(tally);
                self.problem(format!("{what}: {wrong}"));
            }
        }
        done
    }

    /// Notes what became of a call. What is open ends with the round.
    fn note(&self, key: usize, begin: u64, action: Action, outcome: Answer, open: bool) {
        let mut events = held(&self.shared.events);
        let event = Event { key, who: self.who, begin, end: nanos(), action, outcome, group: None };
        let until_the_end = Event { end: u64::MAX, outcome: Answer::Echo, ..event };
        if outcome != Answer::Echo {
            events.push(event);
        }
        if open {
            held(&self.shared.tally).unsettled += 1;
            // An attempt that got no answer may still land, behind the one that did too.
            events.push(until_the_end);
        }
    }

    /// Notes an error of a write. One that is settled says that nothing was written: then nothing may be seen of it.
    fn note_error(&self, key: usize, begin: u64, action: Action, error: &Error) {
        match error.kind() {
            ErrorKind::Conflict => self.note(key, begin, action, Answer::Conflict, !error.settled()),
            _ if error.settled() => {}
            _ => self.note(key, begin, action, Answer::Echo, true),
        }
    }

    async fn get(&mut self) -> Option<(usize, WriteNo, Version)> {
        let (key, store) = (self.key(), self.shared.store.clone());
        let name = &self.shared.keys[key];
        let begin = nanos();
        let got = self
            .timed(Asked::Read, "get", async |call| {
                store.get_opts(name, &GetOptions::new().with_call(call)).await
            })
            .await
            .ok()?;
        match seen(name, &got) {
            Err(torn) => {
                self.problem(torn.to_string());
                None
            }
            Ok(state) => {
                self.note(key, begin, Action::Read, Answer::Read(state), false);
                let version = got.meta().and_then(|meta| meta.version.clone());
                state.zip(version).map(|(write, version)| (key, write, version))
            }
        }
    }

    async fn get_part(&mut self) {
        let (key, store) = (self.key(), self.shared.store.clone());
        let name = &self.shared.keys[key];
        let range = ByteRange::from(0..self.rng.between(HEAD as u64, 400));
        let begin = nanos();
        let options = GetOptions::new().with_range(range);
        let got = self.timed(Asked::Read, "get of a range", async |call| {
            store.get_opts(name, &options.with_call(call)).await
        });
        let state = match got.await {
            Err(_) => return,
            Ok(Got::Found { body, .. }) => seen_part(name, &body).map(Some),
            Ok(Got::Absent) => Ok(None),
            Ok(Got::Unchanged(_)) => Err("a get without a version says that it is unchanged".into()),
        };
        match state {
            Ok(state) => self.note(key, begin, Action::Read, Answer::Read(state), false),
            Err(torn) => self.problem(torn.to_string()),
        }
    }

    async fn put(&mut self, key: usize, over: Option<Version>, pre: Pre) {
        let (least, most) = *self.rng.weighted(SIZES);
        let len = self.rng.between(least, most) as usize;
        let (write, body) = self.value(key, len);
        let (asked, condition) = match (pre, over) {
            (Pre::Matches(_), Some(version)) => (Asked::ConditionalWrite, Precondition::Matches(version)),
            (Pre::Absent, _) => (Asked::ConditionalWrite, Precondition::Absent),
            _ => (Asked::Write, Precondition::Any),
        };
        let (store, name) = (self.shared.store.clone(), &self.shared.keys[key]);
        let options = PutOptions::new().with_pre(condition);
        let begin = nanos();
        let done =
            self.timed(asked, "put", async |call| store.put_opts(name, body, &options.with_call(call)).await);
        let done = done.await;
        self.note_put(key, begin, Action::Put(write, pre), done);
    }

    fn note_put(&self, key: usize, begin: u64, action: Action, done: Done<Written>) {
        match done {
            Ok(written) => self.note(key, begin, action, Answer::Written, !written.settled),
            Err(error) => self.note_error(key, begin, action, &error),
        }
    }

    /// A value that goes up in parts.
    async fn put_large(&mut self) {
        let key = self.key();
        let len = LARGE + self.rng.index(100_000);
        let (write, body) = self.value(key, len);
        held(&self.shared.tally).large += 1;
        let (store, name) = (self.shared.store.clone(), &self.shared.keys[key]);
        let begin = nanos();
        let time = Duration::from_secs(20);
        let done = self.timed_within(time, Asked::Write, "put in parts", async |call| {
            let pieces: Vec<Done<Bytes>> =
                body.chunks(1 << 20).map(|piece| Ok(body.slice_ref(piece))).collect();
            let stream = Box::pin(futures_util::stream::iter(pieces));
            store.put_stream_opts(name, stream, &PutOptions::new().with_call(call)).await
        });
        let done = done.await;
        self.note_put(key, begin, Action::Put(write, Pre::Any), done);
    }

    async fn delete(&mut self, key: usize, only: Option<(WriteNo, Version)>) {
        let (store, name) = (self.shared.store.clone(), &self.shared.keys[key]);
        let asked = if only.is_some() { Asked::ConditionalWrite } else { Asked::Write };
        let (write, version) = only.unzip();
        let mut options = DeleteOptions::new().with_tell(self.rng.one_in(3));
        options.only = version;
        let begin = nanos();
        let done = self
            .timed(asked, "delete", async |call| store.delete_opts(name, &options.with_call(call)).await)
            .await;
        self.note_delete(key, begin, Action::Delete(write), done);
    }

    fn note_delete(&self, key: usize, begin: u64, action: Action, done: Done<Removed>) {
        match done {
            Ok(removed) => {
                let existed = match removed.existed {
                    // Of several attempts, the one that removed it may not be the one that told.
                    _ if !removed.settled => None,
                    Deleted::Yes => Some(true),
                    Deleted::No => Some(false),
                    Deleted::NotTold => None,
                };
                self.note(key, begin, action, Answer::Removed(existed), !removed.settled);
            }
            Err(error) => self.note_error(key, begin, action, &error),
        }
    }

    async fn delete_many(&mut self) {
        let mut keys = vec![self.key(), self.key(), self.key()];
        keys.sort_unstable();
        keys.dedup();
        let store = self.shared.store.clone();
        let items =
            keys.iter().map(|&key| DeleteItem { key: self.shared.keys[key].clone(), only: None }).collect();
        let begin = nanos();
        let done = self.timed(Asked::Write, "delete many", async |call| {
            Ok(store.delete_many_opts(items, &DeleteOptions::new().with_call(call)).await)
        });
        let done = done.await.unwrap_or_default();
        if done.len() != keys.len() {
            return self.problem(format!("delete many: {} answers for {} keys", done.len(), keys.len()));
        }
        for (key, done) in keys.into_iter().zip(done) {
            if let Err(error) = &done {
                held(&self.shared.tally).error(error);
                if let Some(wrong) = wrong(Asked::Write, error) {
                    self.problem(format!("delete many: {wrong}"));
                }
            }
            self.note_delete(key, begin, Action::Delete(None), done);
        }
    }

    /// Adds one to a counter.
    async fn update(&mut self) {
        let which = self.rng.index(self.shared.counters.len());
        let (store, name) = (self.shared.store.clone(), &self.shared.counters[which]);
        let done = self.timed(Asked::Update, "update", async |call| {
            let options = UpdateOptions::new().with_call(call);
            let add = |old: Option<Bytes>| {
                let old =
                    old.and_then(|old| std::str::from_utf8(&old).ok()?.parse::<u64>().ok()).unwrap_or(0);
                Some(Bytes::from((old + 1).to_string()))
            };
            store.update_opts(name.clone(), options, add).await
        });
        let done = done.await;
        let mut tally = held(&self.shared.tally);
        let counted = &mut tally.counters[which];
        match done {
            Ok(_) => counted.added += 1,
            Err(error) if !error.settled() || error.is(ErrorKind::Unknown) => counted.unknown += 1,
            Err(_) => {}
        }
    }

    /// A listing names keys in their order, none twice, and none that is not there.
    async fn list(&mut self) {
        let store = self.shared.store.clone();
        let listed = self.timed(Asked::Read, "list", async |call| {
            store
                .list_opts(ListOptions::new().with_prefix("k/").with_call(call))
                .try_collect::<Vec<_>>()
                .await
        });
        let Ok(listed) = listed.await else { return };
        let mut last = None;
        for item in &listed {
            let key = match item {
                Listed::Entry(meta) if self.shared.keys.contains(&meta.key) => Some(&meta.key),
                _ => None,
            };
            if key.is_none() || key <= last {
                return self.problem(format!("a listing that is none: {listed:?}"));
            }
            last = key;
        }
    }
}

fn name(doing: Doing) -> &'static str {
    match doing {
        Doing::Get => "get",
        Doing::GetPart => "get of a range",
        Doing::Put => "put",
        Doing::PutIfAbsent => "put if absent",
        Doing::PutIfMatches => "put if matches",
        Doing::PutLarge => "put in parts",
        Doing::Delete => "delete",
        Doing::DeleteIfMatches => "delete if matches",
        Doing::DeleteMany => "delete many",
        Doing::List => "list",
        Doing::Update => "update",
    }
}
