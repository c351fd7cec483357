//! Heads at a medium: writing a new one, and reading all that are there.

use super::error::VaultError;
use super::objects::{SMALL_MAX, get, put};
use crate::destination::{ReadStore, WriteStore};
use crate::format::{Head, HeadName, SealedHeader, SealedKind};
use crate::model::{VaultId, VaultPath};
use crate::port::Entropy;
use crate::seal::Keyring;

/// How many of a writer's heads stay at a medium; older ones are deleted where deleting is allowed.
pub const HEADS_KEPT: usize = 4;

/// A head that lies at a medium.
#[derive(Debug)]
pub struct FoundHead {
    /// What it is called: epoch and session are believed only with `body`.
    pub name: HeadName,
    /// Where it lies.
    pub path: VaultPath,
    /// What it says, or why it can't be read.
    pub body: Result<Head, VaultError>,
}

/// Writes a head under a new name.
///
/// # Errors
/// [`VaultError::TooLong`] before anything is written, if nobody could read it back; as the store answers.
pub fn write_head(
    store: &dyn WriteStore,
    vault: VaultId,
    head: &Head,
    keyring: &Keyring,
    entropy: &dyn Entropy,
) -> Result<HeadName, VaultError> {
    let mut salt = [0; 32];
    entropy.fill(&mut salt).map_err(VaultError::Entropy)?;
    let header =
        SealedHeader { kind: SealedKind::Head, family: keyring.family(), scope: vault.0, epoch: keyring.epoch(), salt };
    let file = keyring.seal_file(&header, &head.encode()).expect("the keyring's own family and epoch");
    if file.len() as u64 > SMALL_MAX {
        return Err(VaultError::TooLong { object: "the head".into(), bytes: file.len() as u64, most: SMALL_MAX });
    }
    let name = HeadName { epoch: head.epoch, session: head.session, digest: digest_of(&file) };
    put(store, &path_of(&name), &file)?;
    Ok(name)
}

/// All heads at a medium, oldest first.
///
/// # Errors
/// If they can't be listed.
pub fn list_heads(store: &dyn ReadStore, vault: VaultId, keyring: &Keyring) -> Result<Vec<FoundHead>, VaultError> {
    let folder = VaultPath::parse("heads").expect("a constant");
    let mut names: Vec<HeadName> =
        store.list(&folder)?.iter().filter_map(|listed| listed.path.file_name().parse().ok()).collect();
    names.sort_unstable();
    let read = |name| FoundHead { name, path: path_of(&name), body: read_head(store, vault, keyring, &name) };
    Ok(names.into_iter().map(read).collect())
}

fn read_head(store: &dyn ReadStore, vault: VaultId, keyring: &Keyring, name: &HeadName) -> Result<Head, VaultError> {
    let path = path_of(name);
    let damaged = |why: &str| VaultError::Damaged { object: path.to_string(), why: why.to_owned() };
    let file = get(store, &path)?;
    if digest_of(&file) != name.digest {
        return Err(damaged("it is not what its name says"));
    }
    let (header, length) = SealedHeader::decode(&file, SealedKind::Head)?;
    if header.scope != vault.0 {
        return Err(damaged("it belongs to another vault"));
    }
    let plain = keyring.open_file(&header, &file[length..]).map_err(|error| VaultError::seal(&path, error))?;
    let head = Head::decode(&plain)?;
    if (head.epoch, head.session) == (name.epoch, name.session) {
        Ok(head)
    } else {
        Err(damaged("its name tells another session"))
    }
}

fn path_of(name: &HeadName) -> VaultPath {
    VaultPath::parse(&format!("heads/{name}")).expect("a name of ours")
}

fn digest_of(file: &[u8]) -> [u8; 8] {
    let mut digest = [0; 8];
    digest.copy_from_slice(&blake3::hash(file).as_bytes()[..8]);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::memory::MemoryPlace;
    use crate::model::{FamilyId, KeyEpoch, PointId, Time, WriterId};
    use crate::port::SystemEntropy;
    use crate::seal::Master;

    #[test]
    fn a_head_that_nobody_could_read_back_is_not_written() {
        let keyring = Keyring::new(FamilyId([1; 16]), [(KeyEpoch(1), Master::new([2; 32]))].into());
        let store = MemoryPlace::new(1).open().expect("plugged in");
        let head = |removed: u32| Head {
            writer: WriterId([3; 16]),
            epoch: 1,
            session: u64::from(removed),
            created: Time::from_seconds(0),
            newest: None,
            jobs: vec![],
            pins: vec![],
            marks: vec![],
            media: vec![],
            seeds: vec![],
            proofs: vec![],
            removed: (0..removed).map(|at| PointId((u64::from(at)).to_be_bytes())).collect(),
            unknown: vec![],
        };
        let write = |removed| write_head(&store, VaultId([4; 16]), &head(removed), &keyring, &SystemEntropy);
        write(1000).expect("a long history");
        // Nine bytes each: 16 MiB and somewhat more.
        assert!(matches!(write((16 << 20) / 9), Err(VaultError::TooLong { .. })));
        assert_eq!(list_heads(&store, VaultId([4; 16]), &keyring).expect("listed").len(), 1);
    }
}
