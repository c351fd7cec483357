//! Cold drills: by a process that has an address and one secret, and nothing else of this computer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::bench::as_text;
use fixtures::data::inventory;
use fixtures::{Bench, Ran, Server};
use serde_json::Value;

use crate::harness::{VERIFIER, bare, burn, drill, flip, packs, protected};

const SHEET: &str = "state/recovery-sheet.txt";

/// A drill on a computer that has no configuration: these words, in an empty folder.
fn elsewhere(bench: &Bench, words: &[&str]) -> Ran {
    let folder = bench.path("elsewhere");
    fs::create_dir_all(&folder).expect("makable");
    let scratch = bench.text("scratch");
    let words = [&["--json", "restore-drill", "--cold", "--scratch", &scratch], words].concat();
    Ran::of(Command::new(VERIFIER).current_dir(folder).args(words))
}

fn proof(bench: &Bench, destination: &str) -> Value {
    let points = bench.done(&["points"]);
    let placements = points["points"][0]["placements"].as_array().expect("placements").clone();
    let of = |placement: &&Value| placement["destination"] == destination;
    placements.iter().find(of).expect("a placement")["proof"].clone()
}

#[test]
fn each_point_is_restored_by_a_process_that_has_the_address_and_the_sheet_only() {
    let bench = protected(&["usb", "office"]);
    let sheet = bench.path("elsewhere.txt");
    fs::rename(bench.path(SHEET), &sheet).expect("one file system");
    let sheet = sheet.display().to_string();
    let ran = drill(&bench, &["--cold", "--sheet", &sheet, "--destination", "usb"]).exits(0);
    let document = ran.json();
    let found = &document["drills"][0];
    assert_eq!((&document["verdict"], &found["files"]), (&"pass".into(), &8.into()), "{ran}");
    assert_eq!(found["opened-by"], "sheet", "{ran}");
    assert_eq!(found["negative-control"], "pass", "{ran}");
    assert_eq!((proof(&bench, "usb"), proof(&bench, "office")), ("restored-cold".into(), "bytes-read".into()));
    assert_eq!(found["proof"], "restored-cold", "{ran}");
    let proofs = bench.done(&["status"])["jobs"][0]["proofs"].as_array().expect("proofs").clone();
    let of = |name: &str| proofs.iter().find(|it| it["destination"] == name).expect("a place")["proof"].clone();
    assert_eq!((of("usb"), of("office")), ("restored-cold".into(), "bytes-read".into()), "{proofs:?}");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty());
    let checked = verifier(&bench, &["report", "check"]).exits(0);
    assert_eq!(checked.json()["reports"], 1, "{checked}");
    assert_eq!(verifier(&bench, &["report", "list"]).exits(0).json()["reports"][0]["cold"], true);

    let own = bench.path("state/reports").join(as_text(&found["cold"]["own-report"]["file"]));
    let report: Value = serde_json::from_slice(&fs::read(&own).expect("it is kept")).expect("JSON");
    assert_eq!((&report["key-kind"], &report["cold"]["own-report"]), (&"ephemeral".into(), &Value::Null), "{report}");
    assert_eq!(report["public-key"], found["cold"]["own-report"]["public-key"]);
    let ours: Value =
        serde_json::from_slice(&fs::read(bench.path(&as_text(&found["report"]))).expect("there")).expect("JSON");
    assert_eq!((&ours["key-kind"], &ours["sequence"]), (&"installation".into(), &1.into()), "{ours}");
    assert_ne!(ours["public-key"], report["public-key"]);

    fs::write(&own, b"{}").expect("ours");
    let _ = verifier(&bench, &["report", "check"]).exits(4).says("another digest");
}

fn verifier(bench: &Bench, words: &[&str]) -> Ran {
    Ran::of(&mut bench.command_of(Path::new(VERIFIER), &[&["--json"], words].concat()))
}

#[test]
fn a_bare_computer_drills_with_an_address_and_a_sheet_and_leaves_nothing_but_reports() {
    let bench = protected(&["usb"]);
    let sheet = bench.text("paper");
    fs::rename(bench.path(SHEET), &sheet).expect("one file system");
    burn(&bench);
    let before = inventory(&bench.path("usb")).expect("readable");
    let url = format!("file://{}", bench.text("usb"));
    let ran = elsewhere(&bench, &["--from", &url, "--sheet", &sheet, "--all"]).exits(0);
    let document = ran.json();
    let drills = document["drills"].as_array().expect("drills");
    assert_eq!((&document["verdict"], drills.len()), (&"pass".into(), 2), "{ran}");
    assert_eq!((&drills[0]["job"], &drills[0]["destination"]), (&"data".into(), &"vault".into()), "{ran}");
    assert_eq!(inventory(&bench.path("usb")).expect("readable"), before, "nothing is written there");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty());
    let report = bench.path("elsewhere").join(as_text(&drills[1]["report"]));
    let folder = report.parent().expect("a folder").display().to_string();
    let checked = Ran::of(Command::new(VERIFIER).args(["--json", "report", "check", &folder])).exits(0).json();
    assert_eq!((&checked["reports"], &checked["signed"]), (&2.into(), &2.into()), "{checked}");
}

#[test]
fn it_sees_no_environment_and_no_configuration() {
    let bench = protected(&["usb"]);
    let url = format!("file://{}", bench.text("usb"));
    let mut command = Command::new(VERIFIER);
    command.current_dir(bench.path("")).env("OFFSITE_CONFIG", bench.path("nonsense.toml"));
    let scratch = bench.text("scratch");
    command.args(["--json", "restore-drill", "--cold", "--from", &url, "--scratch", &scratch, "--passphrase-file"]);
    let ran = Ran::of(command.arg(bench.path("passphrase"))).exits(0);
    let found = &ran.json()["drills"][0];
    assert_eq!(found["opened-by"], "passphrase", "{ran}");
    assert_eq!(found["live-source"], Value::Null, "the job's source is not known: {ran}");
    let state = bench.path("state");
    assert!(
        !state.join("verifier-id").exists() && !state.join("reports").exists(),
        "the installation's is not touched"
    );
}

#[test]
fn damage_is_found_and_lowers_what_was_proved() {
    let bench = protected(&["usb"]);
    let _ = drill(&bench, &["--cold"]).exits(0);
    assert_eq!(proof(&bench, "usb"), "restored-cold");
    packs(&bench, "usb").iter().for_each(|pack| flip(pack));
    let ran = drill(&bench, &["--cold"]).exits(4);
    let found = &ran.json()["drills"][0];
    assert_eq!(found["verdict"], "fail", "{ran}");
    assert!(found["notes"].to_string().contains("marked as damaged at usb"), "{ran}");
    let points = bench.done(&["points"]);
    let placement = &points["points"][0]["placements"][1];
    assert_eq!((&placement["state"], &placement["proof"]), (&"damaged".into(), &"none".into()), "{points}");
}

#[test]
fn a_wrong_sheet_proves_nothing_and_wrong_words_do_nothing() {
    let bench = protected(&["usb"]);
    let other = protected(&["usb"]);
    let foreign = other.text(SHEET);
    let url = format!("file://{}", bench.text("usb"));
    let ran = elsewhere(&bench, &["--from", &url, "--sheet", &foreign]).exits(1);
    let _ = ran.says("no drill could be tried");
    let _ = drill(&bench, &["--cold", "--sheet", &foreign]).exits(1);
    assert_eq!(proof(&bench, "usb"), "bytes-read");
    fs::write(bench.path("nonsense"), "nothing that opens anything\n").expect("ours");
    let _ = elsewhere(&bench, &["--from", &url, "--sheet", &bench.text("nonsense")]).exits(1).says("recovery sheet");
    let _ = elsewhere(&bench, &["--from", "file:///nowhere", "--sheet", &foreign]).exits(3);
    let _ = elsewhere(&bench, &["--from", "nonsense", "--sheet", &foreign]).exits(2);
    let _ = elsewhere(&bench, &["--from", &url]).exits(2).says("--sheet FILE");
    let _ = drill(&bench, &["--from", &url, "--sheet", &foreign]).exits(2);
}

#[test]
fn a_server_is_drilled_cold_and_its_password_goes_by_no_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start_as("apache-dav", &[], folder.path()) else { return };
    let bench = bare();
    fixtures::data::noisy_files(&bench.path("data"), 1, 3, 100_000).expect("writable");
    let password: PathBuf = server
        .login()
        .into_iter()
        .find_map(|(key, value)| (key == "password-file").then_some(value.into()))
        .expect("a login");
    let keys = Server::lines(&server.trust());
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [\"office\"]\n\n[destination.office]\n\
         url = \"{}\"\n{keys}\npassword-command = \"cat '{}'\"\n",
        server.url(),
        password.display(),
    ));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--cold"]).exits(0);
    let found = &ran.json()["drills"][0];
    assert_eq!((&found["verdict"], &found["files"]), (&"pass".into(), &3.into()), "{ran}");
    assert_eq!(proof(&bench, "office"), "restored-cold");
    assert!(inventory(&bench.path("scratch")).expect("readable").is_empty(), "no password is left there");
    let _ = drill(&bench, &[]).exits(0);
    let secret = fs::read_to_string(&password).expect("readable");
    let reports = crate::harness::reports(&bench);
    assert!(!reports.contains(secret.trim()) && !reports.contains(fixtures::bench::PASSPHRASE), "no secret");
}

#[test]
fn what_a_cold_drill_can_not_probe_is_restored_and_not_the_top_rung() {
    let bench = protected(&["usb"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let config = config.replace("[job.data]\n", "[job.data]\nprobe = { command = [\"false\"] }\n");
    fs::write(bench.path("offsite.toml"), config).expect("ours");
    let ran = drill(&bench, &["--cold"]).exits(0);
    let probes = ran.json()["drills"][0]["probes"].as_array().expect("probes").clone();
    assert!(probes.iter().any(|it| it["probe"] == "command" && it["verdict"] == "skipped"), "{ran}");
    assert_eq!((&ran.json()["drills"][0]["proof"], &proof(&bench, "usb")), (&"restored".into(), &"restored".into()));
    let _ = drill(&bench, &["--cold", "--strict"]).exits(3);
    assert_eq!(proof(&bench, "usb"), "restored");
}

#[test]
fn a_database_that_nobody_can_open_is_no_top_rung() {
    let bench = protected(&["usb"]);
    // A base backup of a version that no server here can read.
    let base = bench.folder("data/base");
    fs::write(base.join("backup_label"), "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n")
        .expect("ours");
    fs::write(base.join("PG_VERSION"), "99\n").expect("ours");
    bench.done(&["run", "--once"]);
    let ran = drill(&bench, &["--cold"]).exits(0);
    let found = &ran.json()["drills"][0];
    let skipped = found["probes"].as_array().expect("probes").iter().filter(|it| it["verdict"] == "skipped").count();
    assert_eq!((skipped, &found["verdict"], &found["proof"]), (1, &"pass".into(), &"restored".into()), "{ran}");
    assert_eq!(proof(&bench, "usb"), "restored");
}

#[test]
fn each_probe_of_a_job_is_skipped_by_a_cold_drill_and_named() {
    let bench = protected(&["usb"]);
    let config = fs::read_to_string(bench.path("offsite.toml")).expect("readable");
    let probes = "[{ command = [\"true\"] }, { query = \"select 1\" }, { newest = { table = \"t\", column = \"c\" } }]";
    let config = config.replace("[job.data]\n", &format!("[job.data]\nprobe = {probes}\n"));
    fs::write(bench.path("offsite.toml"), config).expect("ours");
    let ran = drill(&bench, &["--cold"]).exits(0);
    let found = ran.json()["drills"][0]["probes"].as_array().expect("probes").clone();
    let skipped = found.iter().filter(|it| it["verdict"] == "skipped");
    let kinds: Vec<&str> = skipped.map(|it| it["probe"].as_str().expect("text")).collect();
    assert_eq!(kinds, ["command", "query", "newest"], "{ran}");
}
