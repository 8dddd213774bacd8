//! Writes to many keys.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Error, ErrorKind, Key, Op, PutItem, PutOptions, Removed, Result, Step,
    StepDone, Transacted, Written,
};

use super::Outcome;
use super::one::{removed, written};
use crate::entry::Said;
use crate::stack::Stack;

/// The keys of a batch, each once, with the items that are about it. System keys are no front's business.
struct Keys {
    distinct: Vec<Key>,
    items: Vec<Vec<usize>>,
}

impl Keys {
    fn of<'k>(keys: impl Iterator<Item = &'k Key>) -> Keys {
        let mut places: HashMap<&Key, usize> = HashMap::new();
        let mut these = Keys { distinct: Vec::new(), items: Vec::new() };
        for (at, key) in keys.enumerate().filter(|(_, key)| !key.is_system()) {
            let place = *places.entry(key).or_insert_with(|| {
                these.distinct.push(key.clone());
                these.items.push(Vec::new());
                these.items.len() - 1
            });
            these.items[place].push(at);
        }
        these
    }

    /// What the answers mean for each key. Of several writes to one key it is not said which came last.
    fn outcomes(items: &[Vec<usize>], mut of: impl FnMut(usize) -> Outcome) -> Vec<Outcome> {
        let outcome = |items: &Vec<usize>| {
            let mut all = items.iter().map(|at| of(*at));
            match (all.next(), items.len()) {
                (Some(one), 1) => one,
                (Some(Outcome::Unanswered), _) => Outcome::Unanswered,
                _ if all.any(|one| matches!(one, Outcome::Unanswered)) => Outcome::Unanswered,
                _ => Outcome::Answered(None),
            }
        };
        items.iter().map(outcome).collect()
    }
}

/// Of an answer that is missing nobody knows what became of the write.
fn missing<T>(op: Op) -> Result<T> {
    Err(Error::new(ErrorKind::Unknown, op, "the origin gave fewer answers than it was given items"))
}

impl Stack {
    /// Writes many values.
    pub(crate) async fn put_many(self: &Arc<Self>, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let op = Op::PutMany;
        let names: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        if let Err(error) = self.begin(op, call) {
            return names.iter().map(|key| Err(error.clone().on(key))).collect();
        }
        let keys = Keys::of(names.iter());
        let told: Vec<(Key, Bytes, PutOptions)> =
            items.iter().map(|item| (item.key.clone(), item.value.clone(), item.options.clone())).collect();
        let (origin, asks) = (self.origin.clone(), call.clone());
        let ask = async move { origin.put_many_opts(items, &asks).await };
        let places = keys.items;
        let done = self
            .carry(op, call, keys.distinct, ask, move |done: &Vec<Result<Written>>| {
                Keys::outcomes(&places, |at| {
                    let (key, value, options) = &told[at];
                    let lost = missing(op);
                    written(key, value, options, done.get(at).unwrap_or(&lost))
                })
            })
            .await;
        self.all(op, &names, done)
    }

    /// Removes many values.
    pub(crate) async fn delete_many(
        self: &Arc<Self>,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let op = Op::DeleteMany;
        let names: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        if let Err(error) = self.begin(op, &options.call) {
            return names.iter().map(|key| Err(error.clone().on(key))).collect();
        }
        let keys = Keys::of(names.iter());
        let (origin, asks) = (self.origin.clone(), options.clone());
        let ask = async move { origin.delete_many_opts(items, &asks).await };
        let places = keys.items;
        let done = self
            .carry(op, &options.call, keys.distinct, ask, move |done: &Vec<Result<Removed>>| {
                Keys::outcomes(&places, |at| removed(done.get(at).unwrap_or(&missing(op))))
            })
            .await;
        self.all(op, &names, done)
    }

    /// An answer for each key, whatever came back.
    fn all<T>(&self, op: Op, names: &[Key], done: Result<Vec<Result<T>>>) -> Vec<Result<T>> {
        match done {
            Ok(done) => {
                let mut done = done.into_iter();
                let answers = names.iter().map(|key| {
                    let answer = done.next().unwrap_or_else(|| missing(op));
                    self.noted(answer.map_err(|e| e.on(key)))
                });
                answers.collect()
            }
            Err(error) => names.iter().map(|key| Err(error.clone().on(key))).collect(),
        }
    }

    /// Makes all steps or none.
    pub(crate) async fn transact(self: &Arc<Self>, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let op = Op::Transact;
        self.begin(op, call)?;
        // Before the fence is opened in every slot of what is refused anyway.
        self.guarantees.check_transact(&steps).map_err(|e| e.during(op).at(&self.id))?;
        let writes: Vec<(usize, Write)> =
            steps.iter().enumerate().filter_map(|(at, step)| Some((at, Write::of(step)?))).collect();
        let keys: Vec<Key> = writes.iter().map(|(_, write)| write.key().clone()).collect();
        let (origin, asks) = (self.origin.clone(), call.clone());
        let ask = async move { origin.transact_opts(steps, &asks).await };
        let done = self.carry(op, call, keys, ask, move |done| {
            writes.iter().map(|(at, write)| write.outcome(done, *at)).collect()
        });
        self.noted(done.await?)
    }
}

/// A step that writes to a key of the caller's.
enum Write {
    Put(Key, Bytes, PutOptions),
    Delete(Key),
}

impl Write {
    fn of(step: &Step) -> Option<Write> {
        match step {
            _ if step.key().is_system() => None,
            Step::Put(item) => Some(Write::Put(item.key.clone(), item.value.clone(), item.options.clone())),
            Step::Delete(item) => Some(Write::Delete(item.key.clone())),
            Step::Check { .. } => None,
            // Whatever else a step does to its key, the fronts must not go on with what they have.
            _ => Some(Write::Delete(step.key().clone())),
        }
    }

    fn key(&self) -> &Key {
        match self {
            Write::Put(key, ..) | Write::Delete(key) => key,
        }
    }

    fn outcome(&self, done: &Result<Transacted>, at: usize) -> Outcome {
        let done = match done {
            Err(error) => return Outcome::of_error(error),
            Ok(done) if !done.settled => return Outcome::Unanswered,
            Ok(done) => done,
        };
        match (self, done.steps.get(at)) {
            (Write::Put(key, value, options), Some(StepDone::Written(answer))) => {
                written(key, value, options, &Ok(answer.clone()))
            }
            (Write::Delete(_), Some(StepDone::Removed(answer))) if answer.settled => {
                Outcome::Answered(Some(Said::Absent))
            }
            (Write::Delete(_), Some(StepDone::Removed(_))) => Outcome::Unanswered,
            _ => Outcome::Answered(None),
        }
    }
}
