//! Reading: the fronts, then the origin.
//!
//! A read takes its lease first, before it looks at any front. An entry is served only if its stamp is the lease's, so
//! whatever a front still holds of another time is a miss.

mod flight;
mod hot;
mod many;
mod origin;
mod part;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_store_core::{
    ByteRange, Error, Fill, GetOptions, Got, HeadOptions, Key, Op, Result, Served, Version,
};

use crate::entry::{Entry, Said};
use crate::fence::{Lease, Mapped, Table};
use crate::flight::Kind;
use crate::front::{not_in_fronts, part as cut};
use crate::policy::{Need, Verdict, Wish};
use crate::stack::Stack;

/// What a read saw when it began.
pub(crate) struct View {
    pub(crate) table: Arc<Table<Mapped>>,
    pub(crate) lease: Lease,
    /// How many flights for the key had ended.
    pub(crate) ended: u64,
}

/// What the fronts had.
#[expect(clippy::large_enum_variant, reason = "most are answers, and none is kept for long")]
pub(crate) enum Fronts {
    /// The answer.
    Answer(Got<Bytes>),
    /// Nothing that can be served; perhaps something that the origin may confirm.
    Ask(Option<Arc<Entry>>),
}

impl Stack {
    /// Begins a read.
    pub(crate) fn view(&self, key: &Key) -> View {
        let ended = self.flights.ended(key);
        let table = self.cell.table();
        let lease = table.lease(self.slot(&table, key));
        View { table, lease, ended }
    }

    /// Reads a value.
    pub(crate) async fn get(self: &Arc<Self>, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let op = Op::Get;
        self.begin(op, &options.call)?;
        self.guarantees.check_get(op, key, options).map_err(|e| e.at(&self.id))?;
        if key.is_system() {
            return self.origin.get_opts(key, options).await;
        }
        self.revive_later();
        let wish = self.policy.wish(key, options.consistency);
        loop {
            let view = self.view(key);
            let base = match self.ask_fronts(&view, key, options, &wish).await? {
                Fronts::Answer(got) => return Ok(got),
                Fronts::Ask(base) => base,
            };
            if wish.fronts_only {
                return Err(not_in_fronts(op).at(&self.id).on(key));
            }
            let asked = match kind(options, &wish) {
                Some(kind) => self.ask_together(&view, key, kind, options, &wish, base).await?,
                None => Some(self.ask_alone(&view, key, options, &wish).await?),
            };
            match asked {
                Some(got) => return Ok(got),
                // Whoever asked for us went away without an answer: begin again.
                None => self.begin(op, &options.call)?,
            }
        }
    }

    /// Asks the fronts, one after the other.
    async fn ask_fronts(
        self: &Arc<Self>,
        view: &View,
        key: &Key,
        options: &GetOptions,
        wish: &Wish,
    ) -> Result<Fronts> {
        let mut base: Option<Arc<Entry>> = None;
        if wish.need == Need::Origin {
            return Ok(Fronts::Ask(None));
        }
        for front in self.fronts() {
            let found = match options.range {
                Some(range) => match self.part_of(view, front, key, range, options, wish).await? {
                    part::Part::Answer(got) => return Ok(Fronts::Answer(got)),
                    part::Part::Whole(entry) => Some(entry),
                    part::Part::Nothing => None,
                },
                None => front.look(key).await,
            };
            let Some(entry) = found.filter(|entry| view.table.serves(&view.lease, &entry.stamp)) else {
                front.counts.misses.add();
                continue;
            };
            match wish.judge(&entry, &self.clocks) {
                Verdict::Serve(age) => {
                    if let Some(answer) = answer(&entry, options, served(front.number, age))? {
                        front.counts.hits.add();
                        if options.fill != Fill::Never {
                            self.keep_later(entry, front.number);
                        }
                        return Ok(Fronts::Answer(answer));
                    }
                    // It is not the version that is wanted. The origin may have that one.
                    front.counts.misses.add();
                    return Ok(Fronts::Ask(None));
                }
                Verdict::TooOld => {
                    front.counts.misses.add();
                    if base.as_ref().is_none_or(|base| base.asked.wall < entry.asked.wall) {
                        base = Some(entry);
                    }
                }
                Verdict::Expired => front.counts.misses.add(),
            }
        }
        Ok(Fronts::Ask(base))
    }

    /// Reads what is known about a value: from the origin, unless only the fronts may be asked.
    pub(crate) async fn head(self: &Arc<Self>, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let op = Op::Head;
        self.begin(op, &options.call)?;
        self.guarantees.check_key(op, key).map_err(|e| e.at(&self.id))?;
        if key.is_system() {
            return self.origin.head_opts(key, options).await;
        }
        let wish = self.policy.wish(key, options.consistency);
        if wish.fronts_only {
            let mut get =
                GetOptions::new().with_consistency(options.consistency).with_call(options.call.clone());
            get.unless = options.unless.clone();
            get.only = options.only.clone();
            let got = self.get(key, &get).await.map_err(|e| e.during(op))?;
            return Ok(got.map(drop));
        }
        loop {
            let view = self.view(key);
            if let Some(got) = self.ask_head(&view, key, options, &wish).await? {
                return Ok(got);
            }
            self.begin(op, &options.call)?;
        }
    }
}

/// What a get asks of the origin together with others; `None` if it is about a version, and goes alone.
fn kind(options: &GetOptions, wish: &Wish) -> Option<Kind> {
    if options.unless.is_some() || options.only.is_some() || wish.need == Need::Origin {
        return None;
    }
    Some(options.range.map_or(Kind::Whole, Kind::Part))
}

/// Who answered.
pub(crate) fn served(tier: u8, age: Option<Duration>) -> Served {
    let mut served = Served::default();
    served.tier = Some(tier);
    served.age = age;
    served
}

/// The answer that an entry is to a get; `None` if the get wants another version.
pub(crate) fn answer(entry: &Entry, options: &GetOptions, served: Served) -> Result<Option<Got<Bytes>>> {
    let Said::Value(meta, body) = &entry.said else { return Ok(Some(Got::Absent)) };
    if wants_other(options.only.as_ref(), meta.version.as_ref()) {
        return Ok(None);
    }
    if options.unless.is_some() && options.unless == meta.version {
        return Ok(Some(Got::Unchanged(meta.clone())));
    }
    let body = cut(body, options.range).map_err(|e| e.on(&entry.key))?;
    Ok(Some(Got::Found { meta: meta.clone(), body, served }))
}

fn wants_other(only: Option<&Version>, has: Option<&Version>) -> bool {
    only.is_some() && only != has
}

/// Cuts what was brought whole to what was asked for.
pub(crate) fn cut_to(got: Got<Bytes>, range: Option<ByteRange>) -> Result<Got<Bytes>> {
    Ok(match got {
        Got::Found { meta, body, served } => Got::Found { meta, body: cut(&body, range)?, served },
        other => other,
    })
}

/// Names what failed.
pub(crate) fn named<'a>(stack: &'a Stack, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
    move |error| error.during(op).at(&stack.id).on(key)
}
