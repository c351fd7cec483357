//! Media behind a network: set back, moved, retired, taking turns, and copied to in some hours only.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::command::{Call, CopyOptions, DryRun, Exit, Silent, Wait, copy};
use engine::model::Time;
use engine::port::{Clock, SinceBoot, SystemClock, SystemEntropy};
use fixtures::bench::as_text;
use fixtures::data::noisy_files;
use fixtures::{Bench, Ran, same};

use super::behind::Behind;
use super::counted::Counted;
use super::{DAVS, FTPS, S3, SFTP, bench, configure, office_at, restores, right, seen, start};

/// One more point, with files that no other point has.
fn point(bench: &Bench, number: u64) {
    noisy_files(&bench.path(&format!("data/more {number}")), number * 1_000, 10, 100_000).unwrap();
    bench.done(&["backup"]);
}

/// The computer's clock, but for waits, which are over at once: who takes over at a server waits for a minute and more.
#[derive(Default)]
struct Hasty(Mutex<Duration>);

impl Hasty {
    fn skipped(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

impl Clock for Hasty {
    fn now(&self) -> Time {
        SystemClock.now().plus(self.skipped())
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + self.skipped()
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        let now = SystemClock.since_boot()?;
        Some(SinceBoot { elapsed: now.elapsed + self.skipped(), ..now })
    }

    fn sleep(&self, span: Duration) {
        *self.0.lock().unwrap() += span;
    }
}

/// `engine copy`, without its waits. How long were they?
fn copied_at_once(bench: &Bench) -> (Exit, Duration) {
    let clock = Arc::new(Hasty::default());
    let call = Call {
        config: Some(bench.path("offsite.toml")),
        wait: Wait::Yes,
        voice: Arc::new(Silent),
        stop: Arc::new(|| false),
        clock: Arc::clone(&clock) as _,
        entropy: Arc::new(SystemEntropy),
    };
    let options = CopyOptions { jobs: Vec::new(), destination: None, dry_run: DryRun::No };
    let (_, exit) = copy(&call, &options).unwrap();
    (exit, clock.skipped())
}

fn cp(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Its disk fails, and what comes back is its backup of last week.
#[test]
fn a_server_that_was_set_back_protects_nothing_until_it_was_looked_at_anew() {
    for kind in [SFTP, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut server) = start(kind, folder.path()) else { return };
        let bench = bench(&server, 5, &right(&server));
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        let (disk, kept) = (server.folder.join("data"), server.folder.join("kept"));
        server.kill();
        cp(&disk, &kept);
        server.again();
        point(&bench, 1);
        bench.done(&["copy"]);
        assert_eq!(bench.complete_at("office").len(), 2);
        server.kill();
        fs::remove_dir_all(&disk).unwrap();
        cp(&kept, &disk);
        server.again();

        let status = bench.done(&["status"]);
        let problems = status["destinations"][0]["problems"].to_string();
        assert!(problems.contains("older than what was last written here"), "{kind:?}: {problems}");
        assert_ne!(status["jobs"][0]["offsite"], "complete", "{status}");
        let (exit, waited) = copied_at_once(&bench);
        assert_eq!(exit, Exit::Done);
        // FORMAT 12.2: a request of whoever else was at work there may still be on its way.
        assert!(waited >= Duration::from_secs(90), "{waited:?}");
        assert_eq!(bench.complete_at("office").len(), 2);
        restores(&bench);
        let verified = bench.done(&["verify", "office"]);
        assert!(verified["places"][0]["damaged"].as_array().unwrap().is_empty(), "{verified}");
        assert_eq!(bench.done(&["status"])["jobs"][0]["offsite"], "complete");
    }
}

/// A vault of a server is known by what it is, not by its address: there is nothing to be asked.
#[test]
fn a_vault_at_another_address_is_the_same_one_and_nothing_is_sent_again() {
    for kind in [SFTP, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = start(kind, folder.path()) else { return };
        let bench = bench(&server, 5, &right(&server));
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        let medium = seen(&bench)["media"][0]["medium"].clone();
        Behind::of(&server).move_to(&Behind::called(&server, "elsewhere"));
        let problems = seen(&bench)["problems"].to_string();
        assert!(problems.contains("is not there now") && problems.contains("check its address"), "{problems}");

        let url = format!("{}/elsewhere", server.url().trim_end_matches("/vault"));
        configure(&bench, "\"office\"", &office_at(&url, &server, &right(&server)));
        let status = bench.done(&["status"]);
        let office = &status["destinations"][0];
        assert_eq!((&office["media"][0]["medium"], &office["problems"]), (&medium, &serde_json::json!([])), "{status}");
        assert_eq!(status["jobs"][0]["offsite"], "complete", "{status}");
        let enrolled = bench.done(&["enrol", "office", "--moved"]);
        assert_eq!((&enrolled["enrolled"], &enrolled["medium"]), (&"moved".into(), &medium), "{enrolled}");
        assert!(as_text(&enrolled["place"]).ends_with("/elsewhere"), "{enrolled}");
        assert_eq!(seen(&bench)["media"].as_array().unwrap().len(), 1);

        let packs = |name: &String| name.starts_with("packs/");
        let before = Behind::called(&server, "elsewhere").names().into_iter().filter(packs).count();
        bench.done(&["copy"]);
        assert_eq!(Behind::called(&server, "elsewhere").names().into_iter().filter(packs).count(), before);
        point(&bench, 1);
        bench.done(&["copy"]);
        assert_eq!(bench.complete_at("office").len(), 2);
        restores(&bench);
    }
}

#[test]
fn nothing_is_sent_to_a_server_that_was_retired_and_what_it_holds_can_be_restored() {
    for kind in [SFTP, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(far) = Counted::start(kind, folder.path()) else { return };
        let bench = bench(&far.server, 5, "");
        configure(&bench, "\"office\"", &far.office);
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        cp(&bench.path("data"), &bench.path("kept"));
        let retired = bench.done(&["retire", "office"]);
        assert_eq!(retired["retired"][0]["points"], 1, "{retired}");
        let warnings = retired["warnings"].to_string();
        assert!(
            warnings.contains("at no other place offsite") && warnings.contains("goes offsite any more"),
            "{retired}"
        );
        let _ = bench.engine(&["status"]).exits(0).says("it was retired: nothing is copied there any more");

        let before = far.sent();
        point(&bench, 1);
        let _ = bench.engine(&["copy"]);
        let _ = bench.engine(&["run", "--once"]);
        assert!(far.sent() - before < 100_000, "{} bytes were sent there", far.sent() - before);
        assert_eq!(bench.complete_at("office").len(), 1);
        let _ = bench.engine(&["enrol", "office"]).exits(1).says("was retired");
        let oldest = bench.complete_at("office").remove(0);
        let restored = bench.restored(&oldest, "office", &bench.path("data"));
        assert_eq!(same(&bench.path("kept"), &restored.path), Vec::<String>::new());
    }
}

/// Hours that begin in so many minutes and last one, in UTC.
fn hours_in(minutes: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 60;
    let text = |minute: u64| format!("{:02}:{:02}", minute % 1440 / 60, minute % 60);
    format!("{}-{}", text(now + minutes), text(now + minutes + 60))
}

#[test]
fn outside_its_hours_nothing_is_sent_to_a_server_by_itself_and_status_tells_them() {
    for kind in [SFTP, DAVS, S3] {
        let folder = tempfile::tempdir().unwrap();
        let Some(far) = Counted::start(kind, folder.path()) else { return };
        let bench = bench(&far.server, 5, "");
        let in_utc = |words: &[&str]| Ran::of(bench.command(words).env("TZ", "UTC"));
        let within = |hours: &str| configure(&bench, "\"office\"", &format!("{}window = \"{hours}\"\n", far.office));
        let later = hours_in(120);
        within(&later);
        bench.done(&["init"]);
        let before = far.sent();
        let ran = in_utc(&["--json", "run", "--once"]).exits(0).json();
        assert_eq!(ran["copies"][0]["state"], "pending", "{ran}");
        assert!(as_text(&ran["copies"][0]["reason"]).contains("in its hours only"), "{ran}");
        assert!(far.sent() - before < 100_000, "{} bytes were sent", far.sent() - before);
        let _ = in_utc(&["status"]).exits(0).says(&format!("yes, copied to {later} only"));
        let status = in_utc(&["--json", "status"]).json();
        let office = &status["destinations"][0];
        assert_eq!((&office["window"], &office["pending-points"]), (&later.as_str().into(), &1.into()), "{status}");
        assert_eq!(status["jobs"][0]["offsite"], "pending", "{status}");

        within(&hours_in(1440 - 30));
        let _ = in_utc(&["run", "--once"]).exits(0);
        assert_eq!(bench.complete_at("office").len(), 2, "they have begun");
        restores(&bench);
    }
}

/// The folder that a server serves may be another disk each week. It is enrolled as a drive is.
#[test]
fn disks_that_take_turns_in_a_server_each_get_what_they_lack() {
    for kind in [SFTP, FTPS] {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = start(kind, folder.path()) else { return };
        let bench = bench(&server, 5, "");
        let lines = format!("{}rotation = true\n", office_at(&server.url(), &server, &right(&server)));
        configure(&bench, "\"office\"", &lines);
        let swap = |out: &'static str, back: Option<&'static str>| {
            Behind::of(&server).move_to(&Behind::called(&server, out));
            if let Some(back) = back {
                Behind::called(&server, back).move_to(&Behind::of(&server));
            }
        };
        bench.done(&["init"]);
        bench.done(&["run", "--once"]);
        swap("monday", None);
        point(&bench, 1);
        let _ = bench.engine(&["copy"]).exits(3).says("engine enrol office");
        bench.done(&["enrol", "office"]);
        bench.done(&["copy"]);
        assert_eq!(newest_at(&bench), ["complete", "pending"], "{kind:?}: one for each of them");
        restores(&bench);
        swap("friday", Some("monday"));
        bench.done(&["copy"]);
        assert_eq!(newest_at(&bench), ["complete", "complete"], "{kind:?}: it caught up");
        restores(&bench);
        let status = seen(&bench);
        assert_eq!((status["media"].as_array().unwrap().len(), &status["problems"]), (2, &serde_json::json!([])));
    }
}

/// States of the newest point at the media of `office`.
fn newest_at(bench: &Bench) -> Vec<String> {
    let point = bench.points().remove(0);
    let placements = point["placements"].as_array().unwrap().iter();
    let at_office = placements.filter(|it| it["destination"] == "office");
    let mut states: Vec<String> = at_office.map(|it| as_text(&it["state"])).collect();
    states.sort();
    states
}
