//! What every key holds, and what it held while somebody read it.

use std::cell::RefCell;
use std::ops::Range;

use larder_store_core::{Key, Meta, Version};

use crate::value::{self, WriteNo};

/// A value that was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    /// The key that its bytes were made for: a copy has those of its source.
    pub(super) made_for: Key,
    pub(super) write: WriteNo,
    pub(super) len: usize,
    /// Known when the write was answered.
    pub(super) version: Option<Version>,
}

/// What an answer said.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    Nothing,
    /// The meta, and the bytes of a range of the value where they were asked for.
    Value(&'a Meta, Option<(Range<usize>, &'a [u8])>),
}

/// Keys of which each has one who writes it, one write after the other, and any number who read it.
#[derive(Debug)]
pub(super) struct Model {
    keys: Vec<Key>,
    histories: Vec<RefCell<History>>,
}

#[derive(Debug, Default)]
struct History {
    states: Vec<Option<Held>>,
    /// How many of them are acknowledged: all, or all but the last.
    acked: usize,
}

impl Model {
    /// All keys are absent.
    pub(super) fn new(keys: Vec<Key>) -> Model {
        let history = |_: &Key| RefCell::new(History { states: vec![None], acked: 1 });
        Model { histories: keys.iter().map(history).collect(), keys }
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn key(&self, key: usize) -> &Key {
        &self.keys[key]
    }

    /// What it holds, for who writes it.
    pub(super) fn now(&self, key: usize) -> Option<Held> {
        self.histories[key].borrow().states.last().cloned().flatten()
    }

    /// A version that it had, and has no more.
    pub(super) fn old_version(&self, key: usize) -> Option<Version> {
        let history = self.histories[key].borrow();
        let now = history.states.last()?.as_ref().and_then(|held| held.version.as_ref());
        let versions = history.states.iter().rev().flatten().filter_map(|held| held.version.as_ref());
        versions.into_iter().find(|version| Some(*version) != now).cloned()
    }

    /// A write begins: from now on the key may hold this.
    pub(super) fn begin(&self, key: usize, held: Option<Held>) {
        self.histories[key].borrow_mut().states.push(held);
    }

    /// It was acknowledged: the key holds it, and nothing else.
    pub(super) fn end(&self, key: usize, version: Option<Version>) {
        let mut history = self.histories[key].borrow_mut();
        if let Some(Some(held)) = history.states.last_mut() {
            held.version = version;
        }
        history.acked = history.states.len();
    }

    /// A read begins. What it brings must have stood from now on.
    pub(super) fn since(&self, key: usize) -> usize {
        self.histories[key].borrow().acked - 1
    }

    /// Whether something was written since a read began.
    pub(super) fn has_moved(&self, key: usize, since: usize) -> bool {
        self.histories[key].borrow().states.len() > since + 1
    }

    /// Whether the answer of a read that began then is one of a register.
    ///
    /// # Errors
    /// It is not: what is wrong.
    pub(super) fn judge(&self, key: usize, since: usize, seen: &Seen<'_>) -> Result<(), String> {
        let history = self.histories[key].borrow();
        if history.states[since..].iter().any(|state| is_of(state.as_ref(), seen)) {
            return Ok(());
        }
        let stale = history.states[..since].iter().any(|state| is_of(state.as_ref(), seen));
        let what = if stale { "stale" } else { "no value of this key" };
        let may = &history.states[since..];
        Err(format!("{:?} is {what}: {}; it may hold {may:?}", self.keys[key], told(seen)))
    }

    /// Forgets what was: nobody reads now.
    pub(super) fn trim(&self) {
        for history in &self.histories {
            let mut history = history.borrow_mut();
            let gone = history.states.len().saturating_sub(64);
            history.states.drain(..gone);
            history.acked = history.states.len();
        }
    }
}

fn is_of(state: Option<&Held>, seen: &Seen<'_>) -> bool {
    match (state, seen) {
        (None, Seen::Nothing) => true,
        (Some(held), Seen::Value(meta, body)) => {
            meta.size == Some(held.len as u64)
                && (held.version.is_none() || held.version == meta.version)
                && body.as_ref().is_none_or(|(range, bytes)| {
                    value::part(held.made_for.as_str(), held.write, held.len, range.clone()) == bytes
                })
        }
        _ => false,
    }
}

fn told(seen: &Seen<'_>) -> String {
    match seen {
        Seen::Nothing => "nothing".to_owned(),
        Seen::Value(meta, Some((range, bytes))) if range.start == 0 => {
            let write = value::check(meta.key.as_str(), bytes);
            format!("{:?} bytes, write {write:x?}, version {:?}", meta.size, meta.version)
        }
        Seen::Value(meta, _) => format!("{:?} bytes, version {:?}", meta.size, meta.version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_sees_what_stood_while_it_ran() {
        let key = Key::new("k").unwrap();
        let model = Model::new(vec![key.clone()]);
        let held = |write| Held { made_for: key.clone(), write, len: 50, version: None };
        let bytes = [value::make("k", 1, 50), value::make("k", 2, 50)];
        let mut meta = Meta::new(key.clone());
        meta.size = Some(50);
        let sees = |since, which: usize| {
            model.judge(0, since, &Seen::Value(&meta, Some((0..50, &bytes[which])))).is_ok()
        };
        let before = model.since(0);
        model.begin(0, Some(held(1)));
        assert!(sees(before, 0) && model.judge(0, before, &Seen::Nothing).is_ok());
        assert!(!sees(before, 1));
        model.end(0, None);
        let between = model.since(0);
        assert!(model.judge(0, between, &Seen::Nothing).unwrap_err().contains("stale"));
        model.begin(0, Some(held(2)));
        assert!(sees(between, 0) && sees(between, 1));
        model.end(0, None);
        assert!(!sees(model.since(0), 0) && sees(between, 0) && sees(model.since(0), 1));
        assert!(model.has_moved(0, between));
        model.trim();
        assert!(sees(model.since(0), 1));
    }
}
