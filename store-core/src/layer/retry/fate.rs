//! What is known about one write over all its attempts.

use super::engine::is_transient;
use crate::error::{Error, ErrorKind, Result};
use crate::outcome::{Copied, Deleted, Removed, Written};

/// What a write answers.
pub(super) trait Answer: Sized + Send + 'static {
    /// The same answer when an earlier attempt may have been made too; `None` if it would then be wrong.
    fn in_doubt(self) -> Option<Self>;

    /// The answer of a write that was found made; `None` for what cannot be found.
    fn found(written: Written) -> Option<Self>;
}

impl Answer for Written {
    fn in_doubt(mut self) -> Option<Written> {
        self.settled = false;
        Some(self)
    }

    fn found(written: Written) -> Option<Written> {
        Some(written)
    }
}

impl Answer for Copied {
    fn in_doubt(self) -> Option<Copied> {
        match self {
            Copied::Done(written) => written.in_doubt().map(Copied::Done),
            // "The target is as it was" is not known any more.
            Copied::Absent => None,
        }
    }

    fn found(written: Written) -> Option<Copied> {
        Some(Copied::Done(written))
    }
}

impl Answer for Removed {
    fn in_doubt(mut self) -> Option<Removed> {
        self.settled = false;
        // What is gone may have been removed by the attempt before.
        if self.existed == Deleted::No {
            self.existed = Deleted::NotTold;
        }
        Some(self)
    }

    fn found(_: Written) -> Option<Removed> {
        None
    }
}

/// What comes behind an attempt.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// The answer.
    Done(Result<T>),
    /// Another attempt, if there may be one; else this error.
    Again(Error),
    /// A look at the key: the attempt, or one before it, may have been made.
    Look(Error),
}

/// Whether an attempt of a write is open: it was sent and got no answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fate {
    open: bool,
}

impl Fate {
    /// Takes in how an attempt ended.
    pub(super) fn after<T: Answer>(&mut self, conditional: bool, ended: Result<T>) -> Next<T> {
        let error = match ended {
            Ok(answer) if !self.open => return Next::Done(Ok(answer)),
            Ok(answer) => {
                return Next::Done(answer.in_doubt().ok_or_else(|| {
                    let why = "an earlier attempt may have been made, and another found nothing to do";
                    Error::new(ErrorKind::Unknown, crate::Op::Copy, why)
                }));
            }
            Err(error) => error,
        };
        let answered = error.settled() && !error.is(ErrorKind::Unknown);
        self.open |= !answered;
        let transient = is_transient(error.kind()) || error.is(ErrorKind::Unknown);
        match error.kind() {
            // A conflict with our own success looks like any other.
            ErrorKind::Conflict if conditional && self.open => Next::Look(error),
            _ if transient && conditional && !answered => Next::Look(error),
            _ if transient => Next::Again(error),
            _ if self.open => Next::Done(Err(unknown(error))),
            _ => Next::Done(Err(error)),
        }
    }

    /// The answer when `error` is the end.
    pub(super) fn last(&self, error: Error) -> Error {
        if self.open { unknown(error) } else { error }
    }
}

/// What to do about a write that may have been made.
pub(super) const READ_FIRST: &str = "read the key before anything depends on it";

/// The error of a write that may have been made, whatever its last attempt said: one attempt got no answer.
///
/// Its kind is [`ErrorKind::Unknown`], and what `last` advises stays. For a store that sends a part of a write again by
/// itself.
///
/// ```
/// use larder_store_core::{Error, ErrorKind, Op, layer::retry::unknown};
/// let last = Error::new(ErrorKind::Denied, Op::Put, "the token has expired").hint("get a new one");
/// let error = unknown(last);
/// assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false));
/// assert!(error.to_string().contains("get a new one"), "{error}");
/// ```
pub fn unknown(last: Error) -> Error {
    if last.is(ErrorKind::Unknown) {
        let last = last.with_settled(false);
        return if last.advice().is_some() { last } else { last.hint(READ_FIRST) };
    }
    let why = format!("an attempt got no answer, and what followed failed: {}", last.why());
    let mut error = Error::new(ErrorKind::Unknown, last.op(), why);
    if let Some(store) = last.store() {
        error = error.at(store);
    }
    if let Some(key) = last.key() {
        error = error.on(key);
    }
    let hint = match last.advice() {
        Some(hint) => format!("{READ_FIRST}; {hint}"),
        None => READ_FIRST.to_owned(),
    };
    error.hint(hint).caused_by(last)
}
