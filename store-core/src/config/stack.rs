//! Stores on top of each other.

use std::fmt;

use super::param::Param;
use super::policy::{Freshness, ReadPolicy, StackPolicy, WritePolicy, is_stack_param};
use super::print;
use super::store::{StoreConfig, wrong};
use super::url;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// One store, or several on top of each other: the hottest first, the origin last, and what the stack itself is told.
/// See the [module](super) for its text.
#[derive(Clone, PartialEq, Eq)]
pub struct StackConfig {
    tiers: Vec<StoreConfig>,
    policy: StackPolicy,
}

impl StackConfig {
    /// Reads a stack string.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the number of the tier and without the text.
    pub fn parse(text: &str) -> Result<StackConfig> {
        let mut at = 0;
        let mut tiers = Vec::new();
        let alone = !text.contains('|');
        for tier in text.split('|') {
            let parsed =
                match tier.trim_ascii().is_empty() && !alone {
                    true => Err(wrong(format!("nothing stands there (byte {at})"))
                        .hint("A | B | C; a | itself is %7C")),
                    false => url::parse(tier, at),
                };
            tiers.push(if alone { parsed? } else { parsed.map_err(|e| in_tier(tiers.len(), e))? });
            at += tier.len() + 1;
        }
        StackConfig::from_tiers(tiers)
    }

    /// Makes a stack of its tiers, and takes the stack's parameters from the last.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for no tier, a wrong value, and a parameter of the stack on
    /// a tier that is not the last or on a store that stands alone.
    pub fn from_tiers(mut tiers: Vec<StoreConfig>) -> Result<StackConfig> {
        let Some((last, above)) = tiers.split_last_mut() else {
            return Err(wrong("a stack needs at least one store"));
        };
        if above.is_empty() {
            last.refuse_stack_params()?;
        }
        for (number, tier) in above.iter().enumerate() {
            if let Some(name) = tier.param_names().find(|name| is_stack_param(name)) {
                let why = format!("{}: {name:?} is a parameter of the stack", tier.scheme());
                return Err(in_tier(number, wrong(why)).hint("it stands on the last tier"));
            }
        }
        let policy = StackPolicy::take_from(&mut last.params)?;
        Ok(StackConfig { tiers, policy })
    }

    /// Says what the stack itself is told.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a store that stands alone, and for what no text could
    /// say.
    pub fn with_policy(mut self, policy: StackPolicy) -> Result<StackConfig> {
        policy.check()?;
        if self.tiers.len() == 1 && !policy.is_default() {
            return Err(wrong("the parameters of a stack are given, and this store stands alone"));
        }
        self.policy = policy;
        Ok(self)
    }

    /// How fresh an answer of a front must be.
    ///
    /// # Errors
    /// Those of [`StackConfig::with_policy`].
    pub fn with_fresh(self, fresh: Freshness) -> Result<StackConfig> {
        let policy = StackPolicy { fresh: Some(fresh), ..self.policy.clone() };
        self.with_policy(policy)
    }

    /// Where reads go.
    ///
    /// # Errors
    /// Those of [`StackConfig::with_policy`].
    pub fn with_read(self, read: ReadPolicy) -> Result<StackConfig> {
        let policy = StackPolicy { read: Some(read), ..self.policy.clone() };
        self.with_policy(policy)
    }

    /// Where writes go.
    ///
    /// # Errors
    /// Those of [`StackConfig::with_policy`].
    pub fn with_write(self, write: WritePolicy) -> Result<StackConfig> {
        let policy = StackPolicy { write: Some(write), ..self.policy.clone() };
        self.with_policy(policy)
    }

    /// The stores, the hottest first; the last is the origin. At least one.
    pub fn tiers(&self) -> &[StoreConfig] {
        &self.tiers
    }

    /// The one store, if there is only one.
    pub fn alone(&self) -> Option<&StoreConfig> {
        match self.tiers.as_slice() {
            [store] => Some(store),
            _ => None,
        }
    }

    /// What the stack itself is told.
    pub fn policy(&self) -> &StackPolicy {
        &self.policy
    }

    /// The text, secrets included: for handing on to another process, never for an output.
    pub fn to_secret_text(&self) -> Secret {
        self.print(|tier| tier.to_secret_url().reveal().to_owned())
    }

    /// The text with `***` for each value of a store that is not known to be harmless: see
    /// [`StoreConfig::to_redacted_url`]. `known` gives the parameters of a scheme.
    pub fn to_redacted_text<'p>(&self, known: impl Fn(&str) -> &'p [Param]) -> String {
        self.print(|tier| tier.to_redacted_url(known(tier.scheme()))).reveal().to_owned()
    }

    fn print(&self, tier: impl Fn(&StoreConfig) -> String) -> Secret {
        let mut text = self.tiers.iter().map(tier).collect::<Vec<_>>().join(" | ");
        let first =
            if self.tiers.last().is_some_and(|t| t.param_names().next().is_some()) { '&' } else { '?' };
        let params = self.policy.params();
        text.push_str(&print::query(first, params.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
        Secret::new(text)
    }
}

/// Names the tier.
fn in_tier(number: usize, error: Error) -> Error {
    let hint = error.advice().map(str::to_owned);
    let named = wrong(format!("tier {}: {}", number + 1, error.why()));
    match hint {
        Some(hint) => named.hint(hint),
        None => named,
    }
}

impl From<StoreConfig> for StackConfig {
    fn from(store: StoreConfig) -> StackConfig {
        StackConfig { tiers: vec![store], policy: StackPolicy::default() }
    }
}

impl std::str::FromStr for StackConfig {
    type Err = Error;
    fn from_str(text: &str) -> Result<StackConfig> {
        StackConfig::parse(text)
    }
}

impl fmt::Display for StackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_redacted_text(|_| &[]))
    }
}

impl fmt::Debug for StackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StackConfig({self})")
    }
}
