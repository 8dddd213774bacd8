//! Reading values whole or by range, and their heads.

use std::ops::Range;

use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::{GetOptions, Got, HeadOptions, Key, Meta, Op, Result, Version};

use super::config::Layout;
use super::handle::Handle;
use super::map::{MAP_FROM, map};
use super::path::KeyPath;
use super::raw::Tag;
use super::root::Root;
use super::source::Source;

/// A value that was found: open, its head read, not expired.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) meta: Meta,
    pub(super) body: Body,
}

/// How the bytes of a value lie in its file.
#[derive(Debug)]
pub(super) enum Body {
    /// Behind the head, with checks.
    Record { head: Head, head_len: usize },
    /// They are the file, which was this when it was opened.
    Raw(Tag),
}

impl Body {
    /// Bytes of the value.
    pub(super) fn len(&self, source: &Source) -> u64 {
        match self {
            Body::Record { head, .. } => head.raw_len,
            Body::Raw(_) => source.len,
        }
    }
}

/// Finds the value of `key`. `None` if it is absent or has expired.
pub(super) fn find(handle: &Handle, root: &Root, op: Op, key: &Key, path: &KeyPath) -> Result<Option<Found>> {
    let Some(source) = Source::open(op, root, path)? else { return Ok(None) };
    match handle.layout_of(key) {
        Layout::Raw => {
            let tag = Tag::of(op, &source.file)?;
            Ok(Some(Found { meta: tag.meta(key), source, body: Body::Raw(tag) }))
        }
        Layout::Record => {
            let (head, head_len) = source.head(op, Some(key))?;
            if head.is_expired(handle.env.wall()) {
                return Ok(None);
            }
            let meta = head.meta(source.len);
            Ok(Some(Found { source, meta, body: Body::Record { head, head_len } }))
        }
    }
}

/// The head of the value of `key`, if it is there and has not expired.
pub(super) fn current(
    handle: &Handle,
    root: &Root,
    op: Op,
    key: &Key,
    path: &KeyPath,
) -> Result<Option<Version>> {
    Ok(find(handle, root, op, key, path)?.and_then(|found| found.meta.version))
}

/// A get.
pub(super) fn get(
    handle: &Handle,
    root: &Root,
    op: Op,
    key: &Key,
    path: &KeyPath,
    options: &GetOptions,
) -> Result<Got<Bytes>> {
    let Some(source) = Source::open(op, root, path)? else { return Ok(Got::Absent) };
    let maps = handle.map && handle.layout_of(key) == Layout::Record;
    // One read for what is small, or wanted whole and not mapped.
    if options.range.is_none() && handle.layout_of(key) == Layout::Record && (source.len < MAP_FROM || !maps)
    {
        let bytes = source.read_all(op)?;
        return whole(handle, op, key, &source, bytes, options);
    }
    let found = match handle.layout_of(key) {
        Layout::Raw => {
            let tag = Tag::of(op, &source.file)?;
            Found { meta: tag.meta(key), source, body: Body::Raw(tag) }
        }
        Layout::Record => {
            let (head, head_len) = source.head(op, Some(key))?;
            if head.is_expired(handle.env.wall()) {
                return Ok(Got::Absent);
            }
            Found { meta: head.meta(source.len), source, body: Body::Record { head, head_len } }
        }
    };
    if !admitted(options, &found.meta)? {
        return Ok(Got::Unchanged(found.meta));
    }
    let size = found.body.len(&found.source);
    let range = options.range.map_or(Ok(0..size), |range| range.resolve(size))?;
    let body = found.read(op, range, maps)?;
    Ok(Got::found(found.meta, body))
}

/// The answer to a get whose file is at hand.
pub(super) fn whole(
    handle: &Handle,
    op: Op,
    key: &Key,
    source: &Source,
    bytes: Bytes,
    options: &GetOptions,
) -> Result<Got<Bytes>> {
    let (head, head_len) = Head::decode(&bytes, Some(key))?;
    source.check_len(op, &head, head_len)?;
    if head.is_expired(handle.env.wall()) {
        return Ok(Got::Absent);
    }
    let meta = head.meta(source.len);
    if !admitted(options, &meta)? {
        return Ok(Got::Unchanged(meta));
    }
    let len = head.open(&bytes[head_len..])?.len();
    Ok(Got::found(meta, bytes.slice(head_len..head_len + len)))
}

fn admitted(options: &GetOptions, meta: &Meta) -> Result<bool> {
    meta.version.as_ref().map_or(Ok(true), |version| options.admits(version))
}

impl Found {
    /// Reads a part of the value, verified.
    pub(super) fn read(&self, op: Op, range: Range<u64>, maps: bool) -> Result<Bytes> {
        let Body::Record { head, head_len } = &self.body else {
            return self.source.read(op, range.start, (range.end - range.start) as usize).map(Bytes::from);
        };
        let cover = head.cover(range.clone());
        let at = *head_len as u64;
        let within = (range.start - cover.raw.start) as usize..(range.end - cover.raw.start) as usize;
        let raw_len = (cover.raw.end - cover.raw.start) as usize;
        // A file that cannot be mapped can be read.
        if maps
            && raw_len as u64 >= MAP_FROM
            && let Ok(mapped) = map(&self.source.file, self.source.len as usize)
        {
            let part = |r: &Range<u64>| (at + r.start) as usize..(at + r.end) as usize;
            let raw = mapped.slice(part(&cover.raw));
            head.binding().verify(cover.first_block, &raw, &mapped[part(&cover.index)])?;
            return Ok(raw.slice(within));
        }
        let raw = self.source.read(op, at + cover.raw.start, raw_len)?;
        let index_len = (cover.index.end - cover.index.start) as usize;
        let index = self.source.read(op, at + cover.index.start, index_len)?;
        head.binding().verify(cover.first_block, &raw, &index)?;
        Ok(Bytes::from(raw).slice(within))
    }
}

/// A head.
pub(super) fn head(
    handle: &Handle,
    root: &Root,
    op: Op,
    key: &Key,
    path: &KeyPath,
    options: &HeadOptions,
) -> Result<Got<()>> {
    let Some(found) = find(handle, root, op, key, path)? else { return Ok(Got::Absent) };
    let send = found.meta.version.as_ref().map_or(Ok(true), |version| options.admits(version))?;
    Ok(if send { Got::found(found.meta, ()) } else { Got::Unchanged(found.meta) })
}
