//! How many values there are of which size.

/// The upper ends of the classes: fours of the one before, from 1 KiB on.
const ENDS: usize = 12;

/// Values by size: empty, up to 1 KiB, up to 4 KiB, …, above 1 GiB.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    classes: [Class; ENDS + 1],
}

/// One class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Class {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// The largest size of a class; `None` for the last.
fn end(class: usize) -> Option<u64> {
    match class {
        0 => Some(0),
        ENDS => None,
        class => Some(1 << (10 + 2 * (class - 1))),
    }
}

impl Classes {
    pub(super) fn add(&mut self, size: u64) {
        let class = (0..ENDS).find(|class| end(*class).is_some_and(|end| size <= end)).unwrap_or(ENDS);
        let class = &mut self.classes[class];
        class.entries += 1;
        class.bytes = class.bytes.saturating_add(size);
    }

    /// Those that are not empty, with their largest size.
    pub(super) fn used(&self) -> impl Iterator<Item = (Option<u64>, Class)> {
        let all = self.classes.iter().enumerate().map(|(n, class)| (end(n), *class));
        all.filter(|(_, class)| class.entries > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_its_class() {
        let mut classes = Classes::default();
        for size in [0, 1, 1024, 1025, 1 << 30, (1 << 30) + 1, u64::MAX] {
            classes.add(size);
        }
        let used: Vec<_> = classes.used().map(|(end, class)| (end, class.entries)).collect();
        assert_eq!(used, [(Some(0), 1), (Some(1024), 2), (Some(4096), 1), (Some(1 << 30), 1), (None, 2)]);
    }
}
