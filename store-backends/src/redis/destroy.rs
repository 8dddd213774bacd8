//! The end of a namespace: every key of it, and no other.

use ::redis::Value;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::client::{Lane, To};
use super::command::plain;
use super::config::Node;
use super::error::strange;
use super::name::Named;
use super::wire::Wire;

/// Keys that one step of a scan looks at.
const SCAN: &[u8] = b"1000";
const OP: Op = Op::Destroy;

/// A scan of one server for keys of the namespace.
struct Scan<'a> {
    wire: &'a Wire,
    to: To,
    cursor: Option<Vec<u8>>,
}

impl<'a> Scan<'a> {
    fn new(wire: &'a Wire, node: Node) -> Scan<'a> {
        Scan { wire, to: To::Node(node), cursor: Some(b"0".to_vec()) }
    }

    /// The next names; `None` behind the last.
    async fn next(&mut self, call: &Call) -> Result<Option<Vec<Vec<u8>>>> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let pattern = self.wire.names.pattern();
        let scan = plain("SCAN", &[&cursor, b"MATCH", pattern.as_bytes(), b"COUNT", SCAN]);
        let answers = self.wire.ask(OP, call, Lane::Small, &self.to, vec![scan]).await?;
        let answer = self.wire.list(OP, answers.into_iter().next().unwrap_or(Value::Nil))?;
        let [Value::BulkString(cursor), Value::Array(names)] = &answer[..] else {
            return Err(strange(OP, false, "a scan"));
        };
        self.cursor = (cursor != b"0").then(|| cursor.clone());
        let bytes = |name: &Value| match name {
            Value::BulkString(name) => Ok(name.clone()),
            other => Err(strange(OP, false, super::wire::kind_of(other))),
        };
        names.iter().map(bytes).collect::<Result<_>>().map(Some)
    }
}

async fn primaries(wire: &Wire, call: &Call) -> Result<Vec<Node>> {
    call.guard(&wire.env, OP, wire.client.primaries(OP)).await
}

/// Refuses a namespace in which somebody else put something.
pub(super) async fn check(wire: &Wire, call: &Call) -> Result<()> {
    for node in primaries(wire, call).await? {
        let mut scan = Scan::new(wire, node);
        while let Some(names) = scan.next(call).await? {
            if let Some(name) = names.iter().find(|name| wire.names.parse(name) == Named::Foreign) {
                let name = String::from_utf8_lossy(name);
                let why = format!("there is a key that is none of this store's: {name:?}");
                return Err(Error::new(ErrorKind::Invalid, OP, why).hint("remove it by hand first"));
            }
        }
    }
    Ok(())
}

/// Removes every key of the namespace, the markers last: a store that was destroyed half way is still known as one.
pub(super) async fn empty(wire: &Wire, call: &Call) -> Result<()> {
    for node in primaries(wire, call).await? {
        let mut scan = Scan::new(wire, node.clone());
        while let Some(mut names) = scan.next(call).await? {
            names.retain(|name| wire.names.parse(name) == Named::Own);
            // One command for each, as they may lie in different slots.
            let commands: Vec<_> = names.iter().map(|name| plain("UNLINK", &[name])).collect();
            if commands.is_empty() {
                continue;
            }
            let answers = wire.tell(OP, call, Lane::Small, &To::Node(node.clone()), 0, commands).await?;
            answers.into_iter().try_for_each(|answer| wire.good(OP, answer).map(drop))?;
        }
    }
    for shard in wire.names.shards().rev() {
        let command = plain("UNLINK", &[&wire.names.marker(shard)]);
        let answers = wire.tell(OP, call, Lane::Small, &wire.to(shard), 0, vec![command]).await?;
        answers.into_iter().try_for_each(|answer| wire.good(OP, answer).map(drop))?;
    }
    Ok(())
}
