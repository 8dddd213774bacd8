//! What a case works with.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::clock::TestClock;
use super::options::Options;
use super::rng::Rng;
use super::subject::{Place, Subject};
use crate::env::{BoxFuture, Env};
use crate::error::{Error, ErrorKind, Result};
use crate::guarantees::Guarantees;
use crate::store::Store;

/// Why a case ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something did not hold.
    Failed(String),
    /// The guarantee of this name rules the case out; that it is refused was checked.
    Refused(&'static str),
}

/// What a case, and each of its steps, gives.
pub(crate) type Held<T = ()> = std::result::Result<T, Stop>;

/// A failure that says where it was found.
#[track_caller]
pub(crate) fn fail(why: impl fmt::Display) -> Stop {
    let at = Location::caller();
    let file = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
    Stop::Failed(format!("{why} [{file}:{}]", at.line()))
}

/// An operation that had to succeed.
impl From<Error> for Stop {
    #[track_caller]
    fn from(error: Error) -> Stop {
        fail(format_args!("unexpected error: {error:?}"))
    }
}

/// Counts a check and ends the case if it does not hold.
macro_rules! check {
    ($t:expr, $held:expr, $($why:tt)+) => {{
        $t.count();
        if !$held {
            return Err($crate::conformance::case::fail(format_args!($($why)+)));
        }
    }};
}

/// Counts a comparison and ends the case if the two differ.
macro_rules! same {
    ($t:expr, $got:expr, $want:expr, $($what:tt)+) => {{
        $t.count();
        match (&$got, &$want) {
            (got, want) => if *got != *want {
                use $crate::conformance::case::Brief;
                let why = format_args!($($what)+);
                return Err($crate::conformance::case::fail(format_args!(
                    "{why}: got {}, expected {}", Brief(got), Brief(want)
                )));
            }
        }
    }};
}

pub(crate) use {check, same};

/// A debug form that a report can show, however large the value.
pub(crate) struct Brief<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: fmt::Debug + ?Sized> fmt::Display for Brief<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Cut(String);
        impl fmt::Write for Cut {
            fn write_str(&mut self, s: &str) -> fmt::Result {
                self.0.push_str(s);
                if self.0.len() > 400 { Err(fmt::Error) } else { Ok(()) }
            }
        }
        let mut cut = Cut(String::new());
        if write!(cut, "{:?}", self.0).is_ok() {
            return f.write_str(&cut.0);
        }
        let end = cut.0.char_indices().take_while(|(i, _)| *i < 400).last().map_or(0, |(i, _)| i);
        write!(f, "{}…", &cut.0[..end])
    }
}

/// A case of the suite.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: for<'a> fn(&'a T) -> BoxFuture<'a, Held>,
}

/// Lists cases: `cases![group.name: path = "what must hold"]`.
macro_rules! cases {
    ($($name:literal: $run:path = $about:literal,)*) => {
        &[$($crate::conformance::case::Case { name: $name, about: $about, run: |t| Box::pin($run(t)) },)*]
    };
}
pub(crate) use cases;

/// A case at work. Clones are the same case, for its tasks.
#[derive(Clone)]
pub(crate) struct T(Arc<Work>);

/// Its store and what it counts.
pub(crate) struct Work {
    pub(crate) subject: Arc<dyn Subject>,
    pub(crate) options: Options,
    pub(crate) seed: u64,
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) g: Guarantees,
    clock: Option<Arc<TestClock>>,
    checks: AtomicU64,
    refused: Mutex<BTreeSet<String>>,
    opened: Mutex<Vec<(Place, Arc<dyn Store>)>>,
}

impl std::ops::Deref for T {
    type Target = Work;
    fn deref(&self) -> &Work {
        &self.0
    }
}

impl T {
    /// Opens the case's own store.
    pub(crate) async fn begin(
        subject: Arc<dyn Subject>,
        options: Options,
        seed: u64,
        name: &'static str,
    ) -> Result<T> {
        let clock = subject.obeys_clock().then(TestClock::new);
        let env = clock.as_ref().map_or_else(Env::system, |clock| clock.env());
        let place = new_place(name, env);
        let store = subject.open(&place).await?;
        Ok(T(Arc::new(Work {
            g: store.guarantees().clone(),
            subject,
            options,
            seed,
            name,
            store: store.clone(),
            clock,
            checks: AtomicU64::new(0),
            refused: Mutex::default(),
            opened: Mutex::new(vec![(place.clone(), store)]),
            place,
        })))
    }

    pub(crate) fn count(&self) {
        self.checks.fetch_add(1, Relaxed);
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks.load(Relaxed)
    }

    /// Notes a guarantee that rules a part of the case out, after the refusal was checked.
    pub(crate) fn not_offered(&self, guarantee: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(guarantee.to_owned());
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn env(&self) -> &Env {
        self.place.env()
    }

    pub(crate) fn rng(&self) -> Rng {
        Rng::named(self.seed, self.name)
    }

    /// Another store, without values.
    pub(crate) async fn fresh(&self) -> Result<(Place, Arc<dyn Store>)> {
        let place = new_place(self.name, self.env().clone());
        let store = self.open(&place).await?;
        Ok((place, store))
    }

    /// A handle on a place that was opened before.
    pub(crate) async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let store = self.subject.open(place).await?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push((place.clone(), store.clone()));
        Ok(store)
    }

    /// Closes what the case opened and removes its places.
    pub(crate) async fn end(&self) -> Result<()> {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        let mut places = std::collections::BTreeMap::new();
        let mut done = Ok(());
        for (place, store) in opened {
            done = done.and(store.close(&crate::Call::default()).await);
            places.insert(place.name().to_owned(), place);
        }
        for place in places.values() {
            done = done.and(self.subject.remove(place).await);
        }
        done
    }

    /// Waits until nothing is left in the background, nor of what was given up.
    pub(crate) async fn settled(&self) -> Held {
        self.store.drain(&crate::Call::default()).await?;
        self.subject.settle().await;
        Ok(())
    }

    /// Waits likewise, and makes all of it durable.
    pub(crate) async fn drained(&self) -> Held {
        self.settled().await?;
        self.store.flush(&crate::Call::default()).await?;
        Ok(())
    }

    /// How long values live that are to expire: long enough to be read before.
    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_secs(if self.clock.is_some() { 10_000 } else { 3 })
    }

    /// Lets time pass for the store.
    pub(crate) async fn pass(&self, time: Duration) {
        match &self.clock {
            Some(clock) => clock.advance(time),
            None => self.env().sleep(time).await,
        }
    }

    /// The clock, where the store obeys it.
    pub(crate) fn clock(&self) -> Option<&TestClock> {
        self.clock.as_deref()
    }

    /// An answer that must be an error of `kind`.
    #[track_caller]
    pub(crate) fn refuses<A: fmt::Debug>(
        &self,
        answer: Result<A>,
        kind: ErrorKind,
        what: impl fmt::Display,
    ) -> Held<Error> {
        self.count();
        match answer {
            Err(error) if error.is(kind) => Ok(error),
            Err(error) => Err(fail(format_args!("{what}: got {error:?}, expected the error kind {kind:?}"))),
            Ok(done) => {
                let done = Brief(&done);
                Err(fail(format_args!("{what}: got {done}, expected the error kind {kind:?}")))
            }
        }
    }
}

fn new_place(case: &str, env: Env) -> Place {
    let case: String = case.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    Place::new(format!("{case}-{:016x}", Env::system().random_u64()), env)
}
