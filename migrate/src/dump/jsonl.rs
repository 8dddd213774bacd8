//! The same items as lines of JSON (RFC 8259): for people, `jq`, and programs without CBOR.
//!
//! A line is an object. What it is shows by the name it begins with: `dump`, `key`, `begin`, `chunk`, `end`,
//! `abandon`, `checkpoint`, `trailer`. Bytes that are UTF-8 text stand as `text`, others as `base64`.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use bytes::Bytes;
use larder_store_core::{Key, Native, time};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::damage::{Damage, Result};
use super::fields::Fields;
use super::head::{Consistency, Header, MAX_CLASSES, Totals, Trailer};
use super::item::{self, Budget, Digest, Entry, Facts};
use super::segment::{self, Last, Looked, Piece, Segment};

/// The longest line: a chunk as base64, and what stands beside it.
pub(super) const MAX_LINE: usize = (item::CHUNK / 3 + 1) * 4 + (64 << 10);
/// The most that a segment takes as lines. Text in which each byte is escaped takes six times its size.
pub(super) const MAX_LINES: usize = 8 * item::MAX_SEGMENT;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    dump: u64,
    id: String,
    source: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    select: String,
    started: i64,
    writer: String,
    part: u64,
    totals: Totals,
    after: Option<String>,
    before: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrailerLine {
    trailer: TrailerBody,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TrailerBody {
    totals: Totals,
    parts: u64,
    finished: i64,
    snapshot: bool,
    #[serde(deserialize_with = "classes")]
    left_out: BTreeMap<String, u64>,
}

/// The classes of what was left out, as many as there can be.
fn classes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, u64>, D::Error> {
    struct Classes;
    impl<'de> Visitor<'de> for Classes {
        type Value = BTreeMap<String, u64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object of numbers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut classes = BTreeMap::new();
            while let Some((class, n)) = map.next_entry()? {
                classes.insert(class, n);
                if classes.len() > MAX_CLASSES {
                    return Err(serde::de::Error::custom("more classes than there are"));
                }
            }
            Ok(classes)
        }
    }
    deserializer.deserialize_map(Classes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N]> {
    let wrong = || Damage::Wrong("a digest or id that is none");
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

/// A line whose names stay in the order that they are given in: the first says what the line is.
struct Line(Vec<(&'static str, Value)>);

impl Line {
    fn new(name: &'static str, value: impl Into<Value>) -> Line {
        Line(vec![(name, value.into())])
    }

    fn with(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }
}

impl Serialize for Line {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *out, value).expect("a line of text and numbers can be written");
    out.push(b'\n');
}

/// A value as text if it is text, else as base64.
fn put_bytes(line: &mut Line, bytes: &[u8]) {
    match str::from_utf8(bytes) {
        Ok(text) => line.with("text", text),
        Err(_) => line.with("base64", STANDARD.encode_to_string(bytes)),
    }
}

fn put_facts(line: &mut Line, facts: &Facts) {
    let attributes = &facts.attributes;
    for field in Native::ALL {
        if let Some(value) = attributes.native(field) {
            line.with(field.header(), value);
        }
    }
    if attributes.iter().next().is_some() {
        let own = attributes.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
        line.with("attributes", Value::Object(own.collect()));
    }
    for (name, at) in [("expires", facts.expires), ("modified", facts.modified)] {
        if let Some(at) = at {
            line.with(name, time::to_nanos(at).unwrap_or(i64::MAX));
        }
    }
}

pub(super) fn header(header: &Header, out: &mut Vec<u8>) {
    line(
        out,
        &HeaderLine {
            dump: super::head::VERSION,
            id: hex(&header.id),
            source: header.source.clone(),
            select: header.select.clone(),
            started: time::to_nanos(header.started).unwrap_or(i64::MAX),
            writer: header.writer.clone(),
            part: header.part,
            totals: header.totals,
            after: header.after.as_ref().map(|key| key.as_str().to_owned()),
            before: hex(&header.before),
        },
    );
}

pub(super) fn encode(pieces: &[Piece], out: &mut Vec<u8>) -> Vec<Digest> {
    let mut proofs = Vec::with_capacity(pieces.len() + 2);
    for piece in pieces {
        let (fields, proof) = match piece {
            Piece::Entry(entry) => {
                let context = item::context(&entry.key, &entry.facts);
                let digest = item::digest(&[segment::hash(&entry.value)], &context);
                let mut fields = Line::new("key", entry.key.as_str());
                put_bytes(&mut fields, &entry.value);
                put_facts(&mut fields, &entry.facts);
                fields.with("digest", hex(&digest));
                (fields, digest)
            }
            Piece::Begin { key, facts, size } => {
                let mut fields = Line::new("begin", key.as_str());
                fields.with("size", *size);
                put_facts(&mut fields, facts);
                (fields, segment::hash(&segment::begin(key, facts, *size)))
            }
            Piece::Chunk(bytes, digest) => (Line::new("chunk", STANDARD.encode_to_string(bytes)), *digest),
            Piece::End(digest) => (Line::new("end", hex(digest)), *digest),
            Piece::Abandon => (Line::new("abandon", true), segment::hash(&segment::ABANDON)),
        };
        line(out, &fields);
        proofs.push(proof);
    }
    proofs
}

pub(super) fn close(last: &Last, running: &Digest, out: &mut Vec<u8>) {
    match last {
        Last::Checkpoint { entries, bytes } => {
            let mut fields = Line::new("checkpoint", hex(running));
            fields.with("entries", *entries);
            fields.with("bytes", *bytes);
            line(out, &fields);
        }
        Last::Trailer(trailer) => {
            let body = TrailerBody {
                totals: trailer.totals,
                parts: trailer.parts,
                finished: time::to_nanos(trailer.finished).unwrap_or(i64::MAX),
                snapshot: trailer.consistency == Consistency::Snapshot,
                left_out: trailer.left_out.clone(),
            };
            line(out, &TrailerLine { trailer: body, digest: hex(running) });
        }
        Last::Lines => unreachable!("nobody writes lines without a header"),
    }
}

/// Lines of others are cut behind so many …
const LINES: usize = 1000;
/// … or so many bytes.
const LINES_BYTES: usize = 1 << 20;

/// Whether a line ends a segment.
fn ends(line: &[u8]) -> bool {
    line.starts_with(b"{\"checkpoint\"") || line.starts_with(b"{\"trailer\"")
}

/// Where the first segment in `bytes` ends, if it is all there; `looked` is where an earlier call stopped looking.
pub(super) fn end_of(bytes: &[u8], looked: &mut Looked) -> Result<Option<usize>> {
    while let Some(length) = bytes[looked.at..].iter().position(|b| *b == b'\n') {
        let line = &bytes[looked.at..looked.at + length];
        looked.at += length + 1;
        looked.budget.item()?;
        if ends(line) {
            return Ok(Some(looked.at));
        }
    }
    match bytes.len() - looked.at > 6 * MAX_LINE {
        true => Err(Damage::Wrong("a line that is longer than lines can be")),
        false => Ok(None),
    }
}

/// Where to cut lines of others: behind so many, or so many bytes.
pub(super) fn end_of_lines(bytes: &[u8]) -> Result<Option<usize>> {
    let mut lines = 0;
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|b| *b == b'\n') {
        at += length + 1;
        lines += 1;
        if lines == LINES || at >= LINES_BYTES {
            return Ok(Some(at));
        }
    }
    match bytes.len() - at > 6 * MAX_LINE {
        true => Err(Damage::Wrong("a line that is longer than lines can be")),
        false => Ok(None),
    }
}

/// Takes lines of others apart: entries, with a digest or without.
pub(super) fn decode_lines(content: &Bytes) -> Result<Segment> {
    let mut pieces = Vec::new();
    for line in content.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        pieces.push(Piece::Entry(entry(Fields::read(line)?, false, &mut Budget::default())?.0));
    }
    let length = content.len() as u64;
    Ok(Segment { header: None, pieces, last: Last::Lines, proofs: Vec::new(), running: [0; 32], length })
}

fn take_key(fields: &mut Fields, name: &str) -> Result<Key> {
    let text = fields.take_text(name)?.ok_or(Damage::Wrong("a line without a key"))?;
    Key::new(text).map_err(|_| Damage::Wrong("a key that is none"))
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode_to_vec(text).map_err(|_| Damage::Wrong("base64 that is none"))
}

fn take_value(fields: &mut Fields) -> Result<Bytes> {
    match (fields.take_text("text")?, fields.take_text("base64")?) {
        (Some(text), None) => Ok(text.into()),
        (None, Some(text)) => Ok(decode_base64(&text)?.into()),
        _ => Err(Damage::Wrong("a line needs its value, as text or as base64")),
    }
}

fn take_facts(fields: &mut Fields, budget: &mut Budget) -> Result<Facts> {
    let mut facts = Facts::default();
    for field in Native::ALL {
        if let Some(value) = fields.take_text(field.header())? {
            facts.attributes = facts.attributes.set_native(field, value);
        }
    }
    for (name, value) in fields.take_texts("attributes", budget)? {
        facts.attributes = facts.attributes.set(name, value);
    }
    for (name, at) in [("expires", &mut facts.expires), ("modified", &mut facts.modified)] {
        *at = fields.take_nanos(name)?.map(time::from_nanos);
    }
    Ok(facts)
}

/// An entry of a line, its digest checked if it has one.
fn entry(mut fields: Fields, digest_wanted: bool, budget: &mut Budget) -> Result<(Entry, Digest)> {
    let key = take_key(&mut fields, "key")?;
    let value = take_value(&mut fields)?;
    let facts = take_facts(&mut fields, budget)?;
    let told = fields.take_text("digest")?;
    fields.nothing_left()?;
    let digest = item::digest(&[segment::hash(&value)], &item::context(&key, &facts));
    match told {
        Some(told) if unhex(&told)? != digest => return Err(Damage::Entry(key)),
        None if digest_wanted => return Err(Damage::Wrong("an entry without its digest")),
        _ => {}
    }
    Ok((Entry { key, facts, value }, digest))
}

fn read_header(line: &[u8]) -> Result<Header> {
    let line: HeaderLine =
        serde_json::from_slice(line).map_err(|_| Damage::Wrong("a header that cannot be read"))?;
    if line.dump != super::head::VERSION {
        return Err(Damage::Unknown("a dump of another version than 1"));
    }
    let mut header = Header::new(unhex(&line.id)?, line.source, time::from_nanos(line.started));
    header.select = line.select;
    header.writer = line.writer;
    header.part = line.part;
    header.totals = line.totals;
    header.before = unhex(&line.before)?;
    header.after = match line.after {
        Some(key) => Some(Key::new(key).map_err(|_| Damage::Wrong("a key that is none"))?),
        None => None,
    };
    Ok(header)
}

fn read_trailer(line: &[u8]) -> Result<(Trailer, Digest)> {
    let line: TrailerLine =
        serde_json::from_slice(line).map_err(|_| Damage::Wrong("a trailer that cannot be read"))?;
    let body = line.trailer;
    let trailer = Trailer {
        totals: body.totals,
        parts: body.parts,
        finished: time::from_nanos(body.finished),
        consistency: if body.snapshot { Consistency::Snapshot } else { Consistency::Fuzzy },
        left_out: body.left_out,
    };
    Ok((trailer, unhex(&line.digest)?))
}

/// Takes a segment of lines apart, and checks each entry and chunk.
pub(super) fn decode(content: &Bytes) -> Result<Segment> {
    let (mut pieces, mut proofs, mut read) = (Vec::new(), Vec::new(), None);
    let mut budget = Budget::default();
    let mut lines = content.split_inclusive(|b| *b == b'\n').enumerate();
    while let Some((number, line)) = lines.next() {
        budget.item()?;
        if line.len() > 6 * MAX_LINE {
            return Err(Damage::Wrong("a line that is longer than lines can be"));
        }
        if number == 0 && line.starts_with(b"{\"dump\"") {
            let header = read_header(line)?;
            proofs.push(segment::hash(&header.encode()));
            read = Some(header);
            continue;
        }
        if line.starts_with(b"{\"trailer\"") {
            let (trailer, running) = read_trailer(line)?;
            proofs.push(segment::hash(&trailer.encode()));
            let last = Last::Trailer(Box::new(trailer));
            return match lines.next() {
                None => {
                    Ok(Segment { header: read, pieces, last, proofs, running, length: content.len() as u64 })
                }
                Some(_) => Err(Damage::Wrong("something stands behind the end of a segment")),
            };
        }
        let mut fields = Fields::read(line)?;
        if fields.has("key") {
            let (entry, digest) = entry(fields, true, &mut budget)?;
            pieces.push(Piece::Entry(entry));
            proofs.push(digest);
        } else if fields.has("begin") {
            let key = take_key(&mut fields, "begin")?;
            let (size, facts) = (fields.take_number("size")?, take_facts(&mut fields, &mut budget)?);
            fields.nothing_left()?;
            proofs.push(segment::hash(&segment::begin(&key, &facts, size)));
            pieces.push(Piece::Begin { key, facts, size });
        } else if let Some(chunk) = fields.take_text("chunk")? {
            fields.nothing_left()?;
            let bytes = Bytes::from(decode_base64(&chunk)?);
            if bytes.is_empty() || bytes.len() > item::CHUNK {
                return Err(Damage::Wrong("a chunk of a length that it cannot have"));
            }
            let digest = segment::hash(&bytes);
            pieces.push(Piece::Chunk(bytes, digest));
            proofs.push(digest);
        } else if let Some(digest) = fields.take_text("end")? {
            fields.nothing_left()?;
            let digest = unhex(&digest)?;
            pieces.push(Piece::End(digest));
            proofs.push(digest);
        } else if fields.take_flag("abandon") {
            fields.nothing_left()?;
            pieces.push(Piece::Abandon);
            proofs.push(segment::hash(&segment::ABANDON));
        } else if let Some(running) = fields.take_text("checkpoint")? {
            let entries = fields.take_number("entries")?;
            let bytes = fields.take_number("bytes")?;
            fields.nothing_left()?;
            let (last, running) = (Last::Checkpoint { entries, bytes }, unhex(&running)?);
            return match lines.next() {
                None => {
                    Ok(Segment { header: read, pieces, last, proofs, running, length: content.len() as u64 })
                }
                Some(_) => Err(Damage::Wrong("something stands behind the end of a segment")),
            };
        } else {
            return Err(Damage::Unknown("a line of a kind that is not known here"));
        }
    }
    Err(Damage::Short)
}
