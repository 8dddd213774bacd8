//! One rule: which calls go wrong, and how.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;

/// On which side of the effect a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Nothing was done.
    Before,
    /// It was done, and the answer is lost or late.
    After,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The answer is an error of this kind.
    Fail(ErrorKind),
    /// The answer never comes, whatever the deadline of the call: its future pends until it is dropped.
    Hang,
    /// The call goes on after this time, or is given up when its own deadline comes before.
    Delay(Duration),
    /// The stream ends in an error of this kind when so many bytes went through, the listing after so many items. One
    /// that is shorter is left alone.
    Cut {
        /// Bytes or items that go through.
        at: u64,
        /// The kind of the error.
        kind: ErrorKind,
    },
}

/// A rule: which calls go wrong, and how. Without more it strikes each call of its operations.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(super) ops: Vec<Op>,
    pub(super) when: When,
    /// `None`: an error of the kind that fits the operation.
    effect: Option<Effect>,
    rate: Option<f64>,
    nth: Option<u64>,
    pub(super) times: u64,
    prefix: Option<String>,
    settled: Option<bool>,
}

impl Fault {
    /// Strikes these operations before their effect: [`ErrorKind::Unavailable`] unless told otherwise.
    pub fn before(ops: impl IntoIterator<Item = Op>) -> Fault {
        Fault::new(When::Before, ops)
    }

    /// Strikes these operations after their effect: [`ErrorKind::Unknown`] for writes and
    /// [`ErrorKind::Unavailable`] for the others, unless told otherwise.
    pub fn after(ops: impl IntoIterator<Item = Op>) -> Fault {
        Fault::new(When::After, ops)
    }

    fn new(when: When, named: impl IntoIterator<Item = Op>) -> Fault {
        let mut ops = Vec::new();
        for op in named {
            if !ops.contains(&op) {
                ops.push(op);
            }
        }
        Fault { ops, when, effect: None, rate: None, nth: None, times: u64::MAX, prefix: None, settled: None }
    }

    /// Answers an error of this kind.
    pub fn fail(mut self, kind: ErrorKind) -> Fault {
        self.effect = Some(Effect::Fail(kind));
        self
    }

    /// Never answers.
    pub fn hang(mut self) -> Fault {
        self.effect = Some(Effect::Hang);
        self
    }

    /// Holds the call up.
    pub fn delay(mut self, time: Duration) -> Fault {
        self.effect = Some(Effect::Delay(time));
        self
    }

    /// Cuts streams after so many bytes, listings after so many items. There is no side to it: it
    /// counts as before the effect.
    pub fn cut(mut self, at: u64, kind: ErrorKind) -> Fault {
        self.effect = Some(Effect::Cut { at, kind });
        self.when = When::Before;
        self
    }

    /// Strikes this share of the calls, above 0 and up to 1.
    pub fn rate(mut self, rate: f64) -> Fault {
        self.rate = Some(rate);
        self
    }

    /// Strikes the n-th call that the rule looks at, from 1 on, and no other.
    pub fn nth(mut self, n: u64) -> Fault {
        self.nth = Some(n);
        self
    }

    /// Strikes so many times at most.
    pub fn times(mut self, times: u64) -> Fault {
        self.times = times;
        self
    }

    /// Looks only at calls on keys that start with this, and at listings of such keys. A call on several keys is
    /// looked at if one of them does.
    pub fn keys(mut self, prefix: impl Into<String>) -> Fault {
        self.prefix = Some(prefix.into());
        self
    }

    /// Whether its errors say that every attempt got an answer. By default those of a write whose answer was lost do
    /// not, and neither does an [`ErrorKind::Unknown`].
    pub fn settled(mut self, settled: bool) -> Fault {
        self.settled = Some(settled);
        self
    }

    /// Refuses a rule that could never strike, or not as it says.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Parse, format!("a fault: {why}")));
        if self.ops.is_empty() {
            return refuse("it names no operation".into());
        }
        if let Some(op) = self.ops.iter().find(|op| !is_called(**op)) {
            return refuse(format!("{op} is no call of a store"));
        }
        if let (Some(Effect::Cut { .. }), Some(op)) =
            (self.effect, self.ops.iter().find(|op| !is_stream(**op)))
        {
            return refuse(format!("{op} has no stream to cut"));
        }
        if let (Some(_), Some(op)) = (&self.prefix, self.ops.iter().find(|op| !has_keys(**op))) {
            return refuse(format!("{op} has no key"));
        }
        match (self.rate, self.nth) {
            (Some(_), Some(_)) => refuse("it has a rate and names one call".into()),
            (Some(rate), _) if !(rate > 0.0 && rate <= 1.0) => {
                refuse(format!("{rate} is no rate above 0, up to 1"))
            }
            (_, Some(0)) => refuse("calls are counted from 1 on".into()),
            _ if self.times == 0 => refuse("it strikes 0 times".into()),
            _ => Ok(()),
        }
    }

    /// Whether the rule looks at a call of `op` on `names`: keys, or the prefix of a listing.
    pub(super) fn looks_at<'k>(&self, op: Op, mut names: impl Iterator<Item = &'k str>) -> bool {
        self.ops.contains(&op)
            && self.prefix.as_ref().is_none_or(|p| names.any(|name| name.starts_with(p.as_str())))
    }

    /// Whether it strikes the n-th call that it looks at, given a number drawn for that call.
    pub(super) fn strikes(&self, n: u64, drawn: u64) -> bool {
        match (self.nth, self.rate) {
            (Some(nth), _) => n == nth,
            // The 53 bits that a float holds exactly: below 1, so that a rate of 1 always strikes.
            (None, Some(rate)) => ((drawn >> 11) as f64) / ((1u64 << 53) as f64) < rate,
            (None, None) => true,
        }
    }

    /// What it does to a call of `op`.
    pub(super) fn effect(&self, op: Op) -> Effect {
        self.effect.unwrap_or(match self.when {
            When::After if is_write(op) => Effect::Fail(ErrorKind::Unknown),
            _ => Effect::Fail(ErrorKind::Unavailable),
        })
    }

    /// The error that it answers.
    pub(super) fn error(&self, op: Op, kind: ErrorKind, key: Option<&Key>) -> Error {
        let error = Error::new(
            kind,
            op,
            match self.when {
                When::Before => "a fault on purpose, before the effect",
                When::After => "a fault on purpose, after the effect",
            },
        );
        let settled = error.settled() && !(self.when == When::After && is_write(op));
        let error = error.with_settled(self.settled.unwrap_or(settled));
        match key {
            Some(key) => error.on(key),
            None => error,
        }
    }
}

/// Whether a store has a method for it.
fn is_called(op: Op) -> bool {
    !matches!(op, Op::Update | Op::Open | Op::Exists | Op::Destroy | Op::Key | Op::Parse)
}

fn is_stream(op: Op) -> bool {
    matches!(op, Op::GetStream | Op::PutStream | Op::List)
}

fn has_keys(op: Op) -> bool {
    !matches!(op, Op::Sweep | Op::Flush | Op::Drain | Op::Close)
}

/// Whether an answer that is lost leaves open what the store holds.
pub(super) fn is_write(op: Op) -> bool {
    matches!(
        op,
        Op::Put | Op::PutStream | Op::Delete | Op::PutMany | Op::DeleteMany | Op::Copy | Op::Transact
    )
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            When::Before => "before",
            When::After => "after",
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Fail(kind) => write!(f, "fail {kind}"),
            Effect::Hang => f.write_str("hang"),
            Effect::Delay(time) => write!(f, "delay {time:?}"),
            Effect::Cut { at, kind } => write!(f, "cut at {at} {kind}"),
        }
    }
}
