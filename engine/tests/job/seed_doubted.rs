//! Seeds on ways that nobody plans: what came is not what was sent, somebody changed his mind, a computer was set back,
//! nobody looks. Nothing that is only said to be there counts, and nothing that relies on it goes.

use std::fs;
use std::path::Path;

use fixtures::bench::{as_text, state_at, text, wait_until};
use fixtures::{Bench, Drive};
use serde_json::Value;

use crate::harness::{bench, restores_as_it_is};
use crate::seed::{
    absorb, add, export, is_as_any_other, names, office, packs, posted, posted_with, seed, state, states,
};

fn flip(pack: &Path) {
    let mut bytes = fs::read(pack).expect("ours");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(pack, bytes).expect("ours");
}

fn at_home(bench: &Bench) -> Vec<String> {
    names(&bench.path("vault"))
}

/// A spool whose points go to a drive of their own by post.
#[test]
fn home_lets_nothing_go_for_what_is_in_the_post_or_was_only_seen() {
    let Some(office) = Drive::new("ext4") else { return };
    let bench = bench();
    let _ = bench.folder("data");
    bench.configure_simply("home = false", &[("office", &office.path(), "")]);
    bench.done(&["init"]);
    for point in 0..3 {
        add(&bench, point, 200_000);
        bench.done(&["backup"]);
    }
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = bench.engine(&["run", "--once"]);
    let held = at_home(&bench);
    assert!(names(&post).iter().all(|pack| held.contains(pack)), "it is in the post");
    let into = format!("file://{}", text(&office.path()));
    bench.done(&["seed", "absorb", "--from", &text(&post), "--into", &into]);
    assert_eq!(state(&bench), "verified");
    let _ = bench.engine(&["copy", "--dry-run"]).exits(0);
    assert_eq!(at_home(&bench), held, "it was seen, and a little of it read");
    // Somebody loses all of it after that.
    packs(&office.path()).iter().for_each(|pack| flip(pack));
    let _ = bench.engine(&["copy"]);
    assert!(names(&post).iter().all(|pack| at_home(&bench).contains(pack)), "damaged there: home has the only ones");
    let _ = bench.engine(&["verify", "office", "--repair"]);
    let _ = bench.engine(&["copy"]);
    bench.done(&["copy"]);
    bench.done(&["run", "--once"]);
    for point in bench.points() {
        let state = |place| state_at(&point, place).unwrap_or_default();
        assert_eq!((state("office").as_str(), state("home").as_str()), ("complete", "not-wanted"), "{point}");
    }
    assert_eq!(seed(&bench)["open"], false);
    restores_as_it_is(&bench, "office");
}

#[test]
fn what_was_not_in_the_sample_and_is_damaged_is_found_before_anything_is_complete() {
    let bench = posted(3, 200_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = absorb(&bench, &post).exits(0);
    assert_eq!((state(&bench).as_str(), states(&bench)), ("verified", vec!["present".to_owned(); 3]));
    flip(&packs(&bench.path("office"))[0]);
    flip(&packs(&bench.path("office"))[1]);
    let found = bench.engine(&["--json", "copy"]);
    assert_ne!(found.code, 0, "{found}");
    assert!(found.json()["copies"].to_string().contains("damaged"), "{found}");
    assert_eq!(seed(&bench)["open"], true);
    // One of the two may have been read with the sample: it rotted like any other that was proved.
    bench.done(&["verify", "office", "--repair"]);
    is_as_any_other(&bench, 3);
}

#[test]
fn an_absorber_deletes_nothing_and_names_what_is_in_its_way() {
    let bench = posted(2, 100_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let taken = &packs(&post)[0];
    let there = bench.path("office").join(taken.strip_prefix(&post).expect("below"));
    fs::create_dir_all(there.parent().expect("a folder")).expect("ours");
    fs::write(&there, b"half of it").expect("ours");
    let told = absorb(&bench, &post).exits(4);
    let name = taken.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(as_text(&told.json()["problems"][0]["object"]), format!("packs/{name}"), "{told}");
    assert!(told.err.contains("1 object at") && told.err.contains("is damaged"), "{told}");
    assert_eq!(fs::read(&there).expect("it stays"), b"half of it");
    assert_eq!(names(&bench.path("office")), names(&post), "all else is there");
    assert_ne!(state(&bench), "verified", "no receipt");
    bench.done(&["seed", "forget", "office"]);
    is_as_any_other(&bench, 2);
}

#[test]
fn a_drive_that_can_not_be_written_begins_no_seed() {
    let Some(drive) = Drive::new("ext4") else { return };
    let bench = posted(1, 50_000);
    drive.remount("ro");
    let _ = export(&bench, &drive.path(), &[]).exits(1);
    assert_eq!(bench.done(&["seed", "status"])["seeds"], Value::Array(Vec::new()));
    bench.done(&["copy"]);
    is_as_any_other(&bench, 1);
}

#[test]
fn the_same_drive_travels_again_once_what_it_brought_was_looked_into() {
    let Some(drive) = Drive::of_size("ext4", 24 << 20) else { return };
    let bench = posted(0, 0);
    for point in 0..8 {
        add(&bench, point, 3_000_000);
        bench.done(&["backup"]);
    }
    let first = export(&bench, &drive.path(), &[]).exits(3).json();
    let refused = export(&bench, &drive.path(), &["--continue"]).exits(1);
    assert!(refused.err.contains("finished and exported"), "{refused}");
    let _ = absorb(&bench, &drive.path()).exits(0);
    assert_eq!(state(&bench), "verified");
    // It came back, and was emptied of packs.
    fs::remove_dir_all(drive.path().join("packs")).expect("ours");
    let second = export(&bench, &drive.path(), &["--continue"]).exits(0).json();
    assert_eq!((&first["drive"], &second["drive"], &second["left-packs"]), (&1.into(), &2.into(), &0.into()));
    assert_ne!(state(&bench), "verified");
    let absorbed = absorb(&bench, &drive.path()).exits(0).json();
    assert_eq!((&absorbed["drive"], &absorbed["packs"]), (&2.into(), &second["packs"]));
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 8);
}

#[test]
fn what_a_drive_brought_and_was_lost_since_is_sent_while_another_drive_travels() {
    let bench = posted(2, 100_000);
    let (first, second) = (bench.folder("first"), bench.folder("second"));
    let _ = export(&bench, &first, &[]).exits(0);
    add(&bench, 9, 100_000);
    bench.done(&["backup"]);
    let _ = export(&bench, &second, &["--continue"]).exits(0);
    let _ = absorb(&bench, &first).exits(0);
    assert_eq!(seed(&bench)["drives"][0]["state"], "verified");
    let lost = packs(&bench.path("office"))[0].clone();
    fs::remove_file(&lost).expect("ours");
    let _ = bench.engine(&["verify", "office"]);
    let _ = bench.engine(&["copy"]);
    let _ = bench.engine(&["copy"]);
    assert!(lost.exists(), "home has it, and it is in no post");
    let _ = absorb(&bench, &second).exits(0);
    assert_eq!(state(&bench), "verified");
    is_as_any_other(&bench, 3);
}

/// Two jobs with a seed between them, one of whose points is forgotten on the way.
#[test]
fn several_jobs_travel_together_or_one_by_one_and_each_hears_of_it() {
    let bench = bench();
    let job = |name: &str| {
        let _ = bench.folder(name);
        let folder = bench.text(name);
        let told = bench.text(&format!("told-{name}"));
        format!(
            "[job.{name}]\nsource = {{ folders = [\"{folder}\"] }}\noffsite = [\"office\"]\n\
             after = \"[ -z $OFFSITE_EVENT ] || echo $OFFSITE_EVENT $OFFSITE_POINTS > {told}\"\n"
        )
    };
    let sections = [job("one"), job("two"), format!("[destination.office]\nurl = \"{}\"\n", office(&bench))];
    bench.configure(&sections.join("\n"));
    bench.done(&["init"]);
    for (seed, name) in [(1, "one"), (2, "two"), (3, "two")] {
        let file = bench.path(name).join(seed.to_string());
        fs::write(file, fixtures::data::noise(seed, 80_000)).expect("writable");
        bench.done(&["backup", name]);
    }
    let (first, second) = (bench.folder("first"), bench.folder("second"));
    let alone = export(&bench, &first, &["--job", "one"]).exits(0).json();
    let both = export(&bench, &second, &["--continue"]).exits(0).json();
    let all = [&alone, &both].iter().filter_map(|it| it["packs"].as_u64()).sum::<u64>();
    assert_eq!(all, packs(&bench.path("vault")).len() as u64, "{alone} {both}");
    let _ = export(&bench, &bench.folder("third"), &["--job", "three", "--continue"]).exits(2);
    let forgotten = as_text(&bench.points()[0]["id"]);
    let _ = bench.engine(&["forget", "--point", &forgotten]);
    for drive in [&first, &second] {
        let _ = absorb(&bench, drive).exits(0);
    }
    assert_eq!(state(&bench), "verified");
    let _ = bench.engine(&["copy"]);
    assert_eq!(seed(&bench)["open"], false, "{}", seed(&bench));
    for (name, points) in [("one", 1), ("two", 1)] {
        let told = fs::read_to_string(bench.path(&format!("told-{name}"))).expect("it heard");
        assert!(told.starts_with("seed-verified") && told.split_whitespace().count() > points, "{told}");
        let to = text(&bench.path(&format!("back-{name}")));
        let _ = bench.engine(&["restore", name, "--from", "office", "--to", &to]).exits(0);
    }
    let _ = bench.engine(&["verify"]).exits(0);
}

#[test]
fn a_computer_that_was_set_back_to_before_any_step_goes_on_and_loses_nothing() {
    for step in 0..4 {
        let bench = posted(3, 60_000);
        let post = bench.folder("post");
        let keep = |now: usize| {
            if now == step {
                let _ = fixtures::drive::run("cp", &["-a", &bench.text("state"), &bench.text("kept")]).expect("copied");
            }
        };
        keep(0);
        let _ = export(&bench, &post, &[]).exits(0);
        keep(1);
        let _ = absorb(&bench, &post).exits(0);
        keep(2);
        assert_eq!(state(&bench), "verified");
        keep(3);
        bench.done(&["copy"]);
        fs::remove_dir_all(bench.path("state")).expect("ours");
        fs::rename(bench.path("kept"), bench.path("state")).expect("ours");
        let _ = bench.engine(&["copy"]);
        let _ = bench.engine(&["seed", "status"]).exits(0);
        let _ = bench.engine(&["copy"]);
        let told = bench.done(&["seed", "status"]);
        assert!(
            told["seeds"].as_array().is_some_and(|all| all.iter().all(|seed| seed["open"] == false)),
            "{step}: {told}"
        );
        assert_eq!(states(&bench), ["complete"; 3], "{step}");
        restores_as_it_is(&bench, "office");
        bench.done(&["verify"]);
    }
}

#[test]
fn the_service_finds_the_receipt_by_itself_and_reads_what_came() {
    let bench = posted_with(3, 100_000, "after = \"env | grep ^OFFSITE_ > told\"");
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let service = bench.begin(&["run"]);
    wait_until("the service was there", || bench.done(&["status"])["destinations"][0]["available"] == true);
    let _ = absorb(&bench, &post).exits(0);
    wait_until("all of it is complete", || bench.complete_at("office").len() >= 3);
    wait_until("the job was told", || {
        fs::read_to_string(bench.path("told")).is_ok_and(|it| it.contains("seed-verified"))
    });
    service.signal(rustix::process::Signal::TERM);
    let _ = service.end().exits(0);
    assert_eq!(seed(&bench)["open"], false);
    restores_as_it_is(&bench, "office");
}

#[test]
fn a_full_destination_is_told_of_where_nothing_is_exported() {
    let bench = bench();
    let _ = bench.folder("data");
    bench.configure_simply("", &[("office", &bench.path("office"), "limit = \"1 MiB\"\nreserve = \"1 MiB\"")]);
    bench.done(&["init"]);
    add(&bench, 1, 3_000_000);
    bench.done(&["backup"]);
    let post = bench.folder("post");
    let told = export(&bench, &post, &[]).exits(3).json();
    assert!(!told["stuck"].as_array().expect("a list").is_empty(), "{told}");
    let told = bench.engine(&["seed", "export", "--destination", "office", "--to", &text(&post)]).exits(3);
    assert!(told.out.contains("office takes nothing"), "{told}");
    // What it has room for goes onto a drive, and the rest is told of.
    fs::write(bench.path("data/1"), fixtures::data::noise(2, 100_000)).expect("writable");
    bench.done(&["backup"]);
    let told = export(&bench, &post, &[]).exits(3).json();
    assert_eq!((&told["drive"], &told["left-packs"]), (&1.into(), &0.into()), "{told}");
    assert!(!told["stuck"].as_array().expect("a list").is_empty(), "{told}");
}

/// A server's files belong to who logs in there, and root would lock him out.
#[test]
fn who_has_the_vault_takes_over_and_not_root() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let bench = posted(1, 20_000);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    std::os::unix::fs::chown(bench.path("office/VAULT"), Some(65_534), None).expect("root may");
    let refused = absorb(&bench, &post).exits(1);
    assert!(refused.err.contains("sudo -u '#65534'"), "{refused}");
    assert!(!bench.path("office/seeds").exists(), "nothing was written");
}

#[test]
fn a_drive_that_was_used_before_says_where_it_goes_now() {
    let (ours, theirs) = (posted(1, 20_000), posted(1, 20_000));
    let post = ours.folder("post");
    let _ = export(&ours, &post, &[]).exits(0);
    let before = fs::read_to_string(post.join("SEED.txt")).expect("there");
    let _ = export(&theirs, &post, &[]).exits(0);
    let now = fs::read_to_string(post.join("SEED.txt")).expect("there");
    assert_ne!(before, now);
    assert!(now.contains(&as_text(&seed(&theirs)["medium"])), "{now}");
    // Both lie on it, and each goes where it belongs.
    let _ = absorb(&theirs, &post).exits(0);
    let _ = absorb(&ours, &post).exits(0);
    assert_eq!((state(&ours).as_str(), state(&theirs).as_str()), ("verified", "verified"));
}

/// Of two points that are alike the older one lacks only what the newer one sends: that is a copy, and no look.
#[test]
fn a_look_sends_nothing_that_no_drive_took() {
    let Some(drive) = Drive::of_size("ext4", 24 << 20) else { return };
    let bench = posted(0, 0);
    for point in 0..8 {
        add(&bench, point, 3_000_000);
        bench.done(&["backup"]);
    }
    bench.done(&["backup"]);
    let _ = export(&bench, &drive.path(), &[]).exits(3);
    let _ = absorb(&bench, &drive.path()).exits(0);
    assert_eq!(state(&bench), "verified");
    assert_eq!(names(&bench.path("office")), names(&drive.path()));
    assert_eq!(states(&bench), vec!["pending"; 9]);
    is_as_any_other(&bench, 9);
}

/// Whatever becomes of a destination, what a seed to it keeps at home can be let go of.
#[test]
fn a_seed_to_what_was_retired_or_is_configured_no_more_keeps_nothing() {
    for is_retired in [true, false] {
        let bench = posted_with(2, 20_000, "keep = { last = 1 }");
        let _ = export(&bench, &bench.folder("post"), &[]).exits(0);
        if is_retired {
            let _ = bench.engine(&["retire", "office"]).exits(0).says("is given up");
        } else {
            bench.configure_simply("keep = { last = 1 }", &[("else", &bench.path("else"), "")]);
            bench.done(&["init"]);
            let _ = bench.engine(&["seed", "forget", "office"]).exits(0);
        }
        assert_eq!(bench.done(&["seed", "status"])["seeds"], Value::Array(Vec::new()));
        let _ = bench.engine(&["seed", "forget", "office"]).exits(1).says("none is under way");
        let _ = bench.engine(&["run", "--once"]);
        assert_eq!(bench.complete_at("home").len(), 1, "{is_retired}");
    }
}

#[test]
fn what_home_does_not_have_is_no_damage_and_goes_over_the_wire() {
    let Some(usb) = Drive::new("ext4") else { return };
    let bench = bench();
    let _ = bench.folder("data");
    bench.configure_simply("home = false", &[("usb", &usb.path(), "")]);
    bench.done(&["init"]);
    add(&bench, 1, 50_000);
    bench.done(&["run", "--once"]);
    assert_eq!(at_home(&bench), Vec::<String>::new());
    bench.configure_simply("home = false", &[("usb", &usb.path(), ""), ("office", &bench.path("office"), "")]);
    bench.done(&["init"]);
    let told = export(&bench, &bench.folder("post"), &[]).exits(3).json();
    assert_eq!((&told["drive"], &told["problems"]), (&Value::Null, &Value::Array(Vec::new())), "{told}");
    assert!(told["stuck"].to_string().contains("at other destinations only"), "{told}");
    let _ = bench.engine(&["copy"]);
    assert_eq!(states(&bench), ["complete"]);
}

/// Whoever hears that a seed has arrived may copy there at once: nothing is locked any more.
#[test]
fn who_is_told_may_go_to_work_there() {
    let bench = bench();
    let (engine, config) = (env!("CARGO_BIN_EXE_engine"), bench.text("offsite.toml"));
    let (_, told) = (bench.folder("data"), bench.text("told"));
    let after = format!(
        "after = \"[ -z $OFFSITE_EVENT ] || {{ {engine} --config {config} --no-wait copy; echo $? > {told}; }}\"\n"
    );
    bench.configure_simply(&after, &[("office", &bench.path("office"), "")]);
    bench.done(&["init"]);
    add(&bench, 1, 50_000);
    bench.done(&["backup"]);
    let post = bench.folder("post");
    let _ = export(&bench, &post, &[]).exits(0);
    let _ = absorb(&bench, &post).exits(0);
    bench.done(&["copy"]);
    assert_eq!(fs::read_to_string(&told).expect("it ran").trim(), "0");
}
