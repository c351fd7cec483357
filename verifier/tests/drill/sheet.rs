//! A drill by the recovery sheet alone: what a person has after a fire, and nothing else of ours.

use std::fs;

use crate::harness::{burn, drill, protected};
use fixtures::bench::as_text;

#[test]
fn the_sheet_alone_drills_with_no_passphrase_no_home_and_no_catalog() {
    let bench = protected(&["usb", "office"]);
    let sheet = bench.text("the sheet");
    let page = fs::read_to_string(bench.path("state/recovery-sheet.txt")).expect("written by init");
    let numbered = |line: &&str| line.trim().split_once("  ").is_some_and(|(number, _)| number.len() == 1);
    fs::write(&sheet, page.lines().filter(numbered).collect::<Vec<_>>().join("\n")).expect("typed from it");
    burn(&bench);
    fs::remove_file(bench.path("passphrase")).expect("ours");
    let _ = drill(&bench, &[]).exits(1).says("passphrase");
    let ran = drill(&bench, &["--strict", "--sheet", &sheet]).exits(0);
    let document = ran.json();
    let drills = document["drills"].as_array().expect("drills");
    assert_eq!((document["verdict"].as_str(), drills.len()), (Some("pass"), 2), "{ran}");
    for found in drills {
        assert_eq!(found["opened-by"], "sheet", "{found}");
        assert_eq!(found["negative-control"], "pass", "{found}");
        let written = fs::read_to_string(bench.path(&as_text(&found["report"]))).expect("a report");
        assert!(written.contains("\"opened-by\": \"sheet\""), "{written}");
    }
    let secret = fs::read_to_string(&sheet).expect("ours");
    let word = secret.split_whitespace().nth(1).expect("a word");
    assert!(!format!("{}{}", ran.out, ran.err).contains(&format!(" {word} ")), "no secret is told");
}

#[test]
fn a_sheet_that_was_revoked_or_mistyped_drills_nothing_and_one_of_a_new_key_epoch_drills_both() {
    let bench = protected(&["usb"]);
    let old = bench.text("old sheet");
    fs::copy(bench.path("state/recovery-sheet.txt"), &old).expect("written by init");
    let rotated = bench.done(&["key", "rotate", "--yes"]);
    bench.done(&["run", "--once"]);
    let new = as_text(&rotated["sheet"]["page"]);
    let ran = drill(&bench, &["--sheet", &old]).exits(1);
    assert_eq!(ran.json()["drills"][0]["verdict"], "incomplete", "{ran}");
    assert_eq!(drill(&bench, &["--all", "--sheet", &new]).exits(0).json()["drills"].as_array().map(Vec::len), Some(3));
    let by_passphrase = drill(&bench, &["--all"]).exits(0).json();
    assert_eq!(by_passphrase["drills"][0]["opened-by"], "passphrase", "{by_passphrase}");
    fs::write(&old, "nothing of a sheet\n").expect("ours");
    let _ = drill(&bench, &["--sheet", &old]).exits(1).says("no line of it holds a recovery sheet's letters");
}
