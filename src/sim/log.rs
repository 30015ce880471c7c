//! What a fake remembers of its traffic: the newest entries, so that one that runs for days does
//! not grow. Entries are numbered from the first one ever; the number of a forgotten one leads
//! nowhere.

use std::collections::VecDeque;

/// How much is remembered unless somebody says otherwise: more than any test looks at.
pub(super) const MOST: usize = 100_000;

/// The newest entries, the oldest of them first.
#[derive(Debug, Clone)]
pub(super) struct Log<T> {
    entries: VecDeque<T>,
    forgotten: usize,
    most: usize,
}

impl<T> Log<T> {
    /// One that keeps so many; at least one.
    pub(super) fn keeping(most: usize) -> Self {
        Self { entries: VecDeque::new(), forgotten: 0, most: most.max(1) }
    }

    /// Adds an entry; its number.
    pub(super) fn push(&mut self, entry: T) -> usize {
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
        self.forgotten + self.entries.len() - 1
    }

    /// An entry by its number, while it is remembered.
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.entries.get_mut(number.checked_sub(self.forgotten)?)
    }

    /// How many there ever were.
    pub(super) fn ever(&self) -> usize {
        self.forgotten + self.entries.len()
    }

    /// The newest one.
    pub(super) fn last(&self) -> Option<&T> {
        self.entries.back()
    }

    /// All that are remembered, the oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter()
    }
}

impl<T: Clone> Log<T> {
    pub(super) fn to_vec(&self) -> Vec<T> {
        self.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_numbers_stay() {
        let mut log = Log::keeping(2);
        let numbers = ["a", "b", "c"].map(|entry| log.push(entry));
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(log.to_vec(), ["b", "c"]);
        assert_eq!(log.get_mut(0), None);
        assert_eq!(log.get_mut(2).map(|entry| *entry), Some("c"));
        assert_eq!(log.last(), Some(&"c"));
    }
}
