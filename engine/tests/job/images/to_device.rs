//! `--to-device`.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fixtures::bench::objects;

use super::disk::{Disk, contents, fill, is_sound, odd};
use super::{backed_up, protecting};

#[test]
fn an_image_goes_onto_a_larger_drive_and_onto_none_that_is_smaller_in_use_or_not_confirmed() {
    let Some(disk) = Disk::formatted("ext4", 96 << 20) else { return };
    let bench = protecting(Path::new(&disk.device()), "");
    let mounted = disk.mount("ext4", &disk.device());
    fill(mounted.path(), &bench.path("kept"));
    drop(mounted);
    backed_up(&bench);
    let onto =
        |device: &str, confirm: &str| bench.engine(&["restore", "disk", "--to-device", device, "--confirm", confirm]);

    let small = Disk::new((96 << 20) - 4096).expect("there was one before");
    let _ = onto(&small.device(), &small.device()).exits(1).says("100659200").says("100663296");

    let used = Disk::formatted("ext4", 120 << 20).expect("there was one before");
    let mounted = used.mount("ext4", &used.device());
    let _ = onto(&used.device(), &used.device()).exits(1).says("mounted at");
    assert!(mounted.path().join("lost+found").is_dir());

    let large = Disk::new(120 << 20).expect("there was one before");
    let (device, before) = (large.device(), odd(9, 120 << 20));
    fs::File::options().write(true).open(&device).and_then(|it| it.write_all_at(&before, 0)).expect("writable");
    let _ = bench.engine(&["restore", "disk", "--to-device", &device]).exits(2).says("no terminal");
    let _ = onto(&device, &disk.device()).exits(2).says("--confirm says");
    let _ = bench.engine(&["restore", "disk", "--to-device", &device, "--dry-run"]).exits(0);
    assert!(fs::read(&device).expect("readable") == before, "nothing was written");
    let _ = onto(large.image().to_str().expect("text"), large.image().to_str().expect("text"))
        .exits(1)
        .says("no block device");

    let _ = onto(&device, &device).exits(0).says("sgdisk");
    let after = fs::read(&device).expect("readable");
    assert!(after[96 << 20..] == before[96 << 20..], "what lies behind the image stays");
    is_sound("ext4", &device);
    let mounted = large.mount("ext4", &device);
    assert_eq!(contents(mounted.path()), contents(&bench.path("kept")));
}

#[test]
fn a_point_that_is_not_of_a_drive_has_no_image_and_a_path_may_name_one() {
    let Some(disk) = Disk::new(1 << 20) else { return };
    let bench = crate::harness::prepared(2, 5000, "", &["usb"]);
    bench.done(&["backup"]);
    let device = disk.device();
    let words = ["restore", "data", "--to-device", &device, "--confirm", &device];
    let _ = bench.engine(&words).exits(2).says("not a point of a drive");
    let path = bench.text("data/1");
    let _ = bench.engine(&[&words[..], &["--path", &path]].concat()).exits(0);
    let written = fs::read(&device).expect("readable");
    assert!(written.starts_with(&fs::read(bench.path("data/1")).expect("there")));
    let _ = bench.engine(&[&words[..], &["--path", "nothing"]].concat()).exits(2).says("no such file");
}

/// Inverts a byte of the largest pack at home.
fn damage_home(bench: &fixtures::Bench) {
    let packs = objects(&bench.path("vault"));
    let (pack, bytes) = packs.into_iter().max_by_key(|(_, bytes)| *bytes).expect("one at least");
    let file = fs::File::options().read(true).write(true).open(pack).expect("ours");
    let mut byte = [0];
    file.read_exact_at(&mut byte, bytes / 2).expect("ours");
    file.write_all_at(&[!byte[0]], bytes / 2).expect("ours");
}

#[test]
fn what_is_lost_of_an_image_is_told_and_all_else_is_written() {
    let Some(disk) = Disk::new(8 << 20) else { return };
    let content = odd(3, 8 << 20);
    fs::File::options().write(true).open(disk.image()).and_then(|it| it.write_all_at(&content, 0)).expect("ours");
    let bench = protecting(disk.image(), "");
    backed_up(&bench);
    damage_home(&bench);
    let other = Disk::new(8 << 20).expect("there was one before");
    let device = other.device();
    let ran = bench.engine(&["restore", "disk", "--to-device", &device, "--confirm", &device]);
    let _ = ran.exits(4).says("are lost, and zeros now");
    let written = fs::read(&device).expect("readable");
    let differ: Vec<_> =
        written.chunks(64 << 10).zip(content.chunks(64 << 10)).filter(|(now, before)| now != before).collect();
    assert_eq!(differ.len(), 1, "one chunk is lost, and no more");
    assert!(differ[0].0.iter().all(|&byte| byte == 0));
}

#[test]
fn a_file_in_a_damaged_part_of_an_image_is_damage_and_the_others_come_back() {
    let Some(disk) = Disk::formatted("ext4", 64 << 20) else { return };
    let mounted = disk.mount("ext4", &disk.device());
    fs::write(mounted.path().join("large"), odd(5, 12 << 20)).expect("writable");
    fs::write(mounted.path().join("small"), "content").expect("writable");
    drop(mounted);
    disk.detach();
    let bench = protecting(disk.image(), "");
    backed_up(&bench);
    damage_home(&bench);
    let image = fixtures::bench::text(disk.image().strip_prefix("/").expect("absolute"));
    let _ = bench.engine(&["dump", "disk", &format!("{image}/large")]).exits(4);
    let _ = bench.engine(&["dump", "disk", &format!("{image}/small")]).exits(0).says("content");
    let words = ["restore", "disk", "--to", &bench.text("to"), "--path", &format!("{image}/large"), "--path"];
    let _ = bench.engine(&[&words[..], &[&format!("{image}/small")]].concat()).exits(4).says("large");
    let to = bench.path("to").join(&image);
    assert!(to.join("small").exists() && !to.join("large").exists(), "half a file is none");
}
