//! The JSON is the contract's: exactly its keys, where the contract shows them, and its values.

use serde_json::{Value, json};

use super::samples::{POINT, SIX, backup, copied, entry, evicted, point, removed, restore, status, verify};
use super::*;
use crate::model::{DeviceKind, Entry, EntryPath, Kind, Meta, Seen, State};

fn value(report: &impl Serialize) -> Value {
    serde_json::to_value(report).expect("serializes")
}

/// The keys of an object, sorted.
fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn sorted<const N: usize>(mut keys: [&str; N]) -> Vec<&str> {
    keys.sort_unstable();
    keys.to_vec()
}

#[test]
fn a_point_is_the_contracts_document() {
    let report = value(&PointsReport { points: vec![point()] });
    assert_eq!(keys(&report), ["points"]);
    let point = &report["points"][0];
    let contract =
        ["id", "job", "sequence", "created", "files", "bytes", "stored-bytes", "pinned", "base", "placements"];
    assert_eq!(keys(point), sorted(contract));
    assert_eq!(
        point["placements"][0],
        json!({"destination": "home", "medium": "cd".repeat(16), "state": "complete", "done-bytes": 1 << 20,
               "total-bytes": 1 << 20, "verified": "2026-11-21T18:00:04Z", "proof": "bytes-read"})
    );
    assert_eq!((&point["created"], &point["base"]), (&json!("2026-11-21T18:00:00Z"), &Value::Null));
    assert_eq!(
        (&point["placements"][2]["state"], &point["placements"][1]["verified"]),
        (&json!("not-wanted"), &Value::Null)
    );
}

#[test]
fn a_status_is_the_contracts_document() {
    let report = value(&status());
    assert_eq!(
        report["jobs"][0],
        json!({"job": "documents", "newest": "2026-11-21T18:00:00Z", "next": "2026-11-22T18:00:00Z",
               "offsite": "complete", "complete-at": [], "problems": [],
               "proofs": [{"destination": "home", "medium": "cd".repeat(16), "point": "ab".repeat(8),
                           "created": "2026-11-21T18:00:00Z", "proof": "bytes-read"},
                          {"destination": "usb", "medium": "cd".repeat(16), "point": "ab".repeat(8),
                           "created": "2026-11-21T18:00:00Z", "proof": "restored-cold"}]})
    );
    assert_eq!(
        report["destinations"][0],
        json!({"destination": "usb", "available": false,
               "reason": "no vault at /media/ann/BACKUP/offsite: the drive is not there", "used-bytes": 0,
               "free-bytes": null, "points": 0, "pending-points": 2, "same-disk": false,
               "window": null, "media": [], "problems": []})
    );
    assert_eq!(keys(&report["jobs"][1]["problems"][0]), ["do", "problem"]);
    assert_eq!((&report["jobs"][2]["newest"], &report["jobs"][2]["offsite"]), (&Value::Null, &json!("none")));
}

#[test]
fn a_backup_has_the_contracts_keys_and_tells_every_byte_of_a_path() {
    let report =
        value(&BackupReport { points: vec![backup()], failed: Vec::new(), broken: Vec::new(), later: Vec::new() });
    let point = report["points"][0].as_object().expect("an object");
    for key in ["id", "job", "files", "bytes", "new-bytes", "rewritten-bytes", "stored-bytes", "seconds", "problems"] {
        assert!(point.contains_key(key), "{key}");
    }
    let problem = json!({"path": "srv/x\u{fffd}", "path-bytes": "c3J2L3j/", "problem": "permission denied"});
    assert_eq!(point["problems"], json!([problem]));
    assert_eq!(value(&BackupPoint { id: None, ..backup() })["id"], Value::Null);
}

#[test]
fn a_copy_has_exactly_the_contracts_keys() {
    let report = CopyReport {
        copies: vec![copied(State::Complete, "it is owed")],
        evicted: vec![evicted()],
        ..CopyReport::default()
    };
    let report = value(&report);
    let contract = ["point", "job", "destination", "medium", "state", "bytes", "seconds", "reason"];
    assert_eq!(keys(&report["copies"][0]), sorted(contract));
    assert_eq!(keys(&report["evicted"][0]), ["bytes", "destination", "medium", "point", "reason"]);
    assert_eq!(keys(&report), ["copies", "evicted", "removed"]);
}

#[test]
fn a_verification_has_the_contracts_keys_and_what_was_not_read() {
    let report = value(&verify());
    let ours =
        ["bytes", "coverage", "damaged", "destination", "left", "medium", "objects", "sample", "unfinished", "unread"];
    assert_eq!(keys(&report["places"][0]), ours);
    assert_eq!(
        report["places"][1]["damaged"][0],
        json!({"object": "packs/ab/x", "problem": "its content is not what its name says",
               "points": [POINT.to_string()], "healed": true, "good-at": ["home"]})
    );
}

#[test]
fn a_restore_and_a_forget_have_the_contracts_keys() {
    let restored = value(&restore());
    for key in ["point", "from", "files", "bytes", "seconds", "problems"] {
        assert!(restored.get(key).is_some(), "{key}");
    }
    assert_eq!(restored["from"], "home");
    let kept = KeptPoint { point: POINT, reason: "last 3".to_owned() };
    let forgot = value(&ForgetReport { removed: vec![removed()], kept: vec![kept], plan: Vec::new() });
    assert_eq!(keys(&forgot), ["kept", "removed"]);
    assert_eq!(keys(&forgot["removed"][0]), ["bytes", "destination", "point", "reason"]);
    assert_eq!(keys(&forgot["kept"][0]), ["point", "reason"]);
}

#[test]
fn an_entry_is_the_contracts_and_only_files_have_a_digest() {
    assert_eq!(
        value(&entry()),
        json!({"path": "home/ann/Documents/a.txt", "kind": "file", "bytes": 12, "mode": "0644", "uid": 1000,
               "gid": 1000, "modified": "2026-11-20T09:00:00.5Z", "digest": "ee".repeat(32)})
    );
    assert_eq!((LsReport::KEY, value(&LsReport::default())), ("entries", json!({})));
    let folder = value(&EntryReport { kind: "folder", digest: None, ..entry() });
    assert!(folder.get("digest").is_none());
}

#[test]
fn links_and_devices_tell_every_byte_of_where_they_lead() {
    let told = |kind: Kind| {
        let path = EntryPath::parse(b"x").expect("a path");
        let meta = Meta { mode: 0o600, uid: 0, gid: 0, modified: SIX, xattrs: Vec::new() };
        value(&EntryReport::from(&Entry { path, meta, seen: Seen::default(), kind }))
    };
    let link = told(Kind::Symlink((*b"caf\xe9").into()));
    assert_eq!((&link["target"], &link["target-bytes"]), (&json!("caf\u{fffd}"), &json!("Y2Fm6Q==")));
    let device = told(Kind::Device { kind: DeviceKind::Block, major: 8, minor: 1 });
    assert_eq!((&device["device"], &device["major"], &device["minor"]), (&json!("block"), &json!(8), &json!(1)));
    assert!(told(Kind::Folder).get("target").is_none());
}

#[test]
fn a_run_tells_what_backup_copy_and_forget_would() {
    let run = RunReport {
        points: vec![backup()],
        copies: vec![copied(State::Complete, "")],
        evicted: vec![evicted()],
        removed: vec![removed()],
        ..RunReport::default()
    };
    assert_eq!(keys(&value(&run)), ["broken", "copies", "evicted", "failed", "points", "removed"]);
}
