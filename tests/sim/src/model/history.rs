//! What happened to a key.

use std::fmt;

use crate::value::WriteNo;

/// What a key holds: the write that made its value, or nothing.
pub type State = Option<WriteNo>;

/// What must hold for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pre {
    /// Nothing.
    Any,
    /// The key is absent.
    Absent,
    /// The key has the value of this write.
    Matches(WriteNo),
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read the key.
    Read,
    /// Write the value of this write.
    Put(WriteNo, Pre),
    /// Remove the value; with a write: only that one.
    Delete(Option<WriteNo>),
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This was read.
    Read(State),
    /// The value was written.
    Written,
    /// The value was removed; whether there was one, where that was told.
    Removed(Option<bool>),
    /// The precondition did not hold.
    Conflict,
    /// Nothing, or an error that leaves it open: it may have happened or not.
    Unknown,
    /// The same, of something that was sent several times: it may have happened any number of times.
    Echo,
}

/// One operation on one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Which key.
    pub key: usize,
    /// Who asked, for messages.
    pub who: u32,
    /// When it had surely not begun, in nanoseconds.
    pub begin: u64,
    /// When it had surely ended. For one without an answer: when its process was surely gone.
    pub end: u64,
    /// What was asked.
    pub action: Action,
    /// What was answered.
    pub outcome: Outcome,
    /// The transaction that it is a step of. The steps without an answer of one transaction all happened, or none.
    pub group: Option<u64>,
}

impl Event {
    /// What the key holds after the event at an instant where it holds `state`, or `None` if it cannot be then.
    pub(super) fn apply(&self, state: State) -> Option<State> {
        let holds = |pre: Pre| match pre {
            Pre::Any => true,
            Pre::Absent => state.is_none(),
            Pre::Matches(write) => state == Some(write),
        };
        let pre = match self.action {
            Action::Delete(Some(write)) => Pre::Matches(write),
            Action::Put(_, pre) => pre,
            Action::Read | Action::Delete(None) => Pre::Any,
        };
        let after = match self.action {
            Action::Read => state,
            Action::Put(write, _) => Some(write),
            Action::Delete(_) => None,
        };
        let possible = match self.outcome {
            Outcome::Read(seen) => seen == state,
            Outcome::Removed(Some(existed)) => existed == state.is_some() && holds(pre),
            Outcome::Written | Outcome::Removed(None) | Outcome::Unknown | Outcome::Echo => holds(pre),
            Outcome::Conflict => return (!holds(pre)).then_some(state),
        };
        possible.then_some(after)
    }

    /// Whether it wrote, or may have.
    pub fn writes(&self) -> bool {
        self.action != Action::Read && self.outcome != Outcome::Conflict
    }
}

/// A history that no register has.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The key.
    pub key: usize,
    /// The answer that cannot be.
    pub event: Event,
    /// What the key could hold at that time.
    pub possible: Vec<State>,
    /// What happened to the key shortly before and meanwhile, in the order of beginnings.
    pub history: Vec<Event>,
}

impl Violation {
    /// A word for it: what was read is older than what was acknowledged, came back, or was never written.
    pub fn class(&self) -> &'static str {
        let Outcome::Read(seen) = self.event.outcome else { return "wrong answer" };
        let Some(seen) = seen else { return "lost" };
        let known = self.history.iter().any(|e| matches!(e.action, Action::Put(w, _) if w == seen));
        match (known, self.possible.contains(&None)) {
            (false, _) => "foreign or older than the history",
            (true, true) => "came back",
            (true, false) => "stale or lost",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.history.iter().map(|e| e.begin).min().unwrap_or_default();
        writeln!(f, "key {}: {}: {}", self.key, self.class(), At(&self.event, from))?;
        write!(f, "  the key could hold only:")?;
        for state in &self.possible {
            match state {
                Some(write) => write!(f, " {write:x}")?,
                None => write!(f, " nothing")?,
            }
        }
        for event in &self.history {
            write!(f, "\n    {}", At(event, from))?;
        }
        Ok(())
    }
}

struct At<'a>(&'a Event, u64);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, from) = (self.0, self.1);
        let micros = |t: u64| t.saturating_sub(from) as f64 / 1e3;
        write!(f, "{:>10.1}..{:<10.1} µs  {:>4}: ", micros(event.begin), micros(event.end), event.who)?;
        match event.action {
            Action::Read => f.write_str("read")?,
            Action::Put(write, Pre::Any) => write!(f, "put {write:x}")?,
            Action::Put(write, Pre::Absent) => write!(f, "put {write:x} if absent")?,
            Action::Put(write, Pre::Matches(old)) => write!(f, "put {write:x} over {old:x}")?,
            Action::Delete(None) => f.write_str("delete")?,
            Action::Delete(Some(old)) => write!(f, "delete only {old:x}")?,
        }
        match event.outcome {
            Outcome::Read(Some(write)) => write!(f, " -> {write:x}"),
            Outcome::Read(None) => f.write_str(" -> nothing"),
            Outcome::Written => f.write_str(" -> written"),
            Outcome::Removed(Some(true)) => f.write_str(" -> removed"),
            Outcome::Removed(Some(false)) => f.write_str(" -> was absent"),
            Outcome::Removed(None) => f.write_str(" -> gone"),
            Outcome::Conflict => f.write_str(" -> conflict"),
            Outcome::Unknown => f.write_str(" -> no answer"),
            Outcome::Echo => f.write_str(" -> no answer, to several"),
        }?;
        match event.group {
            Some(group) => write!(f, " (transaction {group:x})"),
            None => Ok(()),
        }
    }
}
