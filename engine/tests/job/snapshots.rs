//! Folders on Btrfs, read from a snapshot: of one moment, read once, nothing left behind. Needs root; says SKIPPED without.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use fixtures::bench::{Ran, as_text, text, wait_until};
use fixtures::data::noise;
use fixtures::drive::run;
use fixtures::{Bench, Drive};
use rustix::process::Signal;

use crate::harness::bench;

const NAME: &str = ".offsite-snapshot-";

/// A drive with the folder `docs`.
fn drive(file_system: &str) -> Option<(Drive, PathBuf)> {
    let drive = Drive::of_size(file_system, 400 << 20)?;
    let docs = drive.path().join("docs");
    fs::create_dir(&docs).expect("new");
    Some((drive, docs))
}

/// A prepared bench with a job `data` of these folders.
fn protecting(folders: &[&Path], keys: &str) -> Bench {
    let bench = bench();
    configure(&bench, folders, keys);
    bench.done(&["init"]);
    bench
}

fn configure(bench: &Bench, folders: &[&Path], keys: &str) {
    let folders: Vec<String> = folders.iter().map(|folder| format!("\"{}\"", text(folder))).collect();
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [{}], {keys} }}\noffsite = [\"usb\"]\n\
         [destination.usb]\nurl = \"file://{}\"\n",
        folders.join(", "),
        bench.text("usb")
    ));
}

const AUTO: &str = "snapshot = \"auto\"";

/// The snapshots that stand in a folder.
fn snapshots(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("there").flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.into_string().ok()).filter(|name| name.starts_with(NAME)).collect()
}

/// The paths of the newest point below a folder.
fn listed(bench: &Bench, folder: &Path) -> Vec<String> {
    let base = format!("{}/", text(folder).trim_matches('/'));
    let all = bench.done(&["ls", "data"]);
    let paths = all["entries"].as_array().expect("entries").iter().map(|entry| as_text(&entry["path"]));
    paths.filter_map(|path| path.strip_prefix(&base).map(str::to_owned)).collect()
}

fn number(file: &Path) -> u64 {
    u64::from_be_bytes(fs::read(file).expect("there").try_into().expect("a number"))
}

/// Btrfs has in a snapshot what was flushed before it, as after a power cut; of what was not, this or that.
fn count_to(file: &fs::File, count: u64) {
    file.write_all_at(&count.to_be_bytes(), 0).and_then(|()| file.sync_data()).expect("room");
}

/// The distance between two files that a writer counts up one after the other, with a large one between them, in a point.
fn distance(docs: &Path, folders: &[&Path], keys: &str) -> u64 {
    fs::write(docs.join("middle"), noise(3, 48 << 20)).expect("room");
    let files = ["first", "third"].map(|name| {
        let file = fs::File::options().create(true).truncate(true).write(true).open(docs.join(name)).expect("new");
        count_to(&file, 0);
        file
    });
    let bench = protecting(folders, keys);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in 1_u64.. {
                files.iter().for_each(|file| count_to(file, count));
                if stop.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let made = bench.engine(&["backup"]);
        stop.store(true, Ordering::SeqCst);
        assert!([0, 3].contains(&made.code), "{made}");
    });
    let restored = bench.restored("data", "home", docs);
    number(&restored.path.join("third")).abs_diff(number(&restored.path.join("first")))
}

#[test]
fn two_files_that_change_together_are_of_one_moment() {
    let Some((drive, docs)) = drive("btrfs") else { return };
    assert!(distance(&docs, &[&docs], "snapshot = \"off\"") > 1, "the writer does not write: this proves nothing");
    assert!(distance(&docs, &[&docs], AUTO) <= 1);
    // Roots that are files, and the subvolume's top.
    let files = ["first", "middle", "third"].map(|name| docs.join(name));
    assert!(distance(&docs, &files.each_ref().map(PathBuf::as_path), AUTO) <= 1);
    assert!(distance(&docs, &[&drive.path()], AUTO) <= 1);
    assert_eq!(snapshots(&drive.path()), Vec::<String>::new());
}

#[test]
fn what_did_not_change_is_not_read_again_whichever_snapshot_it_is_in() {
    let Some((drive, docs)) = drive("btrfs") else { return };
    fs::write(docs.join("large"), noise(5, 4 << 20)).expect("room");
    fs::hard_link(docs.join("large"), docs.join("too")).expect("a name");
    let bench = protecting(&[&docs], AUTO);
    // So much later that what was written just now has settled.
    let later = |words: &[&str]| {
        let mut command = Command::new("faketime");
        command.args(["-f", "+10m"]).arg(env!("CARGO_BIN_EXE_engine"));
        command.arg("--config").arg(bench.path("offsite.toml")).arg("--json").args(words);
        Ran::of(&mut command).exits(0).json()
    };
    let to_read = || later(&["backup", "--dry-run"])["points"][0]["new-bytes"].clone();
    later(&["backup"]);
    assert_eq!(to_read(), 0, "the live files are those of the snapshot");
    // Whoever reads it again would find this, behind the file's times.
    let marker = noise(5, 4 << 20)[..64].to_vec();
    // Mounted anew it could have another device number, and everything would be read.
    assert!(drive.corrupt(&marker) > 0, "its bytes are on the drive as they are");
    fs::write("/proc/sys/vm/drop_caches", "3").expect("root may");
    assert!(fs::read(docs.join("large")).is_err(), "a read fails");
    let again = later(&["backup"]);
    assert_eq!(again["points"][0]["problems"].as_array().map(Vec::len), Some(0), "{again:#}");
    assert_eq!((again["points"][0]["new-bytes"].clone(), to_read()), (0.into(), 0.into()));
}

#[test]
fn what_a_killed_run_leaves_is_removed_by_the_next_one_and_nothing_else_is() {
    let Some((drive, docs)) = drive("btrfs") else { return };
    let top = drive.path();
    fs::write(docs.join("large"), noise(7, 64 << 20)).expect("room");
    let not_ours = format!("{NAME}0123456789abcdef-0123456789abcdef");
    run("btrfs", &["-q", "subvolume", "snapshot", "-r", &text(&top), &text(&top.join(&not_ours))]).expect("made");
    let folder = format!("{NAME}of-mine");
    fs::create_dir(top.join(&folder)).and_then(|()| fs::write(top.join(&folder).join("x"), "x")).expect("room");
    let bench = protecting(&[&top], AUTO);
    let killed = bench.begin(&["backup"]);
    wait_until("a snapshot stands", || snapshots(&top).len() == 3);
    killed.signal(Signal::KILL);
    assert_eq!(killed.end().code, 128 + 9);
    assert_eq!(snapshots(&top).len(), 3, "it was killed with its snapshot");

    let before = snapshots(&top);
    let stopped = bench.begin(&["backup"]);
    wait_until("the old one is gone and another stands", || {
        let now = snapshots(&top);
        now.len() == 3 && now != before
    });
    stopped.signal(Signal::TERM);
    let stopped = stopped.end();
    assert_eq!(snapshots(&top).len(), 2, "one that is stopped takes its own with it: {stopped}");

    let killed = bench.begin(&["backup"]);
    wait_until("a snapshot stands", || snapshots(&top).len() == 3);
    killed.signal(Signal::KILL);
    let _ = killed.end();
    configure(&bench, &[&top], "snapshot = \"off\"");
    let made = bench.engine(&["--json", "backup"]).exits(0);
    let mut left = snapshots(&top);
    left.sort();
    assert_eq!(left, [not_ours, folder.clone()], "{made}");
    assert_eq!(listed(&bench, &top), [&*folder, &format!("{folder}/x"), "docs", "docs/large"]);
    assert!(made.json()["points"][0]["left-out"].to_string().contains("own folders"), "another's is told: {made}");
}

#[test]
fn subvolumes_and_mounts_below_a_root_are_in_the_point() {
    let Some((drive, docs)) = drive("btrfs") else { return };
    let nested = docs.join("a/nested");
    fs::create_dir(docs.join("a")).expect("room");
    run("btrfs", &["-q", "subvolume", "create", &text(&nested)]).expect("made");
    fs::create_dir(nested.join("in")).and_then(|()| fs::write(nested.join("in/x"), "x")).expect("room");
    fs::create_dir(docs.join("other")).and_then(|()| fs::write(docs.join("other/y"), "y")).expect("room");
    for (name, words) in [("memory", &["-t", "tmpfs", "none"][..]), ("bound", &["--bind", &text(&docs.join("other"))])]
    {
        fs::create_dir(docs.join(name)).expect("room");
        run("mount", &[words, &[&text(&docs.join(name))]].concat()).expect("mounted");
    }
    fs::write(docs.join("memory/z"), "z").expect("room");
    let bench = protecting(&[&docs], AUTO);
    let made = bench.engine(&["backup"]);
    let all = listed(&bench, &docs);
    configure(&bench, &[&docs], "snapshot = \"auto\", one-file-system = true");
    let one = bench.engine(&["backup"]);
    let on_one = listed(&bench, &docs);
    for name in ["memory", "bound"] {
        run("umount", &[&text(&docs.join(name))]).expect("unmounted");
    }
    let (made, one) = (made.exits(0), one.exits(0));
    let expected = ["a", "a/nested", "a/nested/in", "a/nested/in/x", "bound", "bound/y", "memory", "memory/z"];
    assert_eq!(all, [&expected[..], &["other", "other/y"]].concat(), "{made}");
    assert_eq!(on_one, ["a", "a/nested", "bound", "bound/y", "memory", "other", "other/y"], "{one}");
    drop(drive);
}

#[test]
fn access_times_stay_as_they_are() {
    let Some((drive, docs)) = drive("btrfs") else { return };
    drive.remount("strictatime");
    fs::create_dir(docs.join("in")).and_then(|()| fs::write(docs.join("in/x"), noise(1, 1 << 20))).expect("room");
    let bench = protecting(&[&docs], AUTO);
    let all = [drive.path(), docs.clone(), docs.join("in"), docs.join("in/x")];
    let times = || {
        all.each_ref().map(|path| {
            let now = fs::metadata(path).expect("there");
            (now.atime(), now.atime_nsec())
        })
    };
    let before = times();
    bench.done(&["backup"]);
    bench.done(&["backup"]);
    assert_eq!(times(), before);
}

#[test]
fn where_there_are_no_snapshots_files_are_read_as_they_are_and_without_the_right_that_is_told() {
    let Some((ext4, plain)) = drive("ext4") else { return };
    let Some((btrfs, docs)) = drive("btrfs") else { return };
    fs::write(plain.join("x"), "x").and_then(|()| fs::write(docs.join("y"), "y")).expect("room");
    fs::create_dir(docs.join("in")).expect("room");
    let bench = protecting(&[&plain], AUTO);
    assert_eq!(bench.done(&["backup"])["points"][0]["warnings"].as_array().map(Vec::len), Some(0));
    configure(&bench, &[&docs, &docs.join("in")], AUTO);
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]).arg(env!("CARGO_BIN_EXE_engine"));
    without.arg("--config").arg(bench.path("offsite.toml")).args(["--json", "backup"]);
    let made = Ran::of(&mut without).exits(0).says("no snapshot is read here");
    let warnings = made.json()["points"][0]["warnings"].clone();
    assert_eq!(warnings.as_array().expect("a list").iter().filter(|it| it.to_string().contains("snapshot")).count(), 1);
    assert_eq!(listed(&bench, &docs), ["in", "y"]);
    assert_eq!(snapshots(&btrfs.path()), Vec::<String>::new());
    drop(ext4);
}
