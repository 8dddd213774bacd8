//! One of those who ask: a call after the other, each an event of a register.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use larder_store_core::{Call, Error, ErrorKind, Key, Result as Done, Store};

use super::kinds::{Asked, wrong};
use super::pulse::Pulse;
use super::round::held;
use super::tally::Tally;
use crate::clock::nanos;
use crate::model::{Action, Event, Outcome as Answer, Pre};
use crate::rng::Rng;
use crate::value::{self, WriteNo};

/// What a deadline leaves for being told about it, on a machine that has other things to do.
const GRACE: Duration = Duration::from_millis(1500);

/// How many milliseconds a client waits at most when it is told to come back later.
const WAIT: u64 = 40;

/// What the clients share.
pub(super) struct Shared<'a> {
    pub(super) keys: &'a [Key],
    pub(super) counters: &'a [Key],
    pub(super) events: Mutex<Vec<Event>>,
    pub(super) tally: Mutex<Tally>,
    pub(super) problems: Mutex<Vec<String>>,
    pub(super) pulse: Pulse,
    /// Values that go up in parts have so many bytes at least.
    pub(super) large: usize,
}

/// A client.
pub(super) struct Client<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) store: Arc<dyn Store>,
    who: u32,
    count: u32,
    pub(super) rng: Rng,
    /// The last call was told to come back later.
    waits: bool,
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
    (24, Doing::Update),
];

impl<'a> Client<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, store: Arc<dyn Store>, who: u32, rng: Rng) -> Self {
        Self { shared, store, who, count: 0, rng, waits: false }
    }

    pub(super) async fn work(&mut self, calls: u64) {
        for _ in 0..calls {
            // A service that is away for a moment is not to use all the calls up.
            if std::mem::take(&mut self.waits) {
                tokio::time::sleep(Duration::from_millis(self.rng.between(1, WAIT))).await;
            }
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

    pub(super) fn key(&mut self) -> usize {
        self.rng.index(self.shared.keys.len())
    }

    pub(super) fn value(&mut self, key: usize, len: usize) -> (WriteNo, Bytes) {
        self.count += 1;
        let write = u64::from(self.who) << 32 | u64::from(self.count);
        (write, value::make(self.shared.keys[key].as_str(), write, len))
    }

    pub(super) fn problem(&self, what: impl Into<String>) {
        held(&self.shared.problems).push(what.into());
    }

    /// Carries a call out that has a deadline.
    pub(super) async fn timed<T>(
        &mut self,
        asked: Asked,
        what: &str,
        work: impl AsyncFnOnce(Call) -> Done<T>,
    ) -> Done<T> {
        let time = Duration::from_millis(if self.rng.one_in(10) { self.rng.between(1, 400) } else { 4_000 });
        self.timed_within(time, asked, what, work).await
    }

    pub(super) async fn timed_within<T>(
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
        self.waits = done.as_ref().is_err_and(|error| error.kind().is_retryable());
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
    pub(super) fn note(&self, key: usize, begin: u64, action: Action, outcome: Answer, open: bool) {
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
    pub(super) fn note_error(&self, key: usize, begin: u64, action: Action, error: &Error) {
        match error.kind() {
            ErrorKind::Conflict => self.note(key, begin, action, Answer::Conflict, !error.settled()),
            _ if error.settled() => {}
            _ => self.note(key, begin, action, Answer::Echo, true),
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
