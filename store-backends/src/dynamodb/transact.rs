//! Transactions: the heads of all keys by one request, with the chunks of large values written before.

use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnRefusal, TransactWriteItem,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::layer::retry::unknown;
use larder_store_core::{
    Call, Deleted, Error, ErrorKind, Key, Op, Precondition, PutItem, Removed, Result, Step, StepDone,
    Transacted, WriteId, derived,
};

use super::condition::{Condition, Refused, refused};
use super::config::INLINE;
use super::error::{CANCELLED, Failure, is_throttle};
use super::item::{self, Item};
use super::put::Draft;
use super::single::Single;
use super::upload::{self, Uploaded};
use super::wire::Wire;

/// Steps of a transaction (Amazon DynamoDB API Reference, TransactWriteItems).
pub(super) const MAX_STEPS: usize = 100;

/// For how long the service knows a transaction by its token: 10 minutes (Amazon DynamoDB API Reference,
/// TransactWriteItems). Behind that the same request may be made twice.
const TOKEN: Duration = Duration::from_secs(9 * 60);

/// Large values whose chunks are written at once.
const UPLOADS: usize = 4;

const OP: Op = Op::Transact;

/// A step on its way.
enum Plan<'a> {
    /// It always holds, so that nobody is asked.
    Nothing,
    Check(Key, Precondition),
    Put(PutItem, Box<Draft>),
    Large(PutItem, Box<Uploaded<'a>>),
    Delete(Key, Option<larder_store_core::Version>),
}

impl Plan<'_> {
    fn key(&self) -> Option<&Key> {
        match self {
            Plan::Nothing => None,
            Plan::Check(key, _) | Plan::Delete(key, _) => Some(key),
            Plan::Put(item, _) | Plan::Large(item, _) => Some(&item.key),
        }
    }

    fn pre(&self) -> Precondition {
        match self {
            Plan::Nothing => Precondition::Any,
            Plan::Check(_, pre) => pre.clone(),
            Plan::Put(item, _) | Plan::Large(item, _) => item.options.pre.clone(),
            Plan::Delete(_, only) => only.clone().map_or(Precondition::Any, Precondition::Matches),
        }
    }

    fn draft(&self) -> Option<&Draft> {
        match self {
            Plan::Put(_, draft) => Some(draft),
            Plan::Large(_, uploaded) => Some(&uploaded.draft),
            _ => None,
        }
    }

    fn done(&self) -> StepDone {
        match (self, self.draft()) {
            (_, Some(draft)) => StepDone::Written(draft.written()),
            // What was removed is not told by the service, and to ask before would say nothing about then.
            (Plan::Delete(_, only), _) => StepDone::Removed(Removed::new(match only {
                Some(_) => Deleted::Yes,
                None => Deleted::NotTold,
            })),
            _ => StepDone::Checked,
        }
    }
}

impl Single {
    /// Makes all steps or none.
    pub(super) async fn transact(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let wire = &self.wire;
        wire.guarantees.check_transact(&steps)?;
        // A condition that never holds is refused before any chunk is written.
        for step in &steps {
            let pre = match step {
                Step::Check { pre, .. } => pre.clone(),
                Step::Put(item) => item.options.pre.clone(),
                Step::Delete(item) => item.only.clone().map_or(Precondition::Any, Precondition::Matches),
                _ => Precondition::Any,
            };
            Condition::of(OP, &pre, wire.env.wall()).map_err(|e| e.on(step.key()))?;
        }
        let shards = wire.shards(OP, call, true).await?;
        let steps: Vec<Step> = steps.into_iter().map(|step| with_call(step, call)).collect();
        let plans: Vec<_> = steps.iter().map(|step| self.plan(step, shards)).collect();
        let plans: Vec<Plan<'_>> = stream::iter(plans).buffered(UPLOADS).try_collect().await?;
        let mut done = Transacted::new(plans.iter().map(Plan::done).collect());
        if plans.iter().any(|plan| !matches!(plan, Plan::Nothing)) {
            let settled = self.send_all(&plans, shards, call).await?;
            done.settled = settled;
            if !settled {
                done.steps.iter_mut().for_each(unsettle);
            }
        }
        Ok(done)
    }

    /// What a step takes; the chunks of a large value are written.
    async fn plan<'a>(&'a self, step: &'a Step, shards: u16) -> Result<Plan<'a>> {
        let wire = &self.wire;
        Ok(match step {
            Step::Check { pre: Precondition::Any, .. } => Plan::Nothing,
            Step::Check { key, pre } => Plan::Check(key.clone(), pre.clone()),
            Step::Delete(item) => Plan::Delete(item.key.clone(), item.only.clone()),
            Step::Put(item) if item.value.len() > INLINE => {
                let body = derived::pieces(item.value.clone());
                let begun = upload::begin(self, OP, &item.key, body, &item.options).await;
                Plan::Large(item.clone(), Box::new(begun.map_err(wire.named(OP, &item.key))?))
            }
            Step::Put(item) => {
                let head = wire.head_for(&item.key, &item.options);
                let pk = wire.names.head(&item.key, shards);
                let draft = Draft::new(pk, head, Some(&item.value), wire).map_err(|e| e.on(&item.key))?;
                Plan::Put(item.clone(), Box::new(draft))
            }
            _ => return Err(Error::unsupported(OP, "this kind of step")),
        })
    }

    /// One request, sent again as the same transaction while its fate is not known; whether all got an answer.
    async fn send_all(&self, plans: &[Plan<'_>], shards: u16, call: &Call) -> Result<bool> {
        let wire = &self.wire;
        let now = wire.env.wall();
        let mut items = Vec::with_capacity(plans.len());
        for plan in plans {
            if let Some(item) = request(wire, plan, shards, now)? {
                items.push(item);
            }
        }
        // Of the request and not of the write ids: a request that is built anew says another time, which the service
        // takes for another transaction under the same token.
        let token = WriteId::random(&wire.env).to_string();
        let (begun, mut attempts, mut open) = (wire.env.boot(), self.retries.attempts(call), false);
        let has_chunks = plans.iter().any(|plan| matches!(plan, Plan::Large(..)));
        loop {
            let failure = match self.send_once(plans, items.clone(), &token, call).await {
                Ok(()) => return Ok(!open),
                Err(Stop::Failure(failure)) => failure,
                Err(Stop::Error(error)) if open => return Err(unknown(error)),
                Err(Stop::Error(error)) => return Err(error),
            };
            let error = match failure.has_code(CANCELLED) {
                true => self.cancelled(plans, shards, &failure, call).await,
                false => failure.error.clone(),
            };
            let unanswered = !error.settled() || error.is(ErrorKind::Unknown);
            // Until it is known to be refused, the chunks may be in use.
            for plan in plans {
                if let Plan::Large(_, uploaded) = plan {
                    uploaded.set_over(open || unanswered);
                }
            }
            open |= unanswered;
            let late = wire.env.boot().saturating_sub(begun) > TOKEN;
            // What surely did nothing is sent again by the layer above, unless chunks would have to be written again.
            let here = open || has_chunks;
            if (unanswered || error.kind().is_retryable()) && here && !late {
                match attempts.again(OP, error).await {
                    Ok(()) => continue,
                    Err(error) if open => return Err(unknown(error)),
                    Err(error) => return Err(error),
                }
            }
            return Err(match (open, error.kind()) {
                (false, _) => error,
                // An earlier attempt may be on its way still.
                (true, ErrorKind::Conflict) => error.with_settled(false),
                (true, _) => unknown(error),
            });
        }
    }

    async fn send_once(
        &self,
        plans: &[Plan<'_>],
        items: Vec<TransactWriteItem>,
        token: &str,
        call: &Call,
    ) -> Result<(), Stop> {
        let wire = &self.wire;
        let mut fence = None;
        for plan in plans {
            if let Plan::Large(_, uploaded) = plan {
                // The oldest one holds for all.
                let next = uploaded.fence().await.map_err(Stop::Error)?;
                fence = Some(match fence {
                    None => next,
                    Some(fence) => next.earlier(fence),
                });
            }
        }
        let live = wire.live(OP, call).await.map_err(Stop::Error)?;
        for plan in plans {
            if let Plan::Large(_, uploaded) = plan {
                uploaded.set_over(true);
            }
        }
        let request =
            live.sdk.transact_write_items().set_transact_items(Some(items)).client_request_token(token);
        let sent = async move {
            match fence {
                None => request.send().await,
                Some(fence) => request.customize().interceptor(fence).send().await,
            }
        };
        let action = "dynamodb:PutItem, DeleteItem and ConditionCheckItem";
        match wire.write(OP, call, &live, action, 0, sent).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(Stop::Failure(Box::new(failure))),
            Err(error) => {
                let sent = !error.settled();
                for plan in plans {
                    if let Plan::Large(_, uploaded) = plan {
                        uploaded.set_over(sent);
                    }
                }
                Err(Stop::Error(error))
            }
        }
    }

    /// Why a transaction was not made.
    async fn cancelled(&self, plans: &[Plan<'_>], shards: u16, failure: &Failure, call: &Call) -> Error {
        let wire = &self.wire;
        let asked: Vec<_> = plans.iter().filter(|plan| !matches!(plan, Plan::Nothing)).collect();
        let reasons = asked.iter().zip(&failure.more.reasons);
        let of = |wanted: &dyn Fn(&str) -> bool| {
            reasons
                .clone()
                .find(|(_, reason)| reason.code().is_some_and(wanted))
                .map(|(plan, reason)| (*plan, reason))
        };
        let plain = |kind, plan: &Plan<'_>, why: String| {
            let error = Error::new(kind, OP, why);
            match plan.key() {
                Some(key) => error.on(key),
                None => error,
            }
        };
        if let Some((plan, reason)) = of(&|code| code == "ConditionalCheckFailed") {
            let Some(key) = plan.key() else { return failure.error.clone() };
            let told = reason.item().cloned();
            let current = match wire.in_the_way(OP, call, key, &wire.names.head(key, shards), told).await {
                Ok(current) => current,
                // That it was refused is known all the same.
                Err(error) => {
                    let why = "a condition of the transaction does not hold";
                    return plain(ErrorKind::Conflict, plan, why.into()).caused_by(error);
                }
            };
            let id = plan.draft().map(|draft| draft.head.write_id);
            return match refused(OP, &plan.pre(), id, wire.env.wall(), current) {
                Refused::Error(error) => error.on(key),
                Refused::Mine(..) => {
                    let why = "the transaction was refused, and a write of it is there";
                    plain(ErrorKind::Unknown, plan, why.into())
                }
            };
        }
        let said = |reason: &aws_sdk_dynamodb::types::CancellationReason| {
            format!(
                "DynamoDB says {}: {}",
                reason.code().unwrap_or_default(),
                reason.message().unwrap_or_default().trim_end_matches('.')
            )
        };
        if let Some((plan, reason)) = of(&|code| code == "ValidationError") {
            return plain(ErrorKind::Invalid, plan, said(reason));
        }
        if let Some((plan, reason)) = of(&|code| code == "ItemCollectionSizeLimitExceeded") {
            return plain(ErrorKind::Full, plan, said(reason))
                .hint("the table has a local secondary index, which limits a write shard to 10 GB");
        }
        if let Some((plan, reason)) = of(&is_throttle) {
            return plain(ErrorKind::Throttled, plan, said(reason));
        }
        // Others write one of the items at this moment, and a moment later they do not.
        if let Some((plan, reason)) = of(&|code| code == "TransactionConflict") {
            return plain(ErrorKind::Unavailable, plan, said(reason));
        }
        failure.error.clone()
    }
}

/// How an attempt ended without success.
enum Stop {
    /// By an answer, or none, of the service.
    Failure(Box<Failure>),
    /// Before that.
    Error(Error),
}

/// The call of the transaction holds, not those of its items.
fn with_call(step: Step, call: &Call) -> Step {
    match step {
        Step::Put(mut item) => {
            item.options.call = call.clone();
            Step::Put(item)
        }
        step => step,
    }
}

fn unsettle(done: &mut StepDone) {
    match done {
        StepDone::Written(written) => written.settled = false,
        StepDone::Removed(removed) => removed.settled = false,
        _ => {}
    }
}

/// The step as the service takes it.
fn request(
    wire: &Wire,
    plan: &Plan<'_>,
    shards: u16,
    now: std::time::SystemTime,
) -> Result<Option<TransactWriteItem>> {
    let invalid =
        |e: BuildError| Error::new(ErrorKind::Invalid, OP, format!("the request could not be made: {e}"));
    let Some(key) = plan.key() else { return Ok(None) };
    let condition = Condition::of(OP, &plan.pre(), now).map_err(|e| e.on(key))?;
    let expression = condition.as_ref().map(|condition| condition.expression.to_owned());
    let values: Option<Item> = condition.as_ref().and_then(Condition::values);
    let old = condition.is_some().then_some(OnRefusal::AllOld);
    let place = || item::key(wire.names.head(key, shards), key.as_bytes());
    let item = TransactWriteItem::builder();
    Ok(Some(match (plan, plan.draft()) {
        (_, Some(draft)) => {
            let put = Put::builder()
                .table_name(wire.table())
                .set_item(Some(draft.item.clone()))
                .set_condition_expression(expression)
                .set_expression_attribute_values(values)
                .set_return_values_on_condition_check_failure(old);
            item.put(put.build().map_err(invalid)?).build()
        }
        (Plan::Delete(..), _) => {
            let delete = Delete::builder()
                .table_name(wire.table())
                .set_key(Some(place()))
                .set_condition_expression(expression)
                .set_expression_attribute_values(values)
                .set_return_values_on_condition_check_failure(old);
            item.delete(delete.build().map_err(invalid)?).build()
        }
        _ => {
            let check = ConditionCheck::builder()
                .table_name(wire.table())
                .set_key(Some(place()))
                .set_condition_expression(expression)
                .set_expression_attribute_values(values)
                .set_return_values_on_condition_check_failure(old);
            item.condition_check(check.build().map_err(invalid)?).build()
        }
    }))
}
