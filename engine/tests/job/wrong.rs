//! What is wrong is refused: configurations with file, line and column (exit 2), names that do not exist, passphrases,
//! vaults of others, of a newer format, of a fenced writer. Nothing is written by what refuses.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{bench, prepared};
use fixtures::bench::{Ran, as_text, objects};
use fixtures::data::{inventory, noise};
use fixtures::{Bench, Drive};

/// What follows `[key]` and its line, with the place of the error and words that tell it.
const WRONG: [(&str, &str, &str); 33] = [
    ("[hom]\npath = \"vault\"", ":4:2:", "unknown key `hom`"),
    ("[home]\npaht = \"vault\"", ":5:1:", "unknown key `paht`"),
    ("[home]\nlimit = \"200 Gig\"", ":5:9:", "is not a size"),
    ("[home]\nlimit = 0", ":5:9:", "`limit` is 0"),
    ("[home]\nkeep = { last = -1 }", ":5:17:", "`last` is -1"),
    ("[home]\nkeep = {}", ":5:8:", "keeps nothing"),
    ("[home\npath = 3", ":4:6:", "not TOML"),
    ("[state]\nfolder = \"x\"", ":5:1:", "unknown key `folder`"),
    ("[drill]\nschedule = \"weekly\"", ":5:12:", "is not of the form"),
    ("[job.Documents]\nsource.folders = [\"/a\"]", ":4:6:", "is not a name"),
    ("[job.j]", ":4:1:", "has no `source`"),
    ("[job.j]\nsource = {}", ":5:10:", "is empty"),
    ("[job.j]\nsource = { folder = [\"/a\"] }", ":5:12:", "is not a source"),
    ("[job.j]\nsource = { folders = [\"/a\"], sqlite = \"/b\" }", ":5:30:", "two kinds"),
    ("[job.j]\nsource = { folders = [\"/a\"], exclude = [\"[z-a]\"] }", ":5:41:", "is not a glob"),
    ("[job.j]\nsource = { folders = [\"/a\"], exclude = [\"[\"] }", ":5:41:", "is not a glob"),
    (
        "[job.j]\nsource = { recovery-points = \"/b\", grouping = { pattern = \"(?<set>x)(?<point>y)\" } }",
        ":5:59:",
        "has no group `base`",
    ),
    ("[job.j]\nsource.folders = [\"/a\"]\nbefore = []", ":6:10:", "a list of words"),
    ("[job.j]\nsource = { drive = \"/b\", live = 1 }", ":5:33:", "`live` is"),
    ("[job.j]\nsource.folders = [\"/a\"]\nhome = false", ":6:8:", "would stay nowhere"),
    ("[job.j]\nsource.folders = [\"/a\"]\noffsite = [\"usb\"]", ":6:12:", "there is no destination `usb`"),
    ("[job.j]\nsource.folders = [\"/a\"]\nschedule = \"daily 25:00\"", ":6:12:", "not a time of day"),
    ("[job.j]\nsource.folders = [\"/a\"]\nshedule = \"hourly\"", ":6:1:", "unknown key `shedule`"),
    ("[job.j]\nsource.folders = [\"/a\"]\nkeep = { fortnightly = 1 }", ":6:10:", "unknown key `fortnightly`"),
    ("[job.j]\nsource.folders = [\"/a\"]\ncopies = \"two\"", ":6:10:", "`copies` is `two`"),
    ("[destination.home]\nurl = \"file:///d\"", ":4:14:", "`home` is reserved"),
    ("[destination.d]\nlimit = 5", ":4:1:", "has no `url`"),
    ("[destination.d]\nurl = \"/mnt/usb\"", ":5:7:", "not a URL"),
    ("[destination.d]\nurl = \"sftp://ann:hunter2@h/x\"", ":5:7:", "password in clear"),
    ("[destination.d]\nurl = \"ftp://h/x\"", ":5:7:", "in clear"),
    ("[destination.d]\nurl = \"file:///d\"\nevict = \"newest\"", ":6:9:", "`evict` is `newest`"),
    ("[destination.d]\nurl = \"file:///d\"\nlayout = \"mirror\"", ":6:10:", "not encrypted"),
    ("[destination.d]\nurl = \"file:///d\"\n[destination.e]\nurl = \"file:///d\"", ":7:7:", "`d`"),
];

#[test]
fn each_wrong_configuration_is_refused_with_file_line_and_column_and_nothing_is_written() {
    let bench = bench();
    for (text, place, words) in WRONG {
        bench.configure(text);
        let before = inventory(&bench.path("")).expect("readable");
        for command in [&["init"][..], &["run", "--once"]] {
            let ran = bench.engine(command).exits(2);
            let expected = format!("offsite.toml{place}");
            assert!(ran.err.contains(&expected), "{expected} for\n{text}\n{ran}");
            assert!(ran.err.contains(words), "{words} for\n{text}\n{ran}");
            assert!(!ran.err.contains("hunter2"), "a secret is never printed: {ran}");
        }
        assert!(before == inventory(&bench.path("")).expect("readable"), "something was written for\n{text}");
    }
}

#[test]
fn an_error_is_one_json_document_where_json_is_asked_for() {
    let bench = bench();
    bench.configure("[home]\nlimt = 1");
    let document = bench.engine(&["--json", "backup"]).exits(2).json();
    for key in ["what", "why", "do"] {
        assert!(document["error"][key].is_string(), "{document}");
    }
    assert!(as_text(&document["error"]["why"]).contains("offsite.toml:5:1"), "{document}");
}

#[test]
fn names_that_do_not_exist_are_exit_2_and_points_that_do_not_exist_are_told() {
    let bench = prepared(1, 1000, "", &["usb"]);
    bench.done(&["backup"]);
    for words in [
        &["backup", "nonsense"][..],
        &["copy", "--destination", "nonsense"],
        &["verify", "nonsense"],
        &["forget", "nonsense"],
        &["enrol", "nonsense"],
        &["restore", "data", "--from", "nonsense", "--to", "x"],
        &["points", "--job", "nonsense"],
        &["nonsense"],
        &["backup", "--nonsense"],
        &["forget", "data", "--point", "data"],
    ] {
        assert_eq!(bench.engine(words).code, 2, "{words:?}");
    }
    for words in [&["ls", "nonsense"][..], &["ls", "data~7"], &["restore", "0123456789abcdef", "--to", "x"]] {
        let ran = bench.engine(words);
        assert!([1, 2].contains(&ran.code) && !ran.err.is_empty(), "{words:?}: {ran}");
    }
    assert!(!bench.path("x").exists());
    assert_eq!(bench.points().len(), 1);
}

#[test]
fn a_wrong_passphrase_is_told_apart_and_changes_nothing() {
    let bench = prepared(2, 10_000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let before = vaults(&bench);
    fs::write(bench.path("passphrase"), "not that one").expect("ours");
    for words in [&["run", "--once"][..], &["backup"], &["copy"], &["verify"], &["ls", "data"]] {
        let ran = bench.engine(words).exits(1);
        assert!(ran.err.contains("passphrase"), "{words:?}: {ran}");
    }
    fs::remove_file(bench.path("passphrase")).expect("ours");
    let _ = bench.engine(&["backup"]).exits(1).says("passphrase");
    assert!(before == vaults(&bench), "something was written");
}

fn vaults(bench: &Bench) -> [Vec<(std::path::PathBuf, Option<Vec<u8>>)>; 2] {
    ["vault", "usb"].map(|vault| inventory(&bench.path(vault)).expect("readable"))
}

#[test]
fn a_vault_of_others_at_a_destination_stops_init_before_anything_is_written() {
    let (theirs, ours) = (prepared(1, 1000, "", &["usb"]), bench());
    theirs.done(&["run", "--once"]);
    fs::create_dir(ours.path("data")).expect("new");
    ours.configure_simply("", &[("free", &ours.path("free"), ""), ("usb", &theirs.path("usb"), "")]);
    let before = inventory(&theirs.path("usb")).expect("readable");
    let _ = ours.engine(&["init"]).exits(1).says("recover").says("engine catalog rebuild");
    assert!(before == inventory(&theirs.path("usb")).expect("readable"), "their vault was written");
    for name in ["vault", "state/catalog.redb", "free"] {
        assert!(!ours.path(name).exists(), "{name} was made");
    }
}

/// VAULT ends with a digest of all before it (FORMAT.md, 6.1); its version is made 9 and the digest computed
/// anew, as a later version would write it.
#[test]
fn a_vault_of_a_newer_format_is_refused_clearly_and_left_alone() {
    let bench = prepared(1, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for name in ["VAULT", "VAULT.copy"] {
        let path = bench.path("usb").join(name);
        let newer = newer(&fs::read(&path).expect("readable"));
        let mut permissions = fs::metadata(&path).expect("there").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        fs::set_permissions(&path, permissions).expect("ours");
        fs::write(&path, newer).expect("ours");
    }
    let before = inventory(&bench.path("usb")).expect("readable");
    fs::write(bench.path("data/more"), b"more").expect("writable");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("newer");
    let status = bench.done(&["status"]);
    assert_eq!(status["destinations"][0]["available"], false);
    assert!(as_text(&status["destinations"][0]["reason"]).contains("newer"), "{status}");
    assert!(before == inventory(&bench.path("usb")).expect("readable"), "it was written");
}

fn newer(identity: &[u8]) -> Vec<u8> {
    let mut body = identity[..identity.len() - 32].to_vec();
    assert_eq!(body[10], 1, "the version's byte, after the magic and the key");
    body[10] = 9;
    let digest = blake3::hash(&body);
    [&body[..], digest.as_bytes()].concat()
}

#[test]
fn a_missing_catalog_beside_a_home_vault_is_not_an_empty_one() {
    let bench = prepared(2, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    fs::remove_file(bench.path("state/catalog.redb")).expect("there");
    let before = vaults(&bench);
    for words in [&["run", "--once"][..], &["backup"], &["copy"], &["forget"], &["init"]] {
        let ran = bench.engine(words);
        assert_eq!(ran.code, 1, "{words:?}: {ran}");
        assert!(ran.err.contains("engine catalog rebuild"), "{words:?}: {ran}");
    }
    assert!(before == vaults(&bench), "something was written");
    bench.done(&["catalog", "rebuild"]);
    assert_eq!(bench.points().len(), 1);
    bench.done(&["run", "--once"]);
    let _ = bench.engine(&["verify"]).exits(0);
}

#[test]
fn a_catalog_that_is_damaged_is_told_and_rebuilt() {
    let bench = prepared(2, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let catalog = bench.path("state/catalog.redb");
    let length = usize::try_from(fs::metadata(&catalog).expect("there").len()).expect("small");
    fs::write(&catalog, noise(3, length)).expect("ours");
    let ran = bench.engine(&["backup"]).exits(1).says("engine catalog rebuild");
    assert!(!ran.err.contains("panicked"), "{ran}");
    bench.done(&["catalog", "rebuild"]);
    bench.done(&["run", "--once"]);
}

/// Two installations with one family: a copy of the whole computer rebuilds its catalog, which raises the epoch; the
/// first one is fenced from then on.
#[test]
fn a_fenced_writer_writes_nothing_more_and_says_so() {
    let bench = prepared(2, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    let twin = crate::harness::bench();
    for name in ["vault", "state", "data", "passphrase"] {
        let _ = fs::remove_file(twin.path(name));
        assert!(Command::new("cp").arg("-a").args([bench.path(name), twin.path(name)]).status().expect("cp").success());
    }
    twin.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    fs::remove_file(twin.path("state/catalog.redb")).expect("there");
    twin.done(&["catalog", "rebuild"]);
    fs::write(twin.path("data/theirs"), b"of the twin").expect("writable");
    bench.done(&["copy"]);
    let ran = twin.engine(&["run", "--once"]);
    assert!([0, 3].contains(&ran.code), "{ran}");
    let before = objects(&bench.path("usb"));
    fs::write(bench.path("data/ours"), b"of the fenced one").expect("writable");
    let _ = bench.engine(&["run", "--once"]).exits(3).says("fenced");
    assert_eq!(before, objects(&bench.path("usb")), "the fenced one wrote");
}

/// Another computer, with nothing but the configuration and the passphrase, rebuilds a catalog from the destination.
#[test]
fn a_rebuild_without_home_warns_of_the_other_computer_and_that_one_removes_nothing_any_more() {
    let bench = prepared(2, 1000, "", &["usb"]);
    bench.done(&["run", "--once"]);
    fs::write(bench.path("data/0"), b"changed").expect("writable");
    bench.done(&["run", "--once"]);
    let twin = crate::harness::bench();
    fs::create_dir(twin.path("data")).expect("new");
    fs::write(twin.path("data/theirs"), b"of the twin").expect("writable");
    twin.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    let rebuilt = twin.engine(&["catalog", "rebuild"]).exits(0);
    assert!(rebuilt.err.contains("fenced off") && rebuilt.err.contains("0 min ago"), "{rebuilt}");
    let ran = twin.engine(&["run", "--once"]).says("its last work is waited for");
    assert!([0, 3, 4].contains(&ran.code), "{ran}");
    let before = [objects(&bench.path("vault")), objects(&bench.path("usb"))];
    for words in [&["forget", "--point", "data~1"][..], &["forget"]] {
        let ran = bench.engine(words).exits(1).says("fenced");
        assert!(ran.err.contains("engine catalog rebuild"), "{ran}");
    }
    let _ = bench.engine(&["copy"]).says("fenced");
    let _ = bench.engine(&["status"]).exits(0).says("fenced");
    assert_eq!(before, [objects(&bench.path("vault")), objects(&bench.path("usb"))], "something was removed");
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_rest_goes_on() {
    let bench = prepared(3, 1000, "", &["usb"]);
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let secret = bench.path("data/secret");
    fs::write(&secret, b"root only").expect("writable");
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("ours");
    let all = Command::new("chown").args(["-R", "65534:65534"]).arg(bench.path("")).status().expect("chown");
    assert!(all.success());
    let _ = Command::new("chown").arg("0:0").arg(&secret).status().expect("chown");
    let engine = copied_engine(&bench);
    let words = ["--reuid=65534", "--regid=65534", "--clear-groups", &engine, "--config", &bench.text("offsite.toml")];
    let mut command = Command::new("setpriv");
    command.current_dir(bench.path("")).env("HOME", bench.path("")).args(words).args(["--json", "run", "--once"]);
    let ran = Ran::of(&mut command).exits(3);
    let problems = &ran.json()["points"][0]["problems"];
    assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems}");
    assert!(as_text(&problems[0]["path"]).ends_with("data/secret"), "{problems}");
    assert!(as_text(&problems[0]["problem"]).to_lowercase().contains("permission denied"), "{problems}");
    assert_eq!(ran.json()["points"][0]["files"], 3);
}

/// The engine where another user can run it: folders above the build may be closed to them.
fn copied_engine(bench: &Bench) -> String {
    let engine = bench.path("engine");
    fs::copy(env!("CARGO_BIN_EXE_engine"), &engine).expect("copied");
    fixtures::bench::text(&engine)
}

#[test]
fn a_source_that_is_empty_or_suddenly_small_or_away_is_told_loudly() {
    let bench = prepared(200, 10, "", &["usb"]);
    bench.done(&["run", "--once"]);
    for number in 50..200 {
        fs::remove_file(bench.path("data").join(number.to_string())).expect("there");
    }
    let _ = bench.engine(&["backup"]).exits(3).says("150 of 200 files are gone");
    fs::remove_dir_all(bench.path("data")).expect("there");
    let _ = bench.folder("data");
    let _ = bench.engine(&["backup"]).exits(3).says("is empty");
    fs::remove_dir(bench.path("data")).expect("empty");
    let _ = bench.engine(&["backup"]).exits(1).says("the source is not there");
}

#[test]
fn a_capture_that_cannot_fit_home_is_refused_before_it_begins_with_figures() {
    let bench = prepared(4, 1 << 20, "", &["usb"]);
    let text = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
    fs::write(bench.path("offsite.toml"), format!("{text}\n[home]\nlimit = \"2 MiB\"\n")).expect("ours");
    let ran = bench.engine(&["backup"]).exits(1).says("home.limit");
    assert!(ran.err.contains("2097152") || ran.err.contains("2 MiB") || ran.err.contains("2.0 MiB"), "figures: {ran}");
    assert_eq!(objects(&bench.path("vault")), Vec::new(), "nothing was stored");
    assert!(bench.points().is_empty());
}

#[test]
fn a_home_that_is_full_refuses_the_next_point_and_loses_nothing() {
    let Some(drive) = Drive::of_size("ext4", 24 << 20) else { return };
    let bench = bench();
    fs::create_dir(bench.path("data")).expect("new");
    fs::write(bench.path("data/first"), noise(1, 6 << 20)).expect("writable");
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    let text = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
    let home = drive.path().join("vault");
    let home = format!("{text}\n[home]\npath = \"{}\"\nreserve = \"1 MiB\"\n", home.display());
    fs::write(bench.path("offsite.toml"), home).expect("ours");
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    fs::write(bench.path("data/second"), noise(2, 30 << 20)).expect("writable");
    let ran = bench.engine(&["run", "--once"]);
    assert!([1, 3].contains(&ran.code), "{ran}");
    assert_eq!(bench.points().len(), 1, "the last good point stays, no other appears");
    let _ = bench.engine(&["verify"]).exits(0);
    fs::remove_file(bench.path("data/second")).expect("ours");
    bench.done(&["run", "--once"]);
    is_closed(&drive.path().join("vault"));
}

/// CONTRACT: at home folders are 0700 and files 0600.
fn is_closed(vault: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for (path, content) in inventory(vault).expect("readable") {
        let mode = fs::metadata(vault.join(&path)).expect("there").permissions().mode() & 0o777;
        let expected = if content.is_some() { 0o600 } else { 0o700 };
        assert_eq!(mode, expected, "{}", path.display());
    }
}
