//! Restores past damage, and recoveries on a computer that has nothing.

use std::fs;
use std::path::Path;

use engine::command::{DryRun, Exit, Failure, RecoverOptions, Repair, RestoreOptions, TakeOver, recover, restore};
use engine::model::State;
use engine::report::RestoreReport;
use engine::restore::{Existing, Owners};

use super::bench::{Bench, done, noise};

fn options(bench: &Bench, point: &str, to: &str) -> RestoreOptions {
    RestoreOptions {
        point: point.to_owned(),
        to: engine::command::RestoreTo::Folder(bench.path(to)),
        from: None,
        paths: Vec::new(),
        existing: Existing::Keep,
        owners: Owners::Recorded,
        dry_run: DryRun::No,
    }
}

fn restored(bench: &Bench, options: &RestoreOptions) -> Result<(RestoreReport, Exit), Failure> {
    restore(&bench.call(), options)
}

/// The file of the source below the folder that it was restored to.
fn back(bench: &Bench, to: &str, name: &str) -> Vec<u8> {
    let source = bench.path("source").canonicalize().expect("there");
    let below = source.strip_prefix("/").expect("absolute").join(name);
    fs::read(bench.path(to).join(below)).expect("it was restored")
}

fn recovery(bench: &Bench, to: Option<&str>) -> RecoverOptions {
    RecoverOptions {
        from: format!("file://{}", bench.path("usb").display()),
        keys: Vec::new(),
        passphrase_file: Some(bench.path("passphrase")),
        sheet: None,
        new_passphrase_file: None,
        point: None,
        paths: Vec::new(),
        to: to.map(|to| bench.path(to)),
        owners: Owners::Recorded,
        take_over: TakeOver::No,
    }
}

/// Flips a byte in all packs of a place, or of all places.
fn spoil(bench: &Bench, below: &str) {
    for file in bench.files(below) {
        flip(&file);
    }
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).expect("written");
}

#[test]
fn a_restore_comes_from_home_and_the_one_before_by_its_number() {
    let bench = Bench::made();
    let report = done(restored(&bench, &options(&bench, "documents", "out")));
    assert_eq!((report.files, report.from.as_ref().map(ToString::to_string).as_deref()), (2, Some("home")));
    assert_eq!(back(&bench, "out", "second"), noise(2, 300_000));
    assert_eq!(done(restored(&bench, &options(&bench, "documents~1", "older"))).files, 1);
    assert!(bench.catalog().reservations().expect("read").is_empty(), "what was reserved is free again");
    let refused = restored(&bench, &options(&bench, "documents", "out")).expect_err("it is not empty");
    assert!(refused.advice.contains("--overwrite"), "{refused:?}");
}

#[test]
fn damage_at_home_is_routed_around_and_becomes_known() {
    let bench = Bench::made();
    spoil(&bench, "home/packs");
    let report = done(restored(&bench, &options(&bench, "documents", "out")));
    assert_eq!(back(&bench, "out", "second"), noise(2, 300_000));
    assert!(!report.damaged.is_empty());
    let catalog = bench.catalog();
    let home = catalog.meta().expect("read").home.expect("known");
    let newest = catalog.points().expect("read").pop().expect("one").order;
    assert_eq!(catalog.placement(home, newest).expect("read").expect("there").state, State::Damaged);
    // Home is known to be damaged now, and it is restored all the same.
    done(restored(&bench, &options(&bench, "documents", "again")));
    let from_home =
        RestoreOptions { from: Some(engine::model::Name::home()), ..options(&bench, "documents", "home-only") };
    match restored(&bench, &from_home) {
        Ok((report, exit)) => assert_eq!((exit, report.lost > 0 || report.files < 2), (Exit::Damage, true)),
        Err(failure) => assert_eq!(failure.exit, Exit::Damage, "{failure:?}"),
    }
}

#[test]
fn a_missing_home_vault_is_a_missing_placement() {
    let bench = Bench::made();
    fs::remove_dir_all(bench.path("home")).expect("deleted");
    let report = done(restored(&bench, &options(&bench, "documents", "out")));
    assert_eq!(report.from.map(|from| from.to_string()).as_deref(), Some("usb"));
    assert_eq!(back(&bench, "out", "first"), noise(1, 300_000));
}

#[test]
fn a_newest_point_that_is_lost_everywhere_is_exit_4_and_the_one_before_is_named() {
    let bench = Bench::made();
    let before = bench.catalog().points().expect("read")[0].id.to_string();
    for place in ["home", "usb", "office"] {
        flip(bench.files(&format!("{place}/points")).last().expect("one"));
    }
    let failure = restored(&bench, &options(&bench, "documents", "out")).expect_err("no manifest opens");
    assert_eq!(failure.exit, Exit::Damage);
    assert!(failure.advice.contains(&before), "{failure:?}");
    done(restored(&bench, &options(&bench, &before, "older")));
}

#[test]
fn a_recovery_lists_and_restores_with_passphrase_and_with_sheet() {
    let bench = Bench::made();
    let listed = done(recover(&bench.call(), &recovery(&bench, None)));
    assert_eq!(listed.points.len(), 2);
    assert!(listed.points[0].sequence > listed.points[1].sequence, "newest first");
    assert_eq!(listed.points[0].job.as_ref().map(ToString::to_string).as_deref(), Some("documents"));
    // As after a fire: of all that was here only the drive and the paper are left.
    let sheet = fs::read(bench.path("state/recovery-sheet.txt")).expect("written by init");
    bench.write("sheet", &sheet);
    for gone in ["home", "state", "office"] {
        fs::remove_dir_all(bench.path(gone)).expect("deleted");
    }
    let with_sheet =
        RecoverOptions { passphrase_file: None, sheet: Some(bench.path("sheet")), ..recovery(&bench, Some("out")) };
    let report = done(recover(&bench.call(), &with_sheet));
    assert_eq!((report.restored.len(), report.restored[0].files), (1, 2));
    assert_eq!(back(&bench, "out", "second"), noise(2, 300_000));
    let older = RecoverOptions { point: Some("documents~1".to_owned()), ..recovery(&bench, Some("older")) };
    assert_eq!(done(recover(&bench.call(), &older)).restored[0].files, 1);
}

#[test]
fn a_wrong_passphrase_and_a_foreign_one_are_told_as_such() {
    let bench = Bench::made();
    bench.write("passphrase", b"battery staple\n");
    let failure = recover(&bench.call(), &recovery(&bench, None)).expect_err("it stays closed");
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.why.contains("wrong passphrase"), "{failure:?}");
    let sheet =
        RecoverOptions { passphrase_file: None, sheet: Some(bench.path("passphrase")), ..recovery(&bench, None) };
    let failure = recover(&bench.call(), &sheet).expect_err("it is no sheet");
    assert!(failure.what.contains("recovery sheet"), "{failure:?}");
}

#[test]
fn a_vault_of_a_newer_release_is_called_newer() {
    let bench = Bench::made();
    for name in ["usb/VAULT", "usb/VAULT.copy"] {
        let mut bytes = fs::read(bench.path(name)).expect("there");
        bytes.truncate(bytes.len() - 32);
        bytes[10] = 9;
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bench.write(name, &bytes);
    }
    let failure = recover(&bench.call(), &recovery(&bench, None)).expect_err("it can't be read");
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.advice.contains("newer release"), "{failure:?}");
    let (report, exit) = bench.verify(Repair::No);
    assert_eq!((exit, report.not_there.len()), (Exit::Partial, 1), "{report:?}");
}

#[test]
fn what_is_no_vault_no_url_or_not_there_yet_is_told() {
    let bench = Bench::made();
    let from = |from: String| recover(&bench.call(), &RecoverOptions { from, ..recovery(&bench, None) });
    let folder = |name: &str| format!("file://{}", bench.path(name).display());
    assert_eq!(from("usb".to_owned()).expect_err("no URL").exit, Exit::Usage);
    assert_eq!(from("sftp://ann:hunter2@host/x".to_owned()).expect_err("a password in clear").exit, Exit::Usage);
    assert_eq!(from(folder("source")).expect_err("no vault").exit, Exit::Failed);
    assert_eq!(from(folder("nowhere")).expect_err("no folder").exit, Exit::Failed);
}

#[test]
fn a_recovery_whose_newest_point_is_lost_names_the_one_before() {
    let bench = Bench::made();
    let before = bench.catalog().points().expect("read")[0].id.to_string();
    flip(bench.files("usb/points").last().expect("one"));
    let (report, exit) = recover(&bench.call(), &recovery(&bench, Some("out"))).expect("it is told");
    assert_eq!((exit, report.restored.len()), (Exit::Damage, 0), "{report:?}");
    assert!(report.problems.iter().any(|problem| problem.contains(&before)), "{report:?}");
}
