//! What entries are found by.

use std::hash::{Hash, Hasher};

use equivalent::Equivalent;
use larder_store_core::Key;

/// What an entry is: nothing is found as something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value, of either key space.
    Value,
    /// An object.
    Object,
    /// Nothing: it only has weight, so that others make room.
    Ballast(u64),
}

impl Kind {
    fn number(self) -> u64 {
        match self {
            Kind::Value => 0,
            Kind::Object => 1,
            Kind::Ballast(serial) => 2 + serial,
        }
    }
}

/// The name of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) key: Key,
    pub(super) kind: Kind,
}

/// The same, borrowed: to look for an entry clones no key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe<'k> {
    pub(super) key: &'k Key,
    pub(super) kind: Kind,
}

impl Probe<'_> {
    pub(super) fn name(self) -> Name {
        Name { key: self.key.clone(), kind: self.kind }
    }
}

impl Hash for Name {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        Probe { key: &self.key, kind: self.kind }.hash(state);
    }
}

impl Hash for Probe<'_> {
    // The two key spaces meet here; whether they are the same is for `equivalent`.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.key.as_bytes());
        state.write_u64(self.kind.number());
    }
}

impl Equivalent<Name> for Probe<'_> {
    #[inline]
    fn equivalent(&self, name: &Name) -> bool {
        self.kind == name.kind && *self.key == name.key
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use larder_store_core::system;

    use super::*;

    #[test]
    fn nothing_is_found_as_something_else() {
        let hasher = foldhash::fast::RandomState::default();
        let (user, system) = (Key::new("k").unwrap(), system::key("k").unwrap());
        let kinds = [Kind::Value, Kind::Object, Kind::Ballast(0), Kind::Ballast(1)];
        let probes: Vec<_> =
            [&user, &system].into_iter().flat_map(|key| kinds.map(|kind| Probe { key, kind })).collect();
        for (i, probe) in probes.iter().enumerate() {
            assert_eq!(hasher.hash_one(probe), hasher.hash_one(probe.name()));
            for (j, other) in probes.iter().enumerate() {
                assert_eq!(probe.equivalent(&other.name()), i == j);
            }
        }
    }
}
