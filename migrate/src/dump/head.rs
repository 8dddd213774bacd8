//! What a dump says about itself: its header and its trailer.

use std::collections::BTreeMap;
use std::time::SystemTime;

use larder_store_core::{Key, MAX_ATTRIBUTES, time};
use serde::{Deserialize, Serialize};

use super::damage::{Damage, Result};
use super::item::{self, Digest, Facts, SELF_DESCRIBED};
use super::wire::{self, Reader};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u64 = 1;

/// What a dump begins with; each of its parts does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Drawn at random for each dump.
    pub id: [u8; 16],
    /// The store that it was made of, without secrets.
    pub source: String,
    /// What was asked for, if not everything: see [`Select`](crate::Select).
    pub select: String,
    /// When it was begun.
    pub started: SystemTime,
    /// What wrote it.
    pub writer: String,
    /// The number of this part, from 0.
    pub part: u64,
    /// What the parts before this one hold.
    pub totals: Totals,
    /// The last key before this part.
    pub after: Option<Key>,
    pub(crate) before: Digest,
}

/// How a dump relates to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Consistency {
    /// Each entry is as it stood at some moment between begin and end.
    Fuzzy,
    /// All entries are as they stood at one moment: a second listing found nothing changed since the first.
    Snapshot,
}

/// What a whole dump ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trailer {
    /// What all parts hold.
    pub totals: Totals,
    /// Parts, this one included.
    pub parts: u64,
    /// When it was ended.
    pub finished: SystemTime,
    /// How it relates to its source.
    pub consistency: Consistency,
    /// What was left out on request, by class.
    pub left_out: BTreeMap<String, u64>,
}

/// The most classes of what was left out, those of later versions included.
pub(super) const MAX_CLASSES: usize = 64;

/// What a number of entries add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Totals {
    /// Entries.
    pub entries: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Those that expire.
    pub expiring: u64,
    /// Those that have attributes.
    pub attributed: u64,
    /// Bytes of the longest key.
    pub longest_key: u64,
    /// Bytes of the largest value.
    pub largest_value: u64,
    /// Bytes of the most attributes, as they are encoded in a record.
    pub most_attributes: u64,
}

impl Totals {
    /// Counts what can be known of an entry when it begins: all but itself and its bytes.
    pub(crate) fn begin(&mut self, key: &Key, facts: &Facts, size: u64) {
        self.longest_key = self.longest_key.max(key.len() as u64);
        self.largest_value = self.largest_value.max(size);
        // A header may say anything: what does not add up is found later.
        self.expiring = self.expiring.saturating_add(u64::from(facts.expires.is_some()));
        if !facts.attributes.is_empty() {
            self.attributed = self.attributed.saturating_add(1);
            let most = MAX_ATTRIBUTES as u64 + 1;
            let encoded = facts.attributes.encode().map_or(most, |encoded| encoded.len() as u64);
            self.most_attributes = self.most_attributes.max(encoded);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        wire::head(out, wire::ARRAY, 7);
        for n in [
            self.entries,
            self.bytes,
            self.expiring,
            self.attributed,
            self.longest_key,
            self.largest_value,
            self.most_attributes,
        ] {
            wire::head(out, wire::UINT, n);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Totals> {
        if reader.array()? != 7 {
            return Err(Damage::Wrong("totals that are not seven numbers"));
        }
        Ok(Totals {
            entries: reader.uint()?,
            bytes: reader.uint()?,
            expiring: reader.uint()?,
            attributed: reader.uint()?,
            longest_key: reader.uint()?,
            largest_value: reader.uint()?,
            most_attributes: reader.uint()?,
        })
    }
}

const DUMP: &str = "larder dump";

fn nanos(at: SystemTime) -> i64 {
    time::to_nanos(at).unwrap_or(i64::MAX)
}

impl Header {
    /// The whole item.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        wire::head(&mut out, wire::TAG, SELF_DESCRIBED);
        wire::head(&mut out, wire::ARRAY, 2);
        wire::head(&mut out, wire::UINT, item::HEADER);
        wire::head(&mut out, wire::MAP, 11);
        wire::text(&mut out, "id");
        wire::bytes(&mut out, &self.id);
        wire::text(&mut out, "part");
        wire::head(&mut out, wire::UINT, self.part);
        wire::text(&mut out, "after");
        wire::text(&mut out, self.after.as_ref().map_or("", |key| key.as_str()));
        wire::text(&mut out, "before");
        wire::bytes(&mut out, &self.before);
        for (name, text) in [("format", DUMP), ("select", &self.select), ("source", &self.source)] {
            wire::text(&mut out, name);
            wire::text(&mut out, text);
        }
        wire::text(&mut out, "totals");
        self.totals.encode(&mut out);
        wire::text(&mut out, "writer");
        wire::text(&mut out, &self.writer);
        wire::text(&mut out, "started");
        wire::int(&mut out, nanos(self.started));
        wire::text(&mut out, "version");
        wire::head(&mut out, wire::UINT, VERSION);
        out
    }

    /// Reads the map; the tag, the array and its kind are behind the reader.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Header> {
        let mut header = Header::new([0; 16], String::new(), std::time::UNIX_EPOCH);
        let (mut format, mut version) = (false, None);
        for _ in 0..reader.map()? {
            match reader.text()? {
                "id" => {
                    header.id = reader
                        .bytes()?
                        .try_into()
                        .map_err(|_| Damage::Wrong("an id that has not 16 bytes"))?
                }
                "part" => header.part = reader.uint()?,
                "after" => {
                    header.after = match reader.text()? {
                        "" => None,
                        key => Some(Key::new(key).map_err(|_| Damage::Wrong("a key that is none"))?),
                    }
                }
                "totals" => header.totals = Totals::decode(reader)?,
                "before" => header.before = reader.digest()?,
                "format" => format = reader.text()? == DUMP,
                "select" => header.select = reader.text()?.to_owned(),
                "source" => header.source = reader.text()?.to_owned(),
                "writer" => header.writer = reader.text()?.to_owned(),
                "started" => header.started = time::from_nanos(reader.int()?),
                "version" => version = Some(reader.uint()?),
                // What a later minor version adds changes nothing about the entries.
                _ => drop(reader.skip()?),
            }
        }
        match version {
            _ if !format => Err(Damage::Other),
            Some(VERSION) => Ok(header),
            _ => Err(Damage::Unknown("a dump of another version than 1")),
        }
    }

    pub(crate) fn new(id: [u8; 16], source: String, started: SystemTime) -> Header {
        Header {
            id,
            source,
            select: String::new(),
            started,
            writer: concat!("larder ", env!("CARGO_PKG_VERSION")).to_owned(),
            part: 0,
            totals: Totals::default(),
            after: None,
            before: [0; 32],
        }
    }
}

impl Trailer {
    /// A trailer; whoever writes it fills in what was written.
    pub(crate) fn new(
        finished: SystemTime,
        consistency: Consistency,
        left_out: BTreeMap<String, u64>,
    ) -> Trailer {
        Trailer { totals: Totals::default(), parts: 0, finished, consistency, left_out }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        wire::head(&mut out, wire::MAP, 5);
        wire::text(&mut out, "parts");
        wire::head(&mut out, wire::UINT, self.parts);
        wire::text(&mut out, "totals");
        self.totals.encode(&mut out);
        wire::text(&mut out, "finished");
        wire::int(&mut out, nanos(self.finished));
        wire::text(&mut out, "left-out");
        wire::head(&mut out, wire::MAP, self.left_out.len() as u64);
        let mut left_out: Vec<_> = self.left_out.iter().collect();
        left_out.sort_by_key(|(name, _)| (name.len(), *name));
        for (name, n) in left_out {
            wire::text(&mut out, name);
            wire::head(&mut out, wire::UINT, *n);
        }
        wire::text(&mut out, "snapshot");
        // True and false (RFC 8949, 3.3).
        out.push(if self.consistency == Consistency::Snapshot { 0xf5 } else { 0xf4 });
        out
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Trailer> {
        let mut trailer = Trailer::new(std::time::UNIX_EPOCH, Consistency::Fuzzy, BTreeMap::new());
        for _ in 0..reader.map()? {
            match reader.text()? {
                "parts" => trailer.parts = reader.uint()?,
                "totals" => trailer.totals = Totals::decode(reader)?,
                "finished" => trailer.finished = time::from_nanos(reader.int()?),
                "left-out" => {
                    for _ in 0..reader.map()? {
                        if trailer.left_out.len() == MAX_CLASSES {
                            return Err(Damage::Wrong("more classes of what was left out than there are"));
                        }
                        trailer.left_out.insert(reader.text()?.to_owned(), reader.uint()?);
                    }
                }
                "snapshot" => {
                    trailer.consistency =
                        if reader.boolean()? { Consistency::Snapshot } else { Consistency::Fuzzy };
                }
                _ => drop(reader.skip()?),
            }
        }
        Ok(trailer)
    }
}
