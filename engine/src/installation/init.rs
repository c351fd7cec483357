//! `init` and `enrol`: making the home vault, the master key, and the vault of every destination that is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::cost::new_passphrase_cost;
use super::error::InstallationError;
use super::look;
use super::place::{
    another_there, is_refused, laid_out, lies_otherwise, make_destination, open_destination, open_place, place_text,
    why_away, why_not_made,
};
use super::probe::{Asked, probe};
use super::sheet::{SHEET, Sheet, SheetFiles, write_sheet};
use super::sight::shares_disk;
use crate::catalog::{Catalog, CatalogError, Founding, MediumRow, NewMedium, OpenOptions};
use crate::config::{Config, Destination, Place};
use crate::destination::{ErrorKind, FileStore, Privacy, StoreError, WriteStore};
use crate::format::{FormatError, Identity, SlotKind, SlotSet};
use crate::model::{DestinationName, FamilyId, Time, VaultId, VaultPath, WriterId};
use crate::port::{Clock, Entropy};
use crate::seal::{NewSlot, SHEET_COST, SlotError, first_set, sheet_text, sheet_text_parse};
use crate::vault::{FirstKeys, VaultError, found, identity_of, keys_of};

/// What `init` did at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// A new vault.
    Vault,
    /// It was there already.
    AlreadyThere,
    /// The place is not there; why.
    Away(String),
    /// Something is there that can't be used; why.
    Failed(String),
}

/// Whether a known vault is accepted where it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is: somebody said so.
    Yes,
    /// Not on another file system than before.
    No,
}

/// What `init` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The family.
    pub family: FamilyId,
    /// Each place in the configuration's order, home first.
    pub places: Vec<PreparedPlace>,
    /// Where the recovery sheet was written, if keys were made now.
    pub sheet: Option<SheetFiles>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedPlace {
    /// Its destination.
    pub destination: DestinationName,
    /// What was done there.
    pub made: Made,
    /// Its medium.
    pub medium: Option<VaultId>,
    /// On the same device as home or the root of this computer?
    pub same_disk: bool,
    /// What it can do, if it was asked now.
    pub asked: Option<Asked>,
}

impl PreparedPlace {
    /// Nothing was made there.
    fn not(destination: DestinationName, made: Made) -> Self {
        Self { destination, made, medium: None, same_disk: false, asked: None }
    }
}

/// A place that was looked at before anything is written.
enum Found {
    Away(String),
    Unusable(String),
    Empty,
    Vault(Identity),
}

/// Prepares what is missing. Repeating it is safe.
///
/// # Errors
/// [`InstallationError::Foreign`] before anything is written, if a place holds a vault that is not ours.
pub fn init(config: &Config, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Prepared, InstallationError> {
    let home_place = Place::File(config.home.path.clone());
    let home = look_at_place(&home_place, open_place(&home_place))?;
    let found = look::ask_all(&config.destinations, look_at_destination);
    let places: Vec<(&Destination, Found)> = config
        .destinations
        .iter()
        .zip(found)
        .map(|(destination, found)| Ok((destination, found.unwrap_or_else(|why| Ok(Found::Away(why)))?)))
        .collect::<Result<_, InstallationError>>()?;
    let catalog = existing_catalog(config, &home)?;
    refuse_foreign(config, catalog.as_ref(), &home, &places)?;
    let (catalog, set, sheet) = match catalog {
        Some(catalog) => {
            let family = catalog.meta()?.family;
            let set = keys_of(&FileStore::open(&config.home.path, Privacy::Private)?, family)?.set;
            (catalog, set, None)
        }
        None => make_home(config, clock, entropy)?,
    };
    super::ballast::keep(&config.state);
    let family = catalog.meta()?.family;
    let home_made = if sheet.is_some() { Made::Vault } else { Made::AlreadyThere };
    let home = PreparedPlace { medium: catalog.meta()?.home, ..PreparedPlace::not(DestinationName::home(), home_made) };
    let tools = Tools { config, catalog: &catalog, clock, entropy };
    let mut prepared = vec![home];
    for (destination, found) in places {
        prepared.push(prepare(&tools, destination, &found, &set)?);
    }
    Ok(Prepared { family, places: prepared, sheet })
}

/// The catalog if there is one that belongs to the home vault that is there.
fn existing_catalog(config: &Config, home: &Found) -> Result<Option<Catalog>, InstallationError> {
    let catalog = match Catalog::open(&config.state, OpenOptions::default()) {
        Ok(catalog) => catalog,
        Err(CatalogError::Missing { path }) if matches!(home, Found::Vault(_)) => {
            return Err(InstallationError::CatalogMissing { path, home: config.home.path.clone() });
        }
        Err(CatalogError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match home {
        Found::Vault(_) => Ok(Some(catalog)),
        // An `init` that broke off before the home vault was whole: nothing relies on that catalog.
        _ if catalog.points()?.is_empty() && catalog.media()?.iter().all(|medium| medium.destination.is_home()) => {
            drop(catalog);
            let path = config.state.join("catalog.redb");
            std::fs::remove_file(&path).map_err(|source| InstallationError::Make { path, source })?;
            Ok(None)
        }
        _ => Err(InstallationError::HomeMissing { path: config.home.path.clone(), why: "no vault is there".into() }),
    }
}

fn refuse_foreign(
    config: &Config,
    catalog: Option<&Catalog>,
    home: &Found,
    places: &[(&Destination, Found)],
) -> Result<(), InstallationError> {
    let family = catalog.map(Catalog::meta).transpose()?.map(|meta| meta.family);
    let home = (config.home.path.display().to_string(), home);
    let all = places.iter().map(|(destination, found)| (place_text(&destination.place), found));
    for (place, found) in std::iter::once(home).chain(all) {
        if let Found::Vault(identity) = found
            && Some(identity.family) != family
        {
            return Err(InstallationError::Foreign { place, family: identity.family.to_string() });
        }
    }
    Ok(())
}

/// One destination that can't be used keeps the others from nothing; a newer vault does, for it may be ours.
fn look_at_destination(destination: &Destination) -> Result<Found, InstallationError> {
    match looked_at(destination) {
        Err(error @ InstallationError::Vault(VaultError::Format(FormatError::Newer { .. }))) => Err(error),
        Err(error) => Ok(Found::Unusable(crate::model::chain(&error))),
        found => found,
    }
}

/// What lies at a destination; beside a vault of the other layout nothing is made.
fn looked_at(destination: &Destination) -> Result<Found, InstallationError> {
    let opened = open_place(&destination.place);
    let place = opened.as_ref().ok().map(Arc::clone);
    let found = look_at_place(&destination.place, opened.map(|store| laid_out(destination.layout, store)))?;
    Ok(match (found, place) {
        (Found::Empty, Some(place)) => lies_otherwise(destination.layout, place).map_or(Found::Empty, Found::Unusable),
        (found, _) => found,
    })
}

/// A folder that is not there counts as empty: whether the one that would hold it is there, shows when it is made. What
/// a server does not let us see is away.
fn look_at_place(place: &Place, opened: Result<Arc<dyn WriteStore>, StoreError>) -> Result<Found, InstallationError> {
    let store = match (opened, place) {
        (Ok(store), _) => store,
        (Err(error), Place::File(path)) if error.kind == ErrorKind::NotFound => {
            let parent = path.parent().is_some_and(Path::is_dir);
            return Ok(if parent { Found::Empty } else { Found::Away(why_away(place, &error)) });
        }
        (Err(error), Place::File(_)) => return Err(error.into()),
        (Err(error), _) if error.kind == ErrorKind::NotFound => return Ok(Found::Empty),
        (Err(error), _) if is_refused(place, &error) => return Ok(Found::Unusable(why_away(place, &error))),
        (Err(error), _) => return Ok(Found::Away(why_away(place, &error))),
    };
    match identity_of(&*store) {
        Ok(identity) => Ok(Found::Vault(identity)),
        Err(VaultError::Missing { .. }) => Ok(Found::Empty),
        Err(VaultError::Format(error @ FormatError::Newer { .. })) => Err(VaultError::Format(error).into()),
        Err(error) => Err(error.into()),
    }
}

/// Catalog, keys, home vault, recovery sheet. The home vault's identity comes last: until then all is made anew.
fn make_home(
    config: &Config,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(Catalog, SlotSet, Option<SheetFiles>), InstallationError> {
    let secret = config.key.read()?;
    make_private(&config.state)?;
    make_private(&config.home.path)?;
    let store = FileStore::open(&config.home.path, Privacy::Private)?;
    let (family, writer, home) = (FamilyId(random(entropy)?), WriterId(random(entropy)?), VaultId(random(entropy)?));
    let (now, kdf) = (clock.now(), new_passphrase_cost(clock)?);
    let sheet = sheet_text(entropy)?;
    let sheet_secret = sheet_text_parse(&sheet)?;
    let slots = [
        NewSlot { kind: SlotKind::Sheet, secret: &sheet_secret, label: "recovery sheet", kdf: SHEET_COST },
        NewSlot { kind: SlotKind::Passphrase, secret: &secret.bytes, label: "passphrase", kdf },
    ];
    let (set, _) = first_set(family, &slots, now, entropy)?;
    let founding = Founding { family, writer, epoch: 1, created: now };
    let catalog = Catalog::create(&config.state, &founding, OpenOptions::default())?;
    let place = Place::File(config.home.path.clone());
    catalog.enrol(&new_medium(home, DestinationName::home(), &place, false, now))?;
    let files = write_sheet(SHEET, &Sheet { config, family, letters: &sheet, made: now })?;
    found(&store, &Identity { family, vault: home, created: now }, FirstKeys { set: &set })?;
    Ok((catalog, set, Some(files)))
}

/// What one destination is prepared with.
struct Tools<'t> {
    config: &'t Config,
    catalog: &'t Catalog,
    clock: &'t dyn Clock,
    entropy: &'t dyn Entropy,
}

/// The vault of one destination, if it is there and has none.
fn prepare(
    tools: &Tools<'_>,
    destination: &Destination,
    found: &Found,
    set: &SlotSet,
) -> Result<PreparedPlace, InstallationError> {
    let name = destination.name.clone();
    let media = tools.catalog.media()?;
    let known: Vec<&MediumRow> = media.iter().filter(|medium| medium.destination == name).collect();
    match found {
        Found::Away(why) => Ok(PreparedPlace::not(name, Made::Away(why.clone()))),
        Found::Unusable(why) => Ok(PreparedPlace::not(name, Made::Failed(why.clone()))),
        Found::Vault(identity) => match media.iter().find(|medium| medium.vault == identity.vault) {
            Some(medium) if medium.destination != name => Ok(PreparedPlace::not(name, Made::Failed(shared(medium)))),
            Some(medium) if medium.retired.is_some() => Ok(PreparedPlace::not(name, Made::Failed(retired(medium)))),
            Some(medium) => Ok(PreparedPlace {
                medium: Some(medium.vault),
                same_disk: medium.same_disk,
                ..PreparedPlace::not(name, Made::AlreadyThere)
            }),
            // A vault of ours that an `init` founded and could not record any more.
            None if known.is_empty() => match ask(tools, destination, open_destination) {
                Ok((_, asked)) => tools.adopt(destination, identity.vault, asked),
                Err(why) => Ok(PreparedPlace::not(name, Made::Failed(why))),
            },
            None => {
                let why = format!("another vault of ours is there; `engine enrol {name}` makes it one more medium");
                Ok(PreparedPlace::not(name, Made::Away(why)))
            }
        },
        Found::Empty if known.is_empty() => match ask(tools, destination, make_destination) {
            Ok((_, Asked::Unwritable(why))) | Err(why) => Ok(PreparedPlace::not(name, Made::Failed(why))),
            // Another destination's, if both are one place under two names; or another installation's, made since the look.
            Ok((store, _)) if let Some(made) = made_meanwhile(&*store) => {
                if made.family == set.family {
                    return prepare(tools, destination, &Found::Vault(made), set);
                }
                let (place, family) = (place_text(&destination.place), made.family.to_string());
                let error = InstallationError::Foreign { place, family };
                Ok(PreparedPlace::not(name, Made::Failed(error.to_string())))
            }
            Ok((store, asked)) => match make_vault(&*store, set, tools.clock, tools.entropy) {
                Ok(vault) => tools.adopt(destination, vault, asked),
                Err(error) => Ok(PreparedPlace::not(name, Made::Failed(crate::model::chain(&error)))),
            },
        },
        Found::Empty => {
            let (place, why) = (place_text(&destination.place), another_there(&destination.place));
            Ok(PreparedPlace::not(name, Made::Away(format!("no vault at {place}: {why}"))))
        }
    }
}

/// A vault that was founded there since the look: its `VAULT` comes last, and one request tells that it is not there.
fn made_meanwhile(store: &dyn WriteStore) -> Option<Identity> {
    let first = VaultPath::parse("VAULT").expect("a constant");
    store.stat(&first).ok().flatten()?;
    identity_of(store).ok()
}

type Opening = fn(&Destination) -> Result<Arc<dyn WriteStore>, StoreError>;

/// Opens, or makes, a place and asks what it can do; else why not, for people: one place that can't be used keeps the
/// others from nothing.
fn ask(tools: &Tools<'_>, destination: &Destination, open: Opening) -> Result<(Arc<dyn WriteStore>, Asked), String> {
    let place = &destination.place;
    let store = open(destination).map_err(|error| why_not_made(place, &error))?;
    let asked = probe(place, &*store, tools.clock, tools.entropy).map_err(|error| crate::model::chain(&error))?;
    Ok((store, asked))
}

/// A retired medium stays so: its points were given up when it was.
fn retired(medium: &MediumRow) -> String {
    format!("the medium {} that is there was retired: move it aside, and a new vault can be made", medium.vault)
}

/// One place under two names would hold each copy once and count it twice.
fn shared(medium: &MediumRow) -> String {
    let owner = &medium.destination;
    format!("the vault there is that of `{owner}`: it is one place under two names; give each destination its own")
}

fn make_vault(
    store: &dyn WriteStore,
    set: &SlotSet,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<VaultId, InstallationError> {
    let identity = Identity { family: set.family, vault: VaultId(random(entropy)?), created: clock.now() };
    found(store, &identity, FirstKeys { set })?;
    Ok(identity.vault)
}

impl Tools<'_> {
    fn adopt(
        &self,
        destination: &Destination,
        vault: VaultId,
        asked: Asked,
    ) -> Result<PreparedPlace, InstallationError> {
        let same_disk = shares_disk(&destination.place, &self.config.home.path);
        let (name, now) = (destination.name.clone(), self.clock.now());
        let medium = new_medium(vault, name.clone(), &destination.place, same_disk, now);
        self.catalog.enrol(&NewMedium { probe: asked.marks(), ..medium })?;
        Ok(PreparedPlace { destination: name, made: Made::Vault, medium: Some(vault), same_disk, asked: Some(asked) })
    }
}

/// Makes what is there now one more medium of a destination; a known one is accepted where it is now.
///
/// # Errors
/// If it is away, foreign, a medium of another destination, or can't hold a backup: nothing is recorded then.
pub fn enrol(
    config: &Config,
    catalog: &Catalog,
    destination: &Destination,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    moved: Moved,
) -> Result<PreparedPlace, InstallationError> {
    let family = catalog.meta()?.family;
    let away = |why: String| InstallationError::Away { destination: destination.name.to_string(), why };
    let media = catalog.media()?;
    let tools = Tools { config, catalog, clock, entropy };
    let opened = |open: Opening| open(destination).map_err(|error| away(why_not_made(&destination.place, &error)));
    let asked_of = |store: &dyn WriteStore| probe(&destination.place, store, clock, entropy);
    let found = look::ask_all(std::slice::from_ref(destination), looked_at);
    let found = found.into_iter().next().expect("one look comes back for each destination");
    let (vault, made, asked) = match found.unwrap_or_else(|why| Ok(Found::Away(why)))? {
        Found::Away(why) | Found::Unusable(why) => return Err(away(why)),
        Found::Vault(identity) if identity.family != family => {
            return Err(InstallationError::Foreign {
                place: place_text(&destination.place),
                family: identity.family.to_string(),
            });
        }
        Found::Vault(identity) => match media.iter().find(|medium| medium.vault == identity.vault) {
            Some(medium) if medium.destination != destination.name => {
                return Err(away(shared(medium)));
            }
            Some(medium) if medium.retired.is_some() => return Err(away(retired(medium))),
            _ => match look::moved(destination, identity.vault, &media).filter(|_| moved == Moved::No) {
                Some(why) => return Err(away(why)),
                None => (identity.vault, Made::AlreadyThere, asked_of(&*opened(open_destination)?)?),
            },
        },
        Found::Empty if is_mount_point_left_empty(config, destination, &media) => {
            let why = "this is the disk of this computer, and its drives are on others: mount the drive first";
            return Err(away(why.to_owned()));
        }
        Found::Empty => {
            let set = keys_of(&FileStore::open(&config.home.path, Privacy::Private)?, family)?.set;
            let store = opened(make_destination)?;
            let asked = asked_of(&*store)?;
            (make_vault(&*store, &set, clock, entropy)?, Made::Vault, asked)
        }
    };
    Ok(PreparedPlace { made, ..tools.adopt(destination, vault, asked)? })
}

/// An empty mount point is no drive: a destination whose media are on other disks gets none on this computer's own.
fn is_mount_point_left_empty(config: &Config, destination: &Destination, media: &[MediumRow]) -> bool {
    let mut its = media.iter().filter(|medium| medium.destination == destination.name && medium.retired.is_none());
    its.any(|medium| !medium.same_disk) && folder_shares_disk(&destination.place, &config.home.path)
}

/// The folder, or the one that is to hold it.
fn folder_shares_disk(place: &Place, home: &Path) -> bool {
    match place {
        Place::File(path) if !path.is_dir() => {
            path.parent().is_some_and(|above| shares_disk(&Place::File(above.to_owned()), home))
        }
        place => shares_disk(place, home),
    }
}

pub(crate) fn new_medium(
    vault: VaultId,
    destination: DestinationName,
    place: &Place,
    same_disk: bool,
    now: Time,
) -> NewMedium {
    let file_system = match place {
        Place::File(path) => crate::platform::file_system(path).unwrap_or_default(),
        _ => Default::default(),
    };
    NewMedium {
        vault,
        destination,
        place: place_text(place),
        file_system: file_system.uuid.unwrap_or_default(),
        device: file_system.device,
        same_disk,
        probe: Vec::new(),
        enrolled: now,
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], InstallationError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes).map_err(|error| InstallationError::Slot(SlotError::Entropy(error)))?;
    Ok(bytes)
}

/// A folder of this computer, with those above it, for its owner only.
fn make_private(path: &Path) -> Result<(), InstallationError> {
    crate::platform::make_private_folders(path)
        .map_err(|source| InstallationError::Make { path: path.to_owned(), source })
}

pub(super) fn write_private(path: &Path, text: &Zeroizing<String>) -> Result<(), InstallationError> {
    use std::io::Write as _;
    let made = tempfile_beside(path).and_then(|(mut file, temporary)| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(temporary, path)
    });
    made.map_err(|source| InstallationError::Make { path: path.to_owned(), source })
}

fn tempfile_beside(path: &Path) -> std::io::Result<(std::fs::File, PathBuf)> {
    let temporary = path.with_extension("tmp");
    let _ = std::fs::remove_file(&temporary);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok((options.open(&temporary)?, temporary))
}
