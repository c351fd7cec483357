//! The entries of an ext2/3/4 file system in an image, in the order of a point's, and the bytes of its files.

use std::ops::ControlFlow;

use ext4_view::{Ext4, Ext4Error, FileType, Metadata, Path, PathBuf};

use super::InsideError;
use super::remote::Remote;
use crate::model::{Content, DeviceKind, Digest, Entry, EntryPath, Kind, Meta, Problem, Seen, Time};

/// Read of a file at once.
const BLOCK: usize = 256 << 10;
/// Folders within folders; no path can be longer.
const DEPTH_MAX: usize = 2048;

/// Takes a piece of a file, and where it begins.
pub type TakePiece<'t, E> = &'t mut dyn FnMut(u64, &[u8]) -> Result<(), E>;

/// What lies below an image.
pub enum Below<'i> {
    /// Its partitions, as folders.
    Partitions(Vec<Entry<()>>),
    /// A file system, and the path that was asked for.
    Inner(&'i Inner, EntryPath),
}

/// An open file system.
pub struct Inner {
    file_system: Ext4,
    /// Where its root stands in the point.
    root: EntryPath,
    image: EntryPath,
}

/// Is shown what is found.
pub trait InnerVisitor {
    /// The next entry. Of a file, the content has its size and nothing else; [`Inner::read`] gives it. A device's numbers
    /// are not told: they are 0 and mean nothing.
    fn entry(&mut self, inner: &Inner, entry: &Entry<()>) -> ControlFlow<()>;
    /// Something that can't be read, or not be told.
    fn problem(&mut self, problem: Problem);
}

impl Inner {
    pub(super) fn open(remote: Remote, root: EntryPath, image: &EntryPath) -> Result<Self, InsideError> {
        let opened = Ext4::load(Box::new(remote));
        let file_system =
            opened.map_err(|error| InsideError::Damaged { image: image.clone(), why: error.to_string() })?;
        Ok(Self { file_system, root, image: image.clone() })
    }

    /// The path in the file system of a path in the point.
    fn inner_path(&self, path: &EntryPath) -> PathBuf {
        let below = path.as_bytes().get(self.root.as_bytes().len()..).unwrap_or_default();
        PathBuf::try_from(if below.is_empty() { b"/" } else { below }).unwrap_or_else(|_| PathBuf::new("/\0"))
    }

    /// Shows what stands at `path` and all that is below it; links are not followed.
    ///
    /// # Errors
    /// If nothing stands there.
    pub fn walk(&self, path: &EntryPath, visitor: &mut dyn InnerVisitor) -> Result<(), InsideError> {
        let inner = self.inner_path(path);
        let metadata = self.plain(&inner).map_err(|error| self.failed(path, &error))?;
        // What was shown last goes first.
        let mut left = vec![(path.clone(), inner, metadata)];
        while let Some((path, inner, metadata)) = left.pop() {
            let entry = match self.entry(&path, &inner, &metadata) {
                Ok(entry) => entry,
                Err(why) => {
                    visitor.problem(Problem::new(path.as_bytes(), why));
                    continue;
                }
            };
            let is_image_itself = path == self.image;
            if !is_image_itself && visitor.entry(self, &entry).is_break() {
                return Ok(());
            }
            if metadata.is_dir() {
                left.extend(self.children(&path, inner.as_path(), visitor).into_iter().rev());
            }
        }
        Ok(())
    }

    /// Looks at a path, without following a link at its end. The reader follows links on the way: those would lead
    /// elsewhere than the path says.
    fn plain(&self, path: &PathBuf) -> Result<Metadata, Ext4Error> {
        let mut above = Vec::new();
        for part in path.as_path().as_ref().split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
            let so_far =
                if above.is_empty() { PathBuf::new("/") } else { PathBuf::try_from(&above[..]).map_err(malformed)? };
            if !self.file_system.symlink_metadata(&so_far)?.is_dir() {
                return Err(Ext4Error::NotFound);
            }
            above.push(b'/');
            above.extend_from_slice(part);
        }
        self.file_system.symlink_metadata(path)
    }

    /// What is in a folder, by name.
    fn children(
        &self,
        above: &EntryPath,
        folder: Path<'_>,
        visitor: &mut dyn InnerVisitor,
    ) -> Vec<(EntryPath, PathBuf, Metadata)> {
        let mut problem = |path: &EntryPath, why: String| visitor.problem(Problem::new(path.as_bytes(), why));
        if above.parts().count() > DEPTH_MAX {
            problem(above, "it lies too deep".to_owned());
            return Vec::new();
        }
        let entries = match self.file_system.read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                problem(above, format!("what is in it can't be read: {error}"));
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    problem(above, format!("not all that is in it can be read: {error}"));
                    continue;
                }
            };
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if name == b"." || name == b".." {
                continue;
            }
            let Ok(path) = EntryPath::parse(&[above.as_bytes(), b"/", name].concat()) else {
                problem(above, "a name in it is none".to_owned());
                continue;
            };
            match entry.metadata() {
                Ok(metadata) => found.push((path, entry.path(), metadata)),
                Err(error) => problem(&path, error.to_string()),
            }
        }
        found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        found.dedup_by(|(a, ..), (b, ..)| a == b);
        found
    }

    fn entry(&self, path: &EntryPath, inner: &PathBuf, metadata: &Metadata) -> Result<Entry<()>, String> {
        let kind = match metadata.file_type() {
            FileType::Regular => {
                let (bytes, digest) = (metadata.len(), Digest([0; 32]));
                Kind::File(Content { bytes, digest, spans: Vec::new(), unstable: false })
            }
            FileType::Directory => Kind::Folder,
            FileType::Symlink => {
                let target = self.file_system.read_link(inner).map_err(|error| error.to_string())?;
                Kind::Symlink(target.as_path().as_ref().into())
            }
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::BlockDevice => Kind::Device { kind: DeviceKind::Block, major: 0, minor: 0 },
            FileType::CharacterDevice => Kind::Device { kind: DeviceKind::Character, major: 0, minor: 0 },
        };
        let modified = metadata.modified();
        let meta = Meta {
            mode: u32::from(metadata.mode()),
            uid: metadata.uid(),
            gid: metadata.gid(),
            modified: Time { seconds: modified.seconds(), nanos: modified.nanoseconds() },
            xattrs: Vec::new(),
        };
        Ok(Entry { path: path.clone(), meta, seen: Seen::default(), kind })
    }

    /// Gives the bytes of the file at `path`, piece by piece with where each begins; pieces of zeros are left out.
    ///
    /// # Errors
    /// [`InsideError`], or what `take` says.
    pub fn read<E: From<InsideError>>(&self, path: &EntryPath, take: TakePiece<'_, E>) -> Result<u64, E> {
        let inner = self.inner_path(path);
        let metadata = self.plain(&inner).map_err(|error| self.failed(path, &error))?;
        if metadata.file_type() != FileType::Regular {
            return Err(InsideError::NotAFile(path.clone()).into());
        }
        let mut file = self.file_system.open(&inner).map_err(|error| self.failed(path, &error))?;
        let (mut block, mut at) = (vec![0; BLOCK], 0_u64);
        loop {
            let mut filled = 0;
            while filled < BLOCK {
                match file.read_bytes(&mut block[filled..]).map_err(|error| self.failed(path, &error))? {
                    0 => break,
                    more => filled += more,
                }
            }
            if filled == 0 {
                return Ok(at);
            }
            let piece = &block[..filled];
            if piece.iter().any(|&byte| byte != 0) {
                take(at, piece)?;
            }
            at += filled as u64;
        }
    }

    fn failed(&self, path: &EntryPath, error: &Ext4Error) -> InsideError {
        match error {
            Ext4Error::NotFound | Ext4Error::NotADirectory | Ext4Error::MalformedPath => {
                InsideError::NotFound(path.clone())
            }
            other => InsideError::Damaged { image: self.image.clone(), why: format!("{path}: {other}") },
        }
    }
}

fn malformed(_: ext4_view::PathError) -> Ext4Error {
    Ext4Error::MalformedPath
}
