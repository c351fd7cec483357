//! What people read, word for word.

use jiff::tz::TimeZone;

use super::samples::{POINT, SIX, backup, copied, evicted, name, point, removed, restore, status, verify};
use super::*;
use crate::model::State;

fn text(report: &impl Report) -> String {
    let mut page = Page::new(TimeZone::get("Europe/Berlin").expect("bundled"), Colour::Plain);
    report.people(&mut page);
    page.text().to_owned()
}

#[test]
fn a_status_tells_what_is_protected_what_is_not_and_why() {
    insta::assert_snapshot!(text(&status()), @r"
    1 of 3 jobs protected; not protected: ledger, photos.

    JOB        NEWEST POINT         OFFSITE   NEXT POINT           PROTECTED
    documents  2026-11-21 19:00:00  complete  2026-11-22 19:00:00  yes
    ledger     2026-11-21 19:00:00  pending   2026-11-22 19:00:00  not yet: its copy offsite waits
    photos     none                 none      when asked           no: there is no recovery point yet

    PLACE  POINTS  OWED     USED      FREE  THERE
    home        2        3.0 GiB  50.0 GiB  yes: /srv/vault, limit 200.0 GiB
    usb         0     2      0 B         ?  no: no vault at /media/ann/BACKUP/offsite: the drive is not there

    NEWEST OF  AT    POINT OF             PROOF
    documents  home  2026-11-21 19:00:00  bytes-read
    documents  usb   2026-11-21 19:00:00  restored-cold

    What is wrong, and what to do
      ledger: no copy offsite was verified for 30 h, 26 h are allowed
        -> plug in usb
    ");
}

#[test]
fn all_protected_is_said_first() {
    let mut all = status();
    all.jobs.truncate(1);
    assert_eq!(text(&all).lines().next(), Some("All is protected: 1 job."));
    let mut troubled = all.clone();
    troubled.problems.push(StatusProblem { problem: "the drill broke off".to_owned(), advice: String::new() });
    let first = "The newest recovery points are offsite (1 job), but something is wrong.";
    assert_eq!(text(&troubled).lines().next(), Some(first));
    let home = all.home.as_mut().expect("the sample has one");
    home.available = false;
    let first = "No further recovery point can be made: the home vault is not there. The newest ones are offsite.";
    assert_eq!(text(&all).lines().next(), Some(first));
    assert_eq!(text(&StatusReport::default()).lines().next(), Some("No job is configured: nothing is protected."));
}

#[test]
fn points_line_up() {
    let older = PointReport { files: 3, pinned: true, placements: Vec::new(), ..point() };
    insta::assert_snapshot!(text(&PointsReport { points: vec![point(), older] }), @r"
    POINT             JOB        CREATED              FILES      SIZE   STORED  WHERE
    abababababababab  documents  2026-11-21 19:00:00   1204  80.0 MiB  1.0 MiB  home complete, usb copying 25 %
    abababababababab  documents  2026-11-21 19:00:00      3  80.0 MiB  1.0 MiB  nowhere (pinned)
    ");
    assert_eq!(text(&PointsReport::default()), "There are no recovery points.\n");
}

#[test]
fn a_backup_tells_what_could_not_be_read() {
    let failed = FailedJob {
        job: name("ledger"),
        what: "can't read the source".to_owned(),
        why: "/srv/app is not there".to_owned(),
        advice: "mount it".to_owned(),
    };
    insta::assert_snapshot!(text(&BackupReport { points: vec![backup()], failed: vec![failed], broken: Vec::new(), later: Vec::new() }), @r"
    documents: recovery point abababababababab of 2026-11-21 19:00:00
      1204 files, 80.0 MiB; 4.0 KiB new, 1.0 KiB stored, in 1.2 s
      look: the source is much smaller than before: 3 files, 1200 before
      left out: 2 by pattern
      srv/x�: permission denied
    ledger: can't read the source: /srv/app is not there
      -> mount it
    ");
}

#[test]
fn a_long_list_of_problems_is_cut_and_says_so() {
    let problem = backup().problems[0].clone();
    let many = BackupPoint { problems: vec![problem; 23], ..backup() };
    let text = text(&BackupReport { points: vec![many], failed: Vec::new(), broken: Vec::new(), later: Vec::new() });
    assert_eq!(text.matches("permission denied").count(), 20);
    assert!(text.ends_with("  and 3 more; --json lists all\n"), "{text}");
}

#[test]
fn a_run_tells_everything_in_order() {
    let run = RunReport {
        points: Vec::new(),
        failed: Vec::new(),
        broken: Vec::new(),
        copies: vec![copied(State::Complete, "it is owed"), copied(State::Pending, "the drive is not there")],
        evicted: vec![evicted()],
        removed: vec![removed()],
    };
    insta::assert_snapshot!(text(&run), @r"
    documents abababababababab -> usb: complete, 1.0 MiB in 2.5 s
    documents abababababababab -> usb: pending: the drive is not there
    abababababababab was evicted from usb, 1.0 MiB freed: the medium is full
    abababababababab was removed from usb, 512 B freed: no keep rule keeps it
    ");
    assert_eq!(text(&RunReport::default()), "Nothing was due.\n");
}

#[test]
fn a_verification_says_what_is_sound_and_what_to_do_about_the_rest() {
    insta::assert_snapshot!(text(&verify()), @r"
    home: 7 objects, 5.0 MiB read back, all sound
    usb: 7 objects, 5.0 MiB read back, 3 damaged or missing, 1 healed
      packs/ab/x: its content is not what its name says (healed)
        needed by abababababababab
      packs/cd/y: its content is not what its name says
        needed by abababababababab
      packs/ef/z: its content is not what its name says
        needed by abababababababab
      -> `engine verify --repair` replaces what another place has whole
      -> no other place is known to have 1 of these whole: connect places that are away and verify them; older points may have the files, and the next `engine backup` stores again what is still at its source
    office could not be read: connection refused
    ");
}

#[test]
fn a_restore_tells_what_was_routed_around_and_what_is_lost() {
    insta::assert_snapshot!(text(&restore()), @r"
    documents abababababababab of 2026-11-21 19:00:00: 1 file, 12 B restored to /tmp/back
      from home, usb in 2 min 5 s
      packs/ab/x at home: it is not there
      a/b: permission denied
    2 paths could not be had from any place
    ");
}

#[test]
fn an_explanation_tells_state_reason_evidence_and_history() {
    let placement = point().placements[0].clone();
    let explained = ExplainedPoint {
        point: point(),
        removed: None,
        media: vec![ExplainedPlacement {
            placement,
            since: Some(SIX),
            reason: "every byte was read back".to_owned(),
            evidence: Some("read back whole".to_owned()),
            outlook: vec!["its only copy offsite".to_owned()],
        }],
        dependents: Vec::new(),
        events: vec![ExplainedEvent {
            time: SIX,
            event: "made",
            point: Some(POINT),
            destination: None,
            medium: None,
            bytes: 1024,
            reason: String::new(),
        }],
    };
    insta::assert_snapshot!(text(&ExplainReport::Point(Box::new(explained))), @r"
    documents abababababababab of 2026-11-21 19:00:00, 80.0 MiB
      home: complete since 2026-11-21 19:00:00: every byte was read back
        evidence: read back whole, 2026-11-21 19:00:04; proof: bytes-read
        its only copy offsite

    What happened to it
      2026-11-21 19:00:00  made abababababababab, 1.0 KiB
    ");
}

#[test]
fn colours_stand_only_where_a_page_may_have_them() {
    let mut page = Page::new(TimeZone::UTC, Colour::Terminal);
    status().people(&mut page);
    assert!(page.text().contains("\x1b[31m"));
    assert!(!text(&status()).contains('\x1b'));
}
