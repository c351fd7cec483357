//! One pass over a finished file: hash it, and hand on the same bytes while they are in memory.

use std::io;

use xxhash_rust::xxh3::xxh3_128;

use super::MappedFile;
use crate::model::Digest;

/// Bytes of a block, and of a window: the last one of a file may be shorter. Large enough that two or more threads
/// share a BLAKE3 tree, small enough that what is in memory at once is bounded and a resumed block costs little.
pub const BLOCK_BYTES: usize = 4 << 20;

/// What one pass over a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE3 of all bytes.
    pub whole: Digest,
    /// XXH3-128 (seed 0) of each [`BLOCK_BYTES`], in order. Against accidents only: it is not a cryptographic hash.
    pub blocks: Vec<u128>,
    /// Length in bytes.
    pub bytes: u64,
}

/// A pass that did not reach the end. Whatever was handed on before must not be kept.
#[derive(Debug, thiserror::Error)]
pub enum PassError<E: std::error::Error + 'static> {
    /// The file could not be read.
    #[error("can't read the bytes from {offset} on")]
    Read {
        /// Where the block begins.
        offset: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The receiver would not take a block.
    #[error("can't pass on the bytes from {offset} on")]
    Send {
        /// Where the block begins.
        offset: u64,
        /// The cause.
        #[source]
        source: E,
    },
}

/// Hashes a whole file.
///
/// # Errors
/// As the system answers; `UnexpectedEof` or EIO if it shrinks meanwhile.
pub fn hash_file(file: &MappedFile) -> io::Result<Hashes> {
    match hash_and_send(file, |_, _| Ok::<(), std::convert::Infallible>(())) {
        Ok(hashes) => Ok(hashes),
        Err(PassError::Read { source, .. }) => Err(source),
        Err(PassError::Send { source, .. }) => match source {},
    }
}

/// Hashes a whole file and hands each block, with its offset, to `send`, in order: one read for both.
///
/// A block that turns out to be unreadable while it is sent may have been handed on with zeros in it, which is why a
/// pass that fails condemns all that it sent.
///
/// # Errors
/// The first that is met; see [`PassError`].
pub fn hash_and_send<E: std::error::Error + 'static>(
    file: &MappedFile,
    mut send: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<Hashes, PassError<E>> {
    let mut whole = blake3::Hasher::new();
    let mut blocks = Vec::new();
    let mut offset = 0;
    while offset < file.bytes() {
        let bytes = block_at(file.bytes(), offset);
        let passed = file.window(offset, bytes, |window| {
            blocks.push(hash_block(&mut whole, window));
            send(offset, window)
        });
        let sent = passed.map_err(|source| PassError::Read { offset, source })?;
        sent.map_err(|source| PassError::Send { offset, source })?;
        file.let_go(offset, bytes);
        offset = offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
    Ok(Hashes { whole: Digest(*whole.finalize().as_bytes()), blocks, bytes: file.bytes() })
}

fn block_at(file_bytes: u64, offset: u64) -> usize {
    usize::try_from(file_bytes - offset).unwrap_or(usize::MAX).min(BLOCK_BYTES)
}

fn hash_block(whole: &mut blake3::Hasher, window: &[u8]) -> u128 {
    let (_, block) = rayon::join(|| whole.update_rayon(window).count(), || xxh3_128(window));
    block
}
