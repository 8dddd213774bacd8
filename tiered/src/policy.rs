//! What a stack was told, made ready for each read.

use std::time::Duration;

use larder_store_core::config::{Freshness, ReadPolicy, StackPolicy, WritePolicy};
use larder_store_core::{Consistency, Error, ErrorKind, Key, Op, Result};

use crate::clocks::Clocks;
use crate::entry::Entry;

/// The policy of a stack.
#[derive(Debug)]
pub(crate) struct Policy {
    fresh: Freshness,
    /// The longest prefix first.
    by_prefix: Vec<(String, Freshness)>,
    /// Only the fronts are asked.
    fronts_only: bool,
    /// What `revalidate` adds.
    revalidate: Option<Duration>,
    /// Fronts get what was written.
    pub(crate) installs: bool,
}

/// How old an answer of a front may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// However old, as long as the fence lets it.
    Any,
    /// At most so old.
    Within(Duration),
    /// The origin confirms it.
    Confirmed,
    /// The origin alone.
    Origin,
}

/// What a read needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) need: Need,
    pub(crate) fronts_only: bool,
    /// How the origin is asked: it may be a stack itself, and must not be content with older answers than this one.
    pub(crate) below: Consistency,
}

/// What an entry is good for that the fence lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the answer; its age, where that counted.
    Serve(Option<Duration>),
    /// The origin may confirm it.
    TooOld,
    /// Nothing: it has expired.
    Expired,
}

fn refuse(why: String, hint: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, Op::Open, why).hint(hint)
}

impl Policy {
    /// Checks what a stack was told. `fallback` holds where nothing was said.
    pub(crate) fn new(told: &StackPolicy, fallback: Freshness) -> Result<Policy> {
        let mut by_prefix: Vec<_> = told.fresh_by_prefix.clone().into_iter().collect();
        by_prefix.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        let (fronts_only, revalidate) = match told.read.unwrap_or_default() {
            ReadPolicy::FrontFirst => (false, None),
            ReadPolicy::FrontOnly => (true, None),
            ReadPolicy::Revalidate(age) => (false, Some(age)),
            other => {
                let why = format!("read={other} is not offered yet");
                return Err(refuse(why, "front-first, front-only and revalidate(TIME) are"));
            }
        };
        let installs = match told.write.unwrap_or_default() {
            WritePolicy::Through => true,
            WritePolicy::Around => false,
            other => {
                let why = format!("write={other} is not offered yet");
                return Err(refuse(why, "write-through and write-around are"));
            }
        };
        let policy =
            Policy { fresh: told.fresh.unwrap_or(fallback), by_prefix, fronts_only, revalidate, installs };
        if fronts_only && policy.all().any(|fresh| fresh == Freshness::Always) {
            let why = "fresh=always asks the origin each time, and read=front-only never does";
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why)
                .hint("say how old an answer may be: fresh=30s, or fresh=sole_writer"));
        }
        Ok(policy)
    }

    fn all(&self) -> impl Iterator<Item = Freshness> {
        self.by_prefix.iter().map(|(_, fresh)| *fresh).chain([self.fresh])
    }

    /// Whether some prefix promises that everybody writes through the fence.
    pub(crate) fn trusts_the_fence(&self) -> bool {
        self.all().any(|fresh| fresh == Freshness::SoleWriter)
    }

    fn fresh_for(&self, key: &Key) -> Freshness {
        let fits = self.by_prefix.iter().find(|(prefix, _)| key.as_str().starts_with(prefix.as_str()));
        fits.map_or(self.fresh, |(_, fresh)| *fresh)
    }

    /// What a read of `key` needs.
    #[inline]
    pub(crate) fn wish(&self, key: &Key, consistency: Consistency) -> Wish {
        let need = match self.fresh_for(key) {
            Freshness::MaxAge(age) => Need::Within(age.min(self.revalidate.unwrap_or(age))),
            Freshness::Always => Need::Confirmed,
            // Values that never change need no second look, whatever the others do.
            Freshness::Immutable => Need::Any,
            _ => self.revalidate.map_or(Need::Any, Need::Within),
        };
        let (need, fronts_only) = match consistency {
            Consistency::Origin => (Need::Origin, false),
            Consistency::FrontsOnly => (need, true),
            Consistency::AtMost(age) => (need.at_most(age), self.fronts_only),
            _ => (need, self.fronts_only),
        };
        let below = match need {
            Need::Within(age) => Consistency::AtMost(age),
            _ => consistency,
        };
        Wish { need, fronts_only, below }
    }
}

impl Need {
    fn at_most(self, age: Duration) -> Need {
        match self {
            Need::Any => Need::Within(age),
            Need::Within(least) => Need::Within(least.min(age)),
            other => other,
        }
    }
}

impl Wish {
    /// What an entry is good for.
    #[inline]
    pub(crate) fn judge(&self, entry: &Entry, clocks: &Clocks) -> Verdict {
        if entry.is_expired(|| clocks.env.wall()) {
            return Verdict::Expired;
        }
        match self.need {
            Need::Any => Verdict::Serve(None),
            Need::Within(most) => match clocks.age(&entry.asked) {
                Some(age) if age <= most => Verdict::Serve(Some(age)),
                _ => Verdict::TooOld,
            },
            Need::Confirmed | Need::Origin => Verdict::TooOld,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn told(text: &str) -> Result<Policy> {
        let stack = larder_store_core::config::StackConfig::parse(&format!("memory: | memory:?{text}"))?;
        Policy::new(stack.policy(), Freshness::SoleWriter)
    }

    fn need(text: &str, key: &str, consistency: Consistency) -> Need {
        told(text).unwrap().wish(&Key::new(key).unwrap(), consistency).need
    }

    #[test]
    fn the_longest_prefix_decides_and_ages_only_get_shorter() {
        let text = "fresh=30s&fresh.a/=always&fresh.a/b/=immutable&read=revalidate(20s)";
        assert_eq!(need(text, "x", Consistency::Policy), Need::Within(S(20)));
        assert_eq!(need(text, "a/x", Consistency::Policy), Need::Confirmed);
        assert_eq!(need(text, "a/b/x", Consistency::Policy), Need::Any);
        assert_eq!(need(text, "a/b/x", Consistency::AtMost(S(5))), Need::Within(S(5)));
        assert_eq!(need(text, "x", Consistency::AtMost(S(5))), Need::Within(S(5)));
        assert_eq!(need(text, "x", Consistency::AtMost(S(50))), Need::Within(S(20)));
        assert_eq!(need(text, "a/b/x", Consistency::Origin), Need::Origin);
        assert_eq!(need("fresh=sole_writer", "x", Consistency::Policy), Need::Any);
        assert_eq!(
            need("fresh=sole_writer&read=revalidate(3s)", "x", Consistency::Policy),
            Need::Within(S(3))
        );
    }

    #[test]
    fn an_origin_that_is_a_stack_hears_how_fresh_it_must_be() {
        let below = |text, consistency| told(text).unwrap().wish(&Key::new("k").unwrap(), consistency).below;
        assert_eq!(below("fresh=30s", Consistency::Policy), Consistency::AtMost(S(30)));
        assert_eq!(below("fresh=30s", Consistency::AtMost(S(5))), Consistency::AtMost(S(5)));
        assert_eq!(below("fresh=always", Consistency::AtMost(S(5))), Consistency::AtMost(S(5)));
        assert_eq!(below("fresh=always", Consistency::Policy), Consistency::Policy);
        assert_eq!(below("fresh=30s", Consistency::Origin), Consistency::Origin);
    }

    #[test]
    fn what_is_not_offered_is_refused_by_name() {
        for text in ["write=write-back", "write=front-only", "read=origin-first"] {
            let error = told(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(told("fresh=always&read=front-only").unwrap_err().kind(), ErrorKind::Invalid);
        assert!(told("fresh.a/=sole_writer&fresh=1s").unwrap().trusts_the_fence());
        assert!(!told("fresh.a/=immutable&fresh=1s").unwrap().trusts_the_fence());
    }
}
