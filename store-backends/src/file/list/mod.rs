//! Listings: ordered, in bounded memory whatever the number of keys.
//!
//! The folders are walked in the order of keys. Each is read when the walk comes to it and sorted, in memory or, if it
//! is large, in runs in a file without a name. Heads are read as the listing is, so each entry is complete, and what
//! has expired is not named.

mod entry;
mod probe;
mod scan;
mod spill;
mod walk;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited};
use larder_store_core::system::Space;
use larder_store_core::{Items, ListOptions, Listed, Op, Result};

use super::config::Layout;
use super::gate::Keeper;
use super::handle::{Handle, Parked};
use walk::{Cx, Walk};

/// Items that one visit to a blocking thread brings.
const BATCH: usize = 256;

/// A listing.
pub(super) fn list(handle: &Arc<Handle>, options: ListOptions) -> Items<Listed> {
    let op = Op::List;
    let listing = match handle.begin(op, &options.call) {
        Ok(root) => {
            let keeper = Keeper::default();
            let layout = match options.space() {
                Space::User => handle.layout,
                Space::System => Layout::Record,
            };
            let cx = Cx {
                op,
                handle: handle.clone(),
                root,
                layout,
                space: options.space(),
                call: options.call.clone(),
                gate: keeper.gate(),
            };
            Listing { handle: handle.clone(), options, _keeper: keeper, state: State::Begin(Box::new(cx)) }
        }
        Err(error) => return stream::iter([Err(error)]).boxed(),
    };
    stream::unfold(Some(listing), |listing| async move {
        let mut listing = listing?;
        match listing.batch().await {
            Ok(items) if items.is_empty() => None,
            Ok(items) => Some((items, Some(listing))),
            Err(error) => Some((vec![Err(error)], None)),
        }
    })
    .flat_map(stream::iter)
    .boxed()
}

struct Listing {
    handle: Arc<Handle>,
    options: ListOptions,
    // Dropped with the listing: a thread that reads a huge folder for it stops.
    _keeper: Keeper,
    state: State,
}

enum State {
    Begin(Box<Cx>),
    Going(Parked<Box<Going>>),
    Over,
}

/// What a thread that may block works on.
struct Going {
    walk: Walk,
    rules: Rules,
    left: usize,
}

enum Rules {
    /// The walk gives what the listing does.
    Plain,
    /// Common prefixes that are no folders.
    Delimited(Cursor),
}

impl Listing {
    async fn batch(&mut self) -> Result<Vec<Result<Listed>>> {
        let op = Op::List;
        let handle = self.handle.clone();
        let named = |e: larder_store_core::Error| e.during(op).at(&handle.id);
        let call = self.options.call.clone();
        let work = async {
            let going = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(Vec::new()),
                State::Going(going) => going,
                State::Begin(cx) => {
                    if self.options.limit == Some(0) {
                        return Ok(Vec::new());
                    }
                    let options = self.options.clone();
                    let begun = handle.blocking(op, {
                        let handle = handle.clone();
                        move || Ok(handle.park(Box::new(begin(*cx, &options)?)))
                    });
                    begun.await?
                }
            };
            let (going, (items, over)) = handle.blocking_on(op, going, |going| going.batch()).await?;
            if !over {
                self.state = State::Going(going);
            }
            Ok(items)
        };
        call.guard(&handle.env, op, work).await.map_err(named)
    }
}

fn begin(cx: Cx, options: &ListOptions) -> Result<Going> {
    let cursor = Cursor::new(options);
    let bound = cursor.place().and_then(|place| place.bound()).unwrap_or_default();
    let delimiter = options.delimiter.as_deref().filter(|d| !d.is_empty());
    let rules = match delimiter {
        None | Some("/") => Rules::Plain,
        Some(_) => Rules::Delimited(cursor),
    };
    let after = options.start_after.as_deref();
    let walk = Walk::begin(cx, &options.prefix, after, bound, delimiter == Some("/"))?;
    Ok(Going { walk, rules, left: options.limit.unwrap_or(usize::MAX) })
}

impl Going {
    /// The next items, and whether they are the last.
    fn batch(&mut self) -> Result<(Vec<Result<Listed>>, bool)> {
        let mut items = Vec::new();
        while items.len() < BATCH && self.left > 0 {
            let found = match self.walk.next() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok((items, true)),
                // What was found before comes first.
                Err(error) => {
                    items.push(Err(error.at(&self.walk.cx.handle.id)));
                    return Ok((items, true));
                }
            };
            let found = match (&mut self.rules, found) {
                (Rules::Delimited(cursor), Listed::Entry(meta)) => {
                    let met = cursor.meet(meta.key.as_str());
                    if met == Delimited::End {
                        return Ok((items, true));
                    }
                    if let Some((bound, inclusive)) = cursor.place().and_then(|place| place.bound()) {
                        self.walk.skip_to(bound, inclusive);
                    } else {
                        self.left = 1;
                    }
                    met.listed(|| meta)
                }
                (_, found) => Some(found),
            };
            if let Some(found) = found {
                items.push(Ok(found));
                self.left -= 1;
            }
        }
        let over = self.left == 0;
        Ok((items, over))
    }
}
