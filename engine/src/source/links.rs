//! Inodes with several names: the first name in order stands for the content, the others refer to it.

use std::collections::HashMap;

use crate::model::EntryPath;
use crate::platform::Stat;

/// The first names of those inodes that may still have further ones.
#[derive(Debug, Default)]
pub(super) struct FirstNames(HashMap<(u64, u64), First>);

#[derive(Debug)]
struct First {
    path: EntryPath,
    /// Names not seen yet, as far as the file system's count tells.
    left: u64,
}

impl FirstNames {
    /// The first name, if this is a further one; counts it.
    pub(super) fn look_up(&mut self, stat: &Stat) -> Option<EntryPath> {
        let key = (stat.device, stat.inode);
        let first = self.0.get_mut(&key)?;
        first.left = first.left.saturating_sub(1);
        if first.left > 0 { Some(first.path.clone()) } else { self.0.remove(&key).map(|first| first.path) }
    }

    /// Remembers a first name that was kept, if there may be others.
    pub(super) fn remember(&mut self, stat: &Stat, path: EntryPath) {
        if let Some(left @ 1..) = stat.links.checked_sub(1) {
            self.0.insert((stat.device, stat.inode), First { path, left });
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::platform::FileKind;

    #[test]
    fn an_inode_is_forgotten_when_all_its_names_were_seen() {
        let stat = Stat {
            kind: FileKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            bytes: 0,
            blocks: 0,
            modified: Time::default(),
            changed: Time::default(),
            device: 1,
            inode: 2,
            links: 3,
        };
        let path = EntryPath::parse(b"a").expect("valid");
        let mut names = FirstNames::default();
        assert_eq!(names.look_up(&stat), None);
        names.remember(&stat, path.clone());
        assert_eq!((names.look_up(&stat), names.len()), (Some(path.clone()), 1));
        assert_eq!((names.look_up(&stat), names.len()), (Some(path.clone()), 0));
        names.remember(&Stat { links: 1, ..stat }, path);
        assert_eq!(names.len(), 0);
    }
}
