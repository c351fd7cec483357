//! `--budget`: the most doubtful copies first, as far as `[drill] budget` goes; nothing waits for ever.

use std::collections::BTreeSet;
use std::fs;

use fixtures::{Bench, Ran};
use serde_json::Value;

use crate::harness::{drill, flip, packs, protected};

fn with_budget(bench: &Bench, budget: &str) {
    let path = bench.path("offsite.toml");
    let config = fs::read_to_string(&path).expect("readable");
    let config = config.split("\n[drill]").next().unwrap_or_default();
    fs::write(&path, format!("{config}\n[drill]\nbudget = {budget}\n")).expect("ours");
}

/// Whence, and which point, of each drill in its order.
fn drilled(ran: &Ran) -> Vec<(String, String)> {
    let document = ran.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let drills = document["drills"].as_array().expect("drills");
    drills.iter().map(|drill| (text(&drill["destination"]), text(&drill["point"]))).collect()
}

fn points(bench: &Bench) -> Vec<String> {
    let points = bench.done(&["points"])["points"].as_array().expect("points").clone();
    points.iter().map(|point| point["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn every_copy_has_its_turn_before_any_is_proved_twice_and_what_fails_keeps_nobody_from_it() {
    let bench = protected(&["usb", "office"]);
    with_budget(&bench, "{ bytes = \"1 KiB\" }");
    let ids = points(&bench);
    let (newest, oldest) = (&ids[0], &ids[1]);
    let mut seen = BTreeSet::new();
    for (left, point) in [newest, newest, oldest, oldest].into_iter().enumerate() {
        let ran = drill(&bench, &["--budget"]).exits(0);
        let made = drilled(&ran);
        assert_eq!((made.len(), &made[0].1, &ran.json()["left"]), (1, point, &3.into()), "call {left}: {ran}");
        seen.extend(made);
    }
    assert_eq!(seen.len(), 4, "each of two points from each of two places: {seen:?}");
    let again = drilled(&drill(&bench, &["--budget"]).exits(0));
    assert_eq!(again[0].1, *newest, "the oldest proof");

    packs(&bench, "office").iter().for_each(|pack| flip(pack));
    let _ = drill(&bench, &["--destination", "office"]).exits(4);
    let ran = drill(&bench, &["--budget"]);
    assert_ne!(drilled(&ran), [("office".to_owned(), newest.clone())], "what just failed has to wait: {ran}");
}

#[test]
fn with_enough_all_is_drilled_and_without_any_budget_nothing() {
    let bench = protected(&["usb", "office"]);
    let _ = drill(&bench, &["--budget"]).exits(2).says("there is no budget");
    with_budget(&bench, "{ minutes = 600 }");
    let ran = drill(&bench, &["--budget"]).exits(0);
    let ids = points(&bench);
    let order: Vec<String> = drilled(&ran).into_iter().map(|(_, point)| point).collect();
    assert_eq!(order, [&ids[0], &ids[0], &ids[1], &ids[1]].map(Clone::clone), "{ran}");
    assert_eq!(ran.json()["left"], 0);
    with_budget(&bench, "{ minutes = 60, bytes = \"1300 KiB\" }");
    let ran = drill(&bench, &["--budget"]).exits(0);
    assert_eq!((drilled(&ran).len(), &ran.json()["left"]), (2, &2.into()), "two points of some 600 KB each: {ran}");
    let _ = drill(&bench, &["--budget", "--all"]).exits(2);
    with_budget(&bench, "{ minutes = 0 }");
    let _ = drill(&bench, &["--budget"]).exits(2).says("minutes");
}
