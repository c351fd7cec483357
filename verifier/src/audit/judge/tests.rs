use std::path::PathBuf;

use engine::model::{Digest, Time};

use super::*;
use crate::report::entry::number_of;
use crate::verdict::Verdict;

const KEY: PublicKey = PublicKey([1; 32]);

fn digest(number: u64) -> Digest {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&number.to_be_bytes());
    Digest(digest)
}

fn entry(number: u64) -> Entry {
    let brief = Brief {
        report_version: 2,
        verifier: "aa".into(),
        public_key: Some(KEY.to_string()),
        sequence: number,
        previous: (number > 1).then(|| digest(number - 1).to_string()),
        started: String::new(),
        job: "documents".into(),
        destination: "usb".into(),
        point: None,
        verdict: Verdict::Pass,
        point_age_seconds: None,
        restore_seconds: None,
        coverage: crate::report::Coverage::default(),
        left_out: Vec::new(),
        views_signed: true,
    };
    let path = PathBuf::from(brief.name());
    Entry { path, number, digest: Some(digest(number)), brief: Ok(brief), seal: Seal::Signed(KEY) }
}

fn ledger(numbers: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    numbers.into_iter().map(entry).collect()
}

fn own() -> Own {
    Own { verifier: Some("aa".into()), key: Some(Ok(KEY)) }
}

fn problems(entries: &[Entry], own: &Own) -> Vec<String> {
    chained(entries, Some(own)).into_iter().map(|finding| finding.problem).collect()
}

fn head(number: u64) -> SeenHead {
    let verifier = VerifierId([0xaa; 16]);
    let created = Time::from_seconds(0);
    let head = DrillHead { verifier, sequence: number, report: digest(number), public_key: KEY.0, created };
    SeenHead { path: format!("drills/aa/{number}"), body: Ok(head) }
}

#[test]
fn a_whole_ledger_has_no_findings() {
    assert_eq!(problems(&ledger(1..=5), &own()), [""; 0]);
    assert_eq!(problems(&[], &Own::default()), [""; 0]);
    assert_eq!(compared(&ledger(1..=5), "usb", &[head(1), head(5)]), []);
    assert_eq!(number_of(&entry(7).path), Some(7));
}

#[test]
fn gaps_are_named_wherever_they_are() {
    assert_eq!(problems(&ledger([1, 2, 4]), &own()), ["report 3 is not there"]);
    assert_eq!(problems(&ledger([3, 4, 8]), &own()), ["reports 1 to 2 are not there", "reports 5 to 7 are not there"]);
}

#[test]
fn a_replaced_report_breaks_the_chain_behind_it() {
    let mut all = ledger(1..=3);
    all[1].digest = Some(digest(99));
    let found = chained(&all, Some(&own()));
    assert_eq!(found.iter().map(|finding| finding.report).collect::<Vec<_>>(), [Some(3)]);
    assert!(found[0].problem.contains("does not follow report 2"), "{found:?}");
}

#[test]
fn unsigned_reports_may_come_first_and_never_later() {
    let mut all = ledger(1..=4);
    (all[0].seal, all[1].seal) = (Seal::Unsigned, Seal::Unsigned);
    assert_eq!(problems(&all, &own()), [""; 0]);
    all[3].seal = Seal::Unsigned;
    assert_eq!(problems(&all, &own()), ["it is not signed, and those before it are"]);
}

#[test]
fn another_key_another_verifier_and_another_name_show() {
    let mut all = ledger(1..=3);
    all[2].seal = Seal::Signed(PublicKey([2; 32]));
    let found = problems(&all, &own());
    assert!(found[0].contains("another key than those before"), "{found:?}");
    assert!(found[1].contains("state folder is another one"), "{found:?}");

    let mut all = ledger(1..=2);
    all[1].brief.as_mut().expect("read").verifier = "bb".into();
    assert_eq!(problems(&all, &own()).len(), 2, "in the chain, and against the state folder");

    let mut all = ledger(1..=2);
    all[1].path = "00000002-documents-office-none.json".into();
    assert!(problems(&all, &own())[0].contains("its name is not what it says"));

    assert!(problems(&ledger(1..=2), &Own { key: None, ..own() })[0].contains("not in the state folder"));
    let unreadable = Own { key: Some(Err("denied".into())), ..own() };
    assert!(problems(&ledger(1..=2), &unreadable)[0].contains("denied"));
}

#[test]
fn what_can_not_be_read_and_two_of_one_number_show() {
    let mut all = ledger([1, 2, 2]);
    all[1].seal = Seal::Broken("changed".into());
    all[2].brief = Err("no report".into());
    let found = problems(&all, &own());
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().any(|problem| problem.contains("has the same number")), "{found:?}");
}

#[test]
fn a_first_report_that_follows_another_one_shows() {
    let mut all = ledger([2]);
    all[0].number = 1;
    let found = problems(&all, &own());
    assert!(found.iter().any(|problem| problem.contains("says that it follows another one")), "{found:?}");
}

#[test]
fn heads_miss_what_the_chain_can_not() {
    let told = |entries: &[Entry], head: SeenHead| {
        let found = compared(entries, "usb", &[head]);
        assert!(found.iter().all(|finding| finding.destination.as_deref() == Some("usb")));
        found.into_iter().map(|finding| finding.problem).collect::<Vec<_>>().concat()
    };
    assert!(told(&ledger(1..=4), head(5)).contains("report 5, which this head names, is not there: the newest"));
    assert!(told(&ledger([1, 2, 4]), head(3)).contains("it is a gap"));
    assert!(told(&[], head(1)).contains("is not there"));
    let mut rewritten = ledger(1..=3);
    rewritten[2].digest = Some(digest(99));
    assert!(told(&rewritten, head(3)).contains("not the one that was written"));
    let mut signed_anew = ledger(1..=3);
    signed_anew[2].seal = Seal::Signed(PublicKey([2; 32]));
    assert!(told(&signed_anew, head(3)).contains("another key"));
    let damaged = SeenHead { path: String::new(), body: Err("cut".into()) };
    assert!(told(&ledger(1..=3), damaged).contains("can't be used: cut"));
}
