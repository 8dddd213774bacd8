//! Asking the origin once for everybody who wants the same.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{
    Call, Consistency, Error, ErrorKind, Fill, GetOptions, Got, HeadOptions, Key, Op, Result,
};

use super::origin::stale;
use super::{View, cut_to, named};
use crate::clocks::Asked;
use crate::entry::{Entry, Said};
use crate::fence::{Lease, Mapped, Table};
use crate::flight::{Boarded, Flight, Joins, Kind, Landed};
use crate::policy::{Need, Wish};
use crate::stack::{Stack, fill_permits};

/// Who wants to join a flight.
pub(super) struct Reader<'a> {
    stack: &'a Stack,
    view: &'a View,
    wish: &'a Wish,
}

impl Joins for Reader<'_> {
    fn below(&self) -> Consistency {
        self.wish.below
    }

    fn joins(&self, sent: &Lease, asked: &Asked) -> bool {
        let fresh = match self.wish.need {
            Need::Any => true,
            Need::Within(most) => self.stack.clocks.age(asked).is_some_and(|age| age <= most),
            Need::Confirmed | Need::Origin => false,
        };
        fresh && self.view.table.joins(&self.view.lease, sent)
    }

    fn still_stands(&self, got: &Got<Bytes>) -> bool {
        let expires = got.meta().and_then(|meta| meta.expires);
        !expires.is_some_and(|at| at.at().is_some() && at.is_past(self.stack.env().wall()))
    }
}

/// A flight under way. Whatever ends its task, those who wait are told.
struct Pilot {
    stack: Arc<Stack>,
    flight: Arc<Flight>,
}

impl Pilot {
    fn land(&self, landed: Landed) {
        // Nobody is to join what brought nothing.
        if !matches!(landed, Landed::Answer(_)) {
            self.stack.flights.remove(&self.flight);
        }
        self.flight.land(landed);
    }
}

impl Drop for Pilot {
    fn drop(&mut self) {
        self.stack.flights.remove(&self.flight);
        // Nothing, if it has landed.
        self.flight.land(Landed::HandedOver);
    }
}

impl Stack {
    pub(super) fn reader<'a>(&'a self, view: &'a View, wish: &'a Wish) -> Reader<'a> {
        Reader { stack: self, view, wish }
    }

    /// Gets an answer together with others; `None` to begin again.
    pub(super) async fn ask_together(
        self: &Arc<Self>,
        view: &View,
        key: &Key,
        kind: Kind,
        options: &GetOptions,
        wish: &Wish,
        base: Option<Arc<Entry>>,
    ) -> Result<Option<Got<Bytes>>> {
        self.tend(view);
        let flight = match self.flights.board(key, kind, &self.reader(view, wish), view.ended) {
            Boarded::TooLate => return Ok(None),
            Boarded::Joined(flight) => {
                self.counts.joined.add();
                flight
            }
            Boarded::Leads(flight) => self.launch(flight, options.call.clone(), options.fill, base),
        };
        let landed = async { Ok(flight.landed().await) };
        let landed =
            options.call.guard(self.env(), Op::Get, landed).await.map_err(named(self, Op::Get, key))?;
        match landed {
            Landed::Answer(got) => {
                // A flight for the whole value has more than a range wants.
                let range = options.range.filter(|_| flight.kind() == Kind::Whole);
                let got = cut_to(got, range).map_err(named(self, Op::Get, key))?;
                Ok(Some(self.told(got)))
            }
            Landed::Failed(error) => Err(named(self, Op::Get, key)(error)),
            Landed::HandedOver => Ok(None),
        }
    }

    /// Starts a flight. It has no deadline of its own: who waits has his.
    pub(super) fn launch(
        self: &Arc<Self>,
        flight: Arc<Flight>,
        call: Call,
        fill: Fill,
        base: Option<Arc<Entry>>,
    ) -> Arc<Flight> {
        let pilot = Pilot { stack: self.clone(), flight: flight.clone() };
        let counted = self.inflight.enter();
        let mut own = Call::default();
        own.ext = call.ext;
        self.env().spawn(async move {
            pilot.fly(own, fill, base).await;
            drop((pilot, counted));
        });
        flight
    }
}

impl Pilot {
    async fn fly(&self, call: Call, fill: Fill, base: Option<Arc<Entry>>) {
        let (stack, key) = (&self.stack, self.flight.key());
        // The flight is a read of its own, with a lease of its own, taken before the origin is asked.
        let table = stack.cell.table();
        let slot = stack.slot(&table, key);
        let mut lease = table.lease(slot);
        if !lease.is_clean() {
            table.tend(&lease);
            lease = table.lease(slot);
        }
        let asked = stack.clocks.asked();
        self.flight.sent(lease, asked);
        let mut options = GetOptions::new().with_consistency(self.flight.below()).with_call(call);
        let whole = match self.flight.kind() {
            Kind::Head => return self.fly_head(options).await,
            Kind::Part(range) => {
                options.range = Some(range);
                false
            }
            Kind::Whole => {
                options.unless = base.as_ref().and_then(|base| version(base));
                true
            }
        };
        let got = stack.ask(key, &options).await.and_then(|got| confirmed(got, base.as_deref()));
        let got = match got {
            Ok(got) => got,
            Err(error) => return self.land(Landed::Failed(error)),
        };
        let entry = match whole && fill != Fill::Never && !stale(&got) {
            true => self.entry(&table, &lease, &got, asked),
            false => None,
        };
        self.deliver(got, entry).await;
    }

    fn entry(
        &self,
        table: &Table<Mapped>,
        lease: &Lease,
        got: &Got<Bytes>,
        asked: Asked,
    ) -> Option<Arc<Entry>> {
        match table.fill(lease) {
            Some(stamp) => self.stack.entry(self.flight.key(), got, stamp, asked),
            None => {
                self.stack.fill_lost();
                None
            }
        }
    }

    /// Tells those who wait, and fills the fronts. The flight can be joined until they have it.
    async fn deliver(&self, got: Got<Bytes>, entry: Option<Arc<Entry>>) {
        let stack = &self.stack;
        let Some(entry) = entry else {
            stack.flights.remove(&self.flight);
            return self.land(Landed::Answer(got));
        };
        // What needs no waiting is there when the first caller has its answer.
        if stack.keep_now(&entry, u8::MAX) {
            return self.land(Landed::Answer(got));
        }
        let permits = fill_permits(&entry);
        match stack.fills.try_acquire_many(permits) {
            Ok(_permit) => {
                self.land(Landed::Answer(got));
                stack.keep_rest(&entry, u8::MAX).await;
            }
            // The fronts cannot keep up: callers wait for them, instead of memory filling up.
            Err(_) => {
                stack.keep_rest(&entry, u8::MAX).await;
                self.land(Landed::Answer(got));
            }
        }
    }

    async fn fly_head(&self, get: GetOptions) {
        let stack = &self.stack;
        stack.counts.origin_reads.add();
        let options = HeadOptions::new().with_consistency(get.consistency).with_call(get.call);
        let got = stack.origin.head_opts(self.flight.key(), &options).await;
        stack.note(&got);
        stack.flights.remove(&self.flight);
        self.land(match got {
            Ok(got) => Landed::Answer(got.map(|()| Bytes::new())),
            Err(error) => Landed::Failed(error),
        });
    }
}

fn version(entry: &Entry) -> Option<larder_store_core::Version> {
    match &entry.said {
        Said::Absent => None,
        Said::Value(meta, _) => meta.version.clone(),
    }
}

/// What the origin says is unchanged is what the front has, under what the origin says about it now.
fn confirmed(got: Got<Bytes>, base: Option<&Entry>) -> Result<Got<Bytes>> {
    let Got::Unchanged(now) = got else { return Ok(got) };
    let Some(Said::Value(then, body)) = base.map(|base| &base.said) else {
        let why = "the origin says that a value is unchanged which nobody named";
        return Err(Error::new(ErrorKind::Unavailable, Op::Get, why));
    };
    // A service may say less about what is unchanged.
    let mut meta = now;
    meta.size = meta.size.or(then.size);
    meta.stored_size = meta.stored_size.or(then.stored_size);
    meta.version = meta.version.or_else(|| then.version.clone());
    meta.modified = meta.modified.or(then.modified);
    meta.expires = meta.expires.or(then.expires);
    meta.attributes = meta.attributes.or_else(|| then.attributes.clone());
    meta.write_id = meta.write_id.or(then.write_id);
    Ok(Got::found(meta, body.clone()))
}
