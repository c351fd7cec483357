//! Whole drills over real points, sound and damaged in every way.

use std::fs;
use std::path::Path;

use engine::command::Exit;
use engine::model::Proof;
use serde_json::Value;

use crate::choose::Wish;
use crate::drill::Leaving;
use crate::probe::{Limits, ProbeKind, samples};
use crate::run::{Asked, Outcome};
use crate::test_vault::{Installation, VAULT, newest};
use crate::verdict::{Strictness, Verdict};

fn with_files() -> Installation {
    let made = Installation::new();
    let source = made.path("source");
    fs::create_dir(source.join("folder")).expect("writable");
    fs::write(source.join("folder/a.txt"), "the content of a file\n").expect("writable");
    fs::write(
        source.join("big"),
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>(),
    )
    .expect("writable");
    for kind in ProbeKind::SAMPLED {
        samples::write(kind, &source.join(format!("sample {kind}"))).expect("a sample");
    }
    made
}

fn json(outcome: &Outcome) -> Value {
    serde_json::to_value(&outcome.summary).expect("serializes")
}

fn problems(outcome: &Outcome) -> String {
    json(outcome)["drills"].as_array().expect("drills").iter().map(|drill| drill["mismatches"].to_string()).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("there");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("writable");
}

#[test]
fn a_sound_point_passes_with_probes_control_report_and_proof() {
    let made = with_files();
    let point = made.point();
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Pass, Exit::Done), "{}", json(&outcome));
    let found = json(&outcome);
    let drill = &found["drills"][0];
    assert_eq!(drill["point"], point.name.id.to_string());
    assert_eq!((&drill["files"], &drill["negative-control"]), (&(ProbeKind::SAMPLED.len() + 2).into(), &"pass".into()));
    assert_eq!(drill["probes"].as_array().map(Vec::len), Some(ProbeKind::SAMPLED.len()), "{drill}");
    assert_eq!(made.left(), 0, "scratch is clean");
    let report = fs::read(made.path(drill["report"].as_str().expect("a path"))).expect("relative to the configuration");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!((&report["verdict"], &report["vault"]), (&"pass".into(), &VAULT.to_string().into()));
    let placement = made.catalog.placement(VAULT, point.name.order).expect("readable").expect("known");
    assert_eq!(placement.proof, Proof::Opened);
    assert_eq!(made.catalog.reservations().expect("readable"), [], "D-2: ended with the drill");
}

#[test]
fn a_tree_of_every_odd_thing_passes() {
    let made = Installation::new();
    fs::remove_dir(made.path("source")).expect("empty");
    fixtures::odd(&made.path("source")).expect("the odd tree");
    made.point();
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!(outcome.summary.verdict, Verdict::Pass, "{:#}", json(&outcome));
}

#[test]
fn an_empty_point_passes_with_a_control_of_its_own() {
    let made = Installation::new();
    made.point();
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!(outcome.summary.verdict, Verdict::Pass, "{:#}", json(&outcome));
}

#[test]
fn nothing_but_destination_and_passphrase_is_needed() {
    let made = with_files();
    made.point();
    made.burn();
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Pass, Exit::Done), "{:#}", json(&outcome));
}

#[test]
fn every_damaged_object_fails_the_drill() {
    for folder in ["packs", "points"] {
        for way in ["flip", "cut", "delete", "swap"] {
            let made = with_files();
            made.point();
            let object = &made.objects(folder)[0];
            match way {
                "flip" => flip(object, usize::MAX),
                "cut" => fs::write(object, &fs::read(object).expect("there")[..100]).expect("writable"),
                "delete" => fs::remove_file(object).expect("there"),
                _ => drop(fs::copy(made.path("usb/VAULT"), object).expect("there")),
            }
            let outcome = made.run(&newest()).expect("drilled");
            assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Fail, Exit::Damage), "{folder} {way}");
            assert!(problems(&outcome).contains(folder) || problems(&outcome).contains("missing"), "{folder} {way}");
            assert_eq!(made.left(), 0);
        }
    }
}

#[test]
fn what_did_not_come_back_is_not_counted_as_compared() {
    let made = with_files();
    made.point();
    // The first pack has the content.
    let packs = made.objects("packs");
    let largest = packs.iter().max_by_key(|path| fs::metadata(path).expect("there").len()).expect("packs");
    fs::remove_file(largest).expect("there");
    let drill = json(&made.run(&newest()).expect("drilled"))["drills"][0].clone();
    let coverage = &drill["coverage"];
    let figure = |key: &str| coverage[key].as_u64().unwrap_or_else(|| panic!("{key}: {drill:#}"));
    assert!(figure("bytes-compared") + 3_000_000 <= figure("bytes-expected"), "{coverage:#}");
    assert!(figure("entries-compared") < figure("entries-expected"), "{coverage:#}");
    assert_eq!((&drill["bytes"], &drill["verdict"]), (&coverage["bytes-compared"], &"fail".into()));
    assert!(drill["not-tested"].to_string().contains("did not come back"), "{drill:#}");
}

#[test]
fn a_flipped_byte_anywhere_in_a_pack_is_found() {
    let made = with_files();
    made.point();
    for pack in made.objects("packs") {
        let length = usize::try_from(fs::metadata(&pack).expect("there").len()).expect("a pack is short");
        for at in (0..length).step_by(length / 4 + 1) {
            flip(&pack, at);
            assert_eq!(made.run(&newest()).expect("drilled").exit, Exit::Damage, "byte {at}");
            flip(&pack, at);
        }
    }
    assert_eq!(made.run(&newest()).expect("drilled").exit, Exit::Done);
}

#[test]
fn an_older_good_point_never_hides_a_damaged_or_missing_one() {
    let made = with_files();
    made.point();
    fs::write(made.path("source/new"), "new").expect("writable");
    let newer = made.point();
    let manifest = &made.objects("points")[1];
    flip(manifest, 200);
    let damaged = made.run(&newest()).expect("drilled");
    assert_eq!(
        (json(&damaged)["drills"][0]["point"].as_str(), damaged.exit),
        (Some(&*newer.name.id.to_string()), Exit::Damage)
    );
    fs::remove_file(manifest).expect("there");
    let missing = made.run(&newest()).expect("drilled");
    assert_eq!(
        (json(&missing)["drills"][0]["point"].as_str(), missing.exit),
        (Some(&*newer.name.id.to_string()), Exit::Damage)
    );
    let all = made.run(&Asked { wish: Wish::All, ..newest() }).expect("drilled");
    assert_eq!(
        all.summary.drills.iter().map(|drill| drill.verdict).collect::<Vec<_>>(),
        [Verdict::Fail, Verdict::Pass]
    );
    let older = made.run(&Asked { wish: Wish::Named("documents~1".into()), ..newest() }).expect("drilled");
    assert_eq!(older.exit, Exit::Done);
}

#[test]
fn a_file_that_was_broken_at_the_source_is_a_finding() {
    let made = with_files();
    let zip = made.path("source/sample zip");
    fs::write(&zip, &fs::read(&zip).expect("there")[..200]).expect("writable");
    made.point();
    let outcome = made.run(&newest()).expect("drilled");
    assert_eq!(outcome.exit, Exit::Damage);
    assert!(json(&outcome).to_string().contains("as it was at the source"));
}

#[test]
fn a_skipped_probe_counts_where_it_is_asked_for() {
    let made = with_files();
    made.point();
    let tight = Limits { bytes: 100, ..Limits::default() };
    // The control's own probes have their usual limits.
    assert_eq!(made.run_within(&newest(), tight).expect("drilled").exit, Exit::Done);
    let strict = Asked { strictness: Strictness::Counted, ..newest() };
    let outcome = made.run_within(&strict, tight).expect("drilled");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Pass, Exit::Partial));
}

#[test]
fn what_could_not_be_tried_is_incomplete_or_refused() {
    let made = with_files();
    let never = made.run(&newest()).expect("told");
    assert_eq!((never.summary.verdict, never.exit), (Verdict::Incomplete, Exit::Partial));
    made.point();
    fs::write(made.path("passphrase"), "wrong").expect("writable");
    let foreign = made.run(&newest()).expect("told");
    assert_eq!((foreign.summary.verdict, foreign.exit), (Verdict::Incomplete, Exit::Failed));
    assert!(foreign.failure.expect("told").why.contains("wrong passphrase"));
    fs::write(made.path("passphrase"), "correct horse").expect("writable");
    fs::rename(made.path("usb"), made.path("away")).expect("renamed");
    fs::create_dir(made.path("usb")).expect("an empty mount point");
    let away = made.run(&newest()).expect("told");
    assert_eq!((away.summary.verdict, away.exit), (Verdict::Incomplete, Exit::Partial));
    assert!(problems(&away).contains("the drive is not there"), "{}", problems(&away));
    let unknown = Asked { wish: Wish::Named("ffff".into()), ..newest() };
    assert_eq!(made.run(&unknown).map(|outcome| outcome.exit), Ok(Exit::Partial));
    fs::remove_dir(made.path("usb")).expect("empty");
    fs::rename(made.path("away"), made.path("usb")).expect("renamed");
    assert_eq!(made.run(&unknown).expect_err("nothing").exit, Exit::Failed);
}

#[test]
fn scratch_inside_a_source_or_a_destination_is_refused() {
    let made = with_files();
    made.point();
    for inside in ["source", "usb/packs", "state"] {
        let asked = Asked { scratch: Some(made.path(inside)), ..newest() };
        let failure = made.run(&asked).expect_err("refused");
        assert!(failure.exit == Exit::Failed && failure.why.contains("lies in"), "{failure}");
    }
}

#[test]
fn what_is_kept_is_the_source() {
    let made = with_files();
    made.point();
    let outcome = made.run(&Asked { leaving: Leaving::Everything, ..newest() }).expect("drilled");
    let kept = json(&outcome)["drills"][0]["kept"].as_str().expect("a path").to_owned();
    let source = made.path("source");
    let restored = Path::new(&kept).join("tree").join(source.strip_prefix("/").expect("absolute"));
    assert_eq!(fixtures::same(&source, &restored), Vec::<String>::new());
}

/// A small file system of its own, unmounted when dropped.
struct Tmpfs(std::path::PathBuf);

impl Tmpfs {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        let size = format!("size={size}");
        let done = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).status();
        done.is_ok_and(|status| status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_scratch_folder_without_room_is_refused_with_figures_before_anything_is_written() {
    let made = with_files();
    made.point();
    let Some(_mounted) = Tmpfs::mount(&made.path("scratch"), "2m") else {
        eprintln!("SKIPPED: only root may mount");
        return;
    };
    let outcome = made.run(&newest()).expect("told");
    assert_eq!((outcome.summary.verdict, outcome.exit), (Verdict::Incomplete, Exit::Failed));
    let why = outcome.failure.expect("told").why;
    assert!(why.contains("scratch is too small") && why.contains("2097152 are free"), "{why}");
    assert_eq!(made.left(), 0);
}
