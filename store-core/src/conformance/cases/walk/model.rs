//! The model, and what it says about reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::TICK;
use crate::conformance::case::{Held, Stop, T, check, fail, same};
use crate::conformance::naive;
use crate::conformance::rng::Rng;
use crate::conformance::values::{key, patterned};
use crate::options::{ListOptions, Precondition};
use crate::outcome::{Listed, Written};
use crate::store::Store;
use crate::{Attributes, Key, Meta, Version, Versions, WriteId};

/// What the model keeps of a value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    pub(super) expires: Option<SystemTime>,
    pub(super) attributes: Attributes,
    pub(super) version: Version,
    pub(super) write_id: WriteId,
    pub(super) chain: Vec<WriteId>,
}

/// One that walks among keys of its own.
pub(super) struct Walker {
    pub(super) t: T,
    pub(super) rng: Rng,
    pub(super) names: Vec<String>,
    pub(super) model: BTreeMap<String, Entry>,
    /// Versions that once stood, of any key.
    pub(super) versions: Vec<Version>,
    prefix: String,
    number: usize,
    steps: usize,
    pub(super) log: Vec<String>,
}

impl Walker {
    pub(super) fn new(t: &T, number: usize, rng: Rng) -> Walker {
        let prefix = format!("walk {number}/");
        let tails = [
            "a",
            "a-b",
            "a/b",
            "a/b/c",
            "ab",
            "b",
            "b//",
            "é",
            "\u{10ffff}/x",
            "..",
            "%2F",
            "z/1",
            "z/2",
            "z/3",
        ];
        let names = tails.iter().map(|tail| format!("{prefix}{tail}")).collect();
        Walker {
            t: t.clone(),
            rng,
            names,
            model: BTreeMap::new(),
            versions: Vec::new(),
            prefix,
            number,
            steps: 0,
            log: Vec::new(),
        }
    }

    /// Goes so many steps.
    pub(super) async fn go(&mut self, steps: usize) -> Held {
        for _ in 0..steps {
            self.steps += 1;
            let done = self.step().await;
            self.explained(done)?;
        }
        let all = self.all().await;
        self.explained(all)
    }

    /// A failure, with the way that led there.
    fn explained(&self, held: Held) -> Held {
        let Err(Stop::Failed(why)) = held else { return held };
        let before: Vec<_> = self.log.iter().rev().take(6).rev().cloned().collect();
        let (walker, step, before) = (self.number, self.steps, before.join("; "));
        Err(Stop::Failed(format!("walker {walker}, step {step}: {why}; steps before: {before}")))
    }

    pub(super) fn now(&self) -> SystemTime {
        self.t.env().wall()
    }

    /// The entry that stands, as far as the model knows.
    pub(super) fn live(&self, name: &str) -> Option<&Entry> {
        let now = self.now();
        self.model.get(name).filter(|e| e.expires.is_none_or(|at| at > now))
    }

    /// Whether a condition holds.
    pub(super) fn holds(&self, name: &str, pre: &Precondition) -> bool {
        match (pre, self.live(name)) {
            (Precondition::Any, _) | (Precondition::Absent, None) => true,
            (Precondition::Absent, Some(_)) | (Precondition::Matches(_), None) => false,
            (Precondition::Matches(version), Some(entry)) => *version == entry.version,
        }
    }

    pub(super) fn name(&mut self) -> String {
        let at = self.rng.below(self.names.len());
        self.names[at].clone()
    }

    pub(super) fn value(&mut self) -> Bytes {
        let size = match self.rng.below(20) {
            0 => 65_530 + self.rng.below(20),
            1 => 100_000 + self.rng.below(100_000),
            2 | 3 => 0,
            _ => self.rng.below(300),
        };
        // Where versions come from the content, one that expired and one that stands must not be the same bytes: a
        // conditional write that names either would pass for the other.
        let least = if self.t.g.versions == Versions::PerContent { 24 } else { 0 };
        patterned(self.rng.next(), size.max(least))
    }

    pub(super) fn expires(&mut self) -> Option<SystemTime> {
        if !self.t.g.expiry {
            return None;
        }
        let ticks = self.rng.below(3) as u32;
        match self.rng.below(6) {
            // A long time gone, or ticks away: never close to now.
            0 => Some(self.now() - Duration::from_secs(86_400)),
            1 if self.t.clock().is_some() => Some(self.now() + TICK * (1 + ticks)),
            2 => Some(self.now() + Duration::from_secs(400 * 86_400)),
            _ => None,
        }
    }

    pub(super) fn attributes(&mut self) -> Attributes {
        match self.rng.below(3) {
            0 => Attributes::new().content_type("text/plain").set("n", self.rng.next().to_string()),
            _ => Attributes::new(),
        }
    }

    /// Some version: the one that stands, one that stood, or none.
    pub(super) fn some_version(&mut self, name: &str) -> Option<Version> {
        match self.rng.below(3) {
            0 => None,
            1 => self.live(name).map(|e| e.version.clone()),
            _ if self.versions.is_empty() => None,
            _ => Some(self.rng.pick(&self.versions).clone()),
        }
    }

    /// Takes a write into the model, after a check of what it answered.
    pub(super) fn wrote(
        &mut self,
        name: &str,
        entry: Entry,
        written: &Written,
        given: Option<WriteId>,
    ) -> Held {
        let t = &self.t;
        check!(t, given.is_none_or(|id| id == written.write_id), "the write id that was given is not kept");
        same!(t, written.version.predecessors(), &entry.chain[..], "the predecessors of a write to {name:?}");
        self.versions.push(written.version.clone());
        if self.versions.len() > 40 {
            self.versions.remove(0);
        }
        self.model.insert(name.to_owned(), entry);
        Ok(())
    }

    /// What a read knows about a value that stands.
    pub(super) fn same_meta(&self, what: &str, meta: &Meta, entry: &Entry) -> Held {
        let t = &self.t;
        same!(t, meta.size, Some(entry.value.len() as u64), "{what}: the size");
        same!(t, meta.version.as_ref(), Some(&entry.version), "{what}: the version");
        same!(t, meta.expires, Some(entry.expires.into()), "{what}: the expiry");
        same!(t, meta.attributes.as_ref(), Some(&entry.attributes), "{what}: the attributes");
        same!(t, meta.write_id, Some(entry.write_id), "{what}: the write id");
        let chain = meta.version.as_ref().map(Version::predecessors).unwrap_or_default();
        same!(t, chain, &entry.chain[..], "{what}: the predecessors");
        Ok(())
    }

    /// A key in every way of reading.
    pub(super) async fn see(&self, name: &str) -> Held {
        let seen = self.t.see(&key(name)).await?;
        match (seen, self.live(name)) {
            (None, None) => Ok(()),
            (Some(seen), Some(entry)) => {
                let good = seen.value == entry.value;
                check!(
                    self.t,
                    good,
                    "{name:?}: {}",
                    crate::conformance::see::differ(&seen.value, &entry.value)
                );
                self.same_meta(name, &seen.meta, entry)
            }
            (seen, entry) => {
                let (seen, entry) = (seen.map(|s| s.meta), entry.map(|e| e.value.len()));
                Err(fail(format_args!("{name:?} is {seen:?}, and the model has {entry:?} bytes")))
            }
        }
    }

    /// Everything: each key, and the listing.
    pub(super) async fn all(&mut self) -> Held {
        for name in &self.names {
            self.see(name).await?;
        }
        self.list(ListOptions::new().with_prefix(self.prefix.as_str())).await
    }

    /// A listing against the obvious one.
    pub(super) async fn list(&self, options: ListOptions) -> Held {
        let t = &self.t;
        let items: Vec<Listed> = t.store.list_opts(options.clone()).try_collect().await?;
        let mut got: Vec<String> = items.iter().map(|item| item.name().to_owned()).collect();
        let live: BTreeSet<String> = self.names.iter().filter(|n| self.live(n).is_some()).cloned().collect();
        if t.g.listing.names_expired {
            let plain = options.limit.is_none() && options.delimiter.is_none();
            let want = naive::list(&live, &options);
            let all = naive::list(&self.names.iter().cloned().collect(), &options);
            let sound = got.iter().all(|n| all.contains(n)) && want.iter().all(|n| got.contains(n));
            check!(t, !plain || sound, "a listing with {options:?}: got {got:?}, expected at least {want:?}");
            return Ok(());
        }
        if !t.g.listing.ordered {
            got.sort();
            if options.limit.is_some() {
                return Ok(());
            }
        }
        same!(t, got, naive::list(&live, &options), "a listing with {options:?}");
        for meta in items.into_iter().filter_map(Listed::into_entry) {
            let entry = &self.model[meta.key.as_str()];
            let known = meta.version.is_none_or(|v| v == entry.version)
                && meta.size.is_none_or(|size| size == entry.value.len() as u64)
                && meta.expires.is_none_or(|e| e == entry.expires.into());
            check!(t, known, "the listing knows something else about {:?} than the model", meta.key);
        }
        Ok(())
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn key(&mut self) -> (String, Key) {
        let name = self.name();
        let key = key(&name);
        (name, key)
    }
}
