//! Tables that wait for being sealed: how many may wait, and what becomes of writes while they cannot be.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::core::Core;

/// Tables that wait for being sealed before writes wait for them.
const SLOW: usize = 2;
/// Tables that wait, from which on writes are refused while sealing fails: nothing else would bound the memory that they take.
const MOST: usize = 4;
/// How long after a seal that failed another one is tried, doubled with each one that fails too. What a failed seal has written stays in
/// the store until a sweep, and training for it costs all processors: trying at once, again and again, would fill both.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is doubled.
const DOUBLINGS: u32 = 6;

/// What is known of sealing.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Why the last seal failed, if it did.
    failed: Option<Error>,
    /// How many failed since one succeeded.
    times: u32,
    /// When it is to be tried again.
    next: Option<Instant>,
}

impl State {
    fn pause(&self) -> Duration {
        PAUSE * (1 << self.times.min(DOUBLINGS))
    }
}

impl Backlog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a seal has ended.
    pub(super) fn sealed<T>(&self, done: &Result<T>, now: Instant) {
        let mut state = self.state();
        match done {
            Ok(_) => *state = State::default(),
            Err(error) => {
                state.failed = Some(error.clone());
                state.next = Some(now + state.pause());
                state.times += 1;
            }
        }
    }

    fn failed(&self) -> Option<Error> {
        self.state().failed.clone()
    }

    /// Whether it is time for another try: one is told so, and the next ones not before the pause is over.
    fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let due = state.next.is_none_or(|next| next <= now);
        if due {
            state.next = Some(now + state.pause());
        }
        due
    }

    /// How long it is to the next try.
    fn left(&self, now: Instant) -> Duration {
        self.state().next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }
}

impl Core {
    /// How many tables wait for being sealed; one that is as large as several counts as these.
    fn waiting(&self) -> usize {
        let (view, options) = (self.view.load(), &self.options);
        let (active, frozen) =
            view.tables.split_last().expect("a view has a table that takes up what is written");
        let large = |table: &Arc<super::view::Table>| {
            let table = table.read();
            (table.len() / options.seal_rows).max(table.bytes() / options.seal_bytes)
        };
        frozen.iter().map(|table| large(table).max(1)).sum::<usize>() + large(active)
    }

    /// Lets a write pass: at once, or when tables have been sealed that wait for it.
    ///
    /// # Errors
    /// `Unavailable` while sealing fails and as many tables wait as may: nothing was written. Each that is refused sees to it that a seal
    /// is tried again.
    pub(super) async fn admit(self: &Arc<Core>) -> Result<()> {
        // Without a background whoever writes has to seal, and is told by `flush` how that went.
        if !self.options.background {
            return Ok(());
        }
        loop {
            let waiting = self.waiting();
            if waiting <= SLOW {
                return Ok(());
            }
            self.check_open(Op::Upsert)?;
            if self.fenced.load(Ordering::Acquire) {
                return Err(self.fenced(Op::Upsert, u64::MAX));
            }
            match self.backlog.failed() {
                Some(error) if waiting >= MOST => {
                    self.seal_again();
                    return Err(self.refused(waiting, error));
                }
                // The log takes it, and a later seal may succeed.
                Some(_) => return Ok(()),
                // Whoever writes faster than it can be sealed waits for it. An error is noted, and found by the next look.
                None => {
                    if let Ok(false) = self.seal_next(&Call::default()).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn refused(&self, waiting: usize, error: Error) -> Error {
        let why = format!("{waiting} tables wait for being sealed into segments, which fails: {error}");
        Error::new(ErrorKind::Unavailable, Op::Upsert, why)
            .at(self.store.id())
            .hint("nothing was written; mend what sealing fails for: it is tried again, and then writes are taken up")
            .with_retry_after(self.backlog.left(self.env.now()))
            .caused_by(error)
    }

    /// Tries to seal again, unless somebody seals just now or has tried a moment ago.
    fn seal_again(self: &Arc<Core>) {
        if self.turn.try_lock().is_ok() && self.backlog.is_due(self.env.now()) {
            self.seal_in_background();
        }
    }

    /// Seals, and rewrites what is worth it then.
    pub(super) fn seal_in_background(self: &Arc<Core>) {
        let core = self.clone();
        let busy = core.inflight.enter();
        self.env.spawn(async move {
            if let Err(error) = core.seal_all(&Call::default()).await {
                tracing::warn!(store = %core.store.id(), %error, "vectors were not sealed, and stay in the log");
            } else if let Err(error) = core.tidy(&Call::default()).await {
                tracing::warn!(store = %core.store.id(), %error, "segments were not rewritten");
            }
            drop(busy);
        });
    }
}
