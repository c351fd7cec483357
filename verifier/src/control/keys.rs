//! Wrong keys, and an object that is not what its name says.

use std::collections::BTreeMap;

use engine::destination::memory::MemoryPlace;
use engine::model::{ObjectName, PackId};
use engine::seal::{Keyring, Master, SlotError};
use engine::vault::{self, VaultReader};

use super::Control;
use crate::objects::ObjectProblem;

pub(super) fn run(control: &Control<'_>) -> Result<Vec<String>, String> {
    let mut secret = [0; 32];
    control.entropy.fill(&mut secret).map_err(|error| error.to_string())?;
    let mut missed = Vec::new();
    if !matches!(vault::unlock(control.keys, control.opened_by, &secret), Err(SlotError::Wrong)) {
        missed.push("a wrong passphrase or recovery sheet was not refused".to_owned());
    }
    let set = &control.keys.set;
    let wrong = Keyring::new(set.family, BTreeMap::from([(set.epoch, Master::new(secret))]));
    if VaultReader::new(control.store, &wrong).manifest(control.job, control.point).is_ok() {
        missed.push("a manifest opened with a wrong key".to_owned());
    }
    missed.extend(objects(control)?);
    Ok(missed)
}

/// One byte flipped, and one object gone.
fn objects(control: &Control<'_>) -> Result<Vec<String>, String> {
    let place = MemoryPlace::new(0);
    let (good, lost) = (*b"an object", *b"a lost one");
    let name = |bytes: &[u8]| PackId(*blake3::hash(bytes).as_bytes());
    let check = control.checks.object;
    let mut flipped = good;
    flipped[3] ^= 1;
    let store = place.open().map_err(|error| error.to_string())?;
    let mut missed = Vec::new();
    place.plant(&ObjectName::Pack(name(&good)).path(), &good);
    if check(&store, &name(&good)).is_err() {
        missed.push("a good object does not compare".to_owned());
    }
    place.plant(&ObjectName::Pack(name(&flipped)).path(), &good);
    if !matches!(check(&store, &name(&flipped)), Err(ObjectProblem::Damaged { .. })) {
        missed.push("a flipped byte in an object was not noticed".to_owned());
    }
    if check(&store, &name(&lost)) != Err(ObjectProblem::Missing) {
        missed.push("a missing object was not noticed".to_owned());
    }
    Ok(missed)
}
