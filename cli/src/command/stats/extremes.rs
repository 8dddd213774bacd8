//! The largest of many, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The `most` largest of what is added.
#[derive(Debug, Clone)]
pub(super) struct Largest<T: Ord> {
    most: usize,
    kept: BinaryHeap<Reverse<(u64, T)>>,
}

impl<T: Ord> Largest<T> {
    pub(super) fn new(most: usize) -> Largest<T> {
        Largest { most, kept: BinaryHeap::new() }
    }

    /// Adds one. What it is is only asked for if it is among them.
    pub(super) fn add(&mut self, size: u64, what: impl FnOnce() -> T) {
        if self.kept.len() == self.most {
            match self.kept.peek() {
                Some(Reverse((least, _))) if *least < size => drop(self.kept.pop()),
                _ => return,
            }
        }
        self.kept.push(Reverse((size, what())));
    }

    /// The largest first.
    pub(super) fn sorted(&self) -> Vec<&(u64, T)> {
        let mut all: Vec<_> = self.kept.iter().map(|Reverse(one)| one).collect();
        all.sort_by(|a, b| b.cmp(a));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_largest_stay() {
        let mut largest = Largest::new(2);
        for size in [3, 1, 4, 1, 5] {
            largest.add(size, || size.to_string());
        }
        assert_eq!(largest.sorted(), [&(5, "5".to_owned()), &(4, "4".to_owned())]);
        let mut none = Largest::new(0);
        none.add(1, || ());
        assert!(none.sorted().is_empty());
    }
}
