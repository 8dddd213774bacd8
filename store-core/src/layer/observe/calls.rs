//! The metrics of one store, each registered when it is first needed.

use std::fmt;
use std::sync::OnceLock;

use metrics::{Counter, Gauge, Histogram};

use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::outcome::Got;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    Absent,
    Unchanged,
    Dropped,
    Failed(ErrorKind),
}

impl Outcome {
    /// Outcomes that can be told apart: those without an error, and one for each kind.
    const COUNT: usize = 16;

    fn number(self) -> usize {
        match self {
            Outcome::Done => 0,
            Outcome::Absent => 1,
            Outcome::Unchanged => 2,
            Outcome::Dropped => 3,
            Outcome::Failed(kind) => match kind {
                ErrorKind::Conflict => 4,
                ErrorKind::Unknown => 5,
                ErrorKind::Throttled => 6,
                ErrorKind::Unavailable => 7,
                ErrorKind::Timeout => 8,
                ErrorKind::Cancelled => 9,
                ErrorKind::Invalid => 10,
                ErrorKind::Unsupported => 11,
                ErrorKind::Denied => 12,
                ErrorKind::Corrupt => 13,
                ErrorKind::Full => 14,
                ErrorKind::Closed => 15,
            },
        }
    }

    fn label(self) -> String {
        match self {
            Outcome::Done => "ok".into(),
            Outcome::Absent => "absent".into(),
            Outcome::Unchanged => "unchanged".into(),
            Outcome::Dropped => "dropped".into(),
            Outcome::Failed(kind) => kind.to_string().replace(' ', "_"),
        }
    }

    pub(super) fn of<T>(answer: &Result<T>) -> Outcome {
        answer.as_ref().map_or_else(Outcome::of_error, |_| Outcome::Done)
    }

    pub(super) fn of_error(error: &Error) -> Outcome {
        Outcome::Failed(error.kind())
    }

    pub(super) fn of_got<B>(got: &Result<Got<B>>) -> Outcome {
        match got {
            Ok(Got::Found { .. }) => Outcome::Done,
            Ok(Got::Absent) => Outcome::Absent,
            Ok(Got::Unchanged(_)) => Outcome::Unchanged,
            Err(error) => Outcome::of_error(error),
        }
    }
}

pub(super) struct Calls {
    pub(super) store: String,
    pub(super) env: Env,
    /// By operation and outcome.
    ended: Vec<[OnceLock<Counter>; Outcome::COUNT]>,
    seconds: Vec<OnceLock<Histogram>>,
    in_flight: OnceLock<Gauge>,
    read: OnceLock<Counter>,
    written: OnceLock<Counter>,
}

impl Calls {
    pub(super) fn new(store: String, env: Env) -> Calls {
        Calls {
            store,
            env,
            ended: Op::ALL.iter().map(|_| Default::default()).collect(),
            seconds: Op::ALL.iter().map(|_| OnceLock::new()).collect(),
            in_flight: OnceLock::new(),
            read: OnceLock::new(),
            written: OnceLock::new(),
        }
    }

    /// Counts calls, or keys of one call, that ended so.
    pub(super) fn ended(&self, op: Op, outcome: Outcome) {
        let counter = self.ended[op as usize][outcome.number()].get_or_init(|| {
            let labels =
                [("op", op.name().to_owned()), ("store", self.store.clone()), ("outcome", outcome.label())];
            metrics::counter!("larder_calls_total", &labels)
        });
        counter.increment(1);
    }

    pub(super) fn took(&self, op: Op, seconds: f64) {
        let histogram = self.seconds[op as usize].get_or_init(|| {
            let labels = [("op", op.name().to_owned()), ("store", self.store.clone())];
            metrics::histogram!("larder_call_seconds", &labels)
        });
        histogram.record(seconds);
    }

    fn in_flight(&self) -> &Gauge {
        self.in_flight
            .get_or_init(|| metrics::gauge!("larder_calls_in_flight", "store" => self.store.clone()))
    }

    pub(super) fn begun(&self) {
        self.in_flight().increment(1.0);
    }

    pub(super) fn over(&self) {
        self.in_flight().decrement(1.0);
    }

    /// Bytes of values handed to callers.
    pub(super) fn read(&self, bytes: usize) {
        self.read
            .get_or_init(|| metrics::counter!("larder_read_bytes_total", "store" => self.store.clone()))
            .increment(bytes as u64);
    }

    /// Bytes of values taken from callers.
    pub(super) fn written(&self, bytes: usize) {
        self.written
            .get_or_init(|| metrics::counter!("larder_written_bytes_total", "store" => self.store.clone()))
            .increment(bytes as u64);
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calls({})", self.store)
    }
}
