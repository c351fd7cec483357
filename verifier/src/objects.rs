//! Every object of a point, whole, from the medium, against its name.
//!
//! In: names of packs. Out: how many bytes were read, and which objects are missing, damaged or can't be read. What can't
//! be read now, and may be another time, is no finding: the drill is incomplete then.

use std::fmt;

use engine::catalog::Finding;
use engine::destination::{ErrorKind, ReadStore, StoreError};
use engine::format::Manifest;
use engine::model::{Digest, JobId, ObjectName, PackId, chain};
use engine::seal::Keyring;
use engine::vault::{PackNames, VaultError, VaultReader, mirror_files};

use crate::mismatch::{Mismatch, Mismatches};

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// How many objects.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong with them.
    pub mismatches: Mismatches,
    /// Those that are missing or damaged.
    pub damaged: Vec<ObjectName>,
    /// Why not all could be asked for, if that is no object's fault.
    pub unasked: Option<String>,
}

/// What is wrong with an object.
#[derive(Debug, PartialEq, Eq)]
pub enum ObjectProblem {
    /// It is not there.
    Missing,
    /// It is there, and is not what its name says.
    Damaged {
        /// What its bytes hash to.
        found: Digest,
    },
    /// It is there and can't be read to its end.
    Unreadable(String),
    /// It can't be read now, or not by us.
    Unasked(String),
}

impl fmt::Display for ObjectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the object is missing"),
            Self::Damaged { .. } => f.write_str("the object is damaged: it is not what its name says"),
            Self::Unreadable(why) | Self::Unasked(why) => write!(f, "the object can't be read: {why}"),
        }
    }
}

/// All objects that a point names at this place but its manifest: packs, or at a mirror its files and the packs with its
/// entries.
///
/// # Errors
/// If they can't be told.
pub fn named(store: &dyn ReadStore, manifest: &Manifest, reader: &VaultReader<'_>) -> Result<Vec<PackId>, VaultError> {
    let Some(index) = store.mirror() else {
        return PackNames::of(manifest, reader).map(|names| names.all().to_vec());
    };
    let files = mirror_files(manifest, reader)?;
    let objects = manifest.roots.iter().copied().chain(files.iter().map(|(id, _)| *id)).collect();
    index.learn(manifest.name.order, files);
    Ok(objects)
}

/// Checks packs until it is told to stop; `progress` is told the bytes so far.
pub fn check(store: &dyn ReadStore, packs: &[PackId], stop: &dyn Fn() -> bool, progress: &dyn Fn(u64)) -> Objects {
    let mut objects = Objects::default();
    for pack in packs {
        let (bytes, found) = check_one(store, pack, stop);
        if stop() {
            break;
        }
        objects.count += 1;
        objects.bytes = objects.bytes.saturating_add(bytes);
        if let Err(problem) = found {
            objects.add(ObjectName::Pack(*pack), problem);
        }
        progress(objects.bytes);
    }
    objects
}

impl Objects {
    fn add(&mut self, object: ObjectName, problem: ObjectProblem) {
        let path = object.path();
        let mut mismatch = Mismatch::new(path.as_str().as_bytes(), problem.to_string());
        match problem {
            ObjectProblem::Unasked(why) => {
                self.unasked.get_or_insert_with(|| format!("{path} can't be read now: {why}"));
                return;
            }
            ObjectProblem::Damaged { found } => {
                let name = path.file_name().to_owned();
                (mismatch.expected, mismatch.found) = (Some(name), Some(found.to_string()));
                self.damaged.push(object);
            }
            ObjectProblem::Missing => self.damaged.push(object),
            ObjectProblem::Unreadable(_) => {}
        }
        self.mismatches.add(mismatch);
    }
}

/// Can't the place be asked now, or not by us? Then it says nothing of what lies there.
#[must_use]
pub fn is_unasked(error: &StoreError) -> bool {
    matches!(error.kind, ErrorKind::Gone | ErrorKind::Transient | ErrorKind::Ambiguous | ErrorKind::Denied)
}

/// Reads one pack whole; how many bytes it has, and whether they are what its name says. Once it is told to stop, the
/// answer means nothing.
pub fn check_one(store: &dyn ReadStore, pack: &PackId, stop: &dyn Fn() -> bool) -> (u64, Result<(), ObjectProblem>) {
    let mut bytes = 0;
    let found = digest(store, pack, stop, &mut bytes);
    let found = match found {
        Ok(digest) if digest == wanted(store, pack) => Ok(()),
        Ok(found) => Err(ObjectProblem::Damaged { found }),
        Err(error) if error.kind == ErrorKind::NotFound => Err(ObjectProblem::Missing),
        Err(error) if is_unasked(&error) => Err(ObjectProblem::Unasked(chain(&error))),
        Err(error) => Err(ObjectProblem::Unreadable(chain(&error))),
    };
    (bytes, found)
}

/// What is wrong with an object now, for who records it: damage or absence, and nothing else.
pub(crate) fn look(store: &dyn ReadStore, keyring: &Keyring, job: JobId, object: &ObjectName) -> Option<Finding> {
    match object {
        ObjectName::Pack(pack) => match check_one(store, pack, &|| false).1 {
            Err(ObjectProblem::Missing) => Some(Finding::Missing),
            Err(ObjectProblem::Damaged { .. }) => Some(Finding::Damaged),
            Err(ObjectProblem::Unreadable(_) | ObjectProblem::Unasked(_)) | Ok(()) => None,
        },
        ObjectName::Point(_, name) => match VaultReader::new(store, keyring).manifest(job, *name) {
            Err(error) => finding_of(&error),
            Ok(_) => None,
        },
    }
}

/// Is it missing or damaged, or can it merely not be read?
pub(crate) fn finding_of(error: &VaultError) -> Option<Finding> {
    match error {
        VaultError::Missing { .. } => Some(Finding::Missing),
        VaultError::Store(error) if error.kind == ErrorKind::NotFound => Some(Finding::Missing),
        error if error.is_damage() => Some(Finding::Damaged),
        _ => None,
    }
}

/// What its bytes should be: as its name says, or what the point says of a mirror's file.
fn wanted(store: &dyn ReadStore, pack: &PackId) -> Digest {
    let file = store.mirror().and_then(|index| index.file(pack));
    file.map_or(Digest(pack.0), |file| file.digest)
}

fn digest(
    store: &dyn ReadStore,
    pack: &PackId,
    stop: &dyn Fn() -> bool,
    bytes: &mut u64,
) -> Result<Digest, StoreError> {
    let mut reader = store.read_medium(&ObjectName::Pack(*pack).path())?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
            _ if stop() => return Ok(Digest([0; 32])),
            0 => return Ok(Digest(*hasher.finalize().as_bytes())),
            read => {
                hasher.update_rayon(&buffer[..read]);
                *bytes += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::destination::memory::MemoryPlace;

    use super::*;

    fn pack(bytes: &[u8]) -> PackId {
        PackId(*blake3::hash(bytes).as_bytes())
    }

    #[test]
    fn good_missing_flipped_and_cut_objects_are_told_apart() {
        let place = MemoryPlace::new(1);
        let names: Vec<PackId> = [&b"good"[..], b"flipped", b"cut", b"missing"].into_iter().map(pack).collect();
        for (name, bytes) in names.iter().zip([&b"good"[..], b"Flipped", b"cu"]) {
            place.plant(&ObjectName::Pack(*name).path(), bytes);
        }
        let store = place.open().expect("plugged in");
        let found = check(&store, &names, &|| false, &|_| {});
        assert_eq!((found.count, found.bytes, found.mismatches.count()), (4, 13, 3));
        assert_eq!(found.damaged.len(), 3);
        assert_eq!(check_one(&store, &names[0], &|| false), (4, Ok(())));
        assert!(matches!(check_one(&store, &names[1], &|| false), (7, Err(ObjectProblem::Damaged { .. }))));
        assert!(matches!(check_one(&store, &names[2], &|| false), (2, Err(ObjectProblem::Damaged { .. }))));
        assert_eq!(check_one(&store, &names[3], &|| false), (0, Err(ObjectProblem::Missing)));
        assert_eq!(check(&store, &names, &|| true, &|_| {}), Objects::default(), "nothing is said once it is stopped");
    }

    #[test]
    fn what_can_not_be_asked_for_now_is_no_finding() {
        let place = MemoryPlace::new(1);
        let name = pack(b"good");
        place.plant(&ObjectName::Pack(name).path(), b"good");
        let store = place.open().expect("plugged in");
        place.unplug();
        let found = check(&store, &[name], &|| false, &|_| {});
        assert_eq!((found.mismatches.count(), found.damaged.len()), (0, 0));
        assert!(found.unasked.is_some());
    }
}
