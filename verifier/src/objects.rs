//! Every object of a point, whole, from the medium, against its name.
//!
//! In: names of packs. Out: how many bytes were read, and which objects are missing, damaged or can't be read.

use std::fmt;

use engine::destination::{ErrorKind, ReadStore, StoreError};
use engine::model::{Digest, ObjectName, PackId, chain};

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
}

impl fmt::Display for ObjectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the object is missing"),
            Self::Damaged { .. } => f.write_str("the object is damaged: it is not what its name says"),
            Self::Unreadable(why) => write!(f, "the object can't be read: {why}"),
        }
    }
}

/// Checks packs; `progress` is told the bytes so far.
pub fn check(store: &dyn ReadStore, packs: &[PackId], progress: &dyn Fn(u64)) -> Objects {
    let mut objects = Objects::default();
    for pack in packs {
        let (bytes, found) = check_one(store, pack);
        objects.count += 1;
        objects.bytes = objects.bytes.saturating_add(bytes);
        if let Err(problem) = found {
            let mut mismatch = Mismatch::new(ObjectName::Pack(*pack).path().as_str().as_bytes(), problem.to_string());
            if let ObjectProblem::Damaged { found } = problem {
                (mismatch.expected, mismatch.found) = (Some(pack.to_string()), Some(found.to_string()));
            }
            objects.mismatches.add(mismatch);
        }
        progress(objects.bytes);
    }
    objects
}

/// Reads one pack whole; how many bytes it has, and whether they are what its name says.
pub fn check_one(store: &dyn ReadStore, pack: &PackId) -> (u64, Result<(), ObjectProblem>) {
    let mut bytes = 0;
    let found = digest(store, pack, &mut bytes);
    let found = match found {
        Ok(digest) if digest.0 == pack.0 => Ok(()),
        Ok(found) => Err(ObjectProblem::Damaged { found }),
        Err(error) if error.kind == ErrorKind::NotFound => Err(ObjectProblem::Missing),
        Err(error) => Err(ObjectProblem::Unreadable(chain(&error))),
    };
    (bytes, found)
}

fn digest(store: &dyn ReadStore, pack: &PackId, bytes: &mut u64) -> Result<Digest, StoreError> {
    let mut reader = store.read_medium(&ObjectName::Pack(*pack).path())?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
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
        let found = check(&store, &names, &|_| {});
        assert_eq!((found.count, found.bytes, found.mismatches.count()), (4, 13, 3));
        assert_eq!(check_one(&store, &names[0]), (4, Ok(())));
        assert!(matches!(check_one(&store, &names[1]), (7, Err(ObjectProblem::Damaged { .. }))));
        assert!(matches!(check_one(&store, &names[2]), (2, Err(ObjectProblem::Damaged { .. }))));
        assert_eq!(check_one(&store, &names[3]), (0, Err(ObjectProblem::Missing)));
    }
}
