//! A filter, checked and made ready to match.

use std::ops::Bound;

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::leaf::{Set, Test};
use super::matching::Node;
use super::number::Number;
use super::{Filter, MAX_DEPTH, MAX_NODES, MAX_PATH, MAX_VALUES, Path, Value};

/// A [`Filter`] that was checked and made ready: matching allocates nothing. Made by [`Filter::compile`].
#[derive(Debug, Clone)]
pub struct Compiled(Node);

impl Filter {
    /// Checks it and makes it ready to match.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for
    /// - filters nested deeper than [`MAX_DEPTH`], or more of them than [`MAX_NODES`];
    /// - more values in an [`In`](Filter::In) than [`MAX_VALUES`];
    /// - a path without a key, with an empty key, or with more keys than [`MAX_PATH`];
    /// - a float that is not a number, and an integer that CBOR cannot hold;
    /// - a range without bounds, with bounds of two kinds, or with bounds that are neither numbers nor texts.
    ///
    /// ```
    /// # use larder_vector::Filter;
    /// let error = Filter::eq("rank", f32::NAN).compile().unwrap_err();
    /// assert_eq!(error.why(), "the filter for \"rank\" compares with a float that is not a number");
    /// ```
    pub fn compile(&self) -> Result<Compiled> {
        node(self, 1, &mut 0).map(Compiled)
    }
}

impl Compiled {
    /// Whether it holds for `payload`.
    ///
    /// Payloads are taken as they came through [`check_payload`](super::check_payload). Of others, what is malformed in
    /// the part that had to be read makes this false, whatever the filter.
    pub fn matches(&self, payload: &[u8]) -> bool {
        self.0.holds(payload).unwrap_or(false)
    }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, Op::Parse, why.into())
}

fn node(filter: &Filter, depth: usize, nodes: &mut usize) -> Result<Node> {
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err(invalid(format!("a filter has at most {MAX_NODES} filters in it")));
    }
    if depth > MAX_DEPTH {
        return Err(invalid(format!("a filter nests at most {MAX_DEPTH} deep")));
    }
    let mut all = |filters: &[Filter]| -> Result<Box<[Node]>> {
        filters.iter().map(|it| node(it, depth + 1, nodes)).collect()
    };
    Ok(match filter {
        Filter::Eq { path, value } => leaf(path, equals(path, value)?)?,
        Filter::In { path, values } => leaf(path, one_of(path, values)?)?,
        Filter::Range { path, from, to } => leaf(path, between(path, from, to)?)?,
        Filter::Exists { path } => leaf(path, Test::Exists)?,
        Filter::And(filters) => Node::All(all(filters)?),
        Filter::Or(filters) => Node::Any(all(filters)?),
        Filter::Not(filter) => Node::Not(Box::new(node(filter, depth + 1, nodes)?)),
    })
}

fn leaf(path: &Path, test: Test) -> Result<Node> {
    let keys = path.keys();
    if keys.is_empty() || keys.iter().any(String::is_empty) {
        return Err(invalid(format!(
            "the path {:?} of a filter has an empty key, or none",
            path.to_string()
        ))
        .hint("keys are parted by single dots"));
    }
    if keys.len() > MAX_PATH {
        return Err(invalid(format!("a path has at most {MAX_PATH} keys")));
    }
    Ok(Node::Leaf { path: keys.iter().map(bytes).collect(), test })
}

fn bytes(of: impl AsRef<[u8]>) -> Box<[u8]> {
    of.as_ref().into()
}

fn wrong(path: &Path, what: &str) -> Error {
    invalid(format!("the filter for {:?} {what}", path.to_string()))
}

fn int(path: &Path, int: i128) -> Result<Number> {
    if (-(1 << 64)..1 << 64).contains(&int) {
        Ok(Number::Int(int))
    } else {
        Err(wrong(path, &format!("compares with {int}, which is not between -2^64 and 2^64 - 1")))
    }
}

fn float(path: &Path, float: f64) -> Result<Number> {
    Number::of_float(float).ok_or_else(|| wrong(path, "compares with a float that is not a number"))
}

fn equals(path: &Path, value: &Value) -> Result<Test> {
    Ok(match value {
        Value::Null => Test::Null,
        Value::Bool(value) => Test::Bool(*value),
        Value::Int(value) => Test::Number(int(path, *value)?),
        Value::Float(value) => Test::Number(float(path, *value)?),
        Value::Text(value) => Test::Text(bytes(value)),
        Value::Bytes(value) => Test::Bytes(bytes(value)),
    })
}

fn one_of(path: &Path, values: &[Value]) -> Result<Test> {
    if values.len() > MAX_VALUES {
        return Err(wrong(path, &format!("has {} values, more than {MAX_VALUES}", values.len())));
    }
    let mut set = Set::default();
    for value in values {
        match value {
            Value::Null => set.null = true,
            Value::Bool(value) => set.bools[usize::from(*value)] = true,
            Value::Int(value) => set.numbers.push(int(path, *value)?),
            Value::Float(value) => set.numbers.push(float(path, *value)?),
            Value::Text(value) => set.texts.push(bytes(value)),
            Value::Bytes(value) => set.bytes.push(bytes(value)),
        }
    }
    set.sort();
    Ok(Test::OneOf(Box::new(set)))
}

fn between(path: &Path, from: &Bound<Value>, to: &Bound<Value>) -> Result<Test> {
    let other = || wrong(path, "is a range whose bounds are not both numbers or both texts");
    let text = |value: &Value| match value {
        Value::Text(value) => Ok(bytes(value)),
        _ => Err(other()),
    };
    let number = |value: &Value| match value {
        Value::Int(value) => int(path, *value),
        Value::Float(value) => float(path, *value),
        _ => Err(other()),
    };
    match (from, to) {
        (Bound::Unbounded, Bound::Unbounded) => {
            Err(wrong(path, "is a range without bounds").hint("ask whether it exists"))
        }
        (Bound::Included(Value::Text(_)) | Bound::Excluded(Value::Text(_)), _)
        | (Bound::Unbounded, Bound::Included(Value::Text(_)) | Bound::Excluded(Value::Text(_))) => {
            Ok(Test::Texts(bound(from, text)?, bound(to, text)?))
        }
        _ => Ok(Test::Numbers(bound(from, number)?, bound(to, number)?)),
    }
}

fn bound<T>(bound: &Bound<Value>, of: impl Fn(&Value) -> Result<T>) -> Result<Bound<T>> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(of(value)?),
        Bound::Excluded(value) => Bound::Excluded(of(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}
