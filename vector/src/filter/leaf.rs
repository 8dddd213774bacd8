//! What a filter asks of a single item.

use std::cmp::Ordering;
use std::ops::Bound;

use super::number::Number;
use super::wire::{Item, Str};

/// A question to an item that is no array.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Exists,
    Number(Number),
    Text(Box<[u8]>),
    Bytes(Box<[u8]>),
    Bool(bool),
    Null,
    OneOf(Box<Set>),
    Numbers(Bound<Number>, Bound<Number>),
    Texts(Bound<Box<[u8]>>, Bound<Box<[u8]>>),
}

/// Values by their kind, each sorted.
#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    pub(super) numbers: Vec<Number>,
    pub(super) texts: Vec<Box<[u8]>>,
    pub(super) bytes: Vec<Box<[u8]>>,
    pub(super) bools: [bool; 2],
    pub(super) null: bool,
}

impl Set {
    /// Sorts what was added.
    pub(super) fn sort(&mut self) {
        self.numbers.sort_unstable_by(|a, b| a.compare(*b));
        self.numbers.dedup();
        for strings in [&mut self.texts, &mut self.bytes] {
            strings.sort_unstable();
            strings.dedup();
        }
    }

    fn has(&self, item: &Item<'_>) -> bool {
        let among = |strings: &[Box<[u8]>], it: Str<'_>| {
            strings.binary_search_by(|other| it.compare(other).reverse()).is_ok()
        };
        match *item {
            Item::Text(it) => among(&self.texts, it),
            Item::Bytes(it) => among(&self.bytes, it),
            Item::Bool(it) => self.bools[usize::from(it)],
            Item::Null => self.null,
            _ => number(item)
                .is_some_and(|it| self.numbers.binary_search_by(|other| other.compare(it)).is_ok()),
        }
    }
}

impl Test {
    #[inline]
    pub(super) fn holds(&self, item: &Item<'_>) -> bool {
        match (self, item) {
            (Test::Exists, _) => true,
            (Test::Text(want), Item::Text(it)) | (Test::Bytes(want), Item::Bytes(it)) => it.is(want),
            (Test::Number(want), _) => number(item).is_some_and(|it| it == *want),
            (Test::Bool(want), Item::Bool(it)) => it == want,
            (Test::Null, Item::Null) => true,
            (Test::OneOf(set), _) => set.has(item),
            (Test::Numbers(from, to), _) => {
                number(item).is_some_and(|it| within(from, to, |bound| it.compare(*bound)))
            }
            (Test::Texts(from, to), Item::Text(it)) => within(from, to, |bound| it.compare(bound)),
            _ => false,
        }
    }
}

/// Whether an item is between two bounds, with each of which `compare` compares it.
#[inline]
fn within<T>(from: &Bound<T>, to: &Bound<T>, compare: impl Fn(&T) -> Ordering) -> bool {
    let started = match from {
        Bound::Included(from) => compare(from).is_ge(),
        Bound::Excluded(from) => compare(from).is_gt(),
        Bound::Unbounded => true,
    };
    started
        && match to {
            Bound::Included(to) => compare(to).is_le(),
            Bound::Excluded(to) => compare(to).is_lt(),
            Bound::Unbounded => true,
        }
}

#[inline]
fn number(item: &Item<'_>) -> Option<Number> {
    match *item {
        Item::Uint(it) => Some(Number::Int(it.into())),
        Item::Nint(it) => Some(Number::Int(-1 - i128::from(it))),
        Item::Float(it) => Number::of_float(it),
        _ => None,
    }
}
