//! Several parts of one version of a value.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::call::Call;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::meta::Meta;
use crate::options::{Consistency, Fill, GetOptions, HeadOptions};
use crate::outcome::Got;
use crate::range::ByteRange;
use crate::store::Store;
use crate::version::Version;

/// Options of reading several parts of a value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RangesOptions {
    /// Parts with at most so many bytes between them are read by one request; 1 MiB by default.
    pub coalesce: u64,
    /// How many requests run at once; 10 by default.
    pub concurrency: usize,
    /// Only if the value has this version, else [`ErrorKind::Conflict`].
    pub only: Option<Version>,
    /// How fresh it must be.
    pub consistency: Consistency,
    /// Whether it is kept on the way.
    pub fill: Fill,
    /// The context.
    pub call: Call,
}

impl Default for RangesOptions {
    fn default() -> RangesOptions {
        RangesOptions {
            coalesce: 1 << 20,
            concurrency: 10,
            only: None,
            consistency: Consistency::default(),
            fill: Fill::default(),
            call: Call::default(),
        }
    }
}

impl RangesOptions {
    /// The default ones.
    pub fn new() -> RangesOptions {
        RangesOptions::default()
    }

    /// How many bytes may lie between parts that are read by one request.
    pub fn with_coalesce(mut self, bytes: u64) -> RangesOptions {
        self.coalesce = bytes;
        self
    }

    /// How many requests run at once, at least one.
    pub fn with_concurrency(mut self, requests: usize) -> RangesOptions {
        self.concurrency = requests;
        self
    }

    /// Only if the value has this version.
    pub fn with_only(mut self, only: Version) -> RangesOptions {
        self.only = Some(only);
        self
    }

    /// How fresh it must be.
    pub fn with_consistency(mut self, consistency: Consistency) -> RangesOptions {
        self.consistency = consistency;
        self
    }

    /// Whether it is kept on the way.
    pub fn with_fill(mut self, fill: Fill) -> RangesOptions {
        self.fill = fill;
        self
    }

    /// The context.
    pub fn with_call(mut self, call: Call) -> RangesOptions {
        self.call = call;
        self
    }
}

pub(super) async fn get_ranges<S: Store + ?Sized>(
    store: &S,
    key: &Key,
    ranges: &[ByteRange],
    options: &RangesOptions,
) -> Result<Option<Vec<Bytes>>> {
    let named = |e: Error| e.at(store.id()).on(key);
    ranges.iter().try_for_each(|range| range.check()).map_err(named)?;
    let mut only = options.only.clone();
    // Parts with an end and a beginning can be laid out at once, others need to know the size.
    let bounded = ranges.iter().map(|range| match range {
        ByteRange::Bounded { start, end } => Some(*start..*end),
        _ => None,
    });
    let bounded = match bounded.collect::<Option<Vec<_>>>() {
        Some(bounded) if !bounded.is_empty() => bounded,
        _ => {
            let mut head =
                HeadOptions::new().with_consistency(options.consistency).with_call(options.call.clone());
            head.only = only;
            let got = store.head_opts(key, &head).await?;
            let Some(meta) = got.meta() else { return Ok(None) };
            let size = meta.size.ok_or_else(|| named(Error::unsupported(Op::Get, "sizes of values")))?;
            only = Some(version(meta).map_err(named)?);
            let resolved = ranges.iter().map(|range| range.resolve(size));
            resolved.collect::<Result<Vec<_>>>().map_err(named)?
        }
    };
    let groups = coalesce(&bounded, options.coalesce);
    let mut parts = vec![Bytes::new(); bounded.len()];
    let mut rest = groups.iter();
    if only.is_none()
        && let Some(first) = rest.next()
    {
        let Some((meta, body)) = read(store, key, first, None, options).await? else { return Ok(None) };
        // One request needs no version; several do.
        if groups.len() > 1 {
            only = Some(version(&meta).map_err(named)?);
        }
        cut(&bounded, first, &meta, &body, &mut parts).map_err(named)?;
    }
    let only = &only;
    let reads: Vec<_> = rest
        .map(|group| async move {
            let got = read(store, key, group, only.clone(), options).await?;
            Ok::<_, Error>((group, got))
        })
        .collect();
    let mut read = stream::iter(reads).buffered(options.concurrency.max(1));
    while let Some((group, got)) = read.try_next().await? {
        match got {
            Some((meta, body)) => cut(&bounded, group, &meta, &body, &mut parts).map_err(named)?,
            // The caller's own version, and no part read yet: the value is absent, and no more than that.
            None if options.only.is_some() && std::ptr::eq(group, &groups[0]) => return Ok(None),
            None => {
                let why = "the value went away while its parts were read";
                return Err(named(Error::new(ErrorKind::Conflict, Op::Get, why)));
            }
        }
    }
    Ok(Some(parts))
}

fn version(meta: &Meta) -> Result<Version> {
    meta.version.clone().ok_or_else(|| Error::unsupported(Op::Get, "versions"))
}

/// Parts that are read together: what is read, and which parts they are.
#[derive(Debug, PartialEq)]
struct Group {
    read: Range<u64>,
    parts: Vec<usize>,
}

/// Puts parts together that overlap or have at most `gap` bytes between them.
fn coalesce(parts: &[Range<u64>], gap: u64) -> Vec<Group> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&i| (parts[i].start, parts[i].end));
    let mut groups: Vec<Group> = Vec::new();
    for i in order {
        let part = &parts[i];
        match groups.last_mut() {
            Some(group) if part.start <= group.read.end.saturating_add(gap) => {
                group.read.end = group.read.end.max(part.end);
                group.parts.push(i);
            }
            _ => groups.push(Group { read: part.clone(), parts: vec![i] }),
        }
    }
    groups
}

async fn read<S: Store + ?Sized>(
    store: &S,
    key: &Key,
    group: &Group,
    only: Option<Version>,
    options: &RangesOptions,
) -> Result<Option<(Meta, Bytes)>> {
    let mut get = GetOptions::new().with_range(group.read.clone()).with_call(options.call.clone());
    get.only = only;
    get.consistency = options.consistency;
    get.fill = options.fill;
    let got = match store.try_get(key, &get) {
        Some(got) => got,
        None => store.get_opts(key, &get).await,
    };
    Ok(match got? {
        Got::Found { meta, body, .. } => Some((meta, body)),
        _ => None,
    })
}

/// Cuts a group's parts out of what was read; they share its memory.
fn cut(bounded: &[Range<u64>], group: &Group, meta: &Meta, body: &Bytes, parts: &mut [Bytes]) -> Result<()> {
    let end = group.read.start + body.len() as u64;
    let size = meta.size.unwrap_or(end);
    for &i in &group.parts {
        let part = ByteRange::from(bounded[i].clone()).resolve(size)?;
        if part.end > end {
            let why = format!("{} bytes came where {} were to", body.len(), part.end - group.read.start);
            return Err(Error::new(ErrorKind::Corrupt, Op::Get, why));
        }
        let at = |byte: u64| (byte - group.read.start) as usize;
        parts[i] = body.slice(at(part.start)..at(part.end));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_parts_are_read_together() {
        let group = |read: Range<u64>, parts: &[usize]| Group { read, parts: parts.into() };
        assert_eq!(coalesce(&[], 10), []);
        assert_eq!(coalesce(&[20..30, 0..10], 9), [group(0..10, &[1]), group(20..30, &[0])]);
        assert_eq!(coalesce(&[20..30, 0..10], 10), [group(0..30, &[1, 0])]);
        assert_eq!(coalesce(&[0..10, 10..20], 0), [group(0..20, &[0, 1])]);
        assert_eq!(
            coalesce(&[0..100, 10..20, 30..40, 101..102], 0),
            [group(0..100, &[0, 1, 2]), group(101..102, &[3])]
        );
        assert_eq!(coalesce(&[5..6, 5..6], 0), [group(5..6, &[0, 1])]);
        assert_eq!(coalesce(&[0..u64::MAX, 7..8], u64::MAX), [group(0..u64::MAX, &[0, 1])]);
    }
}
