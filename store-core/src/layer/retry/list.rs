//! A listing that goes on behind the last name that it gave.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::Retry;
use super::engine::{Retries, is_worth_repeating};
use crate::error::{Op, Result};
use crate::options::ListOptions;
use crate::outcome::{Items, Listed};
use crate::store::Store;

const OP: Op = Op::List;

/// Foreign objects that are remembered, as they come in no order: a listing that met more does not go on.
const FOREIGN: usize = 10_000;

impl<S: Store> Retry<S> {
    pub(super) fn list(&self, options: ListOptions) -> Items<Listed> {
        let listing = Listing {
            inner: self.inner.clone(),
            retries: self.retries.clone(),
            options,
            items: None,
            given: false,
            foreign: HashSet::new(),
            over: false,
        };
        stream::unfold(listing, |mut listing| async move {
            let item = listing.next().await;
            listing.over |= !matches!(item, Some(Ok(_)));
            item.map(|item| (item, listing))
        })
        .boxed()
    }
}

struct Listing<S> {
    inner: Arc<S>,
    retries: Retries,
    /// What is still to be listed.
    options: ListOptions,
    items: Option<Items<Listed>>,
    /// Whether something was given that comes in order.
    given: bool,
    foreign: HashSet<String>,
    over: bool,
}

impl<S: Store> Listing<S> {
    async fn next(&mut self) -> Option<Result<Listed>> {
        if self.over {
            return None;
        }
        let call = self.options.call.clone();
        let mut attempts = match self.items {
            Some(_) => None,
            None => Some(self.retries.attempts(&call)),
        };
        loop {
            let broken = match self.step().await? {
                Ok(item) => return Some(Ok(item)),
                Err(error) => error,
            };
            self.items = None;
            if !is_worth_repeating(&broken) || !self.can_go_on() {
                return Some(Err(attempts.map_or(broken.clone(), |a| a.noted(broken))));
            }
            if let Err(error) =
                attempts.get_or_insert_with(|| self.retries.attempts(&call)).again(OP, broken).await
            {
                return Some(Err(error));
            }
        }
    }

    /// The next item that was not given before.
    async fn step(&mut self) -> Option<Result<Listed>> {
        if self.options.limit == Some(0) && self.items.is_none() {
            return None;
        }
        loop {
            let items = self.items.get_or_insert_with(|| self.inner.list_opts(self.options.clone()));
            let item = match items.next().await? {
                Ok(item) => item,
                Err(error) => return Some(Err(error.at(self.inner.id()))),
            };
            match &item {
                Listed::Foreign { name, .. } => {
                    if self.foreign.len() <= FOREIGN && !self.foreign.insert(name.clone()) {
                        continue;
                    }
                }
                named => {
                    self.options.start_after = Some(named.name().to_owned());
                    self.given = true;
                }
            }
            self.options.limit = self.options.limit.map(|limit| limit.saturating_sub(1));
            return Some(Ok(item));
        }
    }

    fn can_go_on(&self) -> bool {
        (!self.given || self.inner.guarantees().listing.ordered) && self.foreign.len() <= FOREIGN
    }
}
