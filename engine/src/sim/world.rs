//! One installation in memory: a computer with its catalog and home vault, drives in slots, jobs and their trees.
//!
//! In: a seed. Out: a world that `step` changes and `oracle` judges. Everything in it is under the seed's control.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::chance::Chance;
use super::clock::SimClock;
use super::entropy::SimEntropy;
use super::power::{Honesty, Intruder, Power, Wire};
use super::source::SharedTree;
use super::tree::{Large, Tree};
use super::truth::Truths;
use crate::catalog::{Catalog, CatalogDisk, Founding, NewMedium, OpenOptions, SimDisk};
use crate::config::{self, Config};
use crate::destination::memory::MemoryPlace;
use crate::format::{Identity, SlotKind, SlotSet};
use crate::model::{DestinationName, FamilyId, JobName, VaultId, VaultPath, WriterId};
use crate::port::Clock as _;
use crate::seal::{Keyring, NewSlot, SHEET_COST, first_set};
use crate::vault::{FirstKeys, found};

/// The family of every simulated installation.
const FAMILY: FamilyId = FamilyId([0xfa; 16]);

/// A mistake that the simulator has to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Canary {
    /// None.
    #[default]
    None,
    /// Offsite drives lose what they say they keep, and read from memory what they lost.
    ForgetfulDrives,
    /// What is owed is called complete without a look.
    BelievesWithoutLooking,
    /// Packs are deleted by somebody who asks nobody.
    DeletesWhatIsNeeded,
}

/// What is wrong with an object behind everyone's back: the evidence that the catalog had of it by then.
pub type Excused = Option<crate::catalog::Evidence>;

/// A drive: one vault, wherever it is plugged in.
#[derive(Debug)]
pub struct Drive {
    /// Its content.
    pub place: MemoryPlace,
    /// Its vault.
    pub vault: VaultId,
    /// Is it connected?
    pub plugged: bool,
    /// Has another writer taken it over?
    pub fenced: bool,
    /// Does the catalog, or the drive, stem from an earlier time than the other, and did no session notice yet?
    pub set_back: bool,
    /// Did a session there break off, or is something there that the catalog may not count, since one ended well?
    pub unsettled: bool,
    /// Objects damaged by the simulation.
    pub damaged: BTreeMap<VaultPath, Excused>,
    /// Its files at an earlier time.
    pub saved: Option<BTreeMap<VaultPath, Vec<u8>>>,
    /// A head that is about to appear.
    pub intruder: Option<Intruder>,
}

/// A job and the tree it protects.
pub struct SimJob {
    /// Its name.
    pub name: JobName,
    /// Its tree.
    pub tree: SharedTree,
}

/// See the module.
pub struct World {
    /// What happens.
    pub chance: Chance,
    /// The time.
    pub clock: Arc<SimClock>,
    /// Randomness.
    pub entropy: SimEntropy,
    /// Where the catalog lies.
    pub disk: SimDisk,
    /// The catalog's bytes at an earlier time.
    pub saved_disk: Option<Vec<u8>>,
    /// The computer's power.
    pub power: Power,
    /// The catalog, open.
    pub catalog: Catalog,
    /// The family's keys.
    pub keyring: Keyring,
    /// The configuration.
    pub config: Config,
    /// The home vault.
    pub home: Drive,
    /// All others.
    pub drives: Vec<Drive>,
    /// Which drive is in the slot of each configured destination.
    pub slots: Vec<usize>,
    /// The jobs.
    pub jobs: Vec<SimJob>,
    /// What the points must restore to.
    pub truths: Truths,
    /// The mistake that is made.
    pub canary: Canary,
    /// How large files get.
    pub large: Large,
    /// How many objects go to a drive at once. With more than one the seed does not decide all of it.
    pub lanes: usize,
    /// What happened.
    pub log: Vec<String>,
    /// What the engine told people meanwhile.
    pub notes: Mutex<Vec<String>>,
}

fn keys() -> &'static (SlotSet, Keyring) {
    static KEYS: OnceLock<(SlotSet, Keyring)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let sheet = NewSlot { kind: SlotKind::Sheet, secret: &[7; 20], label: "sheet", kdf: SHEET_COST };
        first_set(FAMILY, &[sheet], SimClock::new().now(), &SimEntropy::new(1)).expect("it derives")
    })
}

/// How the catalog is opened: nobody else has it.
#[must_use]
pub fn options() -> OpenOptions {
    OpenOptions { deadline: Duration::ZERO, cache_bytes: 1 << 20 }
}

impl World {
    /// A world as `init` leaves it.
    #[must_use]
    pub fn new(seed: u64, canary: Canary) -> Self {
        let mut chance = Chance::new(seed);
        let (clock, entropy) = (Arc::new(SimClock::new()), SimEntropy::new(chance.any()));
        let text = configuration(&mut chance, seed);
        let config =
            config::parse(&text, Path::new("/sim/offsite.toml")).expect("the simulator's configuration is valid");
        let disk = SimDisk::new();
        let port: Arc<dyn CatalogDisk> = Arc::new(disk.clone());
        let founding = Founding { family: FAMILY, writer: WriterId([1; 16]), epoch: 1, created: clock.now() };
        let catalog = Catalog::create_on(port, &founding, options()).expect("nothing fails yet");
        let home = new_drive(&mut chance, &clock);
        let drives: Vec<Drive> = config.destinations.iter().map(|_| new_drive(&mut chance, &clock)).collect();
        let names = std::iter::once(DestinationName::home()).chain(config.destinations.iter().map(|d| d.name.clone()));
        for (name, drive) in names.zip(std::iter::once(&home).chain(&drives)) {
            catalog.enrol(&medium(name, drive.vault, &clock)).expect("nothing fails yet");
        }
        let jobs = config.jobs.iter().map(|job| {
            let tree = Tree::new(&format!("data-{}", job.name), &mut chance, clock.now());
            SimJob { name: job.name.clone(), tree: Arc::new(Mutex::new(tree)) }
        });
        let jobs: Vec<SimJob> = jobs.collect();
        let large = if chance.one_in(12) { Large::Yes } else { Large::No };
        let log = text.lines().map(str::to_owned).collect();
        Self {
            chance,
            clock,
            entropy,
            power: Power::new(disk.clone()),
            disk,
            saved_disk: None,
            catalog,
            keyring: keys().1.clone(),
            slots: (0..drives.len()).collect(),
            config,
            home,
            drives,
            jobs,
            truths: Truths::default(),
            canary,
            large,
            lanes: 1,
            log,
            notes: Mutex::default(),
        }
    }

    /// A line of the log.
    pub fn say(&mut self, line: impl Into<String>) {
        self.log.push(line.into());
    }

    /// What the engine told goes into the log.
    pub fn say_notes(&mut self) {
        let notes = std::mem::take(self.notes.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.log.extend(notes.into_iter().map(|note| format!("    {note}")));
    }

    /// All drives, home first.
    pub fn all_drives(&self) -> impl Iterator<Item = &Drive> {
        std::iter::once(&self.home).chain(&self.drives)
    }

    /// All drives, home first.
    pub fn all_drives_mut(&mut self) -> impl Iterator<Item = &mut Drive> {
        std::iter::once(&mut self.home).chain(&mut self.drives)
    }

    /// A drive by its vault.
    pub fn drive_mut(&mut self, vault: VaultId) -> Option<&mut Drive> {
        self.all_drives_mut().find(|drive| drive.vault == vault)
    }

    /// Reaches a drive.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn wire(&self, drive: &Drive) -> Result<Wire, String> {
        if !drive.plugged {
            return Err("it is unplugged".into());
        }
        let forgets = self.canary == Canary::ForgetfulDrives && drive.vault != self.home.vault;
        let honesty = if forgets { Honesty::Forgets } else { Honesty::Honest };
        let wire = Wire::open(&drive.place, &self.power, honesty, drive.intruder.clone());
        wire.map(|wire| wire.with_lanes(self.lanes)).map_err(|error| error.to_string())
    }
}

fn new_drive(chance: &mut Chance, clock: &SimClock) -> Drive {
    let place = MemoryPlace::new(chance.any());
    let mut vault = [0; 16];
    vault[..8].copy_from_slice(&chance.any().to_be_bytes());
    let identity = Identity { family: FAMILY, vault: VaultId(vault), created: clock.now() };
    let store = place.open().expect("it is plugged in");
    found(&store, &identity, FirstKeys { set: &keys().0 }).expect("nothing fails yet");
    Drive {
        place,
        vault: identity.vault,
        plugged: true,
        fenced: false,
        set_back: false,
        unsettled: false,
        damaged: BTreeMap::new(),
        saved: None,
        intruder: None,
    }
}

fn medium(destination: DestinationName, vault: VaultId, clock: &SimClock) -> NewMedium {
    NewMedium {
        vault,
        place: format!("/sim/{destination}"),
        destination,
        file_system: String::new(),
        device: 0,
        same_disk: false,
        probe: Vec::new(),
        enrolled: clock.now(),
    }
}

fn keep(chance: &mut Chance) -> String {
    match chance.below(5) {
        0 => String::new(),
        1 => format!("keep = {{ last = {} }}\n", chance.between(1, 2)),
        2 => format!("keep = {{ last = {} }}\n", chance.between(2, 5)),
        3 => format!("keep = {{ last = 1, hourly = {} }}\n", chance.between(1, 4)),
        _ => format!("keep = {{ last = 2, daily = {} }}\n", chance.between(1, 3)),
    }
}

/// A configuration in the product's own words.
fn configuration(chance: &mut Chance, seed: u64) -> String {
    let mut text = "[key]\npassphrase-file = \"passphrase\"\n[home]\npath = \"vault\"\nreserve = 0\n".to_owned();
    if chance.one_in(4) {
        text += &format!("limit = {}\n", chance.between(20_000, 600_000));
    }
    if chance.one_in(3) {
        text += &keep(chance);
    }
    let destinations = chance.between(1, 3);
    for n in 0..destinations {
        text += &format!("[destination.d{n}]\nurl = \"file:///sim/d{n}\"\nreserve = 0\n");
        if chance.one_in(2) {
            text += &format!("limit = {}\n", chance.between(60_000, 2_000_000));
        }
        if chance.one_in(4) {
            text += "evict = \"never\"\n";
        }
        text += &format!("keep-at-least = {}\n", chance.between(0, 3));
        if chance.one_in(3) {
            text += "evict-unique = false\n";
        }
    }
    let all: Vec<String> = (0..destinations).map(|n| format!("\"d{n}\"")).collect();
    let shared = chance.one_in(3);
    for name in ["a", "b"].iter().take(usize::try_from(chance.between(1, 2)).unwrap_or(1)) {
        text += &format!("[job.{name}]\nsource = {{ folders = [\"/data-{name}\"] }}\n");
        let some = if shared { all.len() } else { 1 + chance.index(all.len()) };
        text += &format!("offsite = [{}]\n", all[..some].join(", "));
        if chance.one_in(4) {
            text += "copies = \"first\"\n";
        }
        if shared {
            text += "dedup-group = \"both\"\n";
        }
        text += &keep(chance);
        if passes(seed, name) {
            text += "home = false\n";
        }
    }
    text
}

/// In a quarter of the worlds home is a spool, for one job or for both.
const fn passes(seed: u64, job: &str) -> bool {
    seed % 4 == 1 && (seed % 8 == 1 || matches!(job.as_bytes(), b"a"))
}
