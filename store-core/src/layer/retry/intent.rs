//! What a write was to do, and what a look at the key says about it.

use crate::meta::Meta;
use crate::options::Precondition;
use crate::outcome::Got;
use crate::version::Version;
use crate::write_id::WriteId;

/// What a write was to do.
#[derive(Debug, Clone)]
pub(super) enum Intent {
    Put { id: WriteId, pre: Precondition },
    Delete { only: Option<Version> },
}

/// What a look at the key says about a write whose fate is not known.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was made: its version, and what is known about the value if it still stands.
    Made(Version, Option<Meta>),
    /// It was not made so far, and can still be.
    NotYet,
    /// It was not made, and somebody else wrote over the version that it named.
    Lost(Version),
    /// Nothing can be said.
    Unclear(&'static str),
}

impl Intent {
    pub(super) fn is_conditional(&self) -> bool {
        match self {
            Intent::Put { pre, .. } => *pre != Precondition::Any,
            Intent::Delete { only } => only.is_some(),
        }
    }

    /// What the origin's answer to a head means.
    pub(super) fn judge(&self, seen: &Got<()>) -> Verdict {
        match (self, seen.meta()) {
            (Intent::Put { id, pre }, Some(meta)) => judge_put(*id, pre, meta),
            (Intent::Put { pre: Precondition::Absent, .. }, None) => Verdict::NotYet,
            (Intent::Put { .. }, None) => Verdict::Unclear("the key is absent now"),
            // Ours, or somebody else's.
            (Intent::Delete { .. }, None) => Verdict::Unclear("the key is absent now, whoever removed it"),
            (Intent::Delete { only }, Some(meta)) => match (only, &meta.version) {
                (Some(only), Some(current)) => judge_named(only, current),
                _ => Verdict::Unclear("a value stands there"),
            },
        }
    }
}

fn judge_put(id: WriteId, pre: &Precondition, meta: &Meta) -> Verdict {
    let Some(current) = &meta.version else { return Verdict::Unclear("the value has no version") };
    if current.write_id() == Some(id) || meta.write_id == Some(id) {
        return Verdict::Made(current.clone(), Some(meta.clone()));
    }
    if current.has_ancestor(id) {
        let before = match pre {
            Precondition::Matches(version) => version.chain().collect(),
            _ => Vec::new(),
        };
        return Verdict::Made(Version::of_write(id, before), None);
    }
    match pre {
        Precondition::Matches(named) => judge_named(named, current),
        // It may have been made and replaced: a write without a condition keeps no predecessors.
        _ => Verdict::Unclear("another write stands there, which may have replaced this one"),
    }
}

fn judge_named(named: &Version, current: &Version) -> Verdict {
    if named == current {
        return Verdict::NotYet;
    }
    match named.write_id() {
        Some(before) if current.has_ancestor(before) => Verdict::Lost(current.clone()),
        _ => Verdict::Unclear("another write stands there that does not say what it replaced"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn id(n: u8) -> WriteId {
        WriteId::from_bytes([n; 16])
    }

    fn seen(version: Version) -> Got<()> {
        let mut meta = Meta::new(Key::new("k").unwrap());
        meta.write_id = version.write_id();
        meta.version = Some(version);
        Got::found(meta, ())
    }

    fn put(pre: Precondition) -> Intent {
        Intent::Put { id: id(1), pre }
    }

    fn named() -> Version {
        Version::of_write(id(2), [id(3)])
    }

    #[test]
    fn puts() {
        let matches = || put(Precondition::Matches(named()));
        let all = [put(Precondition::Any), put(Precondition::Absent), matches()];
        for intent in &all {
            let mine = Version::of_service("tag", Some(id(1)), []);
            assert!(
                matches!(intent.judge(&seen(mine.clone())), Verdict::Made(v, Some(_)) if v == mine),
                "{intent:?}"
            );
            let later = Version::of_write(id(9), [id(8), id(1)]);
            let verdict = intent.judge(&seen(later));
            assert!(
                matches!(&verdict, Verdict::Made(v, None) if v.write_id() == Some(id(1)) && v.tag().is_none()),
                "{verdict:?}"
            );
            let other = Version::of_write(id(9), [id(8)]);
            assert!(matches!(intent.judge(&seen(other)), Verdict::Unclear(_)), "{intent:?}");
            let no_version = Got::found(Meta::new(Key::new("k").unwrap()), ());
            assert!(matches!(intent.judge(&no_version), Verdict::Unclear(_)), "{intent:?}");
        }
        // The one that was made keeps the chain that it extended.
        let Verdict::Made(made, None) = matches().judge(&seen(Version::of_write(id(9), [id(1), id(2)])))
        else {
            panic!("it was made")
        };
        assert_eq!(made.predecessors(), [id(2), id(3)]);

        assert!(matches!(matches().judge(&seen(named())), Verdict::NotYet));
        let lost = Version::of_write(id(9), [id(2)]);
        assert!(matches!(matches().judge(&seen(lost.clone())), Verdict::Lost(v) if v == lost));
        assert!(matches!(matches().judge(&Got::Absent), Verdict::Unclear(_)));
        assert!(matches!(put(Precondition::Absent).judge(&Got::Absent), Verdict::NotYet));
        assert!(matches!(put(Precondition::Any).judge(&Got::Absent), Verdict::Unclear(_)));
        // Somebody created it: nobody knows whether in our place or over ours.
        let created = Version::of_write(id(9), []);
        assert!(matches!(put(Precondition::Absent).judge(&seen(created)), Verdict::Unclear(_)));
    }

    #[test]
    fn deletes() {
        let delete = Intent::Delete { only: Some(named()) };
        assert!(matches!(delete.judge(&Got::Absent), Verdict::Unclear(_)));
        assert!(matches!(delete.judge(&seen(named())), Verdict::NotYet));
        assert!(matches!(delete.judge(&seen(Version::of_write(id(9), [id(2)]))), Verdict::Lost(_)));
        assert!(matches!(delete.judge(&seen(Version::of_write(id(9), []))), Verdict::Unclear(_)));
        // A token of a service without a write id: equal or not, no chain.
        let bare = || Version::of_service("a", None, []);
        let delete = Intent::Delete { only: Some(bare()) };
        assert!(matches!(delete.judge(&seen(bare())), Verdict::NotYet));
        assert!(matches!(
            delete.judge(&seen(Version::of_service("b", Some(id(1)), [id(2)]))),
            Verdict::Unclear(_)
        ));
    }
}
