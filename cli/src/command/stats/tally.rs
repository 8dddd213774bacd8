//! What a listing comes to.

use std::time::SystemTime;

use larder::{Expires, Listed, Meta};

use super::classes::Classes;
use super::extremes::Largest;
use super::segments::Segments;

/// How many foreign names are kept.
const FOREIGN: usize = 10;

/// A key and its time.
pub(super) type At = Option<(SystemTime, String)>;

#[derive(Debug, Clone)]
pub(super) struct Tally {
    now: SystemTime,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) stored_bytes: Option<u64>,
    pub(super) unknown_sizes: u64,
    pub(super) classes: Classes,
    pub(super) largest: Largest<String>,
    pub(super) oldest: At,
    pub(super) newest: At,
    pub(super) expiring: u64,
    pub(super) expired: u64,
    pub(super) unknown_expiry: u64,
    pub(super) first_to_expire: At,
    pub(super) segments: Option<Segments>,
    pub(super) foreign: u64,
    pub(super) foreign_names: Vec<(String, String)>,
}

/// Keeps the earlier, or the later, of two.
fn keep(kept: &mut At, time: SystemTime, key: &str, better: impl Fn(&SystemTime) -> bool) {
    if kept.as_ref().is_none_or(|(at, _)| better(at)) {
        *kept = Some((time, key.to_owned()));
    }
}

impl Tally {
    pub(super) fn new(now: SystemTime, top: usize, prefix: &str, ordered: bool) -> Tally {
        Tally {
            now,
            entries: 0,
            bytes: 0,
            stored_bytes: None,
            unknown_sizes: 0,
            classes: Classes::default(),
            largest: Largest::new(top),
            oldest: None,
            newest: None,
            expiring: 0,
            expired: 0,
            unknown_expiry: 0,
            first_to_expire: None,
            segments: ordered.then(|| Segments::new(top, prefix)),
            foreign: 0,
            foreign_names: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, item: Listed) {
        match item {
            Listed::Entry(meta) => self.entry(&meta),
            Listed::Foreign { name, why } => {
                self.foreign += 1;
                if self.foreign_names.len() < FOREIGN {
                    self.foreign_names.push((name, why.to_string()));
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, meta: &Meta) {
        let key = meta.key.as_str();
        self.entries += 1;
        match meta.size {
            Some(size) => {
                self.bytes = self.bytes.saturating_add(size);
                self.classes.add(size);
                self.largest.add(size, || key.to_owned());
            }
            None => self.unknown_sizes += 1,
        }
        if let Some(stored) = meta.stored_size {
            self.stored_bytes = Some(self.stored_bytes.unwrap_or(0).saturating_add(stored));
        }
        if let Some(segments) = &mut self.segments {
            segments.add(key, meta.size.unwrap_or(0));
        }
        if let Some(time) = meta.modified {
            keep(&mut self.oldest, time, key, |at| time < *at);
            keep(&mut self.newest, time, key, |at| time > *at);
        }
        match meta.expires {
            None => self.unknown_expiry += 1,
            Some(Expires::Never) => {}
            // Named by a listing, and absent all the same.
            Some(Expires::At(at)) if at <= self.now => self.expired += 1,
            Some(Expires::At(at)) => {
                self.expiring += 1;
                keep(&mut self.first_to_expire, at, key, |first| at < *first);
            }
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(segments) = &mut self.segments {
            segments.end();
        }
    }
}
