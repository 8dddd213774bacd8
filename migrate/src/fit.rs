//! What a target cannot carry.

use std::collections::BTreeMap;

use larder_store_core::{Attributes, Error, ErrorKind, Guarantees, Key, Op, Result, StoreId};
use serde::Serialize;

use crate::dump::Facts;
use crate::options::Unfit;

/// What something that cannot be carried is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    Key,
    Value,
    Attributes,
    Expiry,
    Foreign,
}

impl Class {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Class::Key => "key too long",
            Class::Value => "value too large",
            Class::Attributes => "attributes",
            Class::Expiry => "expiry",
            Class::Foreign => "no entry",
        }
    }

    fn why(self, to: &Guarantees) -> String {
        match self {
            Class::Key => format!("the target takes keys of {} bytes", to.max_key),
            Class::Value => format!("the target takes values of {} bytes", to.max_value),
            Class::Attributes if to.max_attributes == 0 => "the target keeps no attributes".to_owned(),
            Class::Attributes => format!("the target keeps attributes of {} bytes", to.max_attributes),
            Class::Expiry => "values do not expire in the target".to_owned(),
            Class::Foreign => "these are in the source's place and no entries of it".to_owned(),
        }
    }
}

/// Entries of a kind that cannot be carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Misfit {
    /// What it is about them.
    pub class: &'static str,
    /// Why that cannot be carried.
    pub why: String,
    /// How many there are.
    pub entries: u64,
    /// Bytes of their values, as far as they are known.
    pub bytes: u64,
    /// The first few.
    pub examples: Vec<String>,
}

const EXAMPLES: usize = 5;

/// What was found of each class.
#[derive(Debug, Clone, Default)]
pub(crate) struct Misfits(BTreeMap<Class, Misfit>);

impl Misfits {
    pub(crate) fn add(&mut self, class: Class, to: &Guarantees, name: &str, bytes: u64) {
        let why = || class.why(to);
        let misfit = self.0.entry(class).or_insert_with(|| Misfit {
            class: class.name(),
            why: why(),
            entries: 0,
            bytes: 0,
            examples: Vec::new(),
        });
        misfit.entries += 1;
        misfit.bytes += bytes;
        if misfit.examples.len() < EXAMPLES {
            misfit.examples.push(name.to_owned());
        }
    }

    pub(crate) fn into_list(self) -> Vec<Misfit> {
        self.0.into_values().collect()
    }
}

/// What cannot be carried of an entry.
pub(crate) fn misfits(
    to: &Guarantees,
    key: &Key,
    size: u64,
    attributes: &Attributes,
    expires: bool,
) -> impl Iterator<Item = Class> {
    let attributes_fit =
        attributes.is_empty() || attributes.encode().is_ok_and(|encoded| encoded.len() <= to.max_attributes);
    let checks = [
        (key.len() <= to.max_key, Class::Key),
        (size <= to.max_value, Class::Value),
        (attributes_fit, Class::Attributes),
        (!expires || to.expiry, Class::Expiry),
    ];
    checks.into_iter().filter_map(|(fits, class)| (!fits).then_some(class))
}

/// What becomes of an entry at the target's door.
pub(crate) enum Door {
    /// It goes in, perhaps without something.
    In(Facts, Vec<Class>),
    /// It stays out.
    Out(Class),
}

/// Judges an entry by what the caller wants done.
///
/// # Errors
/// [`ErrorKind::Unsupported`] if it cannot be carried, and that was not allowed.
pub(crate) fn door(
    to: &Guarantees,
    target: &StoreId,
    unfit: Unfit,
    key: &Key,
    size: u64,
    facts: &Facts,
) -> Result<Door> {
    let found: Vec<_> = misfits(to, key, size, &facts.attributes, facts.expires.is_some()).collect();
    let Some(first) = found.first().copied() else { return Ok(Door::In(facts.clone(), found)) };
    let hopeless = found.iter().copied().find(|class| matches!(class, Class::Key | Class::Value));
    match (unfit, hopeless) {
        (Unfit::Refuse, _) => {
            Err(Error::new(ErrorKind::Unsupported, Op::Import, first.why(to)).at(target).on(key).hint(ADVICE))
        }
        (Unfit::Strip, None) => {
            let mut facts = facts.clone();
            if found.contains(&Class::Attributes) {
                facts.attributes = Attributes::new();
            }
            if found.contains(&Class::Expiry) {
                facts.expires = None;
            }
            Ok(Door::In(facts, found))
        }
        (_, hopeless) => Ok(Door::Out(hopeless.unwrap_or(first))),
    }
}

pub(crate) const ADVICE: &str = "leave such entries out, strip what does not fit, or choose another target";

/// The error of a job that would leave something out without being asked to.
pub(crate) fn refuse(misfits: &[Misfit], op: Op) -> Error {
    let list: Vec<_> = misfits
        .iter()
        .map(|m| {
            let first = m.examples.first().map(|name| format!(", {name:?} the first")).unwrap_or_default();
            format!("{} × {} ({}{first})", m.entries, m.class, m.why)
        })
        .collect();
    let why = format!("not everything can be carried, and nothing was written: {}", list.join("; "));
    Error::new(ErrorKind::Unsupported, op, why).hint(ADVICE)
}
