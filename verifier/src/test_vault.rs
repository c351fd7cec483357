//! An installation in a temporary folder, for tests: a source, a destination with real points of it, a configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::capture::{Canaries, CaptureJob, Captured, Ports, Reading, Room, capture};
use engine::catalog::{Catalog, Founding, NewJobIds, NewMedium, OpenOptions};
use engine::command::{Failure, Silent, Voice, Wait};
use engine::config::Config;
use engine::destination::{FileStore, Privacy};
use engine::format::{Identity, SlotKind};
use engine::model::{ChunkRef, FamilyId, GroupId, JobId, KeyEpoch, Name, ObjectName, PackId, Time, VaultId, WriterId};
use engine::port::{Clock, Entropy, SystemClock, SystemEntropy};
use engine::seal::{Keyring, NewSlot, PASSPHRASE_LEAST, first_set};
use engine::source::{Folders, FoldersOptions};
use engine::vault::{FirstKeys, VaultReader, found};

use crate::choose::Wish;
use crate::drill::Leaving;
use crate::probe::Limits;
use crate::run::{self, Asked, Outcome, StopAsked};
use crate::verdict::Strictness;

pub const VAULT: VaultId = VaultId([7; 16]);
pub const JOB: JobId = JobId([3; 8]);

/// Everything below one temporary folder: `source`, `usb`, `state`, `scratch`, `offsite.toml`.
pub struct Installation {
    held: tempfile::TempDir,
    keyring: Keyring,
    pub catalog: Catalog,
}

/// What asks for the newest points of the vault, which is home: points are made there only.
pub fn newest() -> Asked {
    Asked {
        job: None,
        destination: Some(Name::home()),
        wish: Wish::Newest,
        sheet: None,
        scratch: None,
        leaving: Leaving::Nothing,
        strictness: Strictness::Told,
        extent: crate::run::Extent::Wish,
        warmth: crate::run::Warmth::Warm,
        wait: Wait::Yes,
    }
}

/// Entropy that gives one and the same secret, whoever asks.
pub struct Always(pub [u8; 32]);

impl Entropy for Always {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        bytes.iter_mut().zip(self.0.iter().cycle()).for_each(|(byte, secret)| *byte = *secret);
        Ok(())
    }
}

impl Installation {
    pub fn new() -> Self {
        Self::locked_by(b"correct horse", &SystemEntropy)
    }

    /// With that passphrase, and keys from that entropy.
    pub fn locked_by(passphrase: &[u8], entropy: &dyn Entropy) -> Self {
        let held = tempfile::tempdir().expect("a temporary folder");
        for folder in ["source", "state", "scratch"] {
            fs::create_dir(held.path().join(folder)).expect("writable");
        }
        fs::write(held.path().join("passphrase"), passphrase).expect("writable");
        let family = FamilyId([1; 16]);
        // A sheet's slot opens faster; the secret is the same text.
        let slot = NewSlot { kind: SlotKind::Passphrase, secret: passphrase, label: "test", kdf: PASSPHRASE_LEAST };
        let (set, keyring) = first_set(family, &[slot], Time::from_seconds(1), entropy).expect("a family");
        let store = FileStore::create_root(&held.path().join("usb"), Privacy::Umask).expect("made");
        let identity = Identity { family, vault: VAULT, created: Time::from_seconds(1) };
        found(&store, &identity, FirstKeys { set: &set }).expect("founded");
        let catalog = catalog(&held.path().join("state"), family);
        let this = Self { held, keyring, catalog };
        this.configure("copies = \"all\"");
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.held.path().join(name)
    }

    /// Writes the configuration, with a further line in the job.
    pub fn configure(&self, line: &str) {
        let root = self.held.path().display();
        let text = format!(
            "[key]\npassphrase-file = \"passphrase\"\n[home]\npath = \"usb\"\n[job.documents]\nsource = {{ folders = [\"{root}/source\"] }}\n\
             offsite = [\"office\"]\n{line}\n[destination.office]\nurl = \"file://{root}/office\"\n[drill]\nscratch = \"scratch\"\n"
        );
        fs::write(self.path("offsite.toml"), text).expect("writable");
    }

    /// The destination.
    pub fn store(&self) -> FileStore {
        FileStore::open(&self.path("usb"), Privacy::Umask).expect("there")
    }

    /// Makes a point of the source at the destination.
    pub fn point(&self) -> Captured {
        let store = self.store();
        let options = FoldersOptions { roots: vec![self.path("source")], ..FoldersOptions::default() };
        let mut source = Folders::new(&options).expect("a source");
        let job = CaptureJob {
            id: JOB,
            name: "documents".parse().expect("a name"),
            group: GroupId([4; 8]),
            source: "folders".into(),
            reading: Reading::Everything,
            previous: None,
            reuse_from: KeyEpoch(1),
            not_before: None,
            owed: Vec::new(),
            adopts: None,
            suspicions: Vec::new(),
            canaries: Canaries::default(),
        };
        let ports = Ports {
            home: &store,
            home_id: VAULT,
            keyring: &self.keyring,
            catalog: &self.catalog,
            clock: &SystemClock,
            entropy: &SystemEntropy,
            lock: "test",
            room: Room { bytes: None },
            make_room: &|_| false,
            stop: &|| false,
            progress: &|_| {},
        };
        capture(&mut source, &job, &ports).expect("a point")
    }

    pub fn run(&self, asked: &Asked) -> Result<Outcome, Failure> {
        self.run_within(asked, Limits::default())
    }

    pub fn run_within(&self, asked: &Asked, limits: Limits) -> Result<Outcome, Failure> {
        self.run_with(asked, limits, &Silent, &(Arc::new(|| false) as StopAsked))
    }

    /// Told to `voice`, until `stop` says so.
    pub fn run_told(&self, asked: &Asked, voice: &dyn Voice, stop: &StopAsked) -> Result<Outcome, Failure> {
        self.run_with(asked, Limits::default(), voice, stop)
    }

    /// With that entropy in the system's place.
    pub fn run_by(&self, asked: &Asked, entropy: &dyn Entropy) -> Result<Outcome, Failure> {
        let (clock, stop): (Arc<dyn Clock>, StopAsked) = (Arc::new(SystemClock), Arc::new(|| false));
        let ports = run::Ports { clock: &clock, entropy, voice: &Silent, limits: Limits::default(), stop: &stop };
        run::run(&self.config(), asked, &ports)
    }

    fn run_with(&self, asked: &Asked, limits: Limits, voice: &dyn Voice, stop: &StopAsked) -> Result<Outcome, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ports = run::Ports { clock: &clock, entropy: &SystemEntropy, voice, limits, stop };
        run::run(&self.config(), asked, &ports)
    }

    fn config(&self) -> Config {
        engine::config::load(&self.path("offsite.toml")).expect("valid")
    }

    /// Where each chunk of a point's list of entries begins: the pack's file and the first sealed byte.
    pub fn entry_chunks(&self, point: &Captured) -> Vec<(PathBuf, u64)> {
        let store = self.store();
        let reader = VaultReader::new(&store, &self.keyring);
        let (manifest, ..) = reader.manifest(JOB, point.name).expect("it opens");
        let pack = |chunk: &ChunkRef| {
            let of = |root: &&PackId| root.short() == chunk.pack;
            let pack = manifest.roots.iter().find(of).expect("a root");
            self.path("usb").join(ObjectName::Pack(*pack).path().as_str())
        };
        manifest.entries.iter().map(|chunk| (pack(chunk), u64::from(chunk.offset))).collect()
    }

    /// Forgets all that this computer knows, as a fire does.
    pub fn burn(&self) {
        fs::remove_dir_all(self.path("state")).expect("there");
    }

    /// The files below a folder of the destination.
    pub fn objects(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        files_below(&self.path("usb").join(folder), &mut found);
        found.sort();
        found
    }

    /// What lies in scratch.
    pub fn left(&self) -> usize {
        fs::read_dir(self.path("scratch")).expect("there").count()
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

fn catalog(state: &Path, family: FamilyId) -> Catalog {
    let created = Time::from_seconds(1);
    let founding = Founding { family, writer: WriterId([9; 16]), epoch: 1, created };
    let catalog = Catalog::create(state, &founding, OpenOptions::default()).expect("a catalog");
    let ids = NewJobIds { job: JOB, group: GroupId([4; 8]) };
    catalog.ensure_job(&"documents".parse().expect("a name"), None, &ids).expect("a job");
    let medium = NewMedium {
        vault: VAULT,
        destination: Name::home(),
        place: "usb".into(),
        file_system: String::new(),
        device: 0,
        same_disk: false,
        probe: Vec::new(),
        enrolled: created,
    };
    catalog.enrol(&medium).expect("a medium");
    catalog
}
