//! One round: clients work while the wire does harm, then all is quiet and looked at.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join_all, select};
use larder_store_core::{GetOptions, Key, Store};

use super::Options;
use super::client::{Client, Shared};
use super::pulse::Pulse;
use super::service::Service;
use super::tally::Tally;
use super::values;
use crate::Outcome;
use crate::clock::nanos;
use crate::model::{self, Action, Event, Outcome as Answer, State};
use crate::report::Report;
use crate::rng::Rng;

pub(super) struct Round<'a> {
    pub(super) options: &'a Options,
    pub(super) service: &'a Service,
    pub(super) stores: &'a [Arc<dyn Store>],
    pub(super) keys: &'a [Key],
    pub(super) counters: &'a [Key],
    pub(super) number: u64,
    pub(super) calls: u64,
}

impl Round<'_> {
    /// Runs it on keys that hold `initial`; what they hold at the end.
    pub(super) async fn run(
        &self,
        initial: Vec<State>,
        rng: &mut Rng,
        tally: &mut Tally,
        report: &mut Report,
    ) -> Outcome<Vec<State>> {
        let shared = Shared {
            keys: self.keys,
            counters: self.counters,
            events: Mutex::default(),
            tally: Mutex::new(std::mem::take(tally)),
            problems: Mutex::default(),
            pulse: Pulse::new(),
            large: self.options.on.large(),
        };
        self.service.harm(self.options, rng.word());
        let store = self.stores.first().ok_or("no store")?;
        let mut crew: Vec<Client<'_>> = (0..self.options.clients)
            .map(|number| {
                let who = self.number * self.options.clients as u64 + number as u64 + 1;
                let store = self.stores[number % self.stores.len()].clone();
                Client::new(&shared, store, u32::try_from(who).unwrap_or(u32::MAX), Rng::new(rng.word()))
            })
            .collect();
        let each = self.calls.div_ceil(crew.len() as u64);
        {
            let work = std::pin::pin!(join_all(crew.iter_mut().map(|client| client.work(each))));
            select(work, std::pin::pin!(shared.pulse.beat())).await;
        }
        self.service.heal().await?;
        // Whatever was open has happened by now, or never will.
        let over = nanos();
        let mut events = std::mem::take(&mut *held(&shared.events));
        for event in events.iter_mut().filter(|event| event.end == u64::MAX) {
            event.end = over;
        }
        let mut states = Vec::with_capacity(self.keys.len());
        for (key, name) in self.keys.iter().enumerate() {
            let begin = nanos();
            let got = store.get_opts(name, &GetOptions::new()).await;
            let state = values::seen(name, &got.map_err(|e| format!("without faults: {e}"))?)?;
            let outcome = Answer::Read(state);
            events.push(Event {
                key,
                who: 0,
                begin,
                end: nanos(),
                action: Action::Read,
                outcome,
                group: None,
            });
            states.push(state);
        }
        *tally = shared.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (name, counted) in self.counters.iter().zip(&tally.counters) {
            let got = store.get_opts(name, &GetOptions::new()).await;
            let count = values::count(&got.map_err(|e| format!("without faults: {e}"))?)?;
            if !(counted.added..=counted.added + counted.unknown).contains(&count) {
                report.problem(format!("round {}: {name:?} is {count}, and {counted:?}", self.number));
            }
        }
        let checked = model::check(&initial, &events);
        for problem in shared.problems.into_inner().unwrap_or_else(PoisonError::into_inner) {
            report.problem(format!("round {}: {problem}", self.number));
        }
        tally.wrong_answers += checked.violations.len() as u64;
        for violation in checked.violations {
            report.problem(format!("round {}: {violation}", self.number));
        }
        Ok(states)
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
