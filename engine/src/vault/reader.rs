//! Reads manifests and chunks from one vault, each checked down to its identity.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::ahead::{Ahead, Ranges};
use super::chunk_code::decode_chunk;
use super::error::VaultError;
use super::mirrored::Places;
use super::objects::read_whole;
use crate::destination::ReadStore;
use crate::format::{
    CHUNK_OVERHEAD, FormatError, Manifest, PACK_BYTES_MAX, PACK_TRAILER_BYTES, PackFooter, PackTrailer, SealedHeader,
    SealedKind, split_chunk_record,
};
use crate::model::{ChunkRef, Digest, GroupId, JobId, ObjectName, PackId, PointName};
use crate::seal::{ChunkPlace, Keyring, PackKeys};

/// Keys of so many packs are remembered.
const KEYS_MAX: usize = 4096;

/// Where chunks come from.
pub trait ChunkSource {
    /// The plain bytes of the chunk that `chunk` refers to, in `pack`, which must belong to `group`.
    ///
    /// # Errors
    /// If the pack is missing or another group's, or what lies there is not that chunk.
    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError>;
}

/// Reads one vault.
pub struct VaultReader<'s> {
    store: &'s dyn ReadStore,
    keyring: &'s Keyring,
    identities: Vec<Zeroizing<[u8; 32]>>,
    keys: Mutex<HashMap<PackId, (GroupId, Arc<PackKeys>)>>,
    ahead: Box<dyn Ranges + 's>,
    files: Places,
}

impl<'s> VaultReader<'s> {
    /// A reader of the vault at `store`.
    #[must_use]
    pub fn new(store: &'s dyn ReadStore, keyring: &'s Keyring) -> Self {
        let (identities, ahead) = (keyring.identities(), Box::new(Ahead::of(store)));
        Self { store, keyring, identities, keys: Mutex::default(), ahead, files: Places::default() }
    }

    /// The store that is read.
    #[must_use]
    pub fn store(&self) -> &'s dyn ReadStore {
        self.store
    }

    /// A manifest, its digest and its size; what it says of itself is compared with its name.
    ///
    /// # Errors
    /// [`VaultError`] if it is missing, damaged, or another point's.
    pub fn manifest(&self, job: JobId, name: PointName) -> Result<(Manifest, Digest, u64), VaultError> {
        let object = ObjectName::Point(job, name);
        let file = read_whole(self.store, &object.path())?;
        let (header, length) = SealedHeader::decode(&file, SealedKind::Manifest)?;
        VaultError::known(object, &header, self.keyring)?;
        let plain =
            self.keyring.open_file(&header, &file[length..]).map_err(|error| VaultError::seal(object, error))?;
        let manifest = Manifest::decode(&plain)?;
        let itself = (manifest.family, manifest.job, manifest.name);
        let outside = (header.epoch, &header.scope[..JobId::BYTES]);
        if itself != (self.keyring.family(), job, name) || outside != (manifest.key_epoch, &job.0[..]) {
            return Err(VaultError::Damaged {
                object: object.to_string(),
                why: "it is another point's manifest".into(),
            });
        }
        self.note(&manifest);
        Ok((manifest, Digest(*blake3::hash(&file).as_bytes()), file.len() as u64))
    }

    /// That chunks of a point may be wanted whose manifest was read elsewhere: at a mirror they lie in its files.
    pub fn note(&self, manifest: &Manifest) {
        if self.store.mirror().is_some() {
            self.files.note(manifest);
        }
    }

    /// The footer of a pack of `group`, for a rebuild.
    ///
    /// # Errors
    /// [`VaultError`] if it is missing, damaged, or another group's.
    pub fn footer(&self, group: GroupId, pack: &PackId) -> Result<PackFooter, VaultError> {
        let path = ObjectName::Pack(*pack).path();
        let bytes = self.store.stat(&path)?.ok_or_else(|| VaultError::Missing { object: path.to_string() })?;
        if bytes > u64::from(PACK_BYTES_MAX) {
            return Err(FormatError::damaged("the pack", "it is longer than a pack can be").into());
        }
        let begin = self.store.read(&path, 0, SealedHeader::BYTES_MAX)?;
        let (found, keys, start) = self.open_header(pack, &begin)?;
        require_group(pack, group, found)?;
        let tail = PACK_TRAILER_BYTES as u64;
        let trailer =
            PackTrailer::decode(&self.store.read(&path, bytes.saturating_sub(tail), PACK_TRAILER_BYTES)?, bytes)?;
        let offset = bytes - tail - u64::from(trailer.footer_bytes);
        let sealed = self.store.read(&path, offset, trailer.footer_bytes as usize)?;
        let offset = u32::try_from(offset).expect("no longer than a pack");
        let plain = keys.open_footer(offset, &sealed).map_err(|error| VaultError::seal(&path, error))?;
        let footer = PackFooter::decode(&plain, start)?;
        if footer.chunks.last().map_or(start, |last| last.offset + last.stored) == offset {
            Ok(footer)
        } else {
            Err(FormatError::damaged("the pack's footer", "bytes that it does not list lie before it").into())
        }
    }

    /// Its group, its keys, and where its first record begins.
    fn open_header(&self, pack: &PackId, begin: &[u8]) -> Result<(GroupId, PackKeys, u32), VaultError> {
        let path = ObjectName::Pack(*pack).path();
        let (header, length) = SealedHeader::decode(begin, SealedKind::Pack)?;
        VaultError::known(&path, &header, self.keyring)?;
        let keys = self.keyring.pack(&header).map_err(|error| VaultError::seal(&path, error))?;
        let (group, rest) = header.scope.split_first_chunk().expect("a scope has 16 bytes");
        if *rest != [0; GroupId::BYTES] {
            return Err(VaultError::Damaged { object: path.to_string(), why: "its scope is no pack's".into() });
        }
        Ok((GroupId(*group), keys, u32::try_from(length).expect("a header is short")))
    }

    /// Its keys; where they are not known, its header is read, and the record at `next` comes after.
    fn keys_of(&self, group: GroupId, pack: &PackId, next: u32) -> Result<Arc<PackKeys>, VaultError> {
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(pack).cloned();
        if let Some((found, keys)) = known {
            return require_group(pack, group, found).map(|()| keys);
        }
        let begin = self.ahead.begin(pack, SealedHeader::BYTES_MAX, next)?;
        let (found, keys, _) = self.open_header(pack, &begin)?;
        let keys = Arc::new(keys);
        let mut all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEYS_MAX {
            all.clear();
        }
        all.insert(*pack, (found, Arc::clone(&keys)));
        require_group(pack, group, found).map(|()| keys)
    }

    fn is_identity(&self, chunk: &ChunkRef, plain: &[u8]) -> bool {
        self.identities.iter().any(|key| *blake3::keyed_hash(key, plain).as_bytes() == chunk.id.0)
    }
}

/// A manifest names packs of its own group only: their chunks go with it when it is removed.
fn require_group(pack: &PackId, wanted: GroupId, found: GroupId) -> Result<(), VaultError> {
    if found == wanted {
        return Ok(());
    }
    let object = ObjectName::Pack(*pack).to_string();
    Err(VaultError::Damaged { object, why: format!("it belongs to the group {found}, not to {wanted}") })
}

impl ChunkSource for VaultReader<'_> {
    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        let places = self.store.mirror().map(|index| self.files.find(chunk, index, &Packs(self))).transpose()?;
        let mut failed = None;
        for (file, offset) in places.into_iter().flatten() {
            match self.chunk_of_file(&file, offset, chunk) {
                Ok(plain) => return Ok(plain),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or_else(|| self.chunk_of_pack(group, pack, chunk), Err)
    }
}

/// What lies in packs only.
struct Packs<'r, 's>(&'r VaultReader<'s>);

impl ChunkSource for Packs<'_, '_> {
    fn chunk(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        self.0.chunk_of_pack(group, pack, chunk)
    }
}

impl VaultReader<'_> {
    /// The object that a chunk is read from: its pack, or at a mirror a file.
    #[must_use]
    pub fn object_of(&self, pack: &PackId, chunk: &ChunkRef) -> ObjectName {
        let files = self.store.mirror().and_then(|index| self.files.find(chunk, index, &Packs(self)).ok());
        let first = files.and_then(|files| files.first().copied());
        ObjectName::Pack(first.map_or(*pack, |(file, _)| file))
    }

    fn chunk_of_file(&self, file: &PackId, offset: u64, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        let plain = self.store.read(&ObjectName::Pack(*file).path(), offset, chunk.plain as usize)?;
        if plain.len() == chunk.plain as usize && self.is_identity(chunk, &plain) {
            return Ok(plain);
        }
        let name = self.store.mirror().and_then(|index| index.file(file)).map(|file| file.path.to_string());
        let why = format!("its bytes from {offset} on are not what they were");
        Err(VaultError::Damaged { object: name.unwrap_or_else(|| ObjectName::Pack(*file).to_string()), why })
    }

    fn chunk_of_pack(&self, group: GroupId, pack: &PackId, chunk: &ChunkRef) -> Result<Vec<u8>, VaultError> {
        let object = || ObjectName::Pack(*pack);
        let damaged = |why: &str| VaultError::Damaged { object: object().to_string(), why: why.to_owned() };
        if (chunk.stored as usize) <= CHUNK_OVERHEAD {
            return Err(damaged("a chunk too short to be one"));
        }
        let keys = self.keys_of(group, pack, chunk.offset)?;
        let record = self.ahead.read(pack, chunk.offset, chunk.stored as usize)?;
        match self.open_record(&keys, pack, chunk, &record) {
            // What was read ahead is no ground to call a pack damaged: its bytes are asked for by themselves.
            Err(error) if error.is_damage() => {
                let again = self.store.read(&object().path(), u64::from(chunk.offset), chunk.stored as usize)?;
                if again == record { Err(error) } else { self.open_record(&keys, pack, chunk, &again) }
            }
            opened => opened,
        }
    }
}

impl VaultReader<'_> {
    fn open_record(
        &self,
        keys: &PackKeys,
        pack: &PackId,
        chunk: &ChunkRef,
        record: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let object = || ObjectName::Pack(*pack);
        let damaged = |why: &str| VaultError::Damaged { object: object().to_string(), why: why.to_owned() };
        if record.len() != chunk.stored as usize {
            return Err(damaged("it ends before the chunk does"));
        }
        let (index, sealed) = split_chunk_record(record)?;
        let place = ChunkPlace { index, offset: chunk.offset, stored: chunk.stored, id: chunk.id };
        let encoded = keys.open_chunk(&place, sealed).map_err(|error| VaultError::seal(object(), error))?;
        let plain = decode_chunk(&encoded, chunk.plain)?;
        if self.is_identity(chunk, &plain) { Ok(plain) } else { Err(damaged("a chunk is not what its identity says")) }
    }
}
