//! Streams and listings that break off, hang or come late.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use super::plan::{Armed, Cut, Faults};
use super::rule::{Effect, When};
use super::store::hold_up;
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, Op, Result};
use crate::key::Key;
use crate::outcome::{ByteStream, Items};
use crate::store_id::StoreId;

/// The body, which ends in an error when the cut's number of bytes went through.
pub(super) fn cut_bytes(body: ByteStream, cut: Option<Cut>, key: &Key, store: &StoreId) -> ByteStream {
    let Some(cut) = cut else { return body };
    let (key, store, left) = (key.clone(), store.clone(), cut.at);
    let step = move |(mut body, left, cut): (ByteStream, u64, Option<Cut>)| {
        let (key, store) = (key.clone(), store.clone());
        async move {
            let Some(armed) = &cut else { return body.next().await.map(|piece| (piece, (body, left, cut))) };
            if left == 0 {
                return match armed.strike(Some(&key)) {
                    Some(error) => Some((Err(error.at(&store)), (stream::empty().boxed(), 0, None))),
                    None => body.next().await.map(|piece| (piece, (body, 0, None))),
                };
            }
            let piece: Result<Bytes> = body.next().await?;
            Some(match piece {
                Ok(mut piece) if piece.len() as u64 > left => {
                    let rest = piece.split_off(left as usize);
                    // Whether it strikes is decided there, and what follows is not lost if it does not.
                    let body = stream::once(std::future::ready(Ok(rest))).chain(body).boxed();
                    (Ok(piece), (body, 0, cut))
                }
                Ok(piece) => {
                    let left = left - piece.len() as u64;
                    (Ok(piece), (body, left, cut))
                }
                error => (error, (body, left, None)),
            })
        }
    };
    stream::unfold((body, left, Some(cut)), step).boxed()
}

/// A listing with its faults. After an error nothing more comes.
pub(super) fn items<T: Send + 'static>(
    inner: Items<T>,
    faults: Faults,
    armed: Armed,
    env: Env,
    call: Call,
) -> Items<T> {
    let cut = faults.cut(&armed, Op::List);
    let left = cut.as_ref().map_or(0, |cut| cut.at);
    let listing = Listing { inner, faults, armed, env, call, cut, left, next: Next::Begin };
    stream::unfold(listing, |mut listing| async move {
        let item = listing.step().await;
        if matches!(item, Some(Err(_)) | None) {
            listing.next = Next::Nothing;
        }
        item.map(|item| (item, listing))
    })
    .boxed()
}

struct Listing<T> {
    inner: Items<T>,
    faults: Faults,
    armed: Armed,
    env: Env,
    call: Call,
    cut: Option<Cut>,
    /// Items until the cut.
    left: u64,
    next: Next,
}

enum Next {
    Begin,
    Items,
    Nothing,
}

impl<T: Send> Listing<T> {
    async fn step(&mut self) -> Option<Result<T>> {
        if matches!(self.next, Next::Nothing) {
            return None;
        }
        if matches!(self.next, Next::Begin) {
            if let Some(error) = self.side(When::Before).await {
                return Some(Err(error));
            }
            self.next = Next::Items;
        }
        // The cut is decided when the item behind it is asked for, and the rest comes if it does not strike.
        if self.left == 0
            && let Some(error) = self.cut.take().and_then(|cut| cut.strike(None))
        {
            return Some(Err(error));
        }
        self.left = self.left.saturating_sub(1);
        match self.inner.next().await {
            None => self.side(When::After).await.map(Err),
            item => item,
        }
    }

    /// What comes in front of the items or behind them: nothing, sooner or later, or an error.
    async fn side(&mut self, when: When) -> Option<Error> {
        for (strike, effect) in self.faults.on(&self.armed, Op::List, when) {
            match effect {
                Effect::Fail(kind) if strike.claim() => return Some(strike.error(kind, None)),
                Effect::Hang if strike.claim() => std::future::pending().await,
                Effect::Delay(time) if strike.claim() => {
                    if let Err(error) = hold_up(&self.env, &self.call, Op::List, time).await {
                        return Some(error);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
