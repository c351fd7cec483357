//! Inodes with several names: the first name in order stands for the content, the others refer to it.

use std::collections::HashMap;

use crate::model::{EntryPath, Time};
use crate::platform::Stat;

/// The first names of those inodes that may still have further ones.
#[derive(Debug, Default)]
pub(super) struct FirstNames(HashMap<(u64, u64), First>);

#[derive(Debug)]
struct First {
    path: EntryPath,
    /// Size and last change when it was looked at: an inode may be given to another file while the walk goes on.
    was: (u64, Time),
    /// Names not seen yet, as far as the file system's count tells.
    left: u64,
}

impl FirstNames {
    /// The first name, if this is a further one of a file that is still what it was; counts it.
    pub(super) fn look_up(&mut self, stat: &Stat) -> Option<EntryPath> {
        let key = (stat.device, stat.inode);
        let first = self.0.get_mut(&key).filter(|first| first.was == (stat.bytes, stat.modified))?;
        first.left = first.left.saturating_sub(1);
        if first.left > 0 { Some(first.path.clone()) } else { self.0.remove(&key).map(|first| first.path) }
    }

    /// Remembers a first name that was kept, if there may be others.
    pub(super) fn remember(&mut self, stat: &Stat, path: EntryPath) {
        if let Some(left @ 1..) = stat.links.checked_sub(1) {
            self.0.insert((stat.device, stat.inode), First { path, was: (stat.bytes, stat.modified), left });
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
        names.remember(&Stat { links: 1, ..stat }, path.clone());
        assert_eq!(names.len(), 0);
        names.remember(&stat, path);
        let other = Stat { bytes: 5, ..stat };
        assert_eq!(names.look_up(&other), None, "its inode belongs to another file by now");
    }
}
