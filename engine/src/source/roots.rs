//! Configured roots → the tree of names that lead to them: roots may overlap and nest, each entry comes once.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Component, Path};

/// A name on the way to roots, or one itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RootNode {
    /// All below it belongs to the source.
    pub(super) is_root: bool,
    /// The next names, sorted as entries are.
    pub(super) below: BTreeMap<CString, RootNode>,
}

impl RootNode {
    /// The tree of `roots`; the first that is not absolute, or has a part `..` or a NUL, is given back.
    pub(super) fn of<'a>(roots: impl IntoIterator<Item = &'a Path>) -> Result<Self, &'a Path> {
        let mut top = Self::default();
        for root in roots {
            top.add(root).ok_or(root)?;
        }
        Ok(top)
    }

    fn add(&mut self, root: &Path) -> Option<()> {
        let mut node = root.is_absolute().then_some(self)?;
        for part in root.components() {
            match part {
                Component::RootDir => {}
                // A drive, as in `C:`, is the first part on systems that have them.
                Component::Prefix(_) | Component::Normal(_) => {
                    let name = CString::new(part.as_os_str().as_encoded_bytes()).ok()?;
                    node = node.below.entry(name).or_default();
                }
                Component::CurDir | Component::ParentDir => return None,
            }
        }
        node.is_root = true;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_roots_become_one_tree() {
        let roots = ["/home/ann", "/home/ann/Documents/", "/home/./bob"];
        let top = RootNode::of(roots.iter().map(Path::new)).expect("absolute");
        let home = &top.below[c"home"];
        assert!(!top.is_root && !home.is_root && home.below[c"ann"].is_root && home.below[c"bob"].is_root);
        assert!(home.below[c"ann"].below[c"Documents"].is_root);
    }

    #[test]
    fn a_root_must_say_where_it_is() {
        for bad in ["home", "", "/home/../etc"] {
            assert_eq!(RootNode::of([Path::new(bad)]), Err(Path::new(bad)));
        }
    }
}
