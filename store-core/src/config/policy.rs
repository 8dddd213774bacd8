//! What a stack's own parameters say.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::param::Param;
use super::store::wrong;
use super::units::{DURATION, parse_duration, print_duration};
use crate::error::Result;
use crate::key::Key;
use crate::secret::Secret;

/// How fresh an answer of a front must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Freshness {
    /// Values never change once written: any answer will do.
    Immutable,
    /// Not older than this, counted from when the origin was asked.
    MaxAge(Duration),
    /// The origin is asked each time.
    Always,
    /// Everybody writes through this stack's fence: what it admits is current.
    SoleWriter,
}

/// Where reads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ReadPolicy {
    /// The fronts, then the origin.
    #[default]
    FrontFirst,
    /// The fronts only.
    FrontOnly,
    /// The origin; a front when the origin is down, marked stale.
    OriginFirst,
    /// As `FrontFirst`; what is older than this is asked of the origin "unless it still has this version".
    Revalidate(Duration),
}

/// Where writes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum WritePolicy {
    /// The origin, then the fronts.
    #[default]
    Through,
    /// The origin; fronts forget.
    Around,
    /// A journal first, the origin later.
    Back,
    /// The fronts only.
    FrontOnly,
}

/// The stack's own parameters. `None` where the default holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StackPolicy {
    /// How fresh an answer of a front must be.
    pub fresh: Option<Freshness>,
    /// The same for keys that start with a text; the longest one that fits holds.
    pub fresh_by_prefix: BTreeMap<String, Freshness>,
    /// Where reads go.
    pub read: Option<ReadPolicy>,
    /// Where writes go.
    pub write: Option<WritePolicy>,
    /// Slots of the fence table.
    pub fence_slots: Option<u64>,
}

/// The most slots of a fence table, of 16 bytes each: 4 GiB.
const MAX_FENCE_SLOTS: u64 = 1 << 28;

/// The parameters of a stack. `fresh.PREFIX` stands for any prefix.
pub const STACK_PARAMS: &[Param] = &[
    Param { name: "fresh", about: "how fresh answers of a front must be", secret: false },
    Param { name: "fresh.PREFIX", about: "the same for the keys that start with PREFIX", secret: false },
    Param { name: "read", about: "where reads go; front-first by default", secret: false },
    Param { name: "write", about: "where writes go; write-through by default", secret: false },
    Param { name: "fence_slots", about: "slots of the fence table; a million by default", secret: false },
];

const FRESH: &str = "fresh";
const FRESH_PREFIX: &str = "fresh.";

/// Whether a parameter belongs to the stack, and never to a backend.
pub(crate) fn is_stack_param(name: &str) -> bool {
    name.starts_with(FRESH_PREFIX) || STACK_PARAMS.iter().any(|p| p.name == name)
}

impl StackPolicy {
    /// Takes the stack's parameters out of a store's.
    pub(super) fn take_from(params: &mut BTreeMap<String, Secret>) -> Result<StackPolicy> {
        let mut policy = StackPolicy::default();
        let names: Vec<_> = params.keys().filter(|name| is_stack_param(name)).cloned().collect();
        for name in names {
            // Not a secret: whatever is given here is said to be wrong by its text.
            let value = params.remove(&name).unwrap_or_else(|| Secret::new(""));
            policy.set(&name, value.reveal())?;
        }
        Ok(policy)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let unwanted = |wanted: &str| {
            let got = match value.chars().count() {
                0..=60 => format!("{value:?}"),
                long => format!("{long} characters"),
            };
            wrong(format!("the stack's parameter {name:?} wants {wanted}, and was given {got}"))
        };
        let fresh = || Freshness::parse(value).ok_or_else(|| unwanted(&Freshness::wanted()));
        if let Some(prefix) = name.strip_prefix(FRESH_PREFIX) {
            check_prefix(prefix)?;
            self.fresh_by_prefix.insert(prefix.to_owned(), fresh()?);
            return Ok(());
        }
        match name {
            FRESH => self.fresh = Some(fresh()?),
            "read" => {
                self.read = Some(ReadPolicy::parse(value).ok_or_else(|| unwanted(&ReadPolicy::wanted()))?);
            }
            "write" => {
                self.write = Some(WritePolicy::parse(value).ok_or_else(|| unwanted(&WritePolicy::wanted()))?);
            }
            _ => {
                let slots = value.parse().ok().filter(|n| (1..=MAX_FENCE_SLOTS).contains(n));
                let wanted = format!("a whole number from 1 to {MAX_FENCE_SLOTS}");
                self.fence_slots = Some(slots.ok_or_else(|| unwanted(&wanted))?);
            }
        }
        Ok(())
    }

    /// Refuses what no text could say.
    pub(super) fn check(&self) -> Result<()> {
        self.fresh_by_prefix.keys().try_for_each(|prefix| check_prefix(prefix))?;
        match self.fence_slots {
            Some(slots) if !(1..=MAX_FENCE_SLOTS).contains(&slots) => {
                Err(wrong(format!("fence_slots wants a whole number from 1 to {MAX_FENCE_SLOTS}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing is said, so that the defaults hold.
    pub fn is_default(&self) -> bool {
        *self == StackPolicy::default()
    }

    /// How fresh an answer for `key` must be, where the stack says so.
    ///
    /// ```
    /// use larder_store_core::config::{Freshness, StackConfig};
    /// use larder_store_core::Key;
    /// let stack = StackConfig::parse("memory: | file:/data?fresh=always&fresh.img/=immutable")?;
    /// assert_eq!(stack.policy().fresh_for(&Key::new("img/1")?), Some(Freshness::Immutable));
    /// assert_eq!(stack.policy().fresh_for(&Key::new("user/1")?), Some(Freshness::Always));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn fresh_for(&self, key: &Key) -> Option<Freshness> {
        let fits =
            self.fresh_by_prefix.iter().filter(|(prefix, _)| key.as_str().starts_with(prefix.as_str()));
        fits.max_by_key(|(prefix, _)| prefix.len()).map(|(_, fresh)| *fresh).or(self.fresh)
    }

    /// The parameters as text.
    pub(super) fn params(&self) -> BTreeMap<String, String> {
        let by_prefix =
            self.fresh_by_prefix.iter().map(|(p, f)| (format!("{FRESH_PREFIX}{p}"), f.to_string()));
        let mut params: BTreeMap<_, _> = by_prefix.collect();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                params.insert(name.to_owned(), value);
            }
        };
        add(FRESH, self.fresh.map(|f| f.to_string()));
        add("read", self.read.map(|p| p.to_string()));
        add("write", self.write.map(|p| p.to_string()));
        add("fence_slots", self.fence_slots.map(|n| n.to_string()));
        params
    }
}

fn check_prefix(prefix: &str) -> Result<()> {
    if prefix.is_empty() {
        return Err(wrong("the stack's parameter \"fresh.\" names no prefix")
            .hint("fresh.user/=30s is for the keys that start with user/; fresh=30s for all"));
    }
    // A prefix that no key can have would never hold, silently.
    Key::new(prefix)
        .map(drop)
        .map_err(|e| wrong("no key starts with the prefix of a \"fresh.\"").caused_by(e))
}

macro_rules! words {
    ($type:ident { $($name:ident = $text:literal,)* } $age:ident $before:literal $after:literal) => {
        impl $type {
            fn parse(text: &str) -> Option<$type> {
                match text {
                    $($text => Some($type::$name),)*
                    _ => {
                        let age = text.strip_prefix($before)?.strip_suffix($after)?;
                        parse_duration(age).map($type::$age)
                    }
                }
            }

            fn wanted() -> String {
                format!("{}{}TIME{}, where TIME is {DURATION}", concat!($($text, ", ",)*), $before, $after)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $($type::$name => f.write_str($text),)*
                    $type::$age(age) => write!(f, "{}{}{}", $before, print_duration(*age), $after),
                }
            }
        }
    };
}

words!(Freshness { Immutable = "immutable", Always = "always", SoleWriter = "sole_writer", } MaxAge "" "");
words!(ReadPolicy { FrontFirst = "front-first", FrontOnly = "front-only", OriginFirst = "origin-first", }
    Revalidate "revalidate(" ")");

impl WritePolicy {
    const ALL: [(WritePolicy, &str); 4] = [
        (WritePolicy::Through, "write-through"),
        (WritePolicy::Around, "write-around"),
        (WritePolicy::Back, "write-back"),
        (WritePolicy::FrontOnly, "front-only"),
    ];

    fn parse(text: &str) -> Option<WritePolicy> {
        WritePolicy::ALL.iter().find(|(_, name)| *name == text).map(|(policy, _)| *policy)
    }

    fn wanted() -> String {
        format!("one of {}", WritePolicy::ALL.map(|(_, name)| name).join(", "))
    }
}

impl fmt::Display for WritePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WritePolicy::ALL.iter().find(|(policy, _)| policy == self).map_or("", |(_, name)| name))
    }
}
