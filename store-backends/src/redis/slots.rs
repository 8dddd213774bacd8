//! Which node of a cluster has which slot.

use ::redis::Value;

use super::config::Node;
use super::name::SLOTS;

/// A cluster as one of its nodes saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Slots {
    /// The first and last slot of a range, and its primary.
    ranges: Vec<(u16, u16, Node)>,
}

impl Slots {
    /// Reads the answer to `CLUSTER SLOTS` that `asked` gave; `None` for what is none.
    ///
    /// A node that does not know its own address, or is told not to say it, is the one that was asked.
    pub(super) fn read(answer: &Value, asked: &Node) -> Option<Slots> {
        let Value::Array(rows) = answer else { return None };
        let mut ranges = Vec::with_capacity(rows.len());
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = &row[..] else {
                return None;
            };
            let [host, Value::Int(port), ..] = &primary[..] else { return None };
            let host = match host {
                Value::Nil => String::new(),
                Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
                Value::SimpleString(text) => text.clone(),
                _ => return None,
            };
            let host = if host.is_empty() || host == "?" { asked.host.clone() } else { host };
            let slot = |n: &i64| u16::try_from(*n).ok().filter(|n| *n < SLOTS);
            ranges.push((slot(first)?, slot(last)?, Node { host, port: u16::try_from(*port).ok()? }));
        }
        (!ranges.is_empty()).then_some(Slots { ranges })
    }

    /// The primary of a slot.
    pub(super) fn node(&self, slot: u16) -> Option<&Node> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|(.., node)| node)
    }

    /// Every primary, once.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = self.ranges.iter().map(|(.., node)| node.clone()).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }
}

/// Where a slot is said to be, in the answer of a node that does not have it: `7365 127.0.0.1:7001`.
pub(super) fn redirect(detail: &str, asked: &Node) -> Option<(u16, Node)> {
    let (slot, place) = detail.split_once(' ')?;
    let place = place.split(' ').next()?;
    let (host, port) = place.rsplit_once(':')?;
    let host = if host.is_empty() || host == "?" { asked.host.as_str() } else { host };
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Some((slot.parse().ok().filter(|slot| *slot < SLOTS)?, Node { host, port: port.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::parse(text).unwrap()
    }

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        Value::Array(vec![
            Value::Int(first),
            Value::Int(last),
            Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]),
            Value::Array(vec![Value::BulkString(b"replica".to_vec()), Value::Int(1)]),
        ])
    }

    #[test]
    fn slots_are_read() {
        let bulk = |text: &str| Value::BulkString(text.into());
        let answer = Value::Array(vec![
            row(0, 5460, bulk("10.0.0.1"), 7001),
            row(5461, 10922, Value::Nil, 7002),
            row(10923, 16383, bulk("10.0.0.3"), 7003),
        ]);
        let slots = Slots::read(&answer, &node("seed:7000")).unwrap();
        assert_eq!(slots.node(0), Some(&node("10.0.0.1:7001")));
        assert_eq!(slots.node(5461), Some(&node("seed:7002")), "who says no host is the one that was asked");
        assert_eq!(slots.node(16383), Some(&node("10.0.0.3:7003")));
        assert_eq!(slots.nodes().len(), 3);
        for bad in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![row(0, 16384, Value::Nil, 1)]),
            Value::Array(vec![row(0, 1, Value::Nil, 70000)]),
        ] {
            assert_eq!(Slots::read(&bad, &node("seed")), None, "{bad:?}");
        }
    }

    #[test]
    fn redirects_are_read() {
        let asked = node("seed:7000");
        assert_eq!(redirect("7365 127.0.0.1:7001", &asked), Some((7365, node("127.0.0.1:7001"))));
        assert_eq!(redirect("1 [::1]:7001", &asked), Some((1, node("[::1]:7001"))));
        assert_eq!(redirect("1 ::1:7001", &asked), Some((1, node("[::1]:7001"))));
        assert_eq!(redirect("1 :7001", &asked), Some((1, node("seed:7001"))));
        for bad in ["", "x", "1", "1 host", "99999 host:1", "1 host:x"] {
            assert_eq!(redirect(bad, &asked), None, "{bad}");
        }
    }
}
