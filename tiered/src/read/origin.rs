//! Asking the origin for one caller alone: about a version, or past every front.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{ErrorKind, Fill, GetOptions, Got, HeadOptions, Key, Op, Result, Served};

use super::{View, named};
use crate::clocks::Asked;
use crate::entry::{Entry, Said};
use crate::fence::Stamp;
use crate::flight::{Boarded, Kind, Landed};
use crate::policy::{Need, Wish};
use crate::stack::Stack;

impl Stack {
    /// Puts a slot in order before the origin is asked, so that it is not shut for ever.
    pub(super) fn tend(&self, view: &View) {
        if !view.lease.is_clean() {
            view.table.tend(&view.lease);
        }
    }

    /// Asks the origin with the caller's own options, in the caller's own time.
    pub(super) async fn ask_alone(
        self: &Arc<Self>,
        view: &View,
        key: &Key,
        options: &GetOptions,
        wish: &Wish,
    ) -> Result<Got<Bytes>> {
        self.tend(view);
        let asked = self.clocks.asked();
        let got = self.ask(key, &options.clone().with_consistency(wish.below)).await.map_err(named(
            self,
            Op::Get,
            key,
        ))?;
        let whole = options.range.is_none() && options.fill != Fill::Never;
        match view.table.fill(&view.lease).filter(|_| whole && !stale(&got)) {
            Some(stamp) => {
                if let Some(entry) = self.entry(key, &got, stamp, asked) {
                    self.keep_later(entry, u8::MAX);
                }
            }
            None if whole => self.fill_lost(),
            None => {}
        }
        Ok(self.told(got))
    }

    /// One request.
    pub(super) async fn ask(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.counts.origin_reads.add();
        if options.unless.is_some() {
            self.counts.origin_revalidations.add();
        }
        let got = match self.origin.try_get(key, options) {
            Some(got) => got,
            None => self.origin.get_opts(key, options).await,
        };
        self.note(&got);
        got
    }

    /// Notes what an answer of the origin says about the origin.
    pub(crate) fn note<B>(&self, got: &Result<Got<B>>) {
        match got {
            Ok(got) => {
                // Only a service has a clock of its own; elsewhere the time is some writer's.
                let modified = got.meta().and_then(|meta| meta.modified);
                if let Some(modified) = modified.filter(|_| self.guarantees.late_landing) {
                    self.clocks.told(modified);
                }
            }
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(_) => self.counts.origin_errors.add(),
        }
    }

    /// The entry that an answer makes.
    pub(super) fn entry(
        &self,
        key: &Key,
        got: &Got<Bytes>,
        stamp: Stamp,
        asked: Asked,
    ) -> Option<Arc<Entry>> {
        let (said, served) = match got {
            Got::Absent => (Said::Absent, Served::default()),
            Got::Unchanged(_) => return None,
            Got::Found { meta, body, served } => (Said::Value(meta.clone(), body.clone()), *served),
        };
        let asked = served.age.map_or(asked, |age| asked.earlier(age));
        Some(Arc::new(Entry::new(stamp, self.origin_number, asked, key.clone(), said)))
    }

    /// An answer of the origin, with its place in the stack.
    pub(super) fn told<B>(&self, got: Got<B>) -> Got<B> {
        match got {
            Got::Found { meta, body, mut served } => {
                served.tier = Some(self.fronts.len() as u8);
                Got::Found { meta, body, served }
            }
            other => other,
        }
    }

    /// Asks the origin what is known about a value; `None` to begin again.
    pub(super) async fn ask_head(
        self: &Arc<Self>,
        view: &View,
        key: &Key,
        options: &HeadOptions,
        wish: &Wish,
    ) -> Result<Option<Got<()>>> {
        let op = Op::Head;
        self.tend(view);
        if options.only.is_some() || options.unless.is_some() || wish.need == Need::Origin {
            self.counts.origin_reads.add();
            let got = self.origin.head_opts(key, &options.clone().with_consistency(wish.below)).await;
            self.note(&got);
            return got.map(|got| Some(self.told(got))).map_err(named(self, op, key));
        }
        let flight = match self.flights.board(key, Kind::Head, &self.reader(view, wish), view.ended) {
            Boarded::TooLate => return Ok(None),
            Boarded::Joined(flight) => {
                self.counts.joined.add();
                flight
            }
            Boarded::Leads(flight) => {
                let call = options.call.clone();
                self.launch(flight, call, Fill::Never, None)
            }
        };
        let landed = async { Ok(flight.landed().await) };
        let landed = options.call.guard(self.env(), op, landed).await.map_err(named(self, op, key))?;
        Ok(match landed {
            Landed::Answer(got) => Some(self.told(got).map(drop)),
            Landed::Failed(error) => return Err(named(self, op, key)(error)),
            Landed::HandedOver => None,
        })
    }
}

/// Whether an answer may be older than the origin's policy allows.
pub(super) fn stale<B>(got: &Got<B>) -> bool {
    matches!(got, Got::Found { served, .. } if served.stale)
}
