//! Drives with partitions.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fixtures::bench::text;
use fixtures::data::noise;
use fixtures::drive::run;

use super::disk::{Disk, contents, fill, is_sound};
use super::{backed_up, new_bytes, protecting, restored, warnings};

const MIB: u64 = 1 << 20;

/// Writes a table onto the disk; says SKIPPED without sfdisk.
pub(super) fn divided(disk: &Disk, table: &str) -> bool {
    let script = disk.image().with_extension("table");
    fs::write(&script, table).expect("writable");
    let command = format!("sfdisk -q '{}' < '{}'", text(disk.image()), text(&script));
    let done = run("sh", &["-c", &command]);
    if let Err(why) = &done {
        eprintln!("SKIPPED: no sfdisk here: {why}");
    }
    done.is_ok()
}

/// An ext4 and a Btrfs where these parts lie, and what is in them kept as `NUMBER` below `kept`.
fn filled(disk: &Disk, kept: &Path, parts: &[(&str, (u64, u64))]) -> bool {
    fs::create_dir_all(kept).expect("new");
    for (number, (file_system, part)) in parts.iter().enumerate() {
        let device = disk.part(*part);
        if !disk.format(file_system, &device) {
            return false;
        }
        let mounted = disk.mount(file_system, &device);
        fill(mounted.path(), &kept.join(number.to_string()));
    }
    true
}

#[track_caller]
fn comes_back(table: &str, parts: &[(&str, (u64, u64))], unknown: (u64, u64)) {
    let Some(disk) = Disk::new(400 * MIB) else { return };
    if !divided(&disk, table) {
        return;
    }
    let bench = protecting(Path::new(&disk.device()), "");
    if !filled(&disk, &bench.path("kept"), parts) {
        return;
    }
    // What is in a partition that nobody knows, and between partitions.
    let image = fs::File::options().read(true).write(true).open(disk.image()).expect("ours");
    let odd = noise(4, 1 << 20);
    image.write_all_at(&odd, unknown.0 + MIB).expect("writable");
    image.write_all_at(&odd[..4096], 399 * MIB - 4096).expect("writable");
    image.sync_all().expect("ours");
    let first = backed_up(&bench);
    let told = warnings(&first);
    assert_eq!(told.matches("copied whole").count(), 1, "{told}");
    assert!(new_bytes(&first) < 40 << 20, "what was removed is not stored: {first}");
    let again = Disk::of(&restored(&bench, "first")).expect("there was one before");
    disk.detach();
    let restored = fs::File::open(again.image()).expect("there");
    let ends = parts.iter().map(|(_, (start, bytes))| (*start, start + bytes));
    let mut at = 0;
    for (start, end) in ends.chain([(400 * MIB, 400 * MIB)]) {
        let (mut was, mut is) = (vec![0; usize::try_from(start - at).expect("small")], Vec::new());
        is.resize(was.len(), 0);
        image.read_exact_at(&mut was, at).expect("ours");
        restored.read_exact_at(&mut is, at).expect("there");
        assert!(was == is, "outside of known file systems all is as it was, from {at} to {start}");
        at = end;
    }
    for (number, (file_system, part)) in parts.iter().enumerate() {
        let device = again.part(*part);
        is_sound(file_system, &device);
        let mounted = again.mount(file_system, &device);
        assert_eq!(contents(mounted.path()), contents(&bench.path("kept").join(number.to_string())), "{file_system}");
    }
}

#[test]
fn a_drive_with_a_gpt_comes_back_with_all_its_partitions_and_what_lies_between() {
    let table = "label: gpt\nstart=1MiB, size=100MiB\nstart=102MiB, size=160MiB\nstart=264MiB, size=20MiB\n";
    let parts = [("ext4", (MIB, 100 * MIB)), ("btrfs", (102 * MIB, 160 * MIB))];
    comes_back(table, &parts, (264 * MIB, 20 * MIB));
}

#[test]
fn a_drive_with_an_mbr_comes_back_with_its_logical_partitions() {
    let table = "label: dos\nstart=1MiB, size=100MiB, type=83\nstart=102MiB, size=250MiB, type=5\n\
                 start=104MiB, size=160MiB, type=83\nstart=266MiB, size=20MiB, type=83\n";
    let parts = [("ext4", (MIB, 100 * MIB)), ("btrfs", (104 * MIB, 160 * MIB))];
    comes_back(table, &parts, (266 * MIB, 20 * MIB));
}
