//! What a filter says of a decoded payload, as plainly as can be.

use std::cmp::Ordering;
use std::ops::Bound;

use larder_store_core::cbor::Value as Tree;

use super::super::{Filter, Value};

fn untagged(mut tree: &Tree) -> &Tree {
    while let Tree::Tag(_, inner) = tree {
        tree = inner;
    }
    tree
}

/// What is at a path.
fn reached<'a>(tree: &'a Tree, path: &[String]) -> Vec<&'a Tree> {
    match (untagged(tree), path) {
        (tree, []) => vec![tree],
        (Tree::Array(items), _) => items.iter().flat_map(|item| reached(item, path)).collect(),
        (Tree::Map(entries), [key, rest @ ..]) => {
            let entry = entries.iter().find(|(it, _)| untagged(it).as_text() == Some(key));
            entry.map_or_else(Vec::new, |(_, value)| reached(value, rest))
        }
        _ => Vec::new(),
    }
}

fn flat(tree: &Tree) -> Vec<&Tree> {
    match untagged(tree) {
        Tree::Array(items) => items.iter().flat_map(flat).collect(),
        tree => vec![tree],
    }
}

fn int_to_float(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() > 1e30 {
        return 0.0.partial_cmp(&float);
    }
    Some(int.cmp(&(float.trunc() as i128)).then_with(|| 0.0_f64.total_cmp(&(float.fract() + 0.0))))
}

fn compare(tree: &Tree, value: &Value) -> Option<Ordering> {
    match (tree, value) {
        (Tree::Null, Value::Null) => Some(Ordering::Equal),
        (Tree::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Tree::Integer(a), Value::Int(b)) => Some(i128::from(*a).cmp(b)),
        (Tree::Integer(a), Value::Float(b)) => int_to_float((*a).into(), *b),
        (Tree::Float(a), Value::Int(b)) => int_to_float(*b, *a).map(Ordering::reverse),
        (Tree::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Tree::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Tree::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn equal(tree: &Tree, value: &Value) -> bool {
    compare(tree, value) == Some(Ordering::Equal)
}

fn within(tree: &Tree, from: &Bound<Value>, to: &Bound<Value>) -> bool {
    let is = |value: &Value, orders: &[Ordering]| compare(tree, value).is_some_and(|it| orders.contains(&it));
    let from = match from {
        Bound::Included(value) => is(value, &[Ordering::Equal, Ordering::Greater]),
        Bound::Excluded(value) => is(value, &[Ordering::Greater]),
        Bound::Unbounded => true,
    };
    let to = match to {
        Bound::Included(value) => is(value, &[Ordering::Equal, Ordering::Less]),
        Bound::Excluded(value) => is(value, &[Ordering::Less]),
        Bound::Unbounded => true,
    };
    from && to
}

/// Whether `filter` holds for the payload that `tree` is, if it is not empty.
pub(super) fn holds(filter: &Filter, tree: Option<&Tree>) -> bool {
    let any = |keys: &[String], test: &dyn Fn(&Tree) -> bool| {
        tree.is_some_and(|tree| reached(tree, keys).into_iter().flat_map(flat).any(test))
    };
    match filter {
        Filter::Eq { path, value } => any(path.keys(), &|it| equal(it, value)),
        Filter::In { path, values } => any(path.keys(), &|it| values.iter().any(|value| equal(it, value))),
        Filter::Range { path, from, to } => any(path.keys(), &|it| within(it, from, to)),
        Filter::Exists { path } => tree.is_some_and(|tree| !reached(tree, path.keys()).is_empty()),
        Filter::And(filters) => filters.iter().all(|it| holds(it, tree)),
        Filter::Or(filters) => filters.iter().any(|it| holds(it, tree)),
        Filter::Not(it) => !holds(it, tree),
    }
}
