//! The register of chunks: what is written before the first chunk of a value, so that no chunk is ever lost sight of.
//!
//! A value's chunks belong to no key before its head is put, and to none any more when that is replaced. Nobody could
//! find them then: each has a partition of its own. So a set of chunks stands in the register, one partition of the
//! namespace, from before its first chunk until behind its last one.
//!
//! Who sweeps must not take the chunks of a writer that lives, and a writer may be frozen for hours. A writer refreshes
//! its set in the register, unless the sweep has marked that as dead, not long before it puts the head; and a head that
//! was held up behind the refresh is not sent ([`Fence`]). What was sent lands within the time that AWS takes a
//! signature for, or never. A sweep waits for longer than both.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use futures_util::{StreamExt, stream};
use larder_store_core::{Call, Env, Error, ErrorKind, Op, Result};

use super::error::{Late, REFUSED};
use super::item::{self, Chunks, Item, TTL};
use super::name::{ALONE, SetId, hex};
use super::single::Single;
use super::wire::Wire;

/// The partition key of the head that the chunks are for.
const OWNER: &str = "q";
/// Its sort key.
const OWNER_KEY: &str = "k";
/// When the writer was last seen to live, in nanoseconds since 1970.
const SEEN: &str = "t";
/// Since when the chunks are known to belong to nobody.
const DEAD: &str = "d";
/// No chunk has this number or a higher one.
const BOUND: &str = "n";
/// Bytes of the body, where they were known when it began.
const BYTES: &str = "z";

/// For how long the chunks of a value stay that was replaced, for those who read it.
pub(super) const KEPT: Duration = Duration::from_secs(15 * 60);
/// For how long the chunks of a writer stay that was not seen any more: a head that was sent may land for as long as
/// its signature is taken, which is 15 minutes (AWS General Reference, "Signature Version 4"), on a clock that is as
/// far ahead, and a fence holds for [`FRESH`] before that.
pub(super) const UNSEEN: Duration = Duration::from_secs(45 * 60);
/// For how long a refresh holds for a head.
const FRESH: Duration = Duration::from_secs(300);
/// How long a set that is marked stays in the register, where the service removes it.
pub(super) const MARKED: Duration = Duration::from_secs(3 * 24 * 3600);
/// Updates under way at once while a set is buried.
const AT_ONCE: usize = 8;

/// A set of chunks, as the register has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) id: SetId,
    /// The key of the head that they are for.
    pub(super) owner: (String, Vec<u8>),
    pub(super) seen: i64,
    pub(super) dead: Option<i64>,
    /// No chunk has this number or a higher one.
    pub(super) bound: u32,
    pub(super) bytes: Option<u64>,
}

impl Set {
    /// Reads an item of the register.
    pub(super) fn of(item: &Item) -> Option<Set> {
        Some(Set {
            id: item::binary(item, item::SK)?.try_into().ok()?,
            owner: (item::string(item, OWNER)?.to_owned(), item::binary(item, OWNER_KEY)?.to_owned()),
            seen: item::integer(item, SEEN)?,
            dead: item::integer(item, DEAD),
            bound: item::integer(item, BOUND)?.try_into().ok()?,
            bytes: item::integer(item, BYTES).and_then(|n| n.try_into().ok()),
        })
    }

    pub(super) fn name(&self) -> String {
        format!("the chunks {} of {:?}", hex(&self.id), String::from_utf8_lossy(&self.owner.1))
    }
}

/// Holds back a head that would be sent long after its chunks were seen to be there: whoever sweeps may have taken them
/// meanwhile. It looks behind the signature, which does not hold for long itself.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    env: Env,
    /// On the clock that goes on while the machine is suspended.
    until: Duration,
}

impl Fence {
    pub(super) fn new(env: &Env, refreshed: Duration) -> Fence {
        Fence { env: env.clone(), until: refreshed + FRESH }
    }

    /// The one that ends first.
    pub(super) fn earlier(self, other: Fence) -> Fence {
        if self.until <= other.until { self } else { other }
    }

    /// Whether there is time left to send a head.
    pub(super) fn holds(&self) -> bool {
        self.env.boot() < self.until
    }
}

impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "larder::Fence"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.holds() { Ok(()) } else { Err(Box::new(Late)) }
    }
}

/// A change of a set in the register.
struct Change {
    expression: &'static str,
    condition: &'static str,
    values: Vec<(&'static str, AttributeValue)>,
}

impl Wire {
    pub(super) fn set_key(&self, set: &SetId) -> Item {
        item::key(self.names.sets(), set)
    }

    /// Enters a set, before its first chunk.
    pub(super) async fn enter(
        &self,
        op: Op,
        call: &Call,
        set: &Set,
        expires: Option<SystemTime>,
    ) -> Result<()> {
        let now = self.env.wall();
        let mut item = self.set_key(&set.id);
        item.insert(OWNER.into(), item::text(&*set.owner.0));
        item.insert(OWNER_KEY.into(), item::bytes(&*set.owner.1));
        item.insert(SEEN.into(), item::number(item::nanos(now)));
        item.insert(BOUND.into(), item::number(set.bound));
        if let Some(bytes) = set.bytes {
            item.insert(BYTES.into(), item::number(bytes));
        }
        if let Some(at) = expires {
            item.insert(TTL.into(), item::ttl(at, now, MARKED));
        }
        let live = self.live(op, call).await?;
        let request = live.sdk.put_item().table_name(self.table()).set_item(Some(item)).send();
        match self.write(op, call, &live, "dynamodb:PutItem", 0, request).await? {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Says that the writer of a set lives, and which chunks there may be by now.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the sweep has taken the set.
    pub(super) async fn refresh(&self, op: Op, call: &Call, set: &SetId, bound: u32) -> Result<()> {
        let now = item::number(item::nanos(self.env.wall()));
        let change = Change {
            expression: "SET t = :t, n = :n",
            condition: "attribute_exists(pk) AND attribute_not_exists(d)",
            values: vec![(":t", now), (":n", item::number(bound))],
        };
        match self.change(op, call, self.set_key(set), change).await? {
            true => Ok(()),
            false => {
                let why = "the chunks of the value were swept while it was written";
                Err(Error::new(ErrorKind::Unavailable, op, why)
                    .hint("sweep only what is older than the longest upload takes"))
            }
        }
    }

    /// Marks a set as belonging to nobody since now, so that its writer cannot go on. `false` if that was seen to live
    /// since.
    pub(super) async fn condemn(&self, op: Op, call: &Call, set: &Set) -> Result<bool> {
        let now = item::number(item::nanos(self.env.wall()));
        let change = Change {
            expression: "SET d = :d",
            condition: "t = :t",
            values: vec![(":d", now), (":t", item::number(set.seen))],
        };
        self.change(op, call, self.set_key(&set.id), change).await
    }

    /// Changes an item, if the condition holds.
    async fn change(&self, op: Op, call: &Call, key: Item, change: Change) -> Result<bool> {
        let live = self.live(op, call).await?;
        let mut request = live
            .sdk
            .update_item()
            .table_name(self.table())
            .set_key(Some(key))
            .update_expression(change.expression)
            .condition_expression(change.condition);
        if change.expression.contains("#ttl") {
            request = request.expression_attribute_names("#ttl", TTL);
        }
        for (name, value) in change.values {
            request = request.expression_attribute_values(name, value);
        }
        match self.write(op, call, &live, "dynamodb:UpdateItem", 0, request.send()).await? {
            Ok(_) => Ok(true),
            Err(failure) if failure.has_code(REFUSED) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Has the service remove an item from `at` on.
    async fn expire_at(&self, op: Op, call: &Call, key: Item, at: SystemTime, dead: bool) -> Result<bool> {
        let now = self.env.wall();
        let mut values = vec![(":ttl", item::ttl(at, now, Duration::ZERO))];
        if dead {
            values.push((":d", item::number(item::nanos(now))));
        }
        let expression = if dead { "SET #ttl = :ttl, d = :d" } else { "SET #ttl = :ttl" };
        let change = Change { expression, condition: "attribute_exists(pk)", values };
        self.change(op, call, key, change).await
    }
}

impl Single {
    /// Lets the service remove the chunks of a value that was replaced, when nobody reads it any more. In the
    /// background: the value is written. Should that not come to its end, a sweep finds them.
    pub(super) fn bury(&self, chunks: Chunks) {
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let single = self.clone();
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = self.wire.inflight.enter();
        self.wire.env.spawn(async move {
            if let Err(error) = single.bury_now(chunks).await {
                tracing::warn!(store = %single.wire.id, %error, "the chunks of a value that was replaced are left to the sweep");
            }
            drop(counted);
        });
    }

    async fn bury_now(&self, chunks: Chunks) -> Result<()> {
        let (wire, op, call) = (&self.wire, Op::Put, &Call::default());
        let until = wire.env.wall() + KEPT;
        let buried = (0..chunks.count()).map(|number| {
            let key = move || item::key(wire.names.chunk(&chunks.set, number), ALONE);
            self.retries.run(op, call, move |_| wire.expire_at(op, call, key(), until, false))
        });
        let buried: Vec<_> = buried.collect();
        let mut buried = Box::pin(stream::iter(buried).buffer_unordered(AT_ONCE));
        while let Some(done) = buried.next().await {
            done?;
        }
        // Last: as long as it is not marked, a sweep looks after the rest.
        let key = || wire.set_key(&chunks.set);
        self.retries.run(op, call, |_| wire.expire_at(op, call, key(), until + MARKED, true)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_waits_longer_than_a_head_may_take() {
        // Sent at the last moment of the fence, by a clock that is 15 minutes ahead, taken for 15 minutes.
        assert!(UNSEEN > FRESH + 2 * Duration::from_secs(15 * 60));
        assert!(KEPT >= Duration::from_secs(15 * 60));
    }

    #[test]
    fn a_fence_holds_for_a_while() {
        let env = Env::system();
        assert!(Fence::new(&env, env.boot()).holds());
        assert!(!Fence::new(&env, env.boot().saturating_sub(FRESH)).holds() || env.boot() < FRESH);
    }

    #[test]
    fn a_set_comes_back_from_its_item() {
        let mut item = item::key("p:n", &[7; 16]);
        assert_eq!(Set::of(&item), None);
        item.insert(OWNER.into(), item::text("h:0:n"));
        item.insert(OWNER_KEY.into(), item::bytes(*b"k"));
        item.insert(SEEN.into(), item::number(5));
        item.insert(BOUND.into(), item::number(3));
        let set = Set::of(&item).unwrap();
        assert_eq!((set.id, set.owner.0.as_str(), set.bound, set.dead), ([7; 16], "h:0:n", 3, None));
    }
}
