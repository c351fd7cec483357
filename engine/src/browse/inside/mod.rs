//! Looking into the image of a drive that a point holds, without restoring it.
//!
//! In: a path that goes on below a file of the point. Out: the entries of the ext2/3/4 file system in it, and their
//! bytes; of the image only those chunks are read that hold them. Partition N stands as `pN`; an image of one bare file
//! system has no such level.
//! Deliberately absent: other file systems (restored, the image can be mounted), extended attributes, who is a further
//! name of whom: the reader does not tell them.

mod ext;
mod find;
mod remote;
mod window;

pub use ext::{Below, Inner, InnerVisitor};
pub use find::{Target, find_inside};

use window::Bytes;

use crate::drive::{FileSystem, FileSystemKind, Layout, layout};
use crate::format::Manifest;
use crate::model::{Content, Entry, EntryPath, Kind, Meta, Seen, Time};
use crate::vault::{ChunkSource, PackNames, VaultError};

/// Why an image was not looked into.
#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    /// The point can't be read there.
    #[error("can't read the image {image}")]
    Read {
        /// The image.
        image: EntryPath,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// Nothing of that path is in it.
    #[error("{0} is not in the image")]
    NotFound(EntryPath),
    /// There is no partition of that name.
    #[error("{image} has no partition {name}, but {there}")]
    NoPartition {
        /// The image.
        image: EntryPath,
        /// As it was asked for.
        name: String,
        /// Those that are there.
        there: String,
    },
    /// It is a file system that can't be read here.
    #[error("{image} holds {what} there, from byte {offset} on, and only ext2/3/4 can be looked into")]
    Unknown {
        /// The image.
        image: EntryPath,
        /// What it holds.
        what: &'static str,
        /// Where that begins.
        offset: u64,
    },
    /// The file system is damaged, or its reader does not know it.
    #[error("the file system in {image} can't be read: {why}")]
    Damaged {
        /// The image.
        image: EntryPath,
        /// For people.
        why: String,
    },
    /// It is no file, but something else.
    #[error("{0} is not a file")]
    NotAFile(EntryPath),
}

/// Where in an image to look.
enum Place {
    /// At its partitions.
    Partitions(Vec<(u32, u64)>),
    /// Into the file system that begins there, and where its root stands in the point.
    Root { offset: u64, bytes: u64, root: EntryPath },
}

/// Opens what `target` names and lets `work` look at it. Beside what came of it: the first thing that no place could
/// give, where `work` went on without it.
///
/// # Errors
/// [`InsideError`]; what the vault could not give takes precedence over what `work` said of it.
pub fn look_inside<T>(
    source: &(dyn ChunkSource + Sync),
    manifest: &Manifest,
    target: &Target,
    work: impl FnOnce(&Below<'_>) -> Result<T, InsideError>,
) -> Result<(T, Option<VaultError>), InsideError> {
    let image = &target.image.path;
    let read = |source| InsideError::Read { image: image.clone(), source };
    let Kind::File(content) = &target.image.kind else { return Err(InsideError::NotAFile(image.clone())) };
    let names = PackNames::of(manifest, source).map_err(read)?;
    let mut bytes = Bytes::new(source, names, content.clone());
    match place(&mut bytes, content, target)? {
        Place::Partitions(found) => {
            let entry =
                |(number, _): &(u32, u64)| folder(&joined(image, format!("p{number}").as_bytes()), &target.image);
            Ok((work(&Below::Partitions(found.iter().map(entry).collect()))?, None))
        }
        Place::Root { offset, bytes: size, root } => remote::with(bytes, offset, size, image, |remote| {
            let inner = Inner::open(remote, root, image)?;
            work(&Below::Inner(&inner, target.path.clone()))
        }),
    }
}

fn place(bytes: &mut Bytes<'_>, content: &Content, target: &Target) -> Result<Place, InsideError> {
    let image = &target.image.path;
    let mut read = |at: u64, into: &mut [u8]| bytes.fill(at, into);
    let found = layout(&mut read, content.bytes);
    // `fill` keeps why it failed.
    let failed = |bytes: &mut Bytes<'_>| InsideError::Read { image: image.clone(), source: bytes.take_failure() };
    let Ok(found) = found else { return Err(failed(bytes)) };
    let unknown = |what, offset| Err(InsideError::Unknown { image: image.clone(), what, offset });
    match found {
        Layout::Bare(FileSystem { kind: FileSystemKind::Ext, .. }) => {
            Ok(Place::Root { offset: 0, bytes: content.bytes, root: image.clone() })
        }
        Layout::Bare(other) => unknown(other.kind.as_str(), 0),
        Layout::Unknown => unknown("nothing that is known for sure", 0),
        Layout::Parted(partitions) => {
            let Some(name) = target.below() else {
                return Ok(Place::Partitions(partitions.iter().map(|it| (it.number, it.start)).collect()));
            };
            let wanted = partitions.iter().find(|partition| format!("p{}", partition.number).as_bytes() == name);
            let Some(wanted) = wanted else {
                let there: Vec<String> = partitions.iter().map(|it| format!("p{}", it.number)).collect();
                let (name, there) = (String::from_utf8_lossy(name).into_owned(), there.join(", "));
                return Err(InsideError::NoPartition { image: image.clone(), name, there });
            };
            let mut read = |at: u64, into: &mut [u8]| bytes.fill(at, into);
            match wanted.file_system(&mut read) {
                Ok(Some(FileSystem { kind: FileSystemKind::Ext, .. })) => {
                    let root = joined(image, name);
                    Ok(Place::Root { offset: wanted.start, bytes: wanted.bytes, root })
                }
                Ok(Some(other)) => unknown(other.kind.as_str(), wanted.start),
                Ok(None) => unknown("no known file system", wanted.start),
                Err(_) => Err(failed(bytes)),
            }
        }
    }
}

fn joined(above: &EntryPath, name: &[u8]) -> EntryPath {
    EntryPath::parse(&[above.as_bytes(), b"/", name].concat()).expect("a path and one part of a path")
}

/// A partition, as a folder of the image's owner.
fn folder(path: &EntryPath, image: &Entry) -> Entry<()> {
    let meta = Meta { mode: 0o700, xattrs: Vec::new(), ..image.meta.clone() };
    let seen = Seen { changed: Time::from_seconds(0), ..Seen::default() };
    Entry { path: path.clone(), meta, seen, kind: Kind::Folder }
}
