use std::os::unix::fs::MetadataExt;

use engine::port::SystemEntropy;
use serde_json::Value;

use super::*;

fn drill() -> Drill {
    Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(1_790_000_000))
}

fn write(state: &Path) -> Written {
    let ledger = Ledger::open(state, &SystemEntropy).expect("usable");
    let setting = Setting { address: "file:///media/usb".to_owned(), ..Setting::default() };
    ledger.write(&mut drill(), &setting).expect("written")
}

fn json(written: &Written) -> Value {
    serde_json::from_slice(&fs::read(&written.path).expect("there")).expect("JSON")
}

#[test]
fn each_report_is_signed_and_names_the_digest_of_the_one_before() {
    let held = tempfile::tempdir().expect("a temporary folder");
    let state = held.path().join("state");
    let files: Vec<Written> = (0..3).map(|_| write(&state)).collect();
    assert_eq!(json(&files[0])["previous"], Value::Null);
    for pair in files.windows(2) {
        assert_eq!(json(&pair[1])["previous"], pair[0].digest.to_string());
        assert_eq!(json(&pair[1])["verifier"], json(&pair[0])["verifier"], "one id for one installation");
        assert_eq!(json(&pair[1])["public-key"], json(&pair[0])["public-key"], "one key for one installation");
    }
    assert_eq!(json(&files[2])["sequence"], 3);
    assert_eq!(json(&files[2])["before"]["sequence"], 2);
    assert_eq!(json(&files[2])["started"], "2026-09-21T14:13:20Z");
    assert_eq!(files[2].path.metadata().expect("there").mode() & 0o777, 0o600);
    assert_eq!(state.metadata().expect("there").mode() & 0o777, 0o700);
    for entry in entry::entries(&state.join("reports")).expect("listed") {
        assert!(matches!(entry.seal, Seal::Signed(_)), "{entry:?}");
        assert_eq!(
            entry.brief.map(|brief| brief.name()).as_ref(),
            Ok(&entry.path.file_name().expect("named").to_string_lossy().into_owned())
        );
    }
}

#[test]
fn an_id_or_a_key_that_is_none_is_refused_and_stays() {
    for (name, id) in [(VERIFIER_ID, true), ("verifier-key", false)] {
        let held = tempfile::tempdir().expect("a temporary folder");
        fs::write(held.path().join(name), "nonsense").expect("writable");
        let refused = Ledger::open(held.path(), &SystemEntropy).expect_err("refused");
        assert_eq!(matches!(refused, LedgerError::Id(_)), id, "{refused}");
        assert_eq!(matches!(refused, LedgerError::Key { .. }), !id, "{refused}");
        assert_eq!(fs::read(held.path().join(name)).expect("there"), b"nonsense");
    }
}

#[test]
fn a_lost_key_and_a_changed_report_are_told_by_the_next_report() {
    let held = tempfile::tempdir().expect("a temporary folder");
    let state = held.path().join("state");
    assert_eq!(json(&write(&state))["notes"], serde_json::json!([]));
    fs::remove_file(state.join("verifier-key")).expect("there");
    let second = write(&state);
    assert!(json(&second)["notes"].to_string().contains("another key"), "{}", json(&second));
    let mut bytes = fs::read(&second.path).expect("there");
    bytes[40] ^= 1;
    fs::write(&second.path, bytes).expect("writable");
    let third = json(&write(&state));
    assert!(third["notes"].to_string().contains("not as it was written"), "{third}");
}

#[test]
fn a_report_of_the_first_format_is_gone_on_from() {
    let held = tempfile::tempdir().expect("a temporary folder");
    let state = held.path().join("state");
    private::folder(&state.join("reports")).expect("makable");
    let old = r#"{"report-version": 1, "tool": "verifier 0.1.0", "verifier": "00", "sequence": 1, "previous": null,
        "started": "2026-09-21T14:13:20Z", "job": "documents", "destination": "usb", "point": null,
        "verdict": "fail"}"#;
    let path = state.join("reports/00000001-documents-usb-none.json");
    fs::write(&path, old).expect("writable");
    assert_eq!(Entry::read(1, path).seal, Seal::Unsigned);
    let next = json(&write(&state));
    assert_eq!(next["previous"], blake3::hash(old.as_bytes()).to_string());
    assert_eq!(next["before"]["verdict"], "fail");
}
