//! When something is sent again: attempts, pauses, deadlines and the budget.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::options::RetryOptions;
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};

/// What sends again: for a store of single attempts that has more to repeat than a [`Retry`](super::Retry) can see, such
/// as the parts of an upload. A clone shares the budget.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// use larder_store_core::layer::retry::{Retries, RetryOptions};
/// use larder_store_core::{Call, Env, Error, ErrorKind, Op};
///
/// let retries = Retries::new(RetryOptions::new(), Env::system())?;
/// let call = Call::default();
/// let sent = retries.run(Op::PutStream, &call, |attempt| async move {
///     match attempt {
///         1 => Err(Error::new(ErrorKind::Throttled, Op::PutStream, "slow down")),
///         _ => Ok("part 7"),
///     }
/// });
/// assert_eq!(sent.await?, "part 7");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Retries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: RetryOptions,
    env: Env,
    budget: Budget,
}

pub(super) const SPENT: &str = "the budget for retries is spent, as too many calls fail";

/// Whether the same request may do better later, and surely did nothing so far.
pub(super) fn is_transient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// The same for what may be done twice.
pub(super) fn is_worth_repeating(error: &Error) -> bool {
    is_transient(error.kind()) || error.is(ErrorKind::Unknown)
}

impl Retries {
    /// Sends again as `options` say, with clock and randomness from `env`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for options that contradict themselves.
    pub fn new(options: RetryOptions, env: Env) -> Result<Retries> {
        options.check()?;
        let budget = Budget::new(options.budget, env.now());
        Ok(Retries(Arc::new(Shared { options, env, budget })))
    }

    /// The options.
    pub fn options(&self) -> &RetryOptions {
        &self.0.options
    }

    /// Where clock and randomness come from.
    pub fn env(&self) -> &Env {
        &self.0.env
    }

    /// Runs work that may be done twice until it succeeds, fails for good, or must not be tried again. `attempt` gets
    /// the number of the attempt, from 1 on. An attempt is dropped when the call's deadline passes or it is cancelled.
    ///
    /// Tried again after [`ErrorKind::Throttled`], [`ErrorKind::Unavailable`], [`ErrorKind::Timeout`] and
    /// [`ErrorKind::Unknown`].
    ///
    /// # Errors
    /// The last one of `attempt`, with a hint that says how many there were; [`ErrorKind::Timeout`] and
    /// [`ErrorKind::Cancelled`] of the call.
    pub async fn run<T, F, A>(&self, op: Op, call: &Call, attempt: F) -> Result<T>
    where
        F: FnMut(u32) -> A,
        A: Future<Output = Result<T>>,
    {
        self.run_on(self.attempts(call), op, attempt).await
    }

    pub(super) async fn run_on<T, F, A>(
        &self,
        mut attempts: Attempts<'_>,
        op: Op,
        mut attempt: F,
    ) -> Result<T>
    where
        F: FnMut(u32) -> A,
        A: Future<Output = Result<T>>,
    {
        loop {
            match attempts.call.guard(self.env(), op, attempt(attempts.tried)).await {
                Err(error) if is_worth_repeating(&error) => attempts.again(op, error).await?,
                Err(error) => return Err(attempts.noted(error)),
                done => return done,
            }
        }
    }

    /// Begins the attempts of one call: the first one is about to be sent.
    pub fn attempts<'a>(&self, call: &'a Call) -> Attempts<'a> {
        self.attempts_of(call, 1)
    }

    /// The same for a call that is so many requests.
    pub(super) fn attempts_of<'a>(&self, call: &'a Call, requests: usize) -> Attempts<'a> {
        self.0.budget.pay(requests);
        Attempts { retries: self.clone(), call, started: self.env().now(), tried: 1 }
    }
}

/// The attempts of one call: what decides whether there is another one. [`Retries::run`] is made of it.
#[derive(Debug)]
pub struct Attempts<'a> {
    retries: Retries,
    call: &'a Call,
    started: Instant,
    tried: u32,
}

impl<'a> Attempts<'a> {
    pub(super) fn call(&self) -> &'a Call {
        self.call
    }

    /// How many were begun.
    pub fn tried(&self) -> u32 {
        self.tried
    }

    /// Pauses until the next attempt may be sent, and counts it. Whether an attempt that ended in `error` *may* be
    /// repeated is for the caller to know.
    ///
    /// # Errors
    /// `error` itself with a hint, at once, if there is to be none: the attempts are used up, the deadline or the
    /// patience leaves no time, or the budget is spent. [`ErrorKind::Cancelled`] if the call is cancelled meanwhile.
    pub async fn again(&mut self, op: Op, error: Error) -> Result<()> {
        match self.again_many(op, &error, 1).await {
            Ok(_) => Ok(()),
            Err(stop) => Err(stop.error(error)),
        }
    }

    /// The same for so many requests; gives for how many there is a budget, at least one.
    pub(super) async fn again_many(&mut self, op: Op, error: &Error, requests: usize) -> Result<usize, Stop> {
        let Shared { options, env, budget } = &*self.retries.0;
        let stop = |why| Stop::GaveUp { tried: self.tried, why };
        if self.tried >= options.attempts {
            return Err(stop("as many as there may be"));
        }
        let pause = self.pause(error.retry_after());
        let now = env.now();
        // A time that no clock reaches is behind every deadline.
        let wake = now.checked_add(pause);
        let too_late = |end: Instant| wake.is_none_or(|wake| wake >= end);
        if self.call.deadline.is_some_and(too_late) {
            return Err(stop("the deadline leaves no time for another"));
        }
        if options.patience.and_then(|patience| self.started.checked_add(patience)).is_some_and(too_late) {
            return Err(stop("the patience for all of them is at an end"));
        }
        let granted = budget.take(now, requests);
        if granted == 0 {
            return Err(stop(SPENT));
        }
        tracing::debug!(op = op.name(), attempt = self.tried + 1, ?pause, error = %error.kind(), "sent again");
        let slept = async {
            env.sleep(pause).await;
            Ok(())
        };
        match self.call.guard(env, op, slept).await {
            // A process that was stopped for a while wakes up behind its deadline.
            Err(late) if late.is(ErrorKind::Timeout) => Err(stop("the deadline leaves no time for another")),
            Err(cancelled) => Err(Stop::Cancelled(cancelled)),
            Ok(()) => {
                self.tried += 1;
                Ok(granted)
            }
        }
    }

    /// The attempts of something that belongs to the same call: counted anew, within the same patience.
    pub(super) fn fresh(&self) -> Self {
        self.retries.0.budget.pay(1);
        Attempts { retries: self.retries.clone(), call: self.call, started: self.started, tried: 1 }
    }

    /// Says at which attempt something failed for good.
    pub(super) fn noted(&self, error: Error) -> Error {
        match self.tried {
            1 => error,
            tried => add_hint(error, format!("at attempt {tried}")),
        }
    }

    fn pause(&self, retry_after: Option<Duration>) -> Duration {
        let options = &self.retries.0.options;
        let doubled = options.first_pause.saturating_mul(1 << (self.tried - 1).min(30));
        let drawn = self.retries.env().random_u64() as f64 / u64::MAX as f64;
        let pause = doubled.min(options.longest_pause).mul_f64(drawn);
        match retry_after {
            // Those who were told the same do not all come back at the same time.
            Some(after) => pause.max(after.saturating_add(pause.min(after / 2))),
            None => pause,
        }
    }
}

/// Why there is no other attempt.
#[derive(Debug, Clone)]
pub(super) enum Stop {
    GaveUp { tried: u32, why: &'static str },
    Cancelled(Error),
}

impl Stop {
    /// What the call answers whose last attempt ended in `last`.
    pub(super) fn error(&self, last: Error) -> Error {
        match self {
            Stop::GaveUp { tried, why } => {
                let attempts = if *tried == 1 { "attempt" } else { "attempts" };
                add_hint(last, format!("given up after {tried} {attempts}: {why}"))
            }
            Stop::Cancelled(error) => {
                let mut error = error.clone().caused_by(last.clone());
                if let Some(store) = last.store() {
                    error = error.at(store);
                }
                match last.key() {
                    Some(key) => error.on(key),
                    None => error,
                }
            }
        }
    }
}

pub(super) fn add_hint(error: Error, more: String) -> Error {
    let hint = match error.advice() {
        Some(hint) => format!("{hint}; {more}"),
        None => more,
    };
    error.hint(hint)
}
