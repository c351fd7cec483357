//! What differs between what a point says and what came back: values, bounded in number, never in count.

use std::collections::{BTreeMap, BTreeSet};

/// Mismatches that are kept one by one; more are only counted.
const KEPT_MAX: usize = 1000;
/// Paths of which it is remembered that something could not be tested.
const PATHS_MAX: usize = 10_000;

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// As it stands in the point, or an object's name; any bytes; empty if it is about the point as a whole.
    pub path: Vec<u8>,
    /// What is wrong, for people.
    pub problem: String,
    /// What the point says, where that is short.
    pub expected: Option<String>,
    /// What was found.
    pub found: Option<String>,
}

impl Mismatch {
    /// Something wrong that is said in one sentence.
    #[must_use]
    pub fn new(path: &[u8], problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), expected: None, found: None }
    }

    /// A value that differs.
    #[must_use]
    pub fn differs(path: &[u8], what: &str, expected: impl ToString, found: impl ToString) -> Self {
        let (expected, found) = (Some(expected.to_string()), Some(found.to_string()));
        Self { path: path.into(), problem: format!("{what} differs"), expected, found }
    }
}

/// All that differs, and all that could not be tested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatches {
    kept: Vec<Mismatch>,
    count: u64,
    untested: BTreeMap<String, u64>,
    untested_paths: BTreeSet<Vec<u8>>,
}

impl Mismatches {
    /// Adds one.
    pub fn add(&mut self, mismatch: Mismatch) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(mismatch);
        }
    }

    /// Something of `path` was not tested.
    pub fn untested(&mut self, path: &[u8], why: impl Into<String>) {
        *self.untested.entry(why.into()).or_default() += 1;
        if self.untested_paths.len() < PATHS_MAX {
            self.untested_paths.insert(path.into());
        }
    }

    /// The restore itself said so of `path`: it explains what was found there, or is a finding where nothing was.
    pub fn explain(&mut self, path: &[u8], why: &str) {
        if let Some(known) = self.kept.iter_mut().find(|known| known.path == path) {
            known.problem = format!("{}; the restore said: {why}", known.problem);
        } else if !self.untested_paths.contains(path) {
            self.add(Mismatch::new(path, format!("the restore said: {why}")));
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The first of them.
    #[must_use]
    pub fn kept(&self) -> &[Mismatch] {
        &self.kept
    }

    /// What was not tested, how often, and why.
    #[must_use]
    pub const fn not_tested(&self) -> &BTreeMap<String, u64> {
        &self.untested
    }

    /// Is something wrong with that path?
    #[must_use]
    pub fn names(&self, path: &[u8]) -> bool {
        self.kept.iter().any(|known| known.path == path)
    }

    /// Is something wrong with that path, or could something of it not be tested?
    #[must_use]
    pub fn concerns(&self, path: &[u8]) -> bool {
        self.names(path) || self.untested_paths.contains(path)
    }

    /// Takes over all of `other`.
    pub fn append(&mut self, other: Self) {
        let dropped = other.count - other.kept.len() as u64;
        other.kept.into_iter().for_each(|mismatch| self.add(mismatch));
        self.count += dropped;
        for (why, count) in other.untested {
            *self.untested.entry(why).or_default() += count;
        }
        self.untested_paths.extend(other.untested_paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_some_are_kept() {
        let mut all = Mismatches::default();
        (0..1500).for_each(|n| all.add(Mismatch::new(b"a", n.to_string())));
        let mut more = Mismatches::default();
        more.append(all.clone());
        more.append(all);
        assert_eq!((more.count(), more.kept().len()), (3000, KEPT_MAX));
    }

    #[test]
    fn a_problem_of_the_restore_explains_or_is_one() {
        let mut all = Mismatches::default();
        all.add(Mismatch::new(b"a", "missing"));
        all.untested(b"b", "owners");
        all.explain(b"a", "a chunk is damaged");
        all.explain(b"b", "not permitted");
        all.explain(b"c", "what is this?");
        assert_eq!(all.count(), 2);
        assert!(all.names(b"c") && !all.names(b"b"));
        assert_eq!(all.kept()[0].problem, "missing; the restore said: a chunk is damaged");
    }
}
