//! A disk that is full to the last byte: a transaction that needs more of it commits if there is ballast, and only then.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::super::simdisk::Effect;
use super::*;
use crate::model::ChunkId;

/// A small disk, where one can be had; it goes when it is dropped.
struct Small {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Small {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(&path).output();
        mount.is_ok_and(|ran| ran.status.success()).then_some(Self { path, _folder: folder })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}

fn fill(folder: &Path, name: &str) {
    let mut file = File::create_new(folder.join(name)).expect("an inode is left");
    while file.write_all(&[7; 4096]).is_ok() {}
}

/// A pack of so many chunks: some 70 bytes each in one transaction.
fn large(first: u32) -> NewPack {
    let id = |n: u32| {
        let mut id = [9; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        ChunkId(id)
    };
    let row = |n: u32| ChunkRow { id: id(first + n), offset: n, stored: 1, plain: 1 };
    NewPack { id: PackId([first.to_be_bytes()[1]; 32]), bytes: 1, group: GROUP, chunks: (0..60_000).map(row).collect() }
}

fn capturing(state: &Path) -> (Catalog, ReservationId, Arc<Mutex<Vec<String>>>) {
    let catalog = Catalog::create(state, &founding(), options()).expect("made");
    furnish(&catalog).expect("furnished");
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    catalog.tell_when_full(Arc::new(move |text: &str| tell.lock().expect("whole").push(text.to_owned())));
    let capture = catalog.begin_capture("lock").expect("there is a home");
    (catalog, capture, told)
}

#[test]
fn a_transaction_on_a_full_disk_commits_with_ballast_and_says_so_once() {
    let Some(small) = Small::new() else { return };
    let (catalog, capture, told) = capturing(&small.path);
    fs::write(small.path.join(BALLAST), vec![1; 16 << 20]).expect("there is room");
    fill(&small.path, "filler");
    catalog.add_pack(capture, &large(0), at(1)).expect("the ballast makes room");
    assert!(!small.path.join(BALLAST).exists());
    assert_eq!(told.lock().expect("whole").len(), 1, "{told:?}");
    catalog.check().expect("it is whole");
}

#[test]
fn without_it_the_transaction_fails_as_a_full_disk_and_nothing_has_changed() {
    let Some(small) = Small::new() else { return };
    let (catalog, capture, told) = capturing(&small.path);
    fill(&small.path, "filler");
    let failed = catalog.add_pack(capture, &large(0), at(1)).expect_err("there is no room");
    assert!(matches!(failed, CatalogError::Full { .. }), "{failed:?}");
    assert!(told.lock().expect("whole").is_empty());
    fs::remove_file(small.path.join("filler")).expect("ours");
    catalog.check().expect("it is whole");
    assert_eq!(catalog.pack_by_id(&PackId([0; 32])).expect("readable"), None);
    catalog.add_pack(capture, &large(0), at(1)).expect("there is room again");
}

/// Whichever step says that the disk is full, and whether it has done its work or not: the change is made once, and its
/// answer is the one that was given.
#[test]
fn a_change_whose_commit_says_full_is_made_once() {
    let story = || {
        let disk = SimDisk::new();
        let catalog = Catalog::create_on(Arc::new(disk.clone()), &founding(), options()).expect("made");
        furnish(&catalog).expect("furnished");
        (disk, catalog)
    };
    let (disk, catalog) = story();
    let before = disk.steps();
    let first = catalog.take_order().expect("no fault yet");
    let steps = disk.steps() - before;
    let mut met = 0;
    for step in 1..=steps {
        for effect in [Effect::None, Effect::Whole] {
            let (disk, catalog) = story();
            disk.full_at(disk.steps() + step, effect);
            assert_eq!(catalog.take_order().expect("there is ballast"), first, "{step} {effect:?}");
            let next = PointOrder { sequence: first.sequence + 1, ..first };
            assert_eq!(catalog.take_order().expect("taken"), next, "{step} {effect:?}");
            met += u32::from(!disk.has_ballast());
        }
    }
    assert!(met > 6, "{met} of {steps} steps");
}
