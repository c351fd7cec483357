//! What a place may need and nobody knows of: nothing is deleted there until it is known.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::catalog::{Generation, Guards, LastCopy, NewRemoval, Removal, RemovalRules, SimDisk};
use crate::copy::{Inspected, Inspection, Lists, heal_objects, inspect_objects};
use crate::destination::memory::{Fault, Faults};
use crate::destination::{
    ErrorKind, Listed, ObjectRead, ObjectWrite, Operation, Resume, Space, StoreError, WriteStore,
};
use crate::format::Manifest;
use crate::model::{Distance, ObjectName, PackId, VaultPath};
use crate::sim::chance::Chance;
use crate::vault::{PackNames, VaultReader};

/// A world with one point, at home and at the first drive.
struct Made {
    world: World,
    manifest: Manifest,
    /// All that it names.
    packs: BTreeSet<PackId>,
}

impl Made {
    fn new() -> Self {
        let mut world = World::new(3, Canary::None);
        let (mut chance, now) = (Chance::new(5), world.clock.now());
        for _ in 0..40 {
            lock(&world.jobs[0].tree).work(&mut chance, now, world.large);
        }
        lock(&world.jobs[0].tree).calm();
        let point = world.capture(0, Reading::Everything).expect("made").name;
        let job = world.catalog.points().expect("read")[0].job;
        for visited in world.round(Retention::Everywhere) {
            assert_eq!(visited.failures, Vec::<String>::new());
        }
        let wire = world.wire(&world.home).expect("there");
        let reader = VaultReader::new(&wire, &world.keyring);
        let (manifest, ..) = reader.manifest(job, point).expect("it opens");
        let names = PackNames::of(&manifest, &reader).expect("read");
        let packs: BTreeSet<_> = names.all().iter().copied().collect();
        assert!(manifest.roots.len() < packs.len(), "some hold contents only");
        drop(reader);
        Self { world, manifest, packs }
    }

    fn object(&self) -> ObjectName {
        ObjectName::Point(self.manifest.job, self.manifest.name)
    }

    /// The catalog as `init` left it: it knows no point.
    fn set_the_catalog_back(&mut self) {
        let fresh = World::new(3, Canary::None);
        self.world.disk = SimDisk::with_bytes(&fresh.disk.bytes());
        self.world.reopen().expect("it opens");
        assert_eq!(self.world.catalog.points().expect("read"), []);
    }

    /// One bit of the pack list, where it lies at the first drive.
    fn flip_the_list(&self) {
        let chunk = self.manifest.packs[0];
        let root = self.manifest.roots.iter().find(|root| root.short() == chunk.pack).expect("it is in a root");
        let at = chunk.offset as usize + chunk.stored as usize - 5;
        assert!(self.world.drives[0].place.damage(&ObjectName::Pack(*root).path(), |bytes| bytes[at] ^= 1));
    }

    /// A session there from its beginning to its end; what was allowed.
    fn session(&self) -> Deletions {
        let tell = |told: &Told| self.world.note(told);
        let drive = &self.world.drives[0];
        let wire = self.world.wire(drive).expect("there");
        let session = Session::open(self.world.tools(&tell), &wire, drive.vault).expect("opened");
        let deletions = session.deletions.clone();
        session.close().expect("closed");
        deletions
    }

    fn state(&self) -> Option<Placed> {
        let placed = self.world.catalog.placement(self.world.drives[0].vault, self.manifest.name.order);
        placed.expect("read").map(|row| row.state)
    }

    #[track_caller]
    fn assert_all_packs_lie_there(&self) {
        let there = self.world.drives[0].place.contents();
        for pack in &self.packs {
            assert!(there.contains_key(&ObjectName::Pack(*pack).path()), "{pack} is gone");
        }
    }
}

#[test]
fn what_a_place_can_not_give_now_is_no_part_of_a_list_and_what_is_damaged_is() {
    let made = Made::new();
    let wire = made.world.wire(&made.world.drives[0]).expect("there");
    let read = || {
        Lists::new(&made.world.keyring, [(made.world.drives[0].vault, &wire as &dyn ReadStore)])
            .of(&wire, &made.manifest)
    };
    let fail = |fault| made.world.drives[0].place.set_faults(Faults::none().with(Operation::Read, fault, 1000));
    assert!(read().expect("read").is_whole());
    for fault in [Fault::Transient, Fault::Refused] {
        fail(fault);
        assert!(read().is_err(), "{fault:?}");
    }
    fail(Fault::Failed);
    let unreadable = read().expect("a sector that can't be read is told");
    assert_eq!((unreadable.is_whole(), unreadable.packs), (false, made.manifest.roots.clone()));
    made.world.drives[0].place.set_faults(Faults::none());
    made.flip_the_list();
    let damaged = read().expect("damage is told");
    assert_eq!((damaged.is_whole(), damaged.packs), (false, made.manifest.roots.clone()));
}

#[test]
fn a_catalog_that_was_set_back_and_can_not_read_a_pack_list_deletes_nothing_there() {
    let mut made = Made::new();
    made.set_the_catalog_back();
    made.flip_the_list();
    for _ in 0..2 {
        assert!(matches!(made.session(), Deletions::Refused(_)));
        made.assert_all_packs_lie_there();
        assert_eq!(made.state(), Some(Placed::Damaged));
    }
    let drive = made.world.drives[0].vault;
    assert!(made.world.catalog.mark_unreferenced(drive).is_err(), "nor does any other process");
    made.flip_the_list();
    assert_eq!(made.session(), Deletions::Allowed, "it was read again");
    made.assert_all_packs_lie_there();
    assert_eq!(made.state(), Some(Placed::Present));
    assert_eq!(made.world.catalog.unsure(drive).expect("read"), BTreeSet::new());
}

#[test]
fn what_a_head_tells_of_and_is_gone_keeps_every_pack_until_it_is_there_again_or_was_given_up() {
    let mut made = Made::new();
    let (object, place) = (made.object(), made.world.drives[0].place.clone());
    let bytes = place.contents()[&object.path()].clone();
    made.set_the_catalog_back();
    place.lose(&object.path());
    for _ in 0..2 {
        assert!(matches!(made.session(), Deletions::Refused(_)));
        made.assert_all_packs_lie_there();
    }
    let drive = made.world.drives[0].vault;
    let one = BTreeSet::from([object]);
    assert_eq!(made.world.catalog.unsure(drive).expect("read"), one);
    place.plant(&object.path(), &bytes);
    assert_eq!(made.session(), Deletions::Allowed);
    made.assert_all_packs_lie_there();
    assert_eq!(made.state(), Some(Placed::Present));
    made.set_the_catalog_back();
    place.lose(&object.path());
    assert!(matches!(made.session(), Deletions::Refused(_)));
    let given_up = made.world.catalog.give_up_unsure(made.manifest.job).expect("recorded");
    assert_eq!(given_up, BTreeSet::from([made.manifest.name.id]));
    assert_eq!(made.session(), Deletions::Allowed, "and it is not noted again");
}

#[test]
fn what_was_removed_on_purpose_is_not_missed() {
    let mut made = Made::new();
    let (object, place) = (made.object(), made.world.drives[0].place.clone());
    made.set_the_catalog_back();
    place.lose(&object.path());
    let now = made.world.clock.now();
    made.world.catalog.heed_removed(&BTreeSet::from([made.manifest.name.id]), now).expect("recorded");
    assert_eq!(made.session(), Deletions::Allowed);
}

/// Gives everything but packs, which can't be read now, while it is deaf; reading back from the medium works. It may be
/// a server.
struct Deaf<'w> {
    wire: &'w Wire,
    deaf: &'w AtomicBool,
    distance: Distance,
}

impl ReadStore for Deaf<'_> {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.wire.stat(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        if self.deaf.load(Ordering::Relaxed) && path.as_str().starts_with("packs/") {
            return Err(StoreError::new(ErrorKind::Transient, "read", path.as_str(), "not now"));
        }
        self.wire.read(path, offset, bytes)
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        self.wire.list(folder)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        self.wire.read_medium(path)
    }

    fn finished_file(&self, path: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        self.wire.finished_file(path)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.wire.space()
    }

    fn distance(&self) -> Distance {
        self.distance
    }

    fn still_there(&self) -> Result<(), StoreError> {
        self.wire.still_there()
    }
}

impl WriteStore for Deaf<'_> {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.wire.create(path)
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.wire.resume(path, left)
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.wire.delete(path)
    }
}

#[test]
fn a_point_is_not_settled_by_its_roots_when_its_list_can_not_be_read_at_that_moment() {
    let made = Made::new();
    let world = &made.world;
    let roots: BTreeSet<PackId> = made.manifest.roots.iter().copied().collect();
    let content = *made.packs.difference(&roots).next().expect("one");
    for drive in [&world.home, &world.drives[0]] {
        assert!(drive.place.damage(&ObjectName::Pack(content).path(), |bytes| bytes[100] ^= 1));
    }
    let (wire, deaf) = (world.wire(&world.drives[0]).expect("there"), AtomicBool::new(false));
    let store = Deaf { wire: &wire, deaf: &deaf, distance: Distance::Local };
    let tell = |told: &Told| world.note(told);
    let (tools, medium) = (world.tools(&tell), world.drives[0].vault);
    let session = Session::open(tools, &store, medium).expect("opened");
    let lists = Lists::new(&world.keyring, [(medium, &store as &dyn ReadStore)]);
    let destination = session.destination.clone();
    let at = Inspected { tools, medium, destination, store: &store, lists: &lists, keys: None, progress: &|_, _| {} };
    let mut found = Inspection::default();
    inspect_objects(&at, &mut found).expect("read");
    assert_eq!((found.flaws.len(), made.state()), (1, Some(Placed::Damaged)));
    deaf.store(true, Ordering::Relaxed);
    heal_objects(&session, &[], &mut found).expect("nothing to heal it from");
    assert_eq!(made.state(), Some(Placed::Damaged));
}

#[test]
fn what_a_session_that_broke_off_asked_a_server_to_delete_is_waited_for_before_anything_is_withdrawn() {
    for (distance, waits) in [(Distance::Server, true), (Distance::Local, false)] {
        let made = Made::new();
        let (world, deaf) = (&made.world, AtomicBool::new(false));
        let wire = world.wire(&world.drives[0]).expect("there");
        let store = Deaf { wire: &wire, deaf: &deaf, distance };
        let tell = |told: &Told| world.note(told);
        let (tools, medium) = (world.tools(&tell), world.drives[0].vault);
        drop(Session::open(tools, &store, medium).expect("opened, and never closed"));
        let new = NewRemoval {
            medium,
            points: &[made.manifest.name.order],
            removal: Removal::NotWanted { reason: "a test".to_owned() },
            incoming: None,
            guards: Guards::ByHand,
            expected: None,
            now: world.clock.now(),
        };
        world.catalog.mark_deleting(&new).expect("marked");
        let session = Session::open(tools, &store, medium).expect("opened");
        let begun = world.clock.monotonic();
        let finish = Step::Finish { points: Vec::new(), packs: Vec::new(), bytes: 0 };
        let rules = RemovalRules { keep_at_least: 0, last_copy: LastCopy::MayGo, planned: Generation(0) };
        let outcome = execute(&session, &[(finish, String::new())], &[], &rules);
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        let took = world.clock.monotonic() - begun;
        assert_eq!(took >= crate::destination::late::LONGEST, waits, "{took:?}");
    }
}
