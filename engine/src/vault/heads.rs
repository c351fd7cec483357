//! Heads at a medium: writing a new one, reading all that are there, and what they say should lie there.

use std::collections::BTreeMap;

use super::error::VaultError;
use super::objects::{SMALL_MAX, get, put};
use crate::destination::{ReadStore, WriteStore};
use crate::format::{Head, HeadName, HeadNewest, SealedHeader, SealedKind};
use crate::model::{JobId, VaultId, VaultPath};
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

/// All heads at a medium, oldest first; not those that a list shows and that were deleted.
///
/// # Errors
/// If they can't be listed.
pub fn list_heads(store: &dyn ReadStore, vault: VaultId, keyring: &Keyring) -> Result<Vec<FoundHead>, VaultError> {
    let folder = VaultPath::parse("heads").expect("a constant");
    let mut names: Vec<HeadName> =
        store.list(&folder)?.iter().filter_map(|listed| listed.path.file_name().parse().ok()).collect();
    names.sort_unstable();
    let read = |name| FoundHead { name, path: path_of(&name), body: read_head(store, vault, keyring, &name) };
    let found: Vec<FoundHead> = names.into_iter().map(read).collect();
    let last_read = found.iter().rev().find(|head| head.body.is_ok()).map(|head| head.name);
    Ok(found.into_iter().filter(|head| !is_dropped(head, last_read)).collect())
}

/// A head that no list shows: they may be late. None if it does not lie there, or is not what its name says.
///
/// # Errors
/// If the store does not answer.
pub fn head_named(
    store: &dyn ReadStore,
    vault: VaultId,
    keyring: &Keyring,
    name: HeadName,
) -> Result<Option<FoundHead>, VaultError> {
    match read_head(store, vault, keyring, &name) {
        Ok(head) => Ok(Some(FoundHead { name, path: path_of(&name), body: Ok(head) })),
        Err(error @ VaultError::Store(_)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Was it deleted, as old heads are, and only a list still shows it? Stores of several nodes do that for a while. What a
/// read does not find is gone where a later head of its epoch can be read, which has taken its place.
fn is_dropped(head: &FoundHead, last_read: Option<HeadName>) -> bool {
    let is_missing = matches!(head.body, Err(VaultError::Missing { .. }));
    is_missing && last_read.is_some_and(|last| last.epoch == head.name.epoch && last.session > head.name.session)
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
    VaultError::known(&path, &header, keyring)?;
    let plain = keyring.open_file(&header, &file[length..]).map_err(|error| VaultError::seal(&path, error))?;
    let head = Head::decode(&plain)?;
    if (head.epoch, head.session) == (name.epoch, name.session) {
        Ok(head)
    } else {
        Err(damaged("its name tells another session"))
    }
}

/// The newest point of each job that should lie at a vault, as its newest readable head there says, and heads from other
/// media that know of this vault's last session or a later one: a vault that was set back is told by them.
///
/// What is not said: points that were made after these heads, and all but each job's newest.
#[must_use]
pub fn newest_told(vault: VaultId, here: &[FoundHead], elsewhere: &[Head]) -> Vec<HeadNewest> {
    let own = here.iter().rev().find_map(|found| found.body.as_ref().ok());
    let session = own.map(|head| (head.epoch, head.session));
    let knows = |head: &&Head| {
        head.media.iter().any(|medium| medium.medium == vault && Some((medium.epoch, medium.session)) >= session)
    };
    let heads: Vec<&Head> = own.into_iter().chain(elsewhere.iter().filter(knows)).collect();
    let told = heads.iter().flat_map(|head| &head.newest_at).filter(|told| told.medium == vault);
    let mut newest: BTreeMap<JobId, HeadNewest> = BTreeMap::new();
    for told in told.filter(|told| !is_gone_on_purpose(&heads, told)) {
        let known = newest.entry(told.job).or_insert(*told);
        *known = if told.point > known.point { *told } else { *known };
    }
    newest.into_values().collect()
}

fn is_gone_on_purpose(heads: &[&Head], told: &HeadNewest) -> bool {
    heads.iter().any(|head| {
        let evicted = |mark: &&crate::format::HeadMark| (mark.medium, mark.job) == (told.medium, told.job);
        head.removed.contains(&told.point.id)
            || head.marks.iter().filter(evicted).any(|mark| mark.evicted >= told.point.order)
    })
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
    use crate::format::{HeadMark, HeadMedium};
    use crate::model::{FamilyId, KeyEpoch, PointId, PointName, PointOrder, Time, WriterId};
    use crate::port::SystemEntropy;
    use crate::seal::Master;

    const VAULT: VaultId = VaultId([4; 16]);
    const JOB: JobId = JobId([5; 8]);

    fn head(session: u64) -> Head {
        Head {
            writer: WriterId([3; 16]),
            epoch: 1,
            session,
            created: Time::from_seconds(0),
            newest: None,
            jobs: vec![],
            pins: vec![],
            marks: vec![],
            media: vec![],
            seeds: vec![],
            proofs: vec![],
            removed: vec![],
            newest_at: vec![],
            configuration: None,
            unknown: vec![],
        }
    }

    fn order(sequence: u64) -> PointOrder {
        PointOrder { epoch: 1, sequence }
    }

    /// A head of that session that tells of this point at the vault.
    fn telling(session: u64, sequence: u64) -> Head {
        let point = PointName { order: order(sequence), id: PointId([9; 8]) };
        Head { newest_at: vec![HeadNewest { medium: VAULT, job: JOB, point }], ..head(session) }
    }

    /// The same from another medium, which knows of that session there.
    fn afar(session: u64, sequence: u64) -> Head {
        let destination = "usb".parse().expect("a name");
        let medium = HeadMedium { medium: VAULT, destination, retired: false, epoch: 1, session };
        Head { media: vec![medium], ..telling(1, sequence) }
    }

    fn found(head: Result<Head, VaultError>) -> FoundHead {
        let session = head.as_ref().map_or(99, |head| head.session);
        let name = HeadName { epoch: 1, session, digest: [0; 8] };
        FoundHead { name, path: path_of(&name), body: head }
    }

    fn told(here: Vec<FoundHead>, elsewhere: &[Head]) -> Vec<u64> {
        newest_told(VAULT, &here, elsewhere).iter().map(|told| told.point.order.sequence).collect()
    }

    #[test]
    fn the_newest_head_that_can_be_read_says_what_should_be_there() {
        let damaged = || Err(VaultError::Missing { object: String::new() });
        assert_eq!(
            told(vec![found(Ok(telling(1, 7))), found(Ok(telling(2, 5)))], &[]),
            [5],
            "a newer point was removed"
        );
        assert_eq!(told(vec![found(Ok(telling(2, 5))), found(damaged())], &[]), [5]);
        assert_eq!(told(vec![found(Ok(head(3)))], &[]), [0; 0], "a head of the first release says nothing");
        assert_eq!(told(vec![], &[]), [0; 0]);
    }

    #[test]
    fn a_head_elsewhere_counts_if_it_knows_of_no_earlier_session() {
        let here = || vec![found(Ok(telling(4, 5)))];
        assert_eq!(told(here(), &[afar(3, 9)]), [5], "what it knows is older");
        assert_eq!(told(here(), &[afar(4, 9)]), [9]);
        assert_eq!(told(here(), &[afar(6, 9)]), [9], "the vault was set back");
        assert_eq!(told(vec![], &[afar(1, 9)]), [9], "no head is left there");
        assert_eq!(told(here(), &[telling(9, 9)]), [5], "that medium is not known there");
    }

    #[test]
    fn what_went_on_purpose_is_not_lost() {
        let removed = Head { removed: vec![PointId([9; 8])], ..telling(4, 5) };
        assert_eq!(told(vec![found(Ok(removed))], &[]), [0; 0]);
        let mark = |sequence| vec![HeadMark { medium: VAULT, job: JOB, evicted: order(sequence) }];
        assert_eq!(told(vec![found(Ok(Head { marks: mark(5), ..telling(4, 5) }))], &[]), [0; 0]);
        assert_eq!(told(vec![found(Ok(Head { marks: mark(4), ..telling(4, 5) }))], &[]), [5]);
    }

    #[test]
    fn a_head_that_nobody_could_read_back_is_not_written() {
        let keyring = Keyring::new(FamilyId([1; 16]), [(KeyEpoch(1), Master::new([2; 32]))].into());
        let store = MemoryPlace::new(1).open().expect("plugged in");
        let head = |removed: u32| Head {
            removed: (0..removed).map(|at| PointId((u64::from(at)).to_be_bytes())).collect(),
            ..head(u64::from(removed))
        };
        let write = |removed| write_head(&store, VaultId([4; 16]), &head(removed), &keyring, &SystemEntropy);
        write(1000).expect("a long history");
        // Nine bytes each: 16 MiB and somewhat more.
        assert!(matches!(write((16 << 20) / 9), Err(VaultError::TooLong { .. })));
        assert_eq!(list_heads(&store, VaultId([4; 16]), &keyring).expect("listed").len(), 1);
    }
}
