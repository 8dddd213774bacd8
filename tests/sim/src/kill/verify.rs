//! Opens a store after a kill and reads every key in every way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::{Call, GetOptions, Got, HeadOptions, Key, ListOptions, Listed, Store, SweepOptions};

use super::mutant::Mutant;
use super::target::{Opened, Target};
use crate::clock::{Span, Took};
use crate::model::{Action, Event, Outcome, State};
use crate::{clock, value};

/// Who reads, in histories.
const READER: u32 = u32::MAX;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How long opening took.
    pub(super) opened: Option<Took>,
    /// What each key held.
    pub(super) states: Vec<State>,
    /// The same as events.
    pub(super) events: Vec<Event>,
    /// Values that no single write gave.
    pub(super) torn: Vec<String>,
    /// What else must not be.
    pub(super) wrong: Vec<String>,
    /// What kills had left behind, where it was swept.
    pub(super) swept: u64,
    /// Reads that the fronts of a stack answered.
    pub(super) hits: u64,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// While others write.
    Beside,
    /// Nobody writes: everything must agree.
    Alone,
    /// The same, and what kills left behind is removed.
    AloneAndSweep,
}

/// Opens the store, looks at it and closes it.
pub(super) async fn look(target: &Target, keys: &[Key], how: Look) -> Seen {
    let mut seen = Seen { states: vec![None; keys.len()], ..Seen::default() };
    let span = Span::begin();
    let Opened { store, stack, .. } = match target.open(Mutant::None).await {
        Ok(opened) => opened,
        Err(error) => {
            seen.wrong.push(format!("it does not open: {error:?}"));
            return seen;
        }
    };
    seen.opened = Some(span.end());
    seen.read_all(&store, keys).await;
    if stack.is_some() {
        // Again, for now the fronts have something to say.
        seen.read_all(&store, keys).await;
    }
    if how != Look::Beside {
        seen.agree(&store, keys).await;
        seen.list(&store, keys).await;
    }
    if how == Look::AloneAndSweep {
        seen.sweep(&store).await;
        let before = seen.states.clone();
        seen.read_all(&store, keys).await;
        if before != seen.states {
            seen.wrong.push("a sweep changed what is stored".to_owned());
        }
    }
    if let Some(stack) = stack {
        seen.hits += stack.stats().tiers.iter().map(|tier| tier.hits).sum::<u64>();
    }
    if let Err(error) = store.close(&Call::default()).await {
        seen.wrong.push(format!("it does not close: {error:?}"));
    }
    seen
}

impl Seen {
    async fn read_all(&mut self, store: &Arc<dyn Store>, keys: &[Key]) {
        for (key, name) in keys.iter().enumerate() {
            let begin = clock::nanos();
            let got = match store.try_get(name, &GetOptions::new()) {
                Some(got) => got,
                None => store.get_opts(name, &GetOptions::new()).await,
            };
            let end = clock::nanos();
            let state = match got {
                Ok(Got::Found { meta, body, .. }) => match value::check(name.as_str(), &body) {
                    Ok(_) if meta.size != Some(body.len() as u64) => {
                        self.wrong.push(format!("get {name:?}: meta says {:?} bytes", meta.size));
                        continue;
                    }
                    Ok(write) => Some(write),
                    Err(why) => {
                        self.torn.push(format!("get {name:?}: {why}"));
                        continue;
                    }
                },
                Ok(_) => None,
                Err(error) => {
                    self.wrong.push(format!("{error:?}"));
                    continue;
                }
            };
            self.states[key] = state;
            let (action, outcome) = (Action::Read, Outcome::Read(state));
            self.events.push(Event { key, who: READER, begin, end, action, outcome, group: None });
        }
    }

    /// Streams and heads say what gets said.
    async fn agree(&mut self, store: &Arc<dyn Store>, keys: &[Key]) {
        for (key, name) in keys.iter().enumerate() {
            match store.get_stream_opts(name, &GetOptions::new()).await {
                Ok(Got::Found { body, .. }) => match body.try_collect::<Vec<_>>().await {
                    Ok(pieces) => match value::check(name.as_str(), &pieces.concat()) {
                        Ok(write) if self.states[key] == Some(write) => {}
                        Ok(write) => {
                            self.wrong
                                .push(format!("stream of {name:?}: write {write:x}, a get gave another"));
                        }
                        Err(why) => self.torn.push(format!("stream of {name:?}: {why}")),
                    },
                    Err(error) => self.wrong.push(format!("stream: {error:?}")),
                },
                Ok(_) if self.states[key].is_none() => {}
                Ok(_) => self.wrong.push(format!("stream of {name:?}: absent, a get gave a value")),
                Err(error) => self.wrong.push(format!("{error:?}")),
            }
            match store.head_opts(name, &HeadOptions::new()).await {
                Ok(got) if got.meta().is_some() == self.states[key].is_some() => {}
                Ok(got) => self.wrong.push(format!("head of {name:?}: {:?} against a get", got.meta())),
                Err(error) => self.wrong.push(format!("{error:?}")),
            }
        }
    }

    /// A listing names what can be got, in order, and nothing else.
    async fn list(&mut self, store: &Arc<dyn Store>, keys: &[Key]) {
        let mut listed = Vec::new();
        let mut items = store.list_opts(ListOptions::new());
        while let Some(item) = items.next().await {
            match item {
                Ok(Listed::Entry(meta)) => listed.push(meta.key),
                Ok(other) => self.wrong.push(format!("the listing has {other:?}")),
                Err(error) => self.wrong.push(format!("{error:?}")),
            }
        }
        if !listed.is_sorted_by(|a, b| a < b) {
            self.wrong.push(format!("the listing is not in order: {listed:?}"));
        }
        let listed: BTreeSet<_> = listed.iter().collect();
        let present: BTreeSet<_> =
            keys.iter().zip(&self.states).filter(|(_, state)| state.is_some()).map(|(key, _)| key).collect();
        for key in listed.symmetric_difference(&present) {
            let what = if listed.contains(key) { "listed and not there" } else { "there and not listed" };
            self.wrong.push(format!("{key:?} is {what}"));
        }
    }

    /// Removes what kills left behind; a second time nothing is left.
    async fn sweep(&mut self, store: &Arc<dyn Store>) {
        let options = SweepOptions::new().with_older_than(Duration::ZERO);
        match store.sweep(&options).await {
            Ok(swept) => {
                self.swept = swept.removed;
                if swept.removed != swept.found {
                    self.wrong.push(format!("a sweep found {} and removed {}", swept.found, swept.removed));
                }
            }
            Err(error) => self.wrong.push(format!("{error:?}")),
        }
        match store.sweep(&options).await {
            Ok(swept) if swept.found == 0 => {}
            Ok(swept) => self.wrong.push(format!("a second sweep finds {:?}", swept.names)),
            Err(error) => self.wrong.push(format!("{error:?}")),
        }
    }
}
