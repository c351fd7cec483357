//! How a place lists: at once and as it is, or in pages that come from nodes which lag behind (FORMAT 1).
//!
//! Late lists are about names only: what is read by its name is there, or is not, whatever a list shows. Behind are the
//! last changes of this place's own handles; what lies there by other hands (`plant`) is always shown.

use std::collections::{BTreeMap, VecDeque};

use super::dice::Dice;
use super::disk::Disk;
use crate::destination::Listed;
use crate::model::VaultPath;

/// How many changes of names a list may be behind.
const BEHIND_MAX: usize = 12;

/// How a place lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lists {
    /// At once and as it is.
    #[default]
    Prompt,
    /// In pages.
    Late {
        /// Names in a page; each page is a request of its own.
        page: usize,
        /// The chance in thousandths that a page is behind: of the names that changed lately each is shown as it is, or
        /// as it was, by a toss of its own, so that two pages need not agree.
        per_mille: u16,
    },
}

/// What lists may still show otherwise.
#[derive(Debug)]
pub(super) struct Lag {
    lists: Lists,
    dice: Dice,
    /// Names that changed lately, the oldest first, and the length that was shown before; none if it was not there.
    before: VecDeque<(VaultPath, Option<u64>)>,
}

impl Lag {
    pub fn new(seed: u64) -> Self {
        // Not the dice of the faults: what goes wrong elsewhere does not hang on how a place lists.
        Self { lists: Lists::Prompt, dice: Dice::new(!seed), before: VecDeque::new() }
    }

    pub fn set(&mut self, lists: Lists) -> Lists {
        std::mem::replace(&mut self.lists, lists)
    }

    /// Lists have caught up.
    pub fn settle(&mut self) {
        self.before.clear();
    }

    /// The name of a file is about to change.
    pub fn note(&mut self, disk: &Disk, path: &VaultPath) {
        self.before.push_back((path.clone(), disk.cached(path).map(super::length)));
        if self.before.len() > BEHIND_MAX {
            self.before.pop_front();
        }
    }

    /// What lies in `folder` behind the name `after`, up to the end of a page; and whether that is all.
    pub fn page(&mut self, disk: &Disk, folder: &VaultPath, after: Option<&VaultPath>) -> (Vec<Listed>, bool) {
        let page = match self.lists {
            Lists::Prompt => usize::MAX,
            Lists::Late { page, .. } => page.max(1),
        };
        let mut rest = children(&self.names(disk, folder), folder);
        rest.retain(|listed| after.is_none_or(|after| listed.path > *after));
        let is_last = rest.len() <= page;
        rest.truncate(page);
        (rest, is_last)
    }

    /// All files below `folder` with their length, as a list has them.
    fn names(&mut self, disk: &Disk, folder: &VaultPath) -> BTreeMap<VaultPath, u64> {
        let length = |path: &VaultPath| disk.cached(path).map_or(0, super::length);
        let below = disk.names().filter(|path| below(path, folder).is_some());
        let mut names: BTreeMap<_, _> = below.map(|path| (path.clone(), length(path))).collect();
        let Lists::Late { per_mille, .. } = self.lists else { return names };
        if self.dice.below(1000) < u64::from(per_mille) {
            for (path, was) in self.before.iter().rev() {
                match was {
                    _ if self.dice.heads() => {}
                    Some(bytes) => drop(names.insert(path.clone(), *bytes)),
                    None => drop(names.remove(path)),
                }
            }
        }
        names
    }
}

/// What lies directly in `folder`, of all `names`.
fn children(names: &BTreeMap<VaultPath, u64>, folder: &VaultPath) -> Vec<Listed> {
    let mut all = BTreeMap::new();
    for (path, bytes) in names {
        let name = below(path, folder).and_then(|below| below.split('/').next());
        let Some(Ok(child)) = name.map(|name| folder.child(name)) else { continue };
        let bytes = (child == *path).then_some(*bytes);
        all.insert(child, bytes);
    }
    all.into_iter().map(|(path, bytes)| Listed { path, bytes }).collect()
}

fn below<'p>(path: &'p VaultPath, folder: &VaultPath) -> Option<&'p str> {
    let below = path.as_str().strip_prefix(folder.as_str())?;
    if folder.as_str().is_empty() { Some(below) } else { below.strip_prefix('/') }
}
