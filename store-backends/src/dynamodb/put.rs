//! Writing heads: small values whole, and what large ones are reached by.

use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal};
use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::{
    Call, Durability, ErrorKind, Key, Op, Precondition, PutOptions, Result, Version, WriteId, Written,
};

use super::condition::{Condition, Refused, refused};
use super::error::{Failure, REFUSED};
use super::item::{self, Found, Item};
use super::register::Fence;
use super::single::Single;
use super::wire::Wire;

/// A head that was put.
pub(super) struct Swapped {
    pub(super) written: Written,
    /// What stands there is another attempt of the same write, with chunks of its own: those of this one are of no use.
    pub(super) other: bool,
}

/// A head that is to be stored, and where.
pub(super) struct Draft {
    pub(super) pk: String,
    pub(super) head: Head,
    /// Empty once it was taken out to be sent.
    pub(super) item: Item,
    /// Bytes that head and body take.
    pub(super) stored: u64,
}

impl Draft {
    pub(super) fn new(pk: String, head: Head, value: Option<&[u8]>, wire: &Wire) -> Result<Draft> {
        let mut head = head;
        if let Some(value) = value {
            head.raw_len = value.len() as u64;
        }
        let item = item::of_head(pk.clone(), &head, value, wire.env.wall())?;
        let head_len = item::binary(&item, item::HEAD).map_or(0, <[u8]>::len);
        let stored = head_len as u64 + head.body_len();
        Ok(Draft { pk, head, item, stored })
    }

    /// What a put of this tells.
    pub(super) fn written(&self) -> Written {
        Written::new(self.head.version(), self.head.write_id, Durability::Durable)
            .with_facts(self.head.modified, Some(self.stored))
    }

    /// About how many bytes go over the wire.
    fn bytes(&self) -> u64 {
        self.stored + 2 * self.head.key.len() as u64
    }
}

impl Wire {
    /// The head of a value that `options` describe, without its length.
    pub(super) fn head_for(&self, key: &Key, options: &PutOptions) -> Head {
        let id = options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
        let mut head = Head::new(key.clone(), id, item::stored(self.env.wall()));
        if let Precondition::Matches(version) = &options.pre {
            head.predecessors = version.chain().collect();
        }
        head.expires = options.expires.map(item::stored);
        head.attributes = options.attributes.clone();
        head
    }

    /// What it means that a head was refused.
    async fn why(
        &self,
        op: Op,
        call: &Call,
        pre: &Precondition,
        draft: &Draft,
        failure: Failure,
    ) -> Result<Refused> {
        let current = self.in_the_way(op, call, &draft.head.key, &draft.pk, failure.more.item).await?;
        Ok(refused(op, pre, Some(draft.head.write_id), self.env.wall(), current))
    }
}

impl Single {
    /// Writes a small value by one request.
    pub(super) async fn put(&self, op: Op, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let wire = &self.wire;
        wire.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let head = wire.head_for(key, options);
        let pk = wire.home(op, &options.call, key, true).await?;
        let mut draft = Draft::new(pk, head, Some(&value), wire)?;
        let item = std::mem::take(&mut draft.item);
        let (call, pre) = (&options.call, &options.pre);
        // Most values replace none with chunks, and need not hear what it was: the answer is shorter by the value.
        let condition = Condition::of_small(op, pre, wire.env.wall())?;
        let failure = match self.send_head(op, call, &draft, item, Some(condition), None, None).await? {
            Ok(_) => return Ok(draft.written()),
            Err(failure) => failure,
        };
        let why = match pre {
            // Whatever it is, it is to be replaced.
            Precondition::Any => None,
            _ => Some(Box::pin(wire.why(op, call, pre, &draft, failure)).await?),
        };
        match why {
            Some(Refused::Mine(version, found)) => return Ok(mine(&draft, version, found.as_deref())),
            Some(Refused::Error(error)) if !error.is(ErrorKind::Unavailable) => return Err(error),
            // Nothing that was asked for stands in the way: it is the chunks, or was something that is gone.
            _ => {}
        }
        let item = item::of_head(draft.pk.clone(), &draft.head, Some(&value), wire.env.wall())?;
        Ok(Box::pin(self.swap(op, call, pre, &draft, item, None)).await?.written)
    }

    /// Puts the item of a head where its key is, if the precondition holds. What it replaced is buried.
    pub(super) async fn swap(
        &self,
        op: Op,
        call: &Call,
        pre: &Precondition,
        draft: &Draft,
        item: Item,
        fence: Option<&Fence>,
    ) -> Result<Swapped> {
        let condition = Condition::of(op, pre, self.wire.env.wall())?;
        let told = Some(ReturnValue::AllOld);
        let failure = match self.send_head(op, call, draft, item, condition, told, fence).await? {
            Ok(old) => {
                self.bury_old(old.as_ref(), draft);
                return Ok(Swapped { written: draft.written(), other: false });
            }
            Err(failure) => failure,
        };
        match Box::pin(self.wire.why(op, call, pre, draft, failure)).await? {
            Refused::Mine(version, found) => {
                let other = found.as_ref().is_some_and(|found| found.head.parts != draft.head.parts);
                Ok(Swapped { written: mine(draft, version, found.as_deref()), other })
            }
            Refused::Error(error) => Err(error),
        }
    }

    /// Sends the item of a head: what is told of what it replaced, or that the condition did not hold.
    #[allow(clippy::too_many_arguments, reason = "all of them are one request")]
    async fn send_head(
        &self,
        op: Op,
        call: &Call,
        draft: &Draft,
        item: Item,
        condition: Option<Condition>,
        told: Option<ReturnValue>,
        fence: Option<&Fence>,
    ) -> Result<Result<Option<Item>, Failure>> {
        let wire = &self.wire;
        let live = wire.live(op, call).await?;
        let mut request =
            live.sdk.put_item().table_name(wire.table()).set_item(Some(item)).set_return_values(told);
        if let Some(condition) = condition {
            request = request
                .condition_expression(condition.expression)
                .set_expression_attribute_values(condition.values())
                .return_values_on_condition_check_failure(OnRefusal::AllOld);
        }
        let fence = fence.cloned();
        let sent = async move {
            match fence {
                None => request.send().await,
                Some(fence) => request.customize().interceptor(fence).send().await,
            }
        };
        let answer = wire.write::<PutItemOutput, PutItemError>(
            op,
            call,
            &live,
            "dynamodb:PutItem",
            draft.bytes(),
            sent,
        );
        match answer.await? {
            Ok(done) => Ok(Ok(done.attributes)),
            Err(failure) if failure.has_code(REFUSED) => Ok(Err(failure)),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Lets go of the chunks of what was replaced.
    fn bury_old(&self, old: Option<&Item>, draft: &Draft) {
        let Some(old) = old else { return };
        let mine = draft.head.parts.map(|parts| parts.id);
        match Found::of(Op::Put, old, Some(&draft.head.key)) {
            Ok(found) => {
                if let Some(chunks) = found.chunks().filter(|chunks| Some(chunks.set) != mine) {
                    self.bury(chunks);
                }
            }
            // Whatever it was, it is replaced now; the sweep finds its chunks.
            Err(error) => {
                tracing::warn!(store = %self.wire.id, %error, "what was replaced could not be read")
            }
        }
    }
}

/// A write that was made although its answer said otherwise. What stands there says more of it than the draft of this
/// attempt does.
fn mine(draft: &Draft, version: Version, found: Option<&Found>) -> Written {
    let mut written = Written::new(version, draft.head.write_id, Durability::Durable);
    if let Some(found) = found {
        written = written.with_facts(found.head.modified, Some(found.stored_size()));
    }
    written.settled = false;
    written
}
