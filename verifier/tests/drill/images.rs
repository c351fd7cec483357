//! Images of file systems and of whole drives, sound and broken: each file system's own tool says which one is good.
//!
//! Needs root and the file systems' tools; says SKIPPED where one is not there.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use fixtures::data::{inventory, noise};
use fixtures::drive::run;

use crate::databases::{drilled, prepared, says};

const MIB: u64 = 1 << 20;

fn sparse(path: &Path, bytes: u64) -> String {
    File::create(path).and_then(|file| file.set_len(bytes)).expect("writable");
    path.display().to_string()
}

/// A file system with some files where it can be filled here; what its tool says of it otherwise.
fn made(path: &Path, words: &[&str], bytes: u64) -> bool {
    let image = sparse(path, bytes);
    let (program, words) = words.split_first().expect("a program");
    let ran = run(program, &[words, &[&image]].concat());
    if let Err(why) = &ran {
        eprintln!("SKIPPED: {program}: {why}");
        fs::remove_file(path).expect("ours");
    }
    ran.is_ok()
}

fn damage(path: &Path, at: u64, bytes: usize) {
    let file = File::options().write(true).open(path).expect("there");
    file.write_all_at(&noise(9, bytes), at).expect("writable");
}

fn copied(data: &Path, from: &str, to: &str) -> std::path::PathBuf {
    let to = data.join(to);
    assert!(Command::new("cp").arg("--sparse=always").arg(data.join(from)).arg(&to).status().expect("cp").success());
    to
}

/// A file system to make, and what its tool says of it.
struct System<'s> {
    name: &'static str,
    maker: Vec<&'s str>,
    mebibytes: u64,
    said: &'static str,
}

/// Those that can be filled without being mounted hold what is in `filled`.
fn systems(filled: &str) -> [System<'_>; 5] {
    let system =
        |name, maker: &[&'static str], mebibytes, said| System { name, maker: maker.to_vec(), mebibytes, said };
    let mut ext = system("ext4", &["mkfs.ext4", "-q", "-F", "-d"], 24, "e2fsck -f -n: ok, 7 files in it");
    ext.maker.push(filled);
    let mut btrfs = system(
        "btrfs",
        &["mkfs.btrfs", "-q", "-f", "-r"],
        128,
        "btrfs check --readonly: ok (on a copy), files not counted",
    );
    btrfs.maker.push(filled);
    [
        ext,
        btrfs,
        system("xfs", &["mkfs.xfs", "-q", "-f"], 320, "xfs_repair -n: ok, 0 files in it"),
        system("fat", &["mkfs.fat", "-F", "16"], 24, "fsck.fat -n: ok"),
        system("ntfs", &["mkntfs", "-q", "-F", "-f"], 24, "ntfsfix --no-action: ok"),
    ]
}

/// Where it needs it most, and not in what it is known by.
fn break_it(name: &str, image: &Path) {
    match name {
        // The first group's description, an allocation group's, the table of clusters.
        "ext4" => damage(image, 4096, 512),
        "xfs" => damage(image, 512, 1024),
        "fat" => damage(image, 2048, 512),
        // All that stands behind its first megabytes: its trees, wherever they are.
        "btrfs" => damage(image, 4 * MIB, 60 << 20),
        // The beginning of the table of files, in clusters of 4 KiB.
        _ => damage(image, 4 * 4096, 2048),
    }
}

#[test]
fn every_file_system_is_checked_by_its_own_tool_and_a_broken_one_fails() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be told how many files are in an image");
        return;
    }
    let bench = prepared();
    let data = bench.path("data");
    let filling = bench.folder("filling");
    for number in 0..7 {
        fs::write(filling.join(format!("file {number}")), noise(number, 30_000)).expect("writable");
    }
    let filled = filling.display().to_string();
    let mut there = Vec::new();
    for System { name, maker, mebibytes, said } in systems(&filled) {
        if made(&data.join(name), &maker, mebibytes * MIB) {
            break_it(name, &copied(&data, name, &format!("{name} broken")));
            there.push((name, said));
        }
    }
    let probes = drilled(&bench, &[], 4);
    for (name, said) in there {
        says(&probes, &format!("data/{name}"), &["pass disk-image", said]);
        says(&probes, &format!("data/{name} broken"), &["fail disk-image"]);
    }
    let held = run("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]).expect("losetup");
    assert!(!held.contains(&bench.text("scratch")), "no loop device stays: {held}");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty());
}

#[test]
fn a_drive_is_checked_partition_by_partition() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be told how many files are in an image");
        return;
    }
    let bench = prepared();
    let (data, parts) = (bench.path("data"), bench.folder("parts"));
    let filling = bench.folder("filling");
    fs::write(filling.join("one"), "only").expect("writable");
    let drive = data.join("drive");
    sparse(&drive, 64 * MIB);
    let table = "label: gpt\nstart=1MiB, size=24MiB\nstart=25MiB, size=16MiB\nstart=41MiB, size=8MiB\n";
    let script = bench.path("table");
    fs::write(&script, table).expect("writable");
    let parted = Command::new("sfdisk").arg("--quiet").arg(&drive).stdin(File::open(&script).expect("there")).status();
    assert!(parted.expect("sfdisk").success());
    assert!(made(&parts.join("ext4"), &["mkfs.ext4", "-q", "-F", "-d", &filling.display().to_string()], 24 * MIB));
    assert!(made(&parts.join("fat"), &["mkfs.fat", "-F", "16"], 16 * MIB));
    let file = File::options().write(true).open(&drive).expect("there");
    for (name, at) in [("ext4", MIB), ("fat", 25 * MIB)] {
        file.write_all_at(&fs::read(parts.join(name)).expect("there"), at).expect("writable");
    }
    let broken = copied(&data, "drive", "broken drive");
    damage(&broken, MIB + 4096, 512);
    let locked = copied(&data, "drive", "locked drive");
    damage(&locked, 41 * MIB, 1 << 20);
    let short = copied(&data, "drive", "short drive");
    File::options().write(true).open(short).and_then(|file| file.set_len(30 * MIB)).expect("writable");
    let probes = drilled(&bench, &[], 4);
    let sound = [
        "3 partitions; partition 1: ext2/3/4: e2fsck -f -n: ok, 1 files in it",
        "partition 2: FAT",
        "partition 3: blank",
    ];
    says(&probes, "data/drive", &[&["pass disk-image"][..], &sound[..]].concat());
    says(&probes, "data/broken drive", &["fail", "partition 1: ext2/3/4: e2fsck -f -n: ", sound[1]]);
    says(&probes, "data/locked drive", &["skipped", sound[0], "partition 3: its content is not known here"]);
    says(&probes, "data/short drive", &["fail", "it ends before the drive"]);
}

#[test]
fn a_file_system_that_was_in_use_is_checked_with_its_log() {
    let bench = prepared();
    let image = bench.path("image");
    if !rustix::process::geteuid().is_root() || !made(&image, &["mkfs.ext4", "-q", "-F"], 24 * MIB) {
        eprintln!("SKIPPED: only root can mount it");
        return;
    }
    let place = bench.folder("mounted");
    let (from, to) = (image.display().to_string(), place.display().to_string());
    if let Err(why) = run("mount", &["-o", "loop", &from, &to]) {
        eprintln!("SKIPPED: no loop devices here: {why}");
        return;
    }
    fs::write(place.join("file"), noise(1, 100_000)).expect("writable");
    let synced = run("sync", &["-f", &to]);
    let live = fs::read(&image).expect("there");
    run("umount", &[&to]).expect("it was mounted");
    synced.expect("sync");
    fs::write(bench.path("data/live"), live).expect("writable");
    let probes = drilled(&bench, &["--strict"], 0);
    says(&probes, "data/live", &["pass", "e2fsck -f -n: ok (in use when it was read"]);
}
