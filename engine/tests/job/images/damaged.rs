//! Where a file system's own account of its blocks can't be had, or can't be believed: all of it is copied, and that is
//! said.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

use fixtures::Bench;
use fixtures::drive::run;

use super::disk::{Disk, fill};
use super::{backed_up, configure, engine_with, protecting, restored, warnings};

/// An unmounted drive with files, and noise where nothing is in use.
fn drive(file_system: &str) -> Option<(Disk, Bench)> {
    let disk = Disk::formatted(file_system, if file_system == "xfs" { 320 << 20 } else { 96 << 20 })?;
    let bench = protecting(disk.image(), "");
    let mounted = disk.mount(file_system, &disk.device());
    fill(mounted.path(), &bench.path("kept"));
    drop(mounted);
    Some((disk, bench))
}

/// All of the drive came back, free space too.
#[track_caller]
fn is_whole(disk: &Disk, bench: &Bench, told: &str) {
    assert!(told.contains("copied whole"), "{told}");
    let image = restored(bench, "whole");
    assert!(run("cmp", &[&image.to_string_lossy(), &disk.image().to_string_lossy()]).is_ok());
}

#[test]
fn without_partclone_or_with_one_that_lies_all_is_copied_and_that_is_said() {
    let Some((disk, bench)) = drive("ext4") else { return };
    disk.detach();
    let programs = bench.folder("programs");
    symlink(run("sh", &["-c", "command -v losetup"]).expect("it is here"), programs.join("losetup")).expect("new");
    let ran = engine_with(&bench, &programs, &["--json", "backup"]).exits(0).says("install partclone");
    is_whole(&disk, &bench, &ran.out);

    // One that says that nothing but the first block is in use, with all its checksums right.
    let lying = "#!/bin/sh\nexec /usr/bin/cat \"${0%/*}/answer\"\n";
    let script = programs.join("partclone.extfs");
    fs::write(&script, lying).expect("writable");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    for (answer, why) in [(&b"partclone 0.2"[..], "told nothing"), (&[7; 4096], "not known here")] {
        fs::write(programs.join("answer"), answer).expect("writable");
        File::options()
            .append(true)
            .open(disk.image())
            .and_then(|it| it.set_modified(std::time::SystemTime::now()))
            .expect("ours");
        let ran = engine_with(&bench, &programs, &["--json", "backup", "--paranoid"]).exits(0).says(why);
        assert!(ran.out.contains("copied whole"), "{ran}");
    }
}

#[test]
fn a_file_system_that_was_not_unmounted_in_order_is_copied_whole() {
    for file_system in ["ext4", "xfs"] {
        let Some((disk, bench)) = drive(file_system) else { continue };
        let mounted = disk.mount(file_system, &disk.device());
        fs::write(mounted.path().join("newest"), "not in the account yet").expect("writable");
        rustix::fs::sync();
        let cut = bench.path("cut");
        run("cp", &["--sparse=always", &disk.image().to_string_lossy(), &cut.to_string_lossy()]).expect("cp");
        drop(mounted);
        configure(&bench, &cut, "");
        let point = backed_up(&bench);
        assert!(warnings(&point).contains("not unmounted in order"), "{file_system}: {point}");
        let image = restored(&bench, "whole");
        assert!(run("cmp", &[&image.to_string_lossy(), &cut.to_string_lossy()]).is_ok(), "{file_system}");
    }
}

#[test]
fn an_account_that_differs_from_the_first_block_is_not_believed() {
    let Some(disk) = Disk::new(32 << 20) else { return };
    // Without its checksum, which would say the same first, the count of free blocks is one more than it was.
    run("mkfs.ext4", &["-qF", "-O", "^metadata_csum", &disk.device()]).expect("e2fsprogs");
    disk.detach();
    let bench = protecting(disk.image(), "");
    let image = File::options().read(true).write(true).open(disk.image()).expect("ours");
    let mut free = [0; 4];
    image.read_exact_at(&mut free, 0x40c).expect("ours");
    image.write_all_at(&(u32::from_le_bytes(free) + 1).to_le_bytes(), 0x40c).expect("ours");
    let told = warnings(&backed_up(&bench));
    assert!(told.contains("free count") || told.contains("differ"), "{told}");
    is_whole(&disk, &bench, &told);
}

/// Sets the mark of an NTFS volume that Windows has in use.
fn soil(image: &Path) {
    let volume = File::options().read(true).write(true).open(image).expect("ours");
    let mut begin = [0; 512];
    volume.read_exact_at(&mut begin, 0).expect("ours");
    let cluster = u64::from(u16::from_le_bytes([begin[11], begin[12]])) * u64::from(begin[13]);
    let table = u64::from_le_bytes(begin[0x30..0x38].try_into().expect("8 bytes")) * cluster;
    let (at, mut record) = (table + 3 * 1024, vec![0; 1024]);
    volume.read_exact_at(&mut record, at).expect("ours");
    let mut attribute = usize::from(record[0x14]);
    while record[attribute] != 0x70 {
        attribute += usize::from(u16::from_le_bytes([record[attribute + 4], record[attribute + 5]]));
    }
    let flags = attribute + usize::from(record[attribute + 0x14]) + 10;
    volume.write_all_at(&[record[flags] | 1], at + flags as u64).expect("ours");
}

#[test]
fn an_ntfs_that_windows_has_in_use_is_copied_whole() {
    let Some((disk, bench)) = drive("ntfs") else { return };
    disk.detach();
    assert_eq!(warnings(&backed_up(&bench)), "[]");
    soil(disk.image());
    is_whole(&disk, &bench, &warnings(&backed_up(&bench)));
}
