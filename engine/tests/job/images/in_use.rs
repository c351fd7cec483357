//! Drives that are mounted.

use std::fs;
use std::path::Path;

use fixtures::bench::text;

use super::disk::{Disk, contents, fill, is_sound};
use super::{backed_up, configure, new_bytes, protecting, restored, warnings};

#[test]
fn a_mounted_drive_makes_no_point_unless_the_job_says_live_and_then_it_is_told_what_that_risks() {
    let Some(disk) = Disk::formatted("ext4", 96 << 20) else { return };
    let device = disk.device();
    let bench = protecting(Path::new(&device), "");
    let mounted = disk.mount("ext4", &device);
    fill(mounted.path(), &bench.path("kept"));
    for drive in [Path::new(&device), disk.image(), mounted.path()] {
        configure(&bench, drive, "");
        let _ = bench.engine(&["backup"]).exits(1).says("mounted at").says("live = true");
        assert!(bench.points().is_empty());
    }
    configure(&bench, Path::new(&device), ", live = true");
    let point = backed_up(&bench);
    assert!(warnings(&point).contains("mounted"), "{point}");
    assert!(new_bytes(&point) < 22 << 20, "free space is left out all the same: {point}");
    let image = restored(&bench, "live");
    drop(mounted);
    disk.detach();
    // As after a power cut: its journal is replayed, and then it is whole.
    let again = Disk::of(&image).expect("there was one before");
    drop(again.mount("ext4", &again.device()));
    is_sound("ext4", &again.device());
    let mounted = again.mount("ext4", &again.device());
    assert_eq!(contents(mounted.path()), contents(&bench.path("kept")));
}

#[test]
fn a_mounted_xfs_is_copied_whole_for_what_it_uses_stands_in_its_log() {
    let Some(disk) = Disk::formatted("xfs", 320 << 20) else { return };
    let bench = protecting(Path::new(&disk.device()), ", live = true");
    let mounted = disk.mount("xfs", &disk.device());
    fs::write(mounted.path().join("file"), "content").expect("writable");
    let point = backed_up(&bench);
    assert!(warnings(&point).contains("copied whole"), "{point}");
    let image = restored(&bench, "live");
    drop(mounted);
    disk.detach();
    let again = Disk::of(&image).expect("there was one before");
    let mounted = again.mount("xfs", &again.device());
    assert_eq!(fs::read(mounted.path().join("file")).expect("there"), b"content");
}

#[test]
fn a_mount_point_stands_under_its_own_name_and_what_has_no_drive_is_refused_with_what_to_do() {
    let Some(disk) = Disk::formatted("ext4", 64 << 20) else { return };
    let mounted = disk.mount("ext4", &disk.device());
    let bench = protecting(mounted.path(), ", live = true");
    backed_up(&bench);
    let listed = bench.done(&["ls", "disk"]);
    assert_eq!(listed["entries"][0]["path"], text(mounted.path()).trim_start_matches('/'));
    assert_eq!(listed["entries"][0]["bytes"], 64 << 20);
    for (place, why) in
        [("/proc", "no block device"), ("/usr/bin", "nothing is mounted there"), ("/dev/null", "no drive")]
    {
        configure(&bench, Path::new(place), ", live = true");
        let _ = bench.engine(&["backup"]).exits(1).says(why).says("folders");
    }
    configure(&bench, Path::new("/dev/there-is-no-such"), "");
    let _ = bench.engine(&["backup"]).exits(1).says("can't be used");
    assert_eq!(bench.points().len(), 1);
}
