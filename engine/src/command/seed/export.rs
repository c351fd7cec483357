//! `engine seed export`: what a destination lacks onto a drive.
//!
//! Order: a list that says *not finished*; the packs are reserved in the catalog (from then on no copy sends them);
//! packs, each read back from the drive; the list of what is on it; the catalog. A drive that is pulled in between is
//! gone on with by the same command: what lies on it is read back, not written again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cargo::{Cargo, listed, load, owed};
use super::medium_of;
use crate::catalog::locks::LockName;
use crate::catalog::{MediumRow, NewSeedDrive, PackNo, SeedDriveRow, SeedRow, SeedState};
use crate::command::publish::publish;
use crate::command::round::{looks, state_now};
use crate::command::{Call, Context, Exit, Failure};
use crate::config::{Place, reserve_bytes};
use crate::destination::{ErrorKind, FileStore, Privacy, ReadStore, Space, WriteStore, temporary};
use crate::format::{SeedList, SeedPack};
use crate::installation::{Look, shares_disk};
use crate::model::{DestinationName, JobId, JobName, ObjectName, PackId, SeedId, VaultPath, chain};
use crate::report::{SeedExportReport, SeedProblem};
use crate::seal::SeedSigner;
use crate::seed::{CarryError, FoundList, Wrong, carry, lists_on, write_list};
use crate::vault::{VaultError, identity_of, put};

const SAME_AGAIN: &str = "plug the drive in again and repeat the command: it goes on where it was";

/// Whether a seed that is under way gets one more drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// `--continue`
    Yes,
    /// It is begun, or an unfinished drive is gone on with.
    No,
}

/// What `seed export` is asked for.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Where the seed goes.
    pub destination: DestinationName,
    /// The drive.
    pub to: PathBuf,
    /// Only points of these jobs; all if none.
    pub jobs: Vec<JobName>,
    /// One more drive?
    pub go_on: GoOn,
}

/// Fills a drive.
///
/// # Errors
/// Exit 2 for unknown names; exit 1 if the drive or the destination can't be used, or the drive was pulled.
pub fn export(call: &Call, options: &ExportOptions) -> Result<(SeedExportReport, Exit), Failure> {
    let context = Context::open(call)?;
    let asked = context.jobs(&options.jobs)?;
    let known = context.installation.catalog.jobs()?;
    let ids: Vec<JobId> =
        known.iter().filter(|row| asked.iter().any(|job| job.name == row.name)).map(|row| row.id).collect();
    let medium = medium_of(&context, &options.destination)?;
    let _lock = context.lock(&LockName::Seed(medium.vault), "this seed")?;
    let drive = open_drive(&options.to)?;
    let work = Work { context: &context, options, medium: &medium, drive: &drive, looks: looks(&context)? };
    let seed = context.installation.catalog.open_seed_at(medium.vault)?;
    let jobs = (!options.jobs.is_empty()).then_some(&ids[..]);
    match work.begin(seed, jobs)? {
        Begun::Nothing(stuck) => {
            let exit = if stuck.is_empty() { Exit::Done } else { Exit::Partial };
            Ok((SeedExportReport { stuck, ..work.nothing() }, exit))
        }
        Begun::Finished(seed, drive) => {
            let (left, stuck) = work.left(jobs)?;
            if left.0 > 0 && options.go_on == GoOn::Yes {
                return Err(work.is_finished(&drive));
            }
            let exit = if left.0 > 0 || !stuck.is_empty() { Exit::Partial } else { Exit::Done };
            Ok((SeedExportReport { stuck, ..work.report(seed, &drive, left, Vec::new()) }, exit))
        }
        Begun::Drive(seed, drive) => work.fill(seed, &drive, jobs),
    }
}

fn open_drive(to: &Path) -> Result<FileStore, Failure> {
    let what = || format!("can't export to {}", to.display());
    let store = FileStore::open(to, Privacy::Umask).map_err(|error| match error.kind {
        ErrorKind::NotFound => Failure::new(what(), "there is no such folder", "is the drive connected and mounted?"),
        _ => Failure::of(what(), &error, "check the drive and its permissions"),
    })?;
    match identity_of(&store) {
        Err(VaultError::Missing { .. }) => Ok(store),
        _ => Err(Failure::new(what(), "a vault lies there", "name another folder of the drive: a seed is no vault")),
    }
}

/// What there is to do.
enum Begun {
    /// The destination lacks nothing that could go there; what is in the way of what else it lacks.
    Nothing(Vec<String>),
    /// This drive was finished before.
    Finished(SeedId, SeedDriveRow),
    /// This drive is to be written, or gone on with.
    Drive(SeedId, SeedDriveRow),
}

struct Work<'w> {
    context: &'w Arc<Context>,
    options: &'w ExportOptions,
    medium: &'w MediumRow,
    drive: &'w FileStore,
    looks: Vec<(DestinationName, Look)>,
}

impl Work<'_> {
    fn place(&self) -> String {
        std::path::absolute(&self.options.to).unwrap_or_else(|_| self.options.to.clone()).display().to_string()
    }

    fn drive_failed(&self, error: &dyn std::error::Error) -> Failure {
        Failure::of(format!("the export to {} broke off", self.place()), error, SAME_AGAIN)
    }

    /// The drive that is there as it is known, or a new one.
    fn begin(&self, seed: Option<SeedRow>, jobs: Option<&[JobId]>) -> Result<Begun, Failure> {
        let (lists, _) = lists_on(self.drive).map_err(|error| self.drive_failed(&error))?;
        // One that has come back after all of it was taken over may travel once more.
        let is_back = |drive: &SeedDriveRow| drive.state == SeedState::Verified && self.options.go_on == GoOn::Yes;
        if let Some(seed) = &seed
            && let Some(drive) = known(seed, &lists).filter(|drive| !is_back(drive))
        {
            let drive = drive.clone();
            return Ok(match drive.state {
                SeedState::Exporting => Begun::Drive(seed.id, drive),
                _ => Begun::Finished(seed.id, drive),
            });
        }
        self.may_begin(seed.as_ref())?;
        let catalog = &self.context.installation.catalog;
        if let Some(seed) = &seed {
            // A drive that was never finished is given up: what it was to hold goes onto this one.
            for unfinished in seed.drives.iter().filter(|drive| drive.state == SeedState::Exporting) {
                catalog.drop_seed_drive(seed.id, unfinished.number)?;
            }
        }
        let (cargo, stuck) = self.cargo(jobs)?;
        if cargo.packs.is_empty() && cargo.left.0 > 0 {
            let (what, why) = (format!("can't export to {}", self.place()), "there is room for no pack on it");
            return Err(Failure::new(what, why, "free some, or take a larger drive"));
        }
        if cargo.packs.is_empty() {
            return Ok(Begun::Nothing(stuck));
        }
        self.new_drive(seed, &cargo)
    }

    /// Its list comes first: a drive is known by nothing else, least of all by its place, which may be an empty mount
    /// point. Where it can't be written nothing is begun.
    fn new_drive(&self, seed: Option<SeedRow>, cargo: &Cargo) -> Result<Begun, Failure> {
        let (id, number) = match seed {
            Some(seed) => (seed.id, seed.next),
            None => (SeedId(self.context.random()?), 1),
        };
        self.first_list(id, number)?;
        let place = self.place();
        let (medium, packs, points) = (self.medium.vault, &cargo.packs[..], &cargo.points[..]);
        let new = NewSeedDrive { seed: id, medium, place: &place, packs, points, now: self.now() };
        let (drive, _) = self.context.installation.catalog.add_seed_drive(&new)?;
        Ok(Begun::Drive(id, drive))
    }

    fn is_finished(&self, drive: &SeedDriveRow) -> Failure {
        let what = format!("{} gets no further drive", self.options.destination);
        let why = format!(
            "{} is drive {} of the seed, which is finished and {}",
            self.place(),
            drive.number,
            drive.state.text()
        );
        Failure::new(what, why, "mount another one; this one may be used again once `engine seed status` says verified")
    }

    /// Is it as the person who asks believes?
    fn may_begin(&self, seed: Option<&SeedRow>) -> Result<(), Failure> {
        let name = &self.options.destination;
        match (seed, self.options.go_on) {
            (None, GoOn::Yes) => {
                let (what, why) = (format!("{name} gets no further drive"), "no seed to it is under way");
                Err(Failure::new(what, why, "leave out --continue to begin one"))
            }
            (Some(seed), _) if seed.next == 0 => {
                let why = format!("the seed {} to it is known from a head alone, as the catalog was rebuilt", seed.id);
                let advice = format!("wait until it has arrived (`engine seed status`) or `engine seed forget {name}`");
                Err(Failure::new(format!("{name} gets no further drive"), why, advice))
            }
            (Some(seed), GoOn::No) if !seed.drives.is_empty() => {
                let why = format!("the seed {} to it is under way, and this is none of its drives", seed.id);
                let advice = format!(
                    "is the right drive mounted? --continue puts what is left on one more; `engine seed status` tells \
                     how far it is, `engine seed forget {name}` gives it up"
                );
                Err(Failure::new(format!("no other seed to {name} can be begun"), why, advice))
            }
            _ => Ok(()),
        }
    }

    fn now(&self) -> crate::model::Time {
        self.context.call.clock.now()
    }

    /// What goes onto it, and what is in the way of what does not.
    fn cargo(&self, jobs: Option<&[JobId]>) -> Result<(Cargo, Vec<String>), Failure> {
        let (owed, stuck) = owed(state_now(self.context, self.looks.clone())?, self.medium.vault, jobs);
        let space = self.drive.space().map_err(|error| self.drive_failed(&error))?;
        let free = space.map_or(u64::MAX, |space| space.free.saturating_sub(self.kept_free(space)));
        Ok((load(&self.context.installation.catalog, &owed, free)?, stuck))
    }

    /// A drive that travels may be filled; this computer's own disk may not, and is most likely a mount point with no
    /// drive.
    fn kept_free(&self, space: Space) -> u64 {
        let config = &self.context.installation.config;
        if !shares_disk(&Place::File(self.options.to.clone()), &config.home.path) {
            return 0;
        }
        let place = self.place();
        self.context.call.voice.warn(&format!("{place} is on this computer's own disk: is the drive mounted?"));
        reserve_bytes(config.home.reserve, space.total)
    }

    /// What no drive has yet, packs and their bytes, and what is in the way of more.
    fn left(&self, jobs: Option<&[JobId]>) -> Result<((u64, u64), Vec<String>), Failure> {
        let (owed, stuck) = owed(state_now(self.context, self.looks.clone())?, self.medium.vault, jobs);
        Ok((load(&self.context.installation.catalog, &owed, 0)?.left, stuck))
    }

    fn fill(
        &self,
        seed: SeedId,
        drive: &SeedDriveRow,
        jobs: Option<&[JobId]>,
    ) -> Result<(SeedExportReport, Exit), Failure> {
        let keyring = self.context.installation.keyring()?;
        let catalog = &self.context.installation.catalog;
        let signer = SeedSigner::of(keyring, keyring.epoch(), seed).expect("the newest master is there");
        let mut list = self.last_list(seed, drive.number)?;
        let numbers = catalog.seed_drive_packs(seed, drive.number)?;
        let filled = self.carry_all(&numbers, drive.bytes)?;
        catalog.unload_seed_drive(seed, drive.number, &filled.left)?;
        list.packs = listed(catalog, &filled.there)?;
        (list.revision, list.finished, list.created) = (list.revision.saturating_add(1), true, self.now());
        (list.epoch, list.public_key) = (signer.epoch, signer.public());
        let digest = write_list(self.drive, &list, &signer).map_err(|error| self.drive_failed(&error))?;
        self.drive.still_there().map_err(|error| self.drive_failed(&error))?;
        let now = self.now();
        catalog.update_seed_drive(seed, drive.number, &|row| {
            (row.state, row.since, row.exported, row.list) = (SeedState::Exported, now, Some(now), Some(digest));
        })?;
        publish(self.context)?;
        let (left, stuck) = self.left(jobs)?;
        let written = SeedDriveRow { packs: list.packs.len() as u64, bytes: list.bytes(), ..drive.clone() };
        let exit = match (filled.problems.is_empty(), left.0 == 0 && stuck.is_empty()) {
            (false, _) => Exit::Damage,
            (true, true) => Exit::Done,
            (true, false) => Exit::Partial,
        };
        Ok((SeedExportReport { stuck, ..self.report(seed, &written, left, filled.problems) }, exit))
    }

    /// Tells whose the drive is, and that not everything is on it.
    fn first_list(&self, seed: SeedId, drive: u32) -> Result<(), Failure> {
        let failed = |error: VaultError| self.drive_failed(&error);
        let keyring = self.context.installation.keyring()?;
        let signer = SeedSigner::of(keyring, keyring.epoch(), seed).expect("the newest master is there");
        let list = SeedList {
            family: keyring.family(),
            vault: self.medium.vault,
            seed,
            drive,
            revision: 1,
            finished: false,
            created: self.now(),
            epoch: signer.epoch,
            public_key: signer.public(),
            packs: Vec::new(),
        };
        write_list(self.drive, &list, &signer).map_err(failed)?;
        let (path, text) = (VaultPath::parse("SEED.txt").expect("a name of ours"), text(&list));
        match put(self.drive, &path, text.as_bytes()) {
            // That of an earlier seed says where that went.
            Err(VaultError::Store(error)) if error.kind == ErrorKind::Exists => {
                self.drive.delete(&path).map_err(|error| failed(error.into()))?;
                put(self.drive, &path, text.as_bytes()).map_err(failed)
            }
            done => done.map_err(failed),
        }
    }

    /// The list that counts now.
    fn last_list(&self, seed: SeedId, drive: u32) -> Result<SeedList, Failure> {
        let (lists, _) = lists_on(self.drive).map_err(|error| self.drive_failed(&error))?;
        let its = lists.into_iter().filter(|it| (it.list.seed, it.list.drive) == (seed, drive));
        let gone = || Failure::new(format!("the export to {} broke off", self.place()), "its list is gone", SAME_AGAIN);
        Ok(its.max_by_key(|it| it.list.revision).ok_or_else(gone)?.list)
    }

    fn carry_all(&self, numbers: &[PackNo], all: u64) -> Result<Filled, Failure> {
        let call = &self.context.call;
        let catalog = &self.context.installation.catalog;
        let home = self.context.installation.home()?;
        let (mut filled, mut done) = (Filled::default(), 0);
        let what = format!("{}: exporting", self.options.destination);
        for (at, (number, row)) in numbers.iter().zip(catalog.packs(numbers)?).enumerate() {
            let bytes = u32::try_from(row.bytes).unwrap_or(u32::MAX);
            if !catalog.travels(self.medium.vault, *number)? {
                // It was on its way over the wire when this drive was begun, and is there now.
                filled.left.push(*number);
                continue;
            }
            match carry(&*home, self.drive, &SeedPack { id: row.id, bytes }, Wrong::Replaced, &*call.stop) {
                Ok(_) => filled.there.push(*number),
                Err(CarryError::Unfit(unfit)) => {
                    filled.problems.push(problem(unfit.pack, unfit.why));
                    filled.left.push(*number);
                }
                Err(CarryError::To(VaultError::Store(error))) if error.kind == ErrorKind::Full => {
                    call.voice.warn(&format!("{}: {}", self.place(), chain(&error)));
                    // Its list needs what room there is.
                    let _ = temporary(&ObjectName::Pack(row.id).path()).and_then(|left| self.drive.delete(&left));
                    filled.left.extend(&numbers[at..]);
                    break;
                }
                Err(error) => return Err(self.drive_failed(&error)),
            }
            done += row.bytes;
            call.voice.progress(&what, done, all);
        }
        call.voice.progress_done(&what);
        Ok(filled)
    }

    fn nothing(&self) -> SeedExportReport {
        SeedExportReport {
            seed: None,
            destination: self.options.destination.clone(),
            medium: self.medium.vault,
            drive: None,
            place: self.place(),
            packs: 0,
            bytes: 0,
            left_packs: 0,
            left_bytes: 0,
            stuck: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn report(
        &self,
        seed: SeedId,
        drive: &SeedDriveRow,
        (left_packs, left_bytes): (u64, u64),
        problems: Vec<SeedProblem>,
    ) -> SeedExportReport {
        SeedExportReport {
            seed: Some(seed),
            drive: Some(drive.number),
            packs: drive.packs,
            bytes: drive.bytes,
            left_packs,
            left_bytes,
            problems,
            ..self.nothing()
        }
    }
}

/// A drive is known by the lists on it.
fn known<'s>(seed: &'s SeedRow, lists: &[FoundList]) -> Option<&'s SeedDriveRow> {
    let number = lists.iter().filter(|it| it.list.seed == seed.id).map(|it| it.list.drive).max()?;
    seed.drives.iter().find(|drive| drive.number == number)
}

/// What came onto a drive.
#[derive(Default)]
struct Filled {
    there: Vec<PackNo>,
    left: Vec<PackNo>,
    problems: Vec<SeedProblem>,
}

fn problem(pack: PackId, why: String) -> SeedProblem {
    SeedProblem { object: format!("packs/{pack}"), problem: why }
}

/// For the person who receives the drive.
fn text(list: &SeedList) -> String {
    format!(
        "This drive holds sealed backup copies that travel to a server: a seed, made by Offsite.

Whoever has access to that server copies them there with

     engine seed absorb --from THIS/FOLDER --into URL

where URL is the folder or bucket on the server that holds the file VAULT with the id below, as in
sftp://user@server/folder or file:///srv/folder (`engine seed absorb --help` tells how to log in). No key, no passphrase
and no configuration are needed. It may be interrupted and repeated. It says when all is there; the drive is not needed
any more once its owner has seen that too (`engine seed status`).

vault  {}
seed   {}
",
        list.vault, list.seed
    )
}
