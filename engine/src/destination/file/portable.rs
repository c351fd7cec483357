//! The same for systems other than unix, with what Rust's library offers: paths in place of descriptors.
//!
//! What stays unsafe here, beside the parent module's list: after a swap of drives, what is done before the next
//! `still_there` lands on the drive that answers now; a link planted between the look and the use is followed; names
//! become durable when the file system's own journal is written.

pub(super) mod folder {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::path::{Path, PathBuf};

    use super::super::{Found, NamesKept, Privacy, Renaming};
    use crate::destination::Space;

    /// The path of a folder that was there.
    #[derive(Debug)]
    pub struct Folder(pub(super) PathBuf);

    impl Folder {
        /// A folder that is there; a link counts where the user gave the path.
        pub fn at(path: &Path) -> io::Result<Self> {
            if std::fs::metadata(path)?.is_dir() {
                Ok(Self(path.to_owned()))
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        }

        /// Makes the last folder of `path`. Privacy is what the parent's access list gives.
        pub fn make_at(path: &Path, _: Privacy) -> io::Result<Self> {
            std::fs::create_dir(path)?;
            Self::at(path)
        }

        /// See [`Self::flush`]: there is nothing to know.
        pub fn knowing(self) -> Self {
            self
        }

        pub fn names_kept(&self) -> NamesKept {
            NamesKept::Later
        }

        pub fn again(&self) -> io::Result<Self> {
            Ok(Self(self.0.clone()))
        }

        pub fn space(&self) -> io::Result<Option<Space>> {
            let space = Space { free: fs4::available_space(&self.0)?, total: fs4::total_space(&self.0)? };
            Ok((space.total != 0).then_some(space))
        }

        pub fn folder(&self, name: &str) -> io::Result<Self> {
            let path = self.0.join(name);
            match self.look(name)? {
                Some(Found::Folder) => Ok(Self(path)),
                Some(_) => Err(io::ErrorKind::NotADirectory.into()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }

        pub fn folder_or_make(&self, name: &str, _: Privacy) -> io::Result<Self> {
            match std::fs::create_dir(self.0.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => self.folder(name),
            }
        }

        /// What lies under `name`. How many names a file has is not told here; nothing here makes a second one that
        /// stays.
        pub fn look(&self, name: &str) -> io::Result<Option<Found>> {
            let found = match std::fs::symlink_metadata(self.0.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                found => found?,
            };
            Ok(Some(match found.file_type() {
                kind if kind.is_file() => Found::File { bytes: found.len(), links: 1 },
                kind if kind.is_dir() => Found::Folder,
                _ => Found::Other,
            }))
        }

        fn regular(&self, name: &str) -> io::Result<PathBuf> {
            match self.look(name)? {
                Some(Found::File { .. }) => Ok(self.0.join(name)),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }

        pub fn read(&self, name: &str) -> io::Result<File> {
            File::open(self.regular(name)?)
        }

        /// Windows' own way past its cache.
        #[cfg(windows)]
        pub fn read_direct(&self, name: &str) -> Option<File> {
            use std::os::windows::fs::OpenOptionsExt;
            const FILE_FLAG_NO_BUFFERING: u32 = 0x2000_0000;
            OpenOptions::new().read(true).custom_flags(FILE_FLAG_NO_BUFFERING).open(self.regular(name).ok()?).ok()
        }

        #[cfg(not(windows))]
        pub fn read_direct(&self, _: &str) -> Option<File> {
            None
        }

        pub fn append(&self, name: &str) -> io::Result<File> {
            OpenOptions::new().read(true).write(true).open(self.regular(name)?)
        }

        pub fn make_file(&self, name: &str, _: Privacy) -> io::Result<File> {
            OpenOptions::new().read(true).write(true).create_new(true).open(self.0.join(name))
        }

        pub fn remove(&self, name: &str) -> io::Result<()> {
            match std::fs::remove_file(self.0.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        }

        /// A second name, which is refused if it is taken, then the first one goes. Where there are no second names
        /// (FAT), a look and then a rename, which would replace what came in between.
        pub fn rename(&self, from: &str, to: &str) -> io::Result<Renaming> {
            let (old, new) = (self.0.join(from), self.0.join(to));
            match std::fs::hard_link(&old, &new) {
                Ok(()) => return std::fs::remove_file(&old).map(|()| Renaming::ByLink),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
            }
            match self.look(to)? {
                None => std::fs::rename(&old, &new).map(|()| Renaming::AfterLook),
                Some(_) => Err(io::ErrorKind::AlreadyExists.into()),
            }
        }

        /// All names that are Unicode; no other can be a vault's.
        pub fn names(&self) -> io::Result<Vec<Vec<u8>>> {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.0)? {
                names.extend(entry?.file_name().into_string().ok().map(String::into_bytes));
            }
            Ok(names)
        }

        /// Not offered: see the module.
        pub fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }
}

pub(super) mod pages {
    use std::fs::File;
    use std::io;

    use super::super::MediumWay;

    #[cfg(windows)]
    pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
    }

    #[cfg(not(windows))]
    pub fn read_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        use std::io::{Read, Seek, SeekFrom};
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    /// Not offered.
    pub fn let_go(_: &File, _: u64, _: u64) {}

    /// Not offered.
    pub fn reserve_block(_: &File) {}

    /// Can't be told here; the vault's one writer is what keeps two from meeting.
    pub fn same(_: &File, _: &File) -> io::Result<bool> {
        Ok(true)
    }

    /// Only a look at the place tells, and it costs little beside an error.
    pub fn device_failed(_: &io::Error) -> bool {
        true
    }

    /// File systems are the system's own here.
    pub fn below(_: &File) -> MediumWay {
        MediumWay::Direct
    }

    /// Not offered.
    pub fn drop_all(_: &File) -> io::Result<MediumWay> {
        Ok(MediumWay::Cached)
    }
}

pub(super) mod root {
    use std::io;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use super::folder::Folder;

    /// Where the folder really lies and when it was made: two drives that take turns at one letter differ in it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Identity {
        path: PathBuf,
        made: Option<SystemTime>,
    }

    impl Identity {
        pub fn of(folder: &Folder) -> io::Result<Self> {
            let path = std::fs::canonicalize(&folder.0)?;
            let made = std::fs::metadata(&path)?.created().ok();
            Ok(Self { path, made })
        }

        pub fn device_listed(&self) -> Option<bool> {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::destination::{ErrorKind, FileStore, Privacy, ReadStore, conformance};

    #[test]
    fn a_folder_without_descriptors_keeps_every_rule() {
        let mut kept = Vec::new();
        conformance::run(|| {
            kept.push(tempfile::tempdir().expect("a temporary folder"));
            FileStore::open(kept.last().expect("just pushed").path(), Privacy::Umask).expect("there")
        });
    }

    #[test]
    fn another_folder_at_the_address_is_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = folder.path().join("vault");
        let store = FileStore::create_root(&address, Privacy::Umask).expect("made");
        std::fs::rename(&address, folder.path().join("aside")).expect("rename");
        std::fs::create_dir(&address).expect("mkdir");
        assert_eq!(store.still_there().map_err(|error| error.kind), Err(ErrorKind::Gone));
    }
}
