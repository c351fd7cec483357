//! One pack from one place to another: hashed as it is sent, given its name only if it is what that says, then read
//! back.

use crate::destination::{ErrorKind, ReadStore, StoreError, WriteStore};
use crate::format::SeedPack;
use crate::model::{Digest, ObjectName, PackId, VaultPath, chain};
use crate::vault::{VaultError, get_digest};

/// Bytes sent at once.
const BLOCK: usize = 1 << 20;

/// How a pack came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// It was sent.
    Sent,
    /// It lay there, and reads back as what it is.
    LayThere,
}

/// A pack that is not what the list says, where it should come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// Which.
    pub pack: PackId,
    /// What is wrong with it.
    pub why: String,
}

/// Why a pack could not be carried.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// It is damaged or missing where it comes from; that place is there.
    #[error("packs/{}: {}", .0.pack, .0.why)]
    Unfit(Unfit),
    /// The place that it comes from can't be read any more.
    #[error("what is copied can't be read any more")]
    From(#[source] StoreError),
    /// The place that it goes to.
    #[error(transparent)]
    To(#[from] VaultError),
    /// Other bytes lie there under its name, and stay.
    #[error("other bytes lie there as packs/{0}")]
    Taken(PackId),
    /// It was written there twice, and does not read back.
    #[error(
        "packs/{0} was written there twice and does not read back as written: the drive or server loses data, or \
         another one writes there too"
    )]
    NotKept(PackId),
    /// It was told to stop.
    #[error("stopped; the same command goes on where it was")]
    Stopped,
}

impl From<StoreError> for CarryError {
    fn from(error: StoreError) -> Self {
        Self::To(error.into())
    }
}

/// What becomes of other bytes that lie under a pack's name where it is carried to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// They go, once the pack is known to be good where it comes from: on a drive that is being filled.
    Replaced,
    /// They stay: who has no key deletes nothing in a vault, and they may be the last that is left of it.
    Left,
}

/// Carries a pack, unless it lies there already; either way it is read back there.
///
/// # Errors
/// As above.
pub fn carry(
    from: &dyn ReadStore,
    to: &dyn WriteStore,
    pack: &SeedPack,
    wrong: Wrong,
    stop: &dyn Fn() -> bool,
) -> Result<Carried, CarryError> {
    let path = ObjectName::Pack(pack.id).path();
    let mut carried = Carried::LayThere;
    for turn in 0..2 {
        if to.stat(&path)?.is_none() {
            carried = send(from, to, (pack, &path), stop)?;
        }
        match get_digest(to, &path) {
            Ok(found) if found == Digest(pack.id.0) => {
                to.still_there()?;
                return Ok(carried);
            }
            Ok(_) if wrong == Wrong::Left && carried == Carried::LayThere => {
                to.still_there()?;
                return Err(CarryError::Taken(pack.id));
            }
            Ok(_) if turn == 0 => {
                // It goes only when what replaces it is known to be good.
                require_good(from, pack, &path)?;
                to.delete(&path)?;
            }
            Ok(_) => {}
            Err(VaultError::Missing { .. }) => to.still_there()?,
            Err(VaultError::Store(error)) if error.kind == ErrorKind::NotFound => to.still_there()?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(CarryError::NotKept(pack.id))
}

/// Gives whether it was sent: another one that was at work there may have had it first.
fn send(
    from: &dyn ReadStore,
    to: &dyn WriteStore,
    (pack, path): (&SeedPack, &VaultPath),
    stop: &dyn Fn() -> bool,
) -> Result<Carried, CarryError> {
    let unfit = |why: &str| Err(CarryError::Unfit(Unfit { pack: pack.id, why: why.to_owned() }));
    match from.stat(path).map_err(|error| source(from, pack, error))? {
        None => {
            from.still_there().map_err(CarryError::From)?;
            return unfit("it is missing");
        }
        Some(bytes) if bytes != u64::from(pack.bytes) => return unfit("its length is wrong"),
        Some(_) => {}
    }
    let mut reader = from.read_on(path, 0).map_err(|error| source(from, pack, error))?;
    let mut writer = match to.create(path) {
        Err(error) if error.kind == ErrorKind::Exists => return Ok(Carried::LayThere),
        begun => begun?,
    };
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; BLOCK]);
    loop {
        if stop() {
            return Err(CarryError::Stopped);
        }
        let read = reader.read(&mut buffer).map_err(|error| source(from, pack, error))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        writer.write(&buffer[..read])?;
    }
    if *hasher.finalize().as_bytes() != pack.id.0 {
        drop(writer);
        // What was sent of it must not be gone on from.
        let _ = to.create(path);
        return unfit("its bytes are not what its name says");
    }
    match writer.finish() {
        Err(error) if error.kind == ErrorKind::Exists => Ok(Carried::LayThere),
        finished => Ok(finished.map(|_| Carried::Sent)?),
    }
}

/// What can't be read of a place that is there is damage; of one that is gone it is no finding.
fn source(from: &dyn ReadStore, pack: &SeedPack, error: StoreError) -> CarryError {
    let is_damage = matches!(error.kind, ErrorKind::Permanent | ErrorKind::NotFound) && from.still_there().is_ok();
    if is_damage { CarryError::Unfit(Unfit { pack: pack.id, why: chain(&error) }) } else { CarryError::From(error) }
}

fn require_good(from: &dyn ReadStore, pack: &SeedPack, path: &VaultPath) -> Result<(), CarryError> {
    match get_digest(from, path) {
        Ok(found) if found == Digest(pack.id.0) => Ok(()),
        Err(VaultError::Store(error)) => Err(source(from, pack, error)),
        Ok(_) | Err(_) => {
            Err(CarryError::Unfit(Unfit { pack: pack.id, why: "its bytes are not what its name says".to_owned() }))
        }
    }
}
