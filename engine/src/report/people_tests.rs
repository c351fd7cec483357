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
    insta::assert_snapshot!(text(&status()), @"");
}

#[test]
fn all_protected_is_said_first() {
    let mut all = status();
    all.jobs.truncate(1);
    assert_eq!(text(&all).lines().next(), Some("All is protected: 1 job."));
    assert_eq!(text(&StatusReport::default()).lines().next(), Some("No job is configured: nothing is protected."));
}

#[test]
fn points_line_up() {
    let older = PointReport { files: 3, pinned: true, placements: Vec::new(), ..point() };
    insta::assert_snapshot!(text(&PointsReport { points: vec![point(), older] }), @"");
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
    insta::assert_snapshot!(text(&BackupReport { points: vec![backup()], failed: vec![failed] }), @"");
}

#[test]
fn a_long_list_of_problems_is_cut_and_says_so() {
    let problem = backup().problems[0].clone();
    let many = BackupPoint { problems: vec![problem; 23], ..backup() };
    let text = text(&BackupReport { points: vec![many], failed: Vec::new() });
    assert_eq!(text.matches("permission denied").count(), 20);
    assert!(text.ends_with("  and 3 more; --json lists all\n"), "{text}");
}

#[test]
fn a_run_tells_everything_in_order() {
    let run = RunReport {
        points: Vec::new(),
        failed: Vec::new(),
        copies: vec![copied(State::Complete, "it is owed"), copied(State::Pending, "the drive is not there")],
        evicted: vec![evicted()],
        removed: vec![removed()],
    };
    insta::assert_snapshot!(text(&run), @"");
    assert_eq!(text(&RunReport::default()), "Nothing was due.\n");
}

#[test]
fn a_verification_says_what_is_sound_and_what_to_do_about_the_rest() {
    insta::assert_snapshot!(text(&verify()), @"");
}

#[test]
fn a_restore_tells_what_was_routed_around_and_what_is_lost() {
    insta::assert_snapshot!(text(&restore()), @"");
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
    insta::assert_snapshot!(text(&ExplainReport::Point(Box::new(explained))), @"");
}

#[test]
fn colours_stand_only_where_a_page_may_have_them() {
    let mut page = Page::new(TimeZone::UTC, Colour::Terminal);
    status().people(&mut page);
    assert!(page.text().contains("\x1b[31m"));
    assert!(!text(&status()).contains('\x1b'));
}
