//! `ls`, `dump` and `restore --path` into an image.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use fixtures::bench::text;
use fixtures::drive::run;

use super::disk::{Disk, contents, fill};
use super::parted::divided;
use super::{backed_up, protecting};

/// A name with its mode, owner, size and time.
type Look = (String, u32, u32, u64, (i64, i64));

/// Sizes, modes, owners and times as well.
fn looks(root: &Path) -> Vec<Look> {
    let mut found: Vec<_> = contents(root)
        .into_iter()
        .map(|(name, _)| {
            let stat = fs::symlink_metadata(root.join(&name)).expect("there");
            let size = if stat.is_dir() { 0 } else { stat.len() };
            (text(&name), stat.mode(), stat.uid(), size, (stat.mtime(), stat.mtime_nsec()))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn files_in_an_ext4_image_are_listed_dumped_and_restored_one_by_one() {
    let Some(disk) = Disk::formatted("ext4", 96 << 20) else { return };
    let bench = protecting(Path::new(&disk.device()), "");
    let mounted = disk.mount("ext4", &disk.device());
    fill(mounted.path(), &bench.path("first"));
    let few = mounted.path().join("few");
    symlink("../large", few.join("link")).expect("new");
    fs::write(few.join("sparse"), vec![0; 3 << 20]).expect("writable");
    run("chown", &["1234:99", &text(&few.join("5"))]).expect("root");
    run("chmod", &["4751", &text(&few.join("6"))]).expect("root");
    run("mknod", &[&text(&few.join("null")), "c", "1", "3"]).expect("root");
    run("mkfifo", &[&text(&few.join("pipe"))]).expect("root");
    super::disk::copy(mounted.path(), &bench.path("kept"));
    drop(mounted);
    backed_up(&bench);
    let image = format!("{}.img", disk.device().trim_start_matches('/'));

    let listed = bench.done(&["ls", "disk", &format!("{image}/")]);
    let paths: Vec<&str> =
        listed["entries"].as_array().expect("a list").iter().filter_map(|it| it["path"].as_str()).collect();
    assert!(paths.contains(&&*format!("{image}/few/7")) && paths.is_sorted(), "{paths:?}");
    let one = bench.done(&["ls", "disk", &format!("{image}/few/5")]);
    assert_eq!((&one["entries"][0]["uid"], &one["entries"][0]["kind"]), (&1234.into(), &"file".into()), "{one}");
    let whole = bench.done(&["ls", "disk", &image]);
    assert_eq!(whole["entries"][0]["bytes"], 96 << 20, "without a slash it is the image");
    let _ = bench.engine(&["ls", "disk", &format!("{image}/few/there-is-none")]).exits(2).says("not in the image");
    let _ = bench.engine(&["ls", "disk", &format!("{image}/few/link/x")]).exits(2).says("not in the image");

    for name in ["large", "few/7", "few/sparse"] {
        let mut command = bench.command(&["dump", "disk", &format!("{image}/{name}")]);
        let dumped = command.output().expect("it runs");
        assert!(dumped.stdout == fs::read(bench.path("kept").join(name)).expect("there"), "{name}");
    }
    let _ = bench.engine(&["dump", "disk", &format!("{image}/few")]).exits(2).says("not a file");

    // A device's numbers are not told by the reader: that is said, and all else is there.
    let ran = bench.engine(&["restore", "disk", "--to", &bench.text("to"), "--path", &format!("{image}/few")]);
    let _ = ran.exits(3).says("few/null").says("hard links");
    fs::remove_file(bench.path("kept/few/null")).expect("there");
    let (kept, got) = (bench.path("kept/few"), bench.path("to").join(&image).join("few"));
    fs::remove_file(got.join("pipe")).expect("it was made");
    fs::remove_file(kept.join("pipe")).expect("there");
    assert_eq!(looks(&got), looks(&kept));
    assert_eq!(contents(&got), contents(&kept));
    assert_eq!(fs::read_link(got.join("link")).expect("a link"), Path::new("../large"));
    let _ = bench.engine(&["restore", "disk", "--to", &bench.text("to"), "--path", &format!("{image}/few")]).exits(1);
}

#[test]
fn partitions_stand_as_p1_p2_and_what_can_not_be_looked_into_says_how_to_mount_it() {
    let Some(disk) = Disk::new(200 << 20) else { return };
    if !divided(&disk, "label: gpt\nstart=1MiB, size=60MiB\nstart=64MiB, size=130MiB\n") {
        return;
    }
    let first = disk.part((1 << 20, 60 << 20));
    if !disk.format("ext4", &first) || !disk.format("btrfs", &disk.part((64 << 20, 130 << 20))) {
        return;
    }
    let mounted = disk.mount("ext4", &first);
    fs::write(mounted.path().join("hosts"), "127.0.0.1 localhost\n").expect("writable");
    drop(mounted);
    let bench = protecting(disk.image(), "");
    backed_up(&bench);
    let image = text(disk.image().strip_prefix("/").expect("absolute"));
    let listed = bench.done(&["ls", "disk", &format!("{image}/")]);
    let entries = listed["entries"].as_array().expect("a list");
    let paths: Vec<_> = entries.iter().map(|it| it["path"].as_str().expect("text").to_owned()).collect();
    assert_eq!(paths, [format!("{image}/p1"), format!("{image}/p2")]);
    let dumped = bench.engine(&["dump", "disk", &format!("{image}/p1/hosts")]).exits(0);
    assert_eq!(dumped.out, "127.0.0.1 localhost\n");
    let told = bench.engine(&["ls", "disk", &format!("{image}/p2/x")]).exits(2).says("Btrfs");
    let _ = told.says(&format!("mount -o loop,ro,offset={}", 64 << 20));
    let _ = bench.engine(&["ls", "disk", &format!("{image}/p3")]).exits(2).says("p1, p2");
}
