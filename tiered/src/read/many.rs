//! Reading many values.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{Consistency, Error, ErrorKind, Fill, GetOptions, Got, Key, Op, Result};

use super::origin::stale;
use super::{Fronts, View, named};
use crate::front::not_in_fronts;
use crate::stack::Stack;

/// How many keys are looked for at once.
const WIDTH: usize = 64;

/// A key that the origin must be asked for.
struct Missing {
    at: usize,
    miss: Miss,
}

/// How the read of a key began that the fronts do not have, and how the origin must be asked for it.
struct Miss {
    view: View,
    below: Consistency,
}

/// The one that takes younger answers only.
fn stricter(one: Consistency, other: Consistency) -> Consistency {
    match (one, other) {
        (Consistency::AtMost(one), Consistency::AtMost(other)) => Consistency::AtMost(one.min(other)),
        (Consistency::AtMost(age), _) | (_, Consistency::AtMost(age)) => Consistency::AtMost(age),
        _ => one,
    }
}

impl Stack {
    /// Reads many values: what the fronts have from them, the rest from the origin by its own batches.
    pub(crate) async fn get_many(
        self: &Arc<Self>,
        keys: &[Key],
        options: &GetOptions,
    ) -> Vec<Result<Got<Bytes>>> {
        let op = Op::GetMany;
        if let Err(error) = self.begin(op, &options.call) {
            return keys.iter().map(|key| Err(error.clone().on(key))).collect();
        }
        // Without batches there is nothing to win over single reads, which can be joined.
        if self.guarantees.batches.get.is_none() {
            let gets = keys.iter().map(|key| async move {
                match self.try_get(key, options) {
                    Some(got) => got,
                    None => self.get(key, options).await,
                }
                .map_err(|e| e.during(op))
            });
            let gets: Vec<_> = gets.collect();
            return stream::iter(gets).buffered(WIDTH).collect().await;
        }
        let looks = keys.iter().map(|key| self.look_for(key, options));
        let looks: Vec<_> = looks.collect();
        let looks: Vec<_> = stream::iter(looks).buffered(WIDTH).collect().await;
        let mut missing = Vec::new();
        let mut answers: Vec<Option<Result<Got<Bytes>>>> = Vec::with_capacity(keys.len());
        for (at, look) in looks.into_iter().enumerate() {
            answers.push(match look {
                Ok(answer) => Some(answer),
                Err(miss) => {
                    missing.push(Missing { at, miss });
                    None
                }
            });
        }
        if !missing.is_empty() {
            self.ask_many(keys, options, missing, &mut answers).await;
        }
        let lost =
            || Error::new(ErrorKind::Unknown, op, "the origin gave fewer answers than it was asked for");
        answers
            .into_iter()
            .zip(keys)
            .map(|(answer, key)| answer.unwrap_or_else(|| Err(lost())).map_err(named(self, op, key)))
            .collect()
    }

    /// The answer of the fronts, or how the read began.
    async fn look_for(self: &Arc<Self>, key: &Key, options: &GetOptions) -> Result<Result<Got<Bytes>>, Miss> {
        let op = Op::GetMany;
        if let Err(error) = self.guarantees.check_get(op, key, options) {
            return Ok(Err(error));
        }
        let view = self.view(key);
        if key.is_system() {
            return Err(Miss { view, below: options.consistency });
        }
        let wish = self.policy.wish(key, options.consistency);
        match self.ask_fronts(&view, key, options, &wish).await {
            Ok(Fronts::Answer(got)) => Ok(Ok(got)),
            Ok(Fronts::Ask(_)) if wish.fronts_only => Ok(Err(not_in_fronts(op))),
            Ok(Fronts::Ask(_)) => {
                self.tend(&view);
                Err(Miss { view, below: wish.below })
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn ask_many(
        self: &Arc<Self>,
        keys: &[Key],
        options: &GetOptions,
        missing: Vec<Missing>,
        answers: &mut [Option<Result<Got<Bytes>>>],
    ) {
        let wanted: Vec<Key> = missing.iter().map(|missing| keys[missing.at].clone()).collect();
        let asked = self.clocks.asked();
        self.counts.origin_reads.add_many(wanted.len() as u64);
        let below = missing.iter().map(|missing| missing.miss.below).fold(options.consistency, stricter);
        let got = self.origin.get_many_opts(&wanted, &options.clone().with_consistency(below)).await;
        let whole = options.range.is_none() && options.fill != Fill::Never;
        for (missing, got) in missing.into_iter().zip(got) {
            self.note(&got);
            let key = &keys[missing.at];
            if let Ok(got) = &got
                && whole
                && !key.is_system()
                && !stale(got)
            {
                let view = &missing.miss.view;
                match view.table.fill(&view.lease) {
                    Some(stamp) => {
                        if let Some(entry) = self.entry(key, got, stamp, asked) {
                            self.keep_later(entry, u8::MAX);
                        }
                    }
                    None => self.fill_lost(),
                }
            }
            answers[missing.at] = Some(got.map(|got| self.told(got)));
        }
    }
}
