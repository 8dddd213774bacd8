//! What lies under each first segment of the keys. In an ordered listing a segment comes in one piece, so that only the
//! current one and the largest are kept.

use super::extremes::Largest;

/// What lies under one segment, or beside them all.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Segments {
    /// Where segments begin: behind the prefix that was asked for, up to its last slash.
    start: usize,
    current: Segment,
    largest: Largest<Segment>,
    /// Segments in all.
    pub(super) count: u64,
    /// Keys without a slash.
    pub(super) bare: Segment,
}

impl Segments {
    pub(super) fn new(most: usize, prefix: &str) -> Segments {
        let start = prefix.rfind('/').map_or(0, |at| at + 1);
        let (current, bare) = (Segment::default(), Segment::default());
        Segments { start, current, largest: Largest::new(most), count: 0, bare }
    }

    pub(super) fn add(&mut self, key: &str, size: u64) {
        let rest = key.get(self.start..).unwrap_or_default();
        let into = match rest.find('/') {
            None => &mut self.bare,
            Some(end) => {
                let name = &key[..self.start + end + 1];
                if self.current.name != name {
                    self.end();
                    self.current.name = name.to_owned();
                }
                &mut self.current
            }
        };
        into.entries += 1;
        into.bytes = into.bytes.saturating_add(size);
    }

    /// The current one is over.
    pub(super) fn end(&mut self) {
        let over = std::mem::take(&mut self.current);
        if over.entries > 0 {
            self.count += 1;
            self.largest.add(over.bytes, || over);
        }
    }

    /// The largest first.
    pub(super) fn sorted(&self) -> Vec<&Segment> {
        self.largest.sorted().into_iter().map(|(_, segment)| segment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_in_order() {
        let mut segments = Segments::new(2, "a/");
        for (key, size) in [("a/b", 1), ("a/c/1", 5), ("a/c/2", 5), ("a/d/1", 1), ("a/e/1", 3), ("a/f", 1)] {
            segments.add(key, size);
        }
        segments.end();
        let names: Vec<_> = segments.sorted().iter().map(|s| (s.name.as_str(), s.entries, s.bytes)).collect();
        assert_eq!(names, [("a/c/", 2, 10), ("a/e/", 1, 3)]);
        assert_eq!((segments.count, segments.bare.entries), (3, 2));
    }
}
