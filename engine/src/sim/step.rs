//! One step of a simulation, chosen by its seed: the engine works, a person does something, or something goes wrong.

use std::time::Duration;

use super::chance::Chance;
use super::oracle::{Whose, evidence_of_any};
use super::power::Intruder;
use super::source::lock;
use super::visit::Retention;
use super::world::{Canary, World};
use crate::capture::Reading;
use crate::catalog::{Catalog, CatalogDisk, SimDisk};
use crate::destination::Operation;
use crate::destination::memory::{Fault, Faults, Lists, MemoryPlace};
use crate::format::Head;
use crate::model::{ObjectName, VaultId, VaultPath, WriterId, chain};
use crate::port::Clock as _;
use crate::vault::write_head;

/// What the engine is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A point of that job.
    Capture(usize, Reading),
    /// A round.
    Round(Retention),
}

impl World {
    /// Chooses a step and takes it; says whose it was.
    ///
    /// # Errors
    /// What must never happen, whatever goes wrong.
    pub fn step(&mut self) -> Result<Whose, String> {
        self.notice_intruders();
        self.live();
        match self.chance.below(100) {
            0..=24 => self.engine_works(Trouble::None),
            25..=49 => self.engine_works(Trouble::None),
            50..=58 => self.engine_works(Trouble::PowerCut),
            59..=63 => self.engine_works(Trouble::Pulled),
            64..=71 => self.engine_works(Trouble::Faults),
            72..=75 => self.verify(),
            76..=78 => self.pin(),
            79..=82 => Ok(self.plug()),
            83 => Ok(self.swap()),
            84..=88 => self.damage(),
            89 | 90 => Ok(self.fill()),
            91 | 92 => Ok(self.save()),
            93 => self.roll_back_catalog(),
            94 => self.roll_back_drive(),
            95 => self.roll_back_machine(),
            96 => self.take_over(),
            97 => self.intrude(),
            _ => Ok(self.set_clock()),
        }
    }

    /// People work, and time passes.
    #[cfg(test)]
    pub(super) fn live_a_while(&mut self) {
        (0..8).for_each(|_| self.live());
    }

    fn live(&mut self) {
        let tick = *self.chance.pick(&[1, 1, 1, 700]).unwrap_or(&1);
        self.clock.set_tick(Duration::from_millis(tick));
        let span = *self.chance.pick(&[0, 1, 60, 130, 3600, 20_000, 90_000]).unwrap_or(&0);
        self.clock.pass(Duration::from_secs(span));
        for job in &self.jobs {
            let mut tree = lock(&job.tree);
            for _ in 0..self.chance.below(5) {
                tree.work(&mut self.chance, self.clock.now(), self.large);
            }
        }
    }

    fn some_work(&mut self) -> Work {
        if self.chance.one_in(2) {
            let reading = if self.chance.one_in(8) { Reading::Everything } else { Reading::Changed };
            Work::Capture(self.chance.index(self.jobs.len()), reading)
        } else if self.chance.one_in(4) {
            Work::Round(Retention::ForRoom)
        } else {
            Work::Round(Retention::Everywhere)
        }
    }

    /// The engine does something, perhaps under trouble.
    fn engine_works(&mut self, trouble: Trouble) -> Result<Whose, String> {
        let work = self.some_work();
        let victim = self.begin_trouble(trouble);
        self.say(format!("{work:?} {trouble:?} {victim}"));
        let done = self.work(work);
        self.end_trouble(trouble, &victim)?;
        done.map(|()| Whose::Engine)
    }

    /// The engine works.
    ///
    /// # Errors
    /// A plan that breaks its own rules.
    pub fn work(&mut self, work: Work) -> Result<(), String> {
        match work {
            Work::Capture(job, reading) => {
                let made = self.capture(job, reading);
                let line = match made {
                    Ok(made) => format!(
                        "  made {} of {} entries, {} problems",
                        made.name,
                        made.stats.entries,
                        made.problems.len()
                    ),
                    Err(why) => format!("  no point: {why}"),
                };
                self.say(line);
                Ok(())
            }
            Work::Round(retention) => self.rounds(retention).map(|_| ()),
        }
    }

    /// One round; gives how many steps were taken.
    ///
    /// # Errors
    /// A plan that breaks its own rules.
    pub fn rounds(&mut self, retention: Retention) -> Result<usize, String> {
        let visits = self.round(retention);
        let mut steps = 0;
        if self.canary == Canary::DeletesWhatIsNeeded {
            self.delete_a_pack();
        }
        for visit in visits {
            let vault = visit.medium.unwrap_or(VaultId([0; 16]));
            let clean = visit.closed && visit.failures.is_empty();
            self.say(format!("  at {vault}: {} steps, closed {}, {:?}", visit.steps, visit.closed, visit.failures));
            for did in visit.did {
                self.say(format!("    {did}"));
            }
            steps += visit.steps;
            if let Some(broken) = visit.broken_plan {
                return Err(format!("a plan broke its own rules: {broken}"));
            }
            if let Some(drive) = self.drive_mut(vault) {
                drive.set_back &= !visit.opened;
                drive.unsettled = !clean;
            }
        }
        Ok(steps)
    }

    /// The canary.
    fn delete_a_pack(&self) {
        for drive in &self.drives {
            let files = drive.place.contents();
            if let Some(pack) = files.keys().find(|path| path.as_str().starts_with("packs/")) {
                drive.place.lose(pack);
            }
        }
    }

    fn begin_trouble(&mut self, trouble: Trouble) -> String {
        match trouble {
            Trouble::None => String::new(),
            Trouble::PowerCut if self.chance.one_in(2) => {
                let steps = self.chance.below(400);
                self.power.cut_after_disk_steps(steps);
                format!("after {steps} steps of the disk")
            }
            Trouble::PowerCut => {
                let changes = self.chance.below(60);
                self.power.cut_after_changes(changes);
                format!("after {changes} changes")
            }
            Trouble::Pulled => {
                let (at, steps) = (self.chance.index(self.drives.len()), self.chance.below(60));
                self.drives[at].place.stop_after(steps);
                format!("{at} after {steps}")
            }
            Trouble::Faults => {
                let at = self.chance.index(self.drives.len() + 1);
                let faults = faults(&mut self.chance);
                let text = format!("{at} {faults:?}");
                self.place(at).set_faults(faults);
                text
            }
        }
    }

    /// From now on the drives list in pages, and behind what was done there (FORMAT 1).
    pub fn list_late(&mut self) {
        self.say("the drives list late");
        for drive in &self.drives {
            drive.place.set_lists(Lists::Late { page: 3, per_mille: 300 });
        }
    }

    /// 0 is home.
    fn place(&self, at: usize) -> &MemoryPlace {
        if at == 0 { &self.home.place } else { &self.drives[at - 1].place }
    }

    fn end_trouble(&mut self, trouble: Trouble, victim: &str) -> Result<(), String> {
        match trouble {
            Trouble::None => {}
            Trouble::PowerCut => self.restart()?,
            Trouble::Pulled => {
                let at: usize = victim.split(' ').next().and_then(|at| at.parse().ok()).unwrap_or(0);
                self.drives[at].place.unplug();
                self.drives[at].plugged = false;
            }
            Trouble::Faults => self.all_drives().for_each(|drive| drive.place.set_faults(Faults::none())),
        }
        Ok(())
    }

    /// The computer starts again, after its power went or its process was killed.
    ///
    /// # Errors
    /// If the catalog does not open.
    pub fn restart(&mut self) -> Result<(), String> {
        if self.chance.one_in(3) {
            self.say("  killed");
            self.disk.kill();
        } else {
            self.say("  the power went");
            self.disk.crash(self.chance.any());
            self.all_drives().filter(|drive| drive.plugged).for_each(|drive| drive.place.crash());
        }
        self.all_drives_mut().for_each(|drive| drive.unsettled = true);
        self.reopen()
    }

    pub(super) fn reopen(&mut self) -> Result<(), String> {
        self.power.restore(self.disk.clone());
        let port: std::sync::Arc<dyn CatalogDisk> = std::sync::Arc::new(self.disk.clone());
        self.catalog = Catalog::open_on(port, super::world::options())
            .map_err(|error| format!("the catalog does not open any more: {}", chain(&error)))?;
        self.catalog.drop_stale(&|_| false).map_err(|error| chain(&error))?;
        Ok(())
    }

    fn pin(&mut self) -> Result<Whose, String> {
        let points = self.catalog.points().map_err(|error| chain(&error))?;
        if let Some(point) = self.chance.pick(&points) {
            let pinned = if point.pinned { self.catalog.unpin(point.order) } else { self.catalog.pin(point.order) };
            pinned.map_err(|error| chain(&error))?;
            self.say(format!("pinned: {} {}", point.name(), !point.pinned));
        }
        Ok(Whose::Engine)
    }

    fn plug(&mut self) -> Whose {
        let at = self.chance.index(self.drives.len());
        let drive = &mut self.drives[at];
        if drive.plugged {
            drive.place.unplug();
        } else {
            drive.place.replug();
        }
        drive.plugged = !drive.plugged;
        let line = format!("drive {at} plugged: {}", drive.plugged);
        self.say(line);
        Whose::World
    }

    fn swap(&mut self) -> Whose {
        let (one, other) = (self.chance.index(self.slots.len()), self.chance.index(self.slots.len()));
        self.slots.swap(one, other);
        self.say(format!("slots {:?}", self.slots));
        Whose::World
    }

    fn damage(&mut self) -> Result<Whose, String> {
        let at = self.chance.index(self.drives.len() + 1);
        let files: Vec<VaultPath> = self.place(at).contents().into_keys().collect();
        let objects: Vec<_> = files.into_iter().filter(|path| ObjectName::at(path).is_some()).collect();
        let Some(path) = self.chance.pick(&objects).cloned() else { return Ok(Whose::World) };
        let snapshot = self.catalog.snapshot().map_err(|error| chain(&error))?;
        let vault = if at == 0 { self.home.vault } else { self.drives[at - 1].vault };
        let excused = evidence_of_any(&snapshot, vault, &path);
        let (how, any) = (self.chance.below(4), self.chance.any());
        let place = self.place(at).clone();
        let change = |bytes: &mut Vec<u8>| {
            if let Some(byte) = usize::try_from(any % bytes.len().max(1) as u64).ok().and_then(|at| bytes.get_mut(at)) {
                *byte ^= 1;
            }
        };
        let done = match how {
            0 => place.lose(&path),
            1 => place.damage(&path, |bytes| bytes.truncate(bytes.len() / 2)),
            2 => place.damage_behind_cache(&path, change),
            _ => place.damage(&path, change),
        };
        self.say(format!("damage {how} at {at} {path}: {done}"));
        if let Some(drive) = self.drive_mut(vault) {
            drive.damaged.insert(path, excused);
        }
        Ok(Whose::World)
    }

    fn fill(&mut self) -> Whose {
        let at = self.chance.index(self.drives.len() + 1);
        let used: u64 = self.place(at).contents().values().map(|bytes| bytes.len() as u64).sum();
        let room = self.chance.below(200_000);
        let capacity = self.chance.one_in(2).then_some(used + room);
        self.place(at).set_capacity(capacity);
        self.say(format!("capacity of {at}: {capacity:?}"));
        Whose::World
    }

    fn set_clock(&mut self) -> Whose {
        let span = Duration::new(self.chance.between(1, 400_000), 123_457);
        if self.chance.one_in(2) {
            self.clock.set_back(span);
        } else {
            self.clock.set_forward(span);
        }
        self.say("the wall clock was set");
        Whose::World
    }

    pub(super) fn save(&mut self) -> Whose {
        self.saved_disk = Some(self.disk.bytes());
        self.all_drives_mut().for_each(|drive| drive.saved = Some(drive.place.contents()));
        self.say("saved");
        Whose::World
    }

    pub(super) fn roll_back_catalog(&mut self) -> Result<Whose, String> {
        let Some(bytes) = self.saved_disk.clone() else { return Ok(Whose::World) };
        self.say("the catalog is set back");
        self.disk = SimDisk::with_bytes(&bytes);
        self.all_drives_mut().for_each(|drive| drive.set_back = true);
        // A session that finds out waits, longer than any list is late.
        self.all_drives().for_each(|drive| drive.place.settle_lists());
        self.reopen()?;
        self.excuse_anew()?;
        Ok(Whose::World)
    }

    fn roll_back_drive(&mut self) -> Result<Whose, String> {
        let at = self.chance.index(self.drives.len());
        self.say(format!("drive {at} is set back"));
        set_back(&mut self.drives[at]);
        self.excuse_anew()?;
        Ok(Whose::World)
    }

    /// The whole computer, home vault and all, is restored from an image.
    pub(super) fn roll_back_machine(&mut self) -> Result<Whose, String> {
        if self.saved_disk.is_none() {
            return Ok(Whose::World);
        }
        set_back(&mut self.home);
        self.roll_back_catalog()
    }

    /// What was excused before the catalog or a drive was set back stays excused.
    fn excuse_anew(&mut self) -> Result<(), String> {
        let snapshot = self.catalog.snapshot().map_err(|error| chain(&error))?;
        for drive in self.all_drives_mut() {
            let vault = drive.vault;
            drive.damaged.iter_mut().for_each(|(path, excused)| *excused = evidence_of_any(&snapshot, vault, path));
        }
        Ok(())
    }

    fn foreign_head(&self, vault: VaultId) -> Result<(VaultPath, Vec<u8>), String> {
        let scratch = MemoryPlace::new(1);
        let store = scratch.open().map_err(|error| chain(&error))?;
        let head = Head {
            writer: WriterId([9; 16]),
            // Far above what this engine comes to by itself, each time that it was set back.
            epoch: FOREIGN_EPOCH,
            session: 1,
            created: self.clock.now(),
            newest: None,
            jobs: Vec::new(),
            pins: Vec::new(),
            marks: Vec::new(),
            media: Vec::new(),
            seeds: Vec::new(),
            proofs: Vec::new(),
            removed: Vec::new(),
            newest_at: Vec::new(),
            configuration: None,
            unknown: Vec::new(),
        };
        write_head(&store, vault, &head, &self.keyring, &self.entropy).map_err(|error| chain(&error))?;
        scratch.contents().into_iter().next().ok_or_else(|| "a head was written".to_owned())
    }

    fn take_over(&mut self) -> Result<Whose, String> {
        let at = self.chance.index(self.drives.len());
        let vault = self.drives[at].vault;
        let (path, bytes) = self.foreign_head(vault)?;
        self.drives[at].place.plant(&path, &bytes);
        self.drives[at].fenced = true;
        self.say(format!("drive {at} is taken over"));
        Ok(Whose::World)
    }

    /// Another writer appears while the engine works.
    fn intrude(&mut self) -> Result<Whose, String> {
        let at = self.chance.index(self.drives.len());
        let (path, bytes) = self.foreign_head(self.drives[at].vault)?;
        let after = self.chance.below(40);
        self.drives[at].intruder = Some(Intruder { after, path, bytes });
        self.say(format!("drive {at} is taken over after {after} changes"));
        self.engine_works(Trouble::None)
    }

    fn notice_intruders(&mut self) {
        for drive in &mut self.drives {
            if let Some(intruder) = drive.intruder.take() {
                drive.fenced |= drive.place.contents().contains_key(&intruder.path);
            }
        }
    }
}

/// Of another writer that takes over.
const FOREIGN_EPOCH: u32 = 1000;

fn set_back(drive: &mut super::world::Drive) {
    let Some(saved) = drive.saved.clone() else { return };
    for path in drive.place.contents().keys() {
        drive.place.lose(path);
    }
    saved.iter().for_each(|(path, bytes)| drive.place.plant(path, bytes));
    drive.place.settle_lists();
    drive.set_back = true;
    let foreign = format!("heads/{FOREIGN_EPOCH:08}-");
    drive.fenced = saved.keys().any(|path| path.as_str().starts_with(&foreign));
}

/// What goes wrong while the engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// The computer stops.
    PowerCut,
    /// A drive is pulled.
    Pulled,
    /// A place answers with errors now and then.
    Faults,
}

fn faults(chance: &mut Chance) -> Faults {
    let mut faults = Faults::none();
    for _ in 0..chance.between(1, 3) {
        let operation = *chance.pick(&Operation::ALL).unwrap_or(&Operation::Read);
        let fault = *chance
            .pick(&[Fault::Refused, Fault::Transient, Fault::LostAcknowledgement, Fault::Failed])
            .unwrap_or(&Fault::Transient);
        let per_mille = *chance.pick(&[5, 50, 300, 1000]).unwrap_or(&50);
        faults = faults.with(operation, fault, per_mille);
    }
    faults
}
