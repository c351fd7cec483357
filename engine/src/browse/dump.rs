//! One file's content, to wherever it is wanted.

use std::io::{self, Write};

use super::list::list;
use crate::format::Manifest;
use crate::model::{Content, Entry, EntryPath, Kind, Span};
use crate::vault::{ChunkSource, PackNames, VaultError};

/// Zeros, to write a hole.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Why a file's content was not given, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// No such entry.
    #[error("{0} is not in the point")]
    NotFound(EntryPath),
    /// It has no content.
    #[error("{path} is a {kind}, not a file")]
    NotAFile {
        /// The entry.
        path: EntryPath,
        /// What it is.
        kind: &'static str,
    },
    /// The point can't be read there.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: EntryPath,
        /// Why.
        #[source]
        source: VaultError,
    },
    /// All parts were good, and the whole is not what its digest says. It was written out before that showed.
    #[error("{0} is not what was captured: its digest differs")]
    Digest(EntryPath),
    /// Whoever takes the bytes takes no more.
    #[error("can't write the content out")]
    Write(#[source] io::Error),
}

/// Writes the content of the file at `path`, holes as zeros; of a further name, its first name's. Gives its bytes.
///
/// # Errors
/// [`DumpError`]; what was written until then is no whole file.
pub fn dump(
    source: &dyn ChunkSource,
    manifest: &Manifest,
    path: &EntryPath,
    out: &mut dyn Write,
) -> Result<u64, DumpError> {
    let mut entry = entry_at(source, manifest, path)?;
    if let Kind::Hardlink(first) = &entry.kind {
        entry = entry_at(source, manifest, first)?;
    }
    let Kind::File(content) = &entry.kind else {
        return Err(DumpError::NotAFile { path: path.clone(), kind: entry.kind.as_str() });
    };
    let names = PackNames::of(manifest, source).map_err(|source| unread(path, source))?;
    write_content(source, &names, content, path, out)
}

fn entry_at(source: &dyn ChunkSource, manifest: &Manifest, path: &EntryPath) -> Result<Entry, DumpError> {
    match list(source, manifest, Some(path)).next() {
        Some(Ok(entry)) if entry.path == *path => Ok(entry),
        Some(Ok(_)) => Err(DumpError::NotAFile { path: path.clone(), kind: Kind::<()>::Folder.as_str() }),
        Some(Err(error)) => Err(unread(path, error.source)),
        None => Err(DumpError::NotFound(path.clone())),
    }
}

fn write_content(
    source: &dyn ChunkSource,
    names: &PackNames,
    content: &Content,
    path: &EntryPath,
    out: &mut dyn Write,
) -> Result<u64, DumpError> {
    let mut hasher = blake3::Hasher::new();
    let mut give = |bytes: &[u8]| {
        hasher.update(bytes);
        out.write_all(bytes).map_err(DumpError::Write)
    };
    for span in &content.spans {
        match span {
            Span::Data(chunk) => give(&names.chunk(source, chunk).map_err(|source| unread(path, source))?)?,
            Span::Hole(bytes) => {
                let mut left = *bytes;
                while left > 0 {
                    let now = usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
                    give(&ZEROS[..now])?;
                    left -= now as u64;
                }
            }
        }
    }
    out.flush().map_err(DumpError::Write)?;
    let equal = *hasher.finalize().as_bytes() == content.digest.0;
    if equal { Ok(content.bytes) } else { Err(DumpError::Digest(path.clone())) }
}

fn unread(path: &EntryPath, source: VaultError) -> DumpError {
    DumpError::Read { path: path.clone(), source }
}
