//! Drives with one file system.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use fixtures::same;

use super::disk::{Disk, contents, copy, fill, is_sound, mend_fat};
use super::{backed_up, new_bytes, protecting, restored, warnings};

/// The restored image is the file system that was there.
#[track_caller]
fn is_as_it_was(file_system: &str, image: &Path, kept: &Path) {
    let Some(again) = Disk::of(image) else { return };
    is_sound(file_system, &again.device());
    let mounted = again.mount(file_system, &again.device());
    assert_eq!(contents(mounted.path()), contents(kept), "{file_system}");
    if file_system == "ext4" || file_system == "xfs" {
        assert_eq!(same(kept, mounted.path()), Vec::<String>::new(), "{file_system}");
    }
}

fn mend(file_system: &str, disk: &Disk) {
    if file_system == "fat" {
        mend_fat(&disk.device());
    }
    is_sound(file_system, &disk.device());
}

/// It comes back file by file, and a second point stores what changed.
#[track_caller]
fn comes_back(file_system: &str) {
    let bytes = if file_system == "xfs" { 320 << 20 } else { 160 << 20 };
    let Some(disk) = Disk::formatted(file_system, bytes) else { return };
    let bench = protecting(Path::new(&disk.device()), "");
    let mounted = disk.mount(file_system, &disk.device());
    fill(mounted.path(), &bench.path("kept"));
    drop(mounted);
    mend(file_system, &disk);
    let first = backed_up(&bench);
    assert_eq!(warnings(&first), "[]", "{file_system}");
    assert!((7 << 20..22 << 20).contains(&new_bytes(&first)), "{file_system}: what was removed is not stored: {first}");
    let image = restored(&bench, "first");
    let stat = fs::metadata(&image).expect("there");
    assert_eq!((stat.len(), stat.mode() & 0o777), (bytes, 0o600), "{file_system}");
    assert!(stat.blocks() * 512 < 40 << 20, "{file_system}: {} blocks", stat.blocks());

    let mounted = disk.mount(file_system, &disk.device());
    fs::rename(mounted.path().join("large"), mounted.path().join("few/moved")).expect("moved");
    fs::remove_file(mounted.path().join("few/7")).expect("there");
    fs::write(mounted.path().join("few/new"), "changed").expect("writable");
    copy(mounted.path(), &bench.path("kept-second"));
    drop(mounted);
    mend(file_system, &disk);
    let second = backed_up(&bench);
    assert!(new_bytes(&second) < 3 << 20, "{file_system}: {second}");
    let second_image = restored(&bench, "second");

    // Two devices with one file system's name confuse Btrfs.
    disk.detach();
    is_as_it_was(file_system, &image, &bench.path("kept"));
    is_as_it_was(file_system, &second_image, &bench.path("kept-second"));
}

#[test]
fn ext4_comes_back_file_by_file_and_a_second_point_stores_what_changed() {
    comes_back("ext4");
}

#[test]
fn xfs_comes_back_file_by_file_and_a_second_point_stores_what_changed() {
    comes_back("xfs");
}

#[test]
fn btrfs_comes_back_file_by_file_and_a_second_point_stores_what_changed() {
    comes_back("btrfs");
}

#[test]
fn ntfs_comes_back_file_by_file_and_a_second_point_stores_what_changed() {
    comes_back("ntfs");
}

#[test]
fn fat_comes_back_file_by_file_and_a_second_point_stores_what_changed() {
    comes_back("fat");
}

#[test]
fn an_image_file_is_a_drive_too_and_one_that_did_not_change_is_not_read_again() {
    let Some(disk) = Disk::formatted("ext4", 96 << 20) else { return };
    let mounted = disk.mount("ext4", &disk.device());
    let bench = protecting(disk.image(), "");
    fill(mounted.path(), &bench.path("kept"));
    drop(mounted);
    disk.detach();
    let first = backed_up(&bench);
    assert_eq!(warnings(&first), "[]");
    assert!(new_bytes(&first) < 22 << 20, "{first}");
    let image = restored(&bench, "first");
    assert!(image.ends_with(disk.image().strip_prefix("/").expect("absolute")), "it stands where it stood");
    is_as_it_was("ext4", &image, &bench.path("kept"));
    let second = backed_up(&bench);
    assert_eq!(new_bytes(&second), 0, "{second}");
}

#[test]
fn what_is_not_known_comes_back_byte_for_byte() {
    let Some(disk) = Disk::new(8 << 20) else { return };
    let noise = fixtures::data::noise(3, 1 << 20);
    let image = fs::File::options().write(true).open(disk.image()).expect("ours");
    for at in [0, 3 << 20, (7 << 20) - 512] {
        image.write_all_at(&noise, at).expect("writable");
    }
    let bench = protecting(Path::new(&disk.device()), "");
    let first = backed_up(&bench);
    assert!(warnings(&first).contains("copied whole"), "{first}");
    assert_eq!(fs::read(restored(&bench, "first")).expect("there"), fs::read(disk.image()).expect("there"));
}
