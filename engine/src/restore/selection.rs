//! Which entries a restore is about. Pure.

use crate::model::EntryPath;
use crate::vault::Between;

/// The paths that were asked for, each with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// Everything.
    All,
    /// Sorted, none within another.
    Below(Vec<EntryPath>),
}

impl Selection {
    /// These paths; of nested ones the outer.
    pub(super) fn of(paths: impl IntoIterator<Item = EntryPath>) -> Self {
        let mut sorted: Vec<EntryPath> = paths.into_iter().collect();
        sorted.sort();
        sorted.dedup_by(|inner, outer| inner.is_within(outer));
        Self::Below(sorted)
    }

    /// Was it, or a folder above it, asked for?
    pub(super) fn holds(&self, path: &EntryPath) -> bool {
        let Self::Below(roots) = self else { return true };
        // A folder is followed by all below it, so that no other root lies between.
        let after = roots.partition_point(|root| root <= path);
        after > 0 && path.is_within(&roots[after - 1])
    }

    /// Does it lead to something that was asked for?
    pub(super) fn leads_to(&self, path: &EntryPath) -> bool {
        let Self::Below(roots) = self else { return false };
        let after = roots.partition_point(|root| root <= path);
        roots.get(after).is_some_and(|root| root.is_within(path))
    }

    /// May something that was asked for be in that range?
    pub(super) fn touches(&self, between: &Between) -> bool {
        match self {
            Self::All => true,
            Self::Below(roots) => roots.iter().any(|root| between.touches(root)),
        }
    }

    /// Is nothing at `path` or behind it in the order of entries asked for?
    pub(super) fn is_past(&self, path: &EntryPath) -> bool {
        let Self::Below(roots) = self else { return false };
        roots.last().is_none_or(|last| last < path && !path.is_within(last))
    }
}

/// Which of several paths occur, as one pass over sorted entries goes by.
#[derive(Debug)]
pub(super) struct Occurring {
    wanted: Vec<(EntryPath, bool)>,
    at: usize,
}

impl Occurring {
    /// None has been seen yet.
    pub(super) fn new(paths: &[EntryPath]) -> Self {
        let mut wanted: Vec<(EntryPath, bool)> = paths.iter().map(|path| (path.clone(), false)).collect();
        wanted.sort();
        wanted.dedup();
        Self { wanted, at: 0 }
    }

    /// The next entry is at `path`.
    pub(super) fn see(&mut self, path: &EntryPath) {
        while let Some((wanted, seen)) = self.wanted.get_mut(self.at).filter(|(wanted, _)| wanted <= path) {
            // The first entry that does not come before it is it, or lies below it, or it does not occur.
            *seen = path.is_within(wanted);
            self.at += 1;
        }
    }

    /// Those that occur, and those that do not.
    pub(super) fn finish(self) -> (Vec<EntryPath>, Vec<EntryPath>) {
        let (seen, missed): (Vec<_>, Vec<_>) = self.wanted.into_iter().partition(|(_, seen)| *seen);
        let paths = |list: Vec<(EntryPath, bool)>| list.into_iter().map(|(path, _)| path).collect();
        (paths(seen), paths(missed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).expect("a path")
    }

    fn some_path() -> impl Strategy<Value = EntryPath> {
        proptest::collection::vec("[ab-]{1,2}", 1..4).prop_map(|parts| path(&parts.join("/")))
    }

    proptest! {
        #[test]
        fn selecting_is_what_each_path_by_itself_says(
            roots in proptest::collection::vec(some_path(), 1..6),
            entries in proptest::collection::btree_set(some_path(), 1..20),
        ) {
            let selection = Selection::of(roots.clone());
            let mut occurring = Occurring::new(&roots);
            for entry in &entries {
                occurring.see(entry);
                let held = roots.iter().any(|root| entry.is_within(root));
                prop_assert_eq!(selection.holds(entry), held);
                if !held {
                    prop_assert_eq!(selection.leads_to(entry), roots.iter().any(|root| root.is_within(entry)));
                }
                let later = entries.iter().filter(|other| *other >= entry);
                if selection.is_past(entry) {
                    prop_assert!(!later.clone().any(|other| roots.iter().any(|root| other.is_within(root))));
                }
            }
            let (seen, missed) = occurring.finish();
            let there = |root: &EntryPath| entries.iter().any(|entry| entry.is_within(root));
            prop_assert!(seen.iter().all(there) && !missed.iter().any(there));
        }
    }

    #[test]
    fn all_means_all_and_is_never_past() {
        assert!(Selection::All.holds(&path("a")) && !Selection::All.is_past(&path("z")));
    }
}
