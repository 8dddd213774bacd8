//! A stack from any format that serde reads: TOML, JSON, environment maps.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::policy::StackPolicy;
use super::stack::StackConfig;
use super::store::StoreConfig;
use super::url;
use crate::secret::Secret;

/// A stack as a table. The names are those of the parameters on the last tier of a stack string; `tiers` has the stores,
/// the hottest first, each as a URL or as a table.
#[derive(serde::Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a stack: tiers, and fresh, fresh_by_prefix, read, write, fence_slots"
)]
struct Told {
    tiers: Vec<Tier>,
    fresh: Option<Scalar>,
    #[serde(default)]
    fresh_by_prefix: BTreeMap<String, Scalar>,
    read: Option<Scalar>,
    write: Option<Scalar>,
    fence_slots: Option<Scalar>,
}

/// A store.
struct Tier(StoreConfig);

/// A value as text. Never shown: it may be a secret.
struct Scalar(Secret);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Scalar, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a whole number, true or false")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(Secret::new(text)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(Secret::new(number.to_string())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(Secret::new(number.to_string())))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(Secret::new(value.to_string())))
    }
}

impl<'de> Deserialize<'de> for Tier {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Tier, D::Error> {
        from.deserialize_any(TierVisitor)
    }
}

struct TierVisitor;

impl<'de> Visitor<'de> for TierVisitor {
    type Value = Tier;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store: its URL, or a table with its URL and parameters")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Tier, E> {
        url::parse(text, 0).map(Tier).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tier, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, Scalar(value))) = map.next_entry::<String, Scalar>()? {
            entries.push((name, value));
        }
        StoreConfig::from_map_of_tier(entries).map(Tier).map_err(de::Error::custom)
    }
}

/// ```
/// use larder_store_core::config::StackConfig;
/// let text = r#"
///     fresh = "30s"
///     fresh_by_prefix = { "img/" = "immutable" }
///
///     [[tiers]]
///     url = "memory:"
///     capacity = "64MiB"
///
///     [[tiers]]
///     url = "lmdb:/var/cache/app"
///
///     [[tiers]]
///     url = "s3://bucket/prefix"
///     region = "eu-west-1"
/// "#;
/// let stack: StackConfig = toml::from_str(text)?;
/// let same = "memory:?capacity=64MiB | lmdb:/var/cache/app | s3://bucket/prefix?region=eu-west-1&fresh=30s&fresh.img/=immutable";
/// assert_eq!(stack, StackConfig::parse(same)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A store that stands alone is a stack of one tier. What is wrong is said without the text; some formats add the line
/// it stands in, which may hold a secret.
impl<'de> Deserialize<'de> for StackConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<StackConfig, D::Error> {
        let told = Told::deserialize(from)?;
        let stack = StackConfig::from_tiers(told.tiers.into_iter().map(|Tier(tier)| tier).collect())
            .map_err(de::Error::custom)?;
        let mut params = BTreeMap::new();
        let named = [
            ("fresh", told.fresh),
            ("read", told.read),
            ("write", told.write),
            ("fence_slots", told.fence_slots),
        ];
        for (name, value) in named {
            params.extend(value.map(|Scalar(value)| (name.to_owned(), value)));
        }
        for (prefix, Scalar(value)) in told.fresh_by_prefix {
            params.insert(format!("fresh.{prefix}"), value);
        }
        if params.is_empty() {
            return Ok(stack);
        }
        if !stack.policy().is_default() {
            return Err(de::Error::custom(
                "the stack's parameters stand beside the tiers and on the last of them: one place is enough",
            ));
        }
        let policy = StackPolicy::take_from(&mut params).map_err(de::Error::custom)?;
        stack.with_policy(policy).map_err(de::Error::custom)
    }
}
