//! One of those who use a stack whose fronts fail. Every call must go well.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::{
    Call, Env, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, ListOptions, Meta, Op, Precondition,
    Store, SweepOptions,
};

use super::model::{Held, Model, Seen};
use super::plan::KEYS;
use crate::clocks::StillClock;
use crate::rng::Rng;
use crate::value::{self, WriteNo};

/// A call that failed, or an answer that is wrong.
pub(super) type Wrong = String;

/// How long a caller waits for what may rightly take long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the clients of a life share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    /// Where writes go: to the same, unless the stack's rule is broken on purpose.
    pub(super) writes: Arc<dyn Store>,
    pub(super) model: Model,
    pub(super) clock: Arc<StillClock>,
    pub(super) env: Env,
    /// Drains and sweeps may last until their deadline.
    pub(super) may_last: bool,
    pub(super) calls: Cell<u64>,
    pub(super) at_deadline: Cell<u64>,
    pub(super) writes_made: Cell<u64>,
    /// What each client is doing, for who wonders why it does not end.
    pub(super) doing: RefCell<Vec<&'static str>>,
}

impl Shared {
    pub(super) fn number(&self) -> WriteNo {
        self.writes_made.set(self.writes_made.get() + 1);
        self.writes_made.get()
    }

    fn judge(&self, what: &str, key: usize, since: usize, seen: &Seen<'_>) -> Result<(), Wrong> {
        self.model.judge(key, since, seen).map_err(|why| format!("{what}: {why}"))
    }

    /// Reads a key whole, and judges.
    pub(super) async fn get(&self, key: usize, options: &GetOptions) -> Result<(), Wrong> {
        let since = self.model.since(key);
        let name = self.model.key(key);
        let got = match self.store.try_get(name, options) {
            Some(got) => got,
            None => self.store.get_opts(name, options).await,
        };
        self.judge_whole("get", key, since, &got.map_err(failed("get"))?)
    }

    /// Reads a key that nobody has ever named.
    pub(super) async fn absent(&self) -> Result<(), Wrong> {
        self.calls.set(self.calls.get() + 1);
        let name = Key::new(format!("{KEYS}-absent/{}", self.number())).map_err(failed("a key"))?;
        match self.store.get_opts(&name, &GetOptions::new()).await.map_err(failed("get"))? {
            Got::Absent => Ok(()),
            got => Err(format!("get: {got:?} under a key that nobody wrote")),
        }
    }

    pub(super) fn judge_whole(
        &self,
        what: &str,
        key: usize,
        since: usize,
        got: &Got<Bytes>,
    ) -> Result<(), Wrong> {
        match got {
            Got::Found { meta, body, .. } => {
                self.judge(what, key, since, &Seen::Value(meta, Some((0..body.len(), body))))
            }
            Got::Absent => self.judge(what, key, since, &Seen::Nothing),
            Got::Unchanged(_) => Err(format!("{what}: unchanged, and nobody named a version")),
        }
    }

    /// A deadline by the clock of the stack where something hangs. Else there is none: that clock goes on when a slow
    /// machine is waited for.
    pub(super) fn call(&self) -> Call {
        match self.may_last {
            true => Call::within(&self.env, PATIENCE),
            false => Call::default(),
        }
    }

    /// The end of what may last as long as its caller waits, where a front never answers.
    pub(super) fn lasted(&self, what: &'static str, done: Result<(), Error>) -> Result<(), Wrong> {
        match done {
            Err(error) if self.may_last && error.is(ErrorKind::Timeout) => {
                self.at_deadline.set(self.at_deadline.get() + 1);
                Ok(())
            }
            done => done.map_err(failed(what)),
        }
    }
}

/// A call that failed.
pub(super) fn failed(what: &'static str) -> impl Fn(Error) -> Wrong {
    move |error| format!("{what} failed: {error:?}")
}

/// A client, and the keys that it alone writes.
pub(super) struct Client<'a> {
    pub(super) shared: &'a Shared,
    pub(super) number: usize,
    pub(super) own: Range<usize>,
    pub(super) rng: Rng,
}

type Doing = (&'static str, u32);

/// What it does how often.
const DOINGS: &[(u32, Doing)] = &[
    (30, ("get", 0)),
    (6, ("get range", 1)),
    (7, ("get stream", 2)),
    (3, ("get stream of a range", 3)),
    (3, ("head", 4)),
    (5, ("get many", 5)),
    (2, ("get unless", 6)),
    (14, ("put", 7)),
    (4, ("put if absent", 8)),
    (4, ("put if matches", 9)),
    (4, ("put stream", 10)),
    (3, ("put many", 11)),
    (5, ("delete", 12)),
    (2, ("delete if matches", 13)),
    (2, ("delete many", 14)),
    (3, ("copy", 15)),
    (1, ("list", 16)),
    (3, ("update", 17)),
    (2, ("transact", 18)),
    (1, ("flush", 19)),
];

/// Sizes of values: inline, a few pages, more than is copied behind a head.
const SIZES: &[(u32, (u64, u64))] =
    &[(65, (40, 400)), (22, (400, 20_000)), (12, (66_000, 150_000)), (1, (300_000, 1_200_000))];

impl Client<'_> {
    /// Makes so many calls.
    ///
    /// # Errors
    /// The first that went wrong.
    pub(super) async fn work(&mut self, calls: u64) -> Result<(), Wrong> {
        for _ in 0..calls {
            let (name, doing) = *self.rng.weighted(DOINGS);
            self.now_doing(name);
            self.shared.calls.set(self.shared.calls.get() + 1);
            self.one(doing).await?;
            // A front that is left alone is tried again.
            match self.rng.below(1000) {
                0 => self.shared.clock.advance(Duration::from_secs(40)),
                1..30 => self.shared.clock.advance(Duration::from_millis(self.rng.below(700))),
                // Else nobody but this client would run where every answer is there at once.
                30..60 => tokio::task::yield_now().await,
                _ => {}
            }
        }
        self.now_doing("nothing more");
        Ok(())
    }

    /// Says so to who wonders why it does not end.
    pub(super) fn now_doing(&self, what: &'static str) {
        self.shared.doing.borrow_mut()[self.number] = what;
    }

    async fn one(&mut self, doing: u32) -> Result<(), Wrong> {
        match doing {
            0 => self.shared.get(self.any(), &GetOptions::new()).await,
            1 => self.get_range().await,
            2 => self.get_stream(self.rng.clone().one_in(3), false).await,
            3 => self.get_stream(true, true).await,
            4 => self.head().await,
            5 => self.get_many().await,
            6 => self.get_unless().await,
            7 => self.put(Precondition::Any, true).await,
            8 => self.put_if_absent().await,
            9 => self.put_if_matches().await,
            10 => self.put_stream().await,
            11 => self.put_many().await,
            12 => self.delete(None, true).await,
            13 => self.delete_if_matches().await,
            14 => self.delete_many().await,
            15 => self.copy().await,
            16 => self.list().await,
            17 => self.update().await,
            18 => self.transact().await,
            _ => self.shared.store.flush(&Call::default()).await.map_err(failed("flush")),
        }
    }

    pub(super) fn any(&mut self) -> usize {
        // The word is drawn anew for each call, whoever it is about.
        self.rng.index(self.shared.model.len())
    }

    pub(super) fn mine(&mut self) -> usize {
        self.own.start + self.rng.index(self.own.len())
    }

    /// Several of its own, none twice.
    pub(super) fn some(&mut self) -> Vec<usize> {
        let mut keys: Vec<usize> = (0..self.rng.between(2, 4)).map(|_| self.mine()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// A new value for a key.
    pub(super) fn value(&mut self, key: usize) -> (Held, Bytes) {
        let (least, most) = *self.rng.weighted(SIZES);
        let len = self.rng.between(least, most) as usize;
        self.value_of(key, len)
    }

    pub(super) fn value_of(&self, key: usize, len: usize) -> (Held, Bytes) {
        let (write, made_for) = (self.shared.number(), self.shared.model.key(key).clone());
        let bytes = value::make(made_for.as_str(), write, len);
        (Held { made_for, write, len, version: None }, bytes)
    }

    /// A range of what a key of its own holds.
    fn range(&mut self, held: &Held) -> Range<usize> {
        let (a, b) = (self.rng.index(held.len), self.rng.index(held.len));
        a.min(b)..a.max(b) + 1
    }

    async fn get_range(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let Some(held) = self.shared.model.now(key) else {
            return self.shared.get(key, &GetOptions::new()).await;
        };
        let (range, since) = (self.range(&held), self.shared.model.since(key));
        let options = GetOptions::new().with_range(range.start as u64..range.end as u64);
        let got = self.shared.store.get_opts(self.shared.model.key(key), &options).await;
        match got.map_err(failed("get range"))? {
            Got::Found { meta, body, .. } => {
                self.shared.judge("get range", key, since, &Seen::Value(&meta, Some((range, &body))))
            }
            other => Err(format!("get range: {other:?} of a value that is there")),
        }
    }

    pub(super) async fn get_stream(&mut self, mine: bool, part: bool) -> Result<(), Wrong> {
        let key = if mine { self.mine() } else { self.any() };
        let now = self.shared.model.now(key).filter(|_| part);
        let range = now.map(|held| self.range(&held));
        self.stream_of(key, range).await
    }

    pub(super) async fn stream_of(&mut self, key: usize, range: Option<Range<usize>>) -> Result<(), Wrong> {
        let what = "get stream";
        let (model, since) = (&self.shared.model, self.shared.model.since(key));
        let mut options = GetOptions::new();
        if let Some(range) = &range {
            options = options.with_range(range.start as u64..range.end as u64);
        }
        let got = self.shared.store.get_stream_opts(model.key(key), &options).await.map_err(failed(what))?;
        let Got::Found { meta, body, .. } = got else {
            return self.shared.judge(what, key, since, &Seen::Nothing);
        };
        match body.try_collect::<Vec<Bytes>>().await {
            Ok(pieces) => {
                let bytes = pieces.concat();
                let range = range.unwrap_or(0..bytes.len());
                self.shared.judge(what, key, since, &Seen::Value(&meta, Some((range, &bytes))))
            }
            // The version went away meanwhile, which a stream must say.
            Err(error) if error.is(ErrorKind::Conflict) && model.has_moved(key, since) => Ok(()),
            Err(error) => Err(failed(what)(error)),
        }
    }

    async fn head(&mut self) -> Result<(), Wrong> {
        let (key, model) = (self.any(), &self.shared.model);
        let since = model.since(key);
        let got = self.shared.store.head_opts(model.key(key), &HeadOptions::new()).await;
        match got.map_err(failed("head"))?.meta() {
            Some(meta) => self.shared.judge("head", key, since, &Seen::Value(meta, None)),
            None => self.shared.judge("head", key, since, &Seen::Nothing),
        }
    }

    async fn get_many(&mut self) -> Result<(), Wrong> {
        let (keys, model) =
            ((0..self.rng.between(2, 6)).map(|_| self.any()).collect::<Vec<_>>(), &self.shared.model);
        let since: Vec<usize> = keys.iter().map(|key| model.since(*key)).collect();
        let names: Vec<Key> = keys.iter().map(|key| model.key(*key).clone()).collect();
        let got = self.shared.store.get_many_opts(&names, &GetOptions::new()).await;
        if got.len() != keys.len() {
            return Err(format!("get many: {} answers for {} keys", got.len(), keys.len()));
        }
        for ((key, since), got) in keys.into_iter().zip(since).zip(got) {
            self.shared.judge_whole("get many", key, since, &got.map_err(failed("get many"))?)?;
        }
        Ok(())
    }

    async fn get_unless(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let Some(version) = self.shared.model.now(key).and_then(|held| held.version) else {
            return self.shared.get(key, &GetOptions::new()).await;
        };
        let old = self.shared.model.old_version(key).filter(|_| self.rng.one_in(2));
        let since = self.shared.model.since(key);
        let mut options = GetOptions::new();
        options.unless = Some(old.clone().unwrap_or(version));
        let got = self.shared.store.get_opts(self.shared.model.key(key), &options).await;
        match (got.map_err(failed("get unless"))?, old) {
            (Got::Unchanged(meta), None) => {
                self.shared.judge("get unless", key, since, &Seen::Value(&meta, None))
            }
            (got @ Got::Found { .. }, Some(_)) => self.shared.judge_whole("get unless", key, since, &got),
            (got, _) => Err(format!("get unless: {got:?}")),
        }
    }

    async fn list(&mut self) -> Result<(), Wrong> {
        let model = &self.shared.model;
        let prefix = format!("{KEYS}{}/", self.number);
        let mut items = self.shared.store.list_opts(ListOptions::new().with_prefix(prefix));
        let mut listed: Vec<Meta> = Vec::new();
        while let Some(item) = items.next().await {
            listed.extend(item.map_err(failed("list"))?.into_entry());
        }
        let mut there: Vec<Key> = self
            .own
            .clone()
            .filter(|key| model.now(*key).is_some())
            .map(|key| model.key(key).clone())
            .collect();
        there.sort_unstable();
        match listed.iter().map(|meta| &meta.key).eq(&there) {
            true => Ok(()),
            false => Err(format!("list: {listed:?}, and there are {there:?}")),
        }
    }

    /// Waits for what runs in the background, and removes what was left behind.
    pub(super) async fn tidy(&mut self) -> Result<(), Wrong> {
        let shared = self.shared;
        shared.calls.set(shared.calls.get() + 2);
        shared.lasted("drain", shared.store.drain(&shared.call()).await)?;
        let options = SweepOptions::new().with_call(shared.call());
        shared.lasted("sweep", shared.store.sweep(&options).await.map(drop))
    }
}

/// What a conditional write that must not be made answers.
pub(super) fn conflict<T: std::fmt::Debug>(
    what: &'static str,
    op: Op,
    done: larder_store_core::Result<T>,
) -> Result<(), Wrong> {
    match done {
        Err(error) if error.is(ErrorKind::Conflict) && error.settled() => Ok(()),
        Err(error) => Err(failed(what)(error)),
        Ok(done) => Err(format!("{what} ({op}): {done:?} against its precondition")),
    }
}
