use engine::model::{PointId, PointName, PointOrder, Time};
use engine::report::Colour;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::drill::{Drill, Probed};
use crate::mismatch::Mismatch;
use crate::probe::ProbeKind;

fn failed() -> Drill {
    let mut drill = Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(0));
    drill.point = Some(PointName { order: PointOrder { epoch: 1, sequence: 2 }, id: PointId([0xab; 8]) });
    drill.verdict = Verdict::Fail;
    (drill.files, drill.bytes) = (3, 2048);
    drill.age = Some(std::time::Duration::from_millis(3_600_900));
    drill.restore = Some(std::time::Duration::from_millis(2500));
    drill.mismatches.add(Mismatch::new(b"caf\xe9", "digest differs"));
    drill.control = ControlVerdict::Pass;
    drill.add_probe(Probed {
        path: b"srv/app/ledger.db".to_vec(),
        kind: ProbeKind::Sqlite,
        verdict: ProbeVerdict::Skipped,
        detail: "no room".into(),
    });
    drill
}

fn summary() -> Summary {
    let (verdict, drills) = (Verdict::Fail, vec![DrillReport::of(&failed())]);
    Summary { verdict, drills, outside: NotBackedUp::default(), ledger_before: LedgerBefore::default() }
}

#[test]
fn the_document_is_the_contracts() {
    let summary = summary();
    let found: Value = serde_json::to_value(&summary).expect("serializes");
    assert_eq!(found["verdict"], "fail");
    let drill = &found["drills"][0];
    for (key, value) in [
        ("point", json!("abababababababab")),
        ("job", json!("documents")),
        ("destination", json!("usb")),
        ("verdict", json!("fail")),
        ("files", json!(3)),
        ("bytes", json!(2048)),
        ("mismatches", json!([{"path": "caf\u{fffd}", "path-bytes": "Y2Fm6Q==", "problem": "digest differs"}])),
        (
            "probes",
            json!([{"path": "srv/app/ledger.db", "probe": "sqlite", "verdict": "skipped", "detail": "no room"}]),
        ),
        ("negative-control", json!("pass")),
        ("point-age-seconds", json!(3600)),
        ("restore-seconds", json!(2.5)),
        ("report", Value::Null),
    ] {
        assert_eq!(drill[key], value, "{key}");
    }
}

#[test]
fn people_read_what_failed_and_what_was_skipped() {
    let summary = summary();
    let mut page = Page::new(TimeZone::UTC, Colour::Plain);
    summary.people(&mut page);
    let expected = "\
FAIL  documents (abababababababab) from usb
  3 files, 2.0 KiB, compared; the restore took 2.5 s; the point is 60 min old
  caf\u{fffd}: digest differs
  srv/app/ledger.db: sqlite skipped: no room
  probes: 0 passed, 1 skipped, 0 failed
  negative control: the checks noticed all that was broken on purpose

FAIL: 0 of 1 drill passed
";
    assert_eq!(page.text(), expected);
}
