//! Buckets, and how a write is decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::object::{Draft, Object};
use super::refusal::Refusal;
use super::sums::Sums;
use crate::content::Content;

/// The longest name of an object, in bytes (Cloud Storage, "About Cloud Storage objects", naming).
const LONGEST_NAME: usize = 1024;

/// The storage classes that can be asked for.
const CLASSES: [&str; 6] =
    ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "DURABLE_REDUCED_AVAILABILITY"];

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) created: i64,
    /// Whether replaced and deleted generations are kept.
    pub(super) versioned: bool,
    /// By name, in the order of bytes, which is the order of listings.
    pub(super) live: BTreeMap<Box<str>, Arc<Object>>,
    pub(super) noncurrent: BTreeMap<(Box<str>, i64), Arc<Object>>,
}

/// What must hold for a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) generation_match: Option<i64>,
    pub(super) generation_not_match: Option<i64>,
    pub(super) metageneration_match: Option<i64>,
    pub(super) metageneration_not_match: Option<i64>,
}

impl Conditions {
    /// For a read of what is there.
    pub(super) fn check_read(&self, object: &Object) -> Result<(), Refusal> {
        if self.generation_match.is_some_and(|wanted| wanted != object.generation)
            || self.metageneration_match.is_some_and(|wanted| wanted != object.metageneration)
        {
            return Err(Refusal::Precondition);
        }
        if self.generation_not_match == Some(object.generation)
            || self.metageneration_not_match == Some(object.metageneration)
        {
            return Err(Refusal::NotModified);
        }
        Ok(())
    }

    /// For a write over what is there. A generation of 0 stands for none.
    pub(super) fn check_write(&self, live: Option<&Object>) -> Result<(), Refusal> {
        let (generation, metageneration) =
            live.map_or((0, 0), |object| (object.generation, object.metageneration));
        let held = self.generation_match.is_none_or(|wanted| wanted == generation)
            && self.generation_not_match.is_none_or(|other| other != generation)
            && self.metageneration_match.is_none_or(|wanted| wanted == metageneration)
            && self.metageneration_not_match.is_none_or(|other| other != metageneration);
        if held { Ok(()) } else { Err(Refusal::Precondition) }
    }
}

impl Bucket {
    pub(super) fn new(created: i64) -> Self {
        Self { created, versioned: false, live: BTreeMap::new(), noncurrent: BTreeMap::new() }
    }

    /// The live object, or the generation that is asked for.
    pub(super) fn find(&self, name: &str, generation: i64) -> Option<&Arc<Object>> {
        let live = self.live.get(name);
        match generation {
            0 => live,
            _ => live
                .filter(|live| live.generation == generation)
                .or_else(|| self.noncurrent.get(&(name.into(), generation))),
        }
    }

    /// Makes what was live noncurrent, or forgets it.
    pub(super) fn retire(&mut self, name: &str, now: i64) -> Option<Arc<Object>> {
        let old = self.live.remove(name)?;
        if self.versioned {
            let kept = Object { deleted: Some(now), ..(*old).clone() };
            self.noncurrent.insert((name.into(), old.generation), Arc::new(kept));
        }
        Some(old)
    }

    /// Makes an object of a draft and its bytes the live one.
    pub(super) fn put(
        &mut self,
        name: &str,
        draft: Draft,
        content: Content,
        sums: Sums,
        (now, generation): (i64, i64),
    ) -> Arc<Object> {
        let object = Arc::new(Object {
            generation,
            metageneration: 1,
            content,
            sums,
            fields: draft.fields,
            storage_class: draft.storage_class.unwrap_or_else(|| "STANDARD".into()),
            // The service names the version of the key that it used.
            kms_key: draft.kms_key.map(|key| format!("{key}/cryptoKeyVersions/1")),
            components: draft.components,
            created: now,
            updated: now,
            deleted: None,
        });
        self.retire(name, now);
        self.live.insert(name.into(), object.clone());
        object
    }
}

/// Refuses names that no object can have.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.contains(['\r', '\n'])
        && name != "."
        && name != ".."
        && !name.starts_with(".well-known/acme-challenge/");
    if legal { Ok(()) } else { Err(Refusal::Invalid(format!("Invalid object name: {name:?}"))) }
}

/// Refuses a draft that no object can be made of.
pub(super) fn check_draft(draft: &Draft) -> Result<(), Refusal> {
    if !draft.fields.fits() {
        return Err(Refusal::invalid("The metadata you provided is larger than 8 KiB."));
    }
    if draft.storage_class.as_deref().is_some_and(|class| !CLASSES.contains(&class)) {
        return Err(Refusal::invalid("The storage class you specified is not valid."));
    }
    if let Some(key) = &draft.kms_key {
        let parts: Vec<_> = key.split('/').collect();
        let form = matches!(&parts[..], ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]);
        if !form || parts.iter().any(|part| part.is_empty()) {
            return Err(Refusal::Invalid(format!("Invalid Cloud KMS key name: {key:?}")));
        }
    }
    Ok(())
}
