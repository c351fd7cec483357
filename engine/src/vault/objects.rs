//! Whole objects, written under a new name and read back.

use super::error::VaultError;
use crate::destination::{ErrorKind, ReadStore, WriteStore};
use crate::model::{Digest, VaultPath};

/// Bytes handed to a store at once.
const PIECE: usize = 4 << 20;
/// Small objects (identity, keys, heads) are never longer; a longer one is not read into memory.
pub(super) const SMALL_MAX: u64 = 16 << 20;
/// A read gives less than it was asked for only where the object ends.
const AT_ONCE: usize = 64 << 10;
/// Manifests: 100 million entries take 25 MiB.
const WHOLE_MAX: u64 = 256 << 20;

/// Writes a new object whole: temporary name, flush, rename, folder flush. The same bytes under the same name are no
/// error: a step that is repeated changes nothing.
///
/// # Errors
/// As the store answers; `Exists` if other bytes have the name.
pub fn put(store: &dyn WriteStore, path: &VaultPath, bytes: &[u8]) -> Result<(), VaultError> {
    let outcome = put_new(store, path, bytes);
    match outcome {
        Err(VaultError::Store(error)) if error.kind == ErrorKind::Exists => {
            let same = get_digest(store, path)? == Digest(*blake3::hash(bytes).as_bytes());
            if same { Ok(()) } else { Err(VaultError::Store(error)) }
        }
        outcome => outcome,
    }
}

fn put_new(store: &dyn WriteStore, path: &VaultPath, bytes: &[u8]) -> Result<(), VaultError> {
    let mut writer = store.create(path)?;
    for piece in bytes.chunks(PIECE) {
        writer.write(piece)?;
    }
    writer.finish()?;
    Ok(())
}

/// Reads a small object whole: 1 request for one of less than 64 KiB, as nearly all are.
///
/// # Errors
/// [`VaultError::Missing`] if it is not there, or as the store answers.
pub fn get(store: &dyn ReadStore, path: &VaultPath) -> Result<Vec<u8>, VaultError> {
    match store.read(path, 0, AT_ONCE) {
        Ok(whole) if whole.len() < AT_ONCE => Ok(whole),
        Ok(_) => read_bounded(store, path, SMALL_MAX),
        Err(error) if error.kind == ErrorKind::NotFound => Err(VaultError::Missing { object: path.to_string() }),
        Err(error) => Err(error.into()),
    }
}

/// Reads an object whole that may be as large as a manifest.
///
/// # Errors
/// As [`get`].
pub fn read_whole(store: &dyn ReadStore, path: &VaultPath) -> Result<Vec<u8>, VaultError> {
    read_bounded(store, path, WHOLE_MAX)
}

fn read_bounded(store: &dyn ReadStore, path: &VaultPath, most: u64) -> Result<Vec<u8>, VaultError> {
    let bytes = store.stat(path)?.ok_or_else(|| VaultError::Missing { object: path.to_string() })?;
    let too_long =
        || VaultError::Damaged { object: path.to_string(), why: format!("{bytes} bytes are more than it may have") };
    let length = usize::try_from(bytes).ok().filter(|_| bytes <= most).ok_or_else(too_long)?;
    Ok(store.read(path, 0, length)?)
}

/// Reads a small object whole, from the medium and not from this computer's memory.
///
/// # Errors
/// As the store answers; damage if it is longer than such an object can be.
pub fn read_whole_medium(store: &dyn ReadStore, path: &VaultPath) -> Result<Vec<u8>, VaultError> {
    let mut reader = store.read_medium(path)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if bytes.len() as u64 > SMALL_MAX {
            let why = "it is longer than it may be".to_owned();
            return Err(VaultError::Damaged { object: path.to_string(), why });
        }
    }
}

/// BLAKE3 of an object, read from the medium.
///
/// # Errors
/// As the store answers.
pub fn get_digest(store: &dyn ReadStore, path: &VaultPath) -> Result<Digest, VaultError> {
    let mut reader = store.read_medium(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Digest(*hasher.finalize().as_bytes())),
            read => {
                hasher.update(&buffer[..read]);
            }
        }
    }
}
