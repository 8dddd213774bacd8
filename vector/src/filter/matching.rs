//! A filter over the bytes of a payload.

use super::leaf::Test;
use super::wire::{Item, Left, Malformed, Reader};

type Result<T> = std::result::Result<T, Malformed>;
type Keys = [Box<[u8]>];

#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf { path: Box<Keys>, test: Test },
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
}

impl Node {
    /// An error goes to the top: a `Not` must not make a match of it.
    pub(super) fn holds(&self, payload: &[u8]) -> Result<bool> {
        match self {
            Node::Leaf { path, test } => {
                if payload.is_empty() {
                    return Ok(false);
                }
                let mut reader = Reader::new(payload);
                match reader.item()? {
                    Item::Map(left) => in_map(reader, left, path, test, 0),
                    _ => Err(Malformed { left: payload.len(), why: "a payload that is no map" }),
                }
            }
            Node::All(nodes) => {
                for node in nodes {
                    if !node.holds(payload)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Any(nodes) => {
                for node in nodes {
                    if node.holds(payload)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => Ok(!node.holds(payload)?),
        }
    }
}

/// Asks the item that `reader` is at.
fn at(mut reader: Reader<'_>, path: &Keys, test: &Test, depth: usize) -> Result<bool> {
    match (reader.item()?, path) {
        (_, []) if matches!(test, Test::Exists) => Ok(true),
        (Item::Array(left), _) => in_array(reader, left, path, test, depth),
        (item, []) => Ok(test.holds(&item)),
        (Item::Map(left), _) => in_map(reader, left, path, test, depth),
        _ => Ok(false),
    }
}

/// Asks what the first key of `path` names in the map that `reader` is in.
fn in_map(mut reader: Reader<'_>, mut left: Left, path: &Keys, test: &Test, depth: usize) -> Result<bool> {
    let depth = reader.deeper(depth)?;
    let Some((wanted, path)) = path.split_first() else { return Ok(false) };
    while reader.more(&mut left)? {
        if let Some(key) = reader.short_text() {
            if key == &**wanted {
                return at(reader, path, test, depth);
            }
            reader.skip(depth)?;
            continue;
        }
        let key = reader;
        match reader.item()? {
            Item::Text(key) if key.is(wanted) => return at(reader, path, test, depth),
            Item::Array(_) | Item::Map(_) => {
                reader = key;
                reader.skip(depth)?;
            }
            _ => {}
        }
        reader.skip(depth)?;
    }
    Ok(false)
}

/// Asks each element of the array that `reader` is in. Each is read twice at most, so that no level has to say where it
/// ended.
fn in_array(mut reader: Reader<'_>, mut left: Left, path: &Keys, test: &Test, depth: usize) -> Result<bool> {
    let depth = reader.deeper(depth)?;
    while reader.more(&mut left)? {
        if at(reader, path, test, depth)? {
            return Ok(true);
        }
        reader.skip(depth)?;
    }
    Ok(false)
}
