//! Clocks that jump, alarms, deadlines: the commands under a clock that the test sets, over a real installation.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::capture::Reading;
use engine::command::{
    BackupOptions, Call, CopyOptions, DryRun, Exit, ForgetOptions, Silent, Wait, backup, clear_alarm, copy, forget,
    init, rebuild, status,
};
use engine::model::Time;
use engine::port::{Clock, SinceBoot, SystemEntropy};
use engine::report::{BackupPoint, JobStatus};
use fixtures::data::noise;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A wall clock and a boot that the test sets.
#[derive(Clone)]
struct Hands {
    wall: Time,
    boot: u32,
    elapsed: Duration,
}

struct Steered(Mutex<Hands>);

impl Steered {
    fn set(&self, change: impl FnOnce(&mut Hands)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn hands(&self) -> Hands {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Time passes.
    fn pass(&self, span: Duration) {
        self.set(|hands| (hands.wall, hands.elapsed) = (hands.wall.plus(span), hands.elapsed + span));
    }
}

impl Clock for Steered {
    fn now(&self) -> Time {
        self.pass(Duration::from_millis(1));
        self.hands().wall
    }

    fn monotonic(&self) -> Duration {
        self.hands().elapsed
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        let hands = self.hands();
        Some(SinceBoot { boot: format!("boot {}", hands.boot), elapsed: hands.elapsed })
    }

    fn sleep(&self, span: Duration) {
        self.pass(span);
    }
}

struct Bench {
    folder: tempfile::TempDir,
    /// On another file system than the rest.
    usb: tempfile::TempDir,
    clock: Arc<Steered>,
}

impl Bench {
    /// A job `docs` with a destination on another file system and one on the same; initialised.
    fn new(job: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let usb = tempfile::tempdir_in("/dev/shm").expect("a file system in memory");
        let wall = Time::from_seconds(1_795_000_000);
        let clock = Steered(Mutex::new(Hands { wall, boot: 1, elapsed: HOUR }));
        let bench = Self { folder, usb, clock: Arc::new(clock) };
        let config = format!(
            "[home]\npath = \"home\"\n[state]\npath = \"state\"\n[key]\npassphrase-file = \"passphrase\"\n\
             [job.docs]\nsource = {{ folders = [\"source\"] }}\noffsite = [\"usb\", \"near\"]\n{job}\n\
             [destination.usb]\nurl = \"file://{}/vault\"\n[destination.near]\nurl = \"file:near\"\n",
            bench.usb.path().display(),
        );
        fs::create_dir(bench.path("source")).expect("made");
        fs::write(bench.path("offsite.toml"), config).expect("written");
        fs::write(bench.path("passphrase"), "correct horse\n").expect("written");
        init(&bench.call()).expect("initialised");
        bench
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn call(&self) -> Call {
        Call {
            config: Some(self.path("offsite.toml")),
            wait: Wait::No,
            voice: Arc::new(Silent),
            stop: Arc::new(|| false),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// So many small files that compress.
    fn files(&self, count: u32) {
        for at in 0..count {
            fs::write(self.path(&format!("source/{at}")), format!("file {at}\n").repeat(200)).expect("written");
        }
    }

    fn backup(&self) -> (BackupPoint, Exit) {
        let options = BackupOptions { jobs: Vec::new(), reading: Reading::Changed, dry_run: DryRun::No };
        let (report, exit) = backup(&self.call(), &options).expect("a point");
        (report.points.into_iter().next().expect("one job"), exit)
    }

    fn copy(&self) {
        let options = CopyOptions { jobs: Vec::new(), destination: None, dry_run: DryRun::No };
        copy(&self.call(), &options).expect("copied");
    }

    /// How many points `keep` removes.
    fn forgotten(&self) -> usize {
        let options = ForgetOptions { jobs: Vec::new(), point: None, dry_run: DryRun::No };
        forget(&self.call(), &options).expect("applied").0.removed.len()
    }

    fn clear(&self) -> Option<String> {
        clear_alarm(&self.call(), &"docs".parse().expect("a name")).expect("cleared").0.cleared
    }

    fn status(&self) -> JobStatus {
        status(&self.call()).expect("told").0.jobs.remove(0)
    }

    /// All problems of the job in one text.
    fn troubles(&self) -> String {
        self.status().problems.iter().map(|it| it.problem.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// All problems of a destination in one text.
    fn troubles_at(&self, name: &str) -> String {
        let places = status(&self.call()).expect("told").0.destinations;
        let its = places.iter().filter(|place| place.destination.as_str() == name).flat_map(|place| &place.problems);
        its.map(|it| it.problem.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// As after a fire: what is known comes from the drive alone.
    fn rebuild_from_usb(&self) {
        for gone in ["state", "home", "near"] {
            fs::remove_dir_all(self.path(gone)).expect("there");
        }
        rebuild(&self.call(), Some("usb".parse().expect("a name"))).expect("rebuilt");
    }
}

fn problems(point: &BackupPoint) -> String {
    point.problems.iter().map(|it| it.problem.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_clock_set_forward_stops_retention_until_a_person_confirms() {
    let bench = Bench::new("keep = { last = 1 }");
    bench.files(3);
    assert_eq!(bench.backup().1, Exit::Done);
    bench.copy();
    bench.clock.set(|hands| hands.wall = hands.wall.plus(400 * DAY));
    let (point, exit) = bench.backup();
    assert_eq!(exit, Exit::Partial);
    assert!(problems(&point).contains("it was set forward"), "{}", problems(&point));
    bench.copy();
    assert_eq!(bench.forgotten(), 0, "a job on hold loses nothing");
    assert!(bench.troubles().contains("it was set forward"), "{}", bench.troubles());
    assert!(bench.clear().is_some_and(|why| why.contains("it was set forward")));
    assert!(bench.forgotten() > 0, "confirmed, `keep` counts again");
    let (point, exit) = bench.backup();
    assert_eq!((problems(&point).as_str(), exit), ("", Exit::Done), "it is told once");
}

#[test]
fn a_clock_behind_the_last_point_is_a_jump_whatever_boot_it_is_and_points_keep_their_order() {
    let bench = Bench::new("keep = { last = 1 }");
    bench.files(3);
    let first = bench.backup().0;
    bench.clock.set(|hands| (hands.wall, hands.boot, hands.elapsed) = (hands.wall.minus(3 * DAY), 2, HOUR));
    let (second, exit) = bench.backup();
    assert!(exit == Exit::Partial && problems(&second).contains("it was set back"), "{}", problems(&second));
    assert!(second.created >= first.created);
    bench.clear();
    for _ in 0..2 {
        let (next, exit) = bench.backup();
        assert_eq!((exit, problems(&next)), (Exit::Done, String::new()), "what was confirmed is no jump again");
    }
}

#[test]
fn points_dated_ahead_are_trouble_until_they_are_removed() {
    let bench = Bench::new("expect = \"26h\"");
    bench.files(3);
    bench.backup();
    bench.copy();
    bench.clock.set(|hands| hands.wall = hands.wall.plus(400 * DAY));
    let wrong = bench.backup().0;
    bench.copy();
    bench.clock.set(|hands| hands.wall = hands.wall.minus(400 * DAY));
    assert_eq!(bench.backup().0.created, wrong.created, "never earlier than the point before");
    assert!(bench.troubles().contains("which is not yet"), "{}", bench.troubles());
    for _ in 0..2 {
        let point = Some("docs".to_owned());
        forget(&bench.call(), &ForgetOptions { jobs: Vec::new(), point, dry_run: DryRun::No }).expect("removed");
    }
    bench.clear();
    let well = bench.backup().0;
    assert!(well.created < wrong.created && problems(&well).is_empty(), "{}", problems(&well));
    assert!(!bench.troubles().contains("which is not yet"), "{}", bench.troubles());
}

#[test]
fn a_computer_that_slept_or_was_off_for_a_month_did_not_jump() {
    let bench = Bench::new("");
    bench.files(3);
    bench.backup();
    bench.clock.pass(30 * DAY);
    assert_eq!(bench.backup().1, Exit::Done, "it slept");
    bench.clock.set(|hands| (hands.wall, hands.boot, hands.elapsed) = (hands.wall.plus(30 * DAY), 2, HOUR));
    assert_eq!(bench.backup().1, Exit::Done, "it was off");
}

#[test]
fn a_hold_by_the_clock_is_at_the_drives_at_once_and_survives_a_rebuild() {
    let bench = Bench::new("");
    bench.files(3);
    bench.backup();
    bench.copy();
    bench.clock.set(|hands| hands.wall = hands.wall.plus(9 * DAY));
    bench.backup();
    bench.rebuild_from_usb();
    assert!(bench.troubles().contains("it was set forward"), "{}", bench.troubles());
    assert!(bench.clear().is_some_and(|why| why.contains("it was set forward")));
}

#[test]
fn an_alarm_is_at_the_drives_at_once_and_survives_a_rebuild() {
    let bench = Bench::new("");
    bench.files(120);
    bench.backup();
    bench.copy();
    (0..70).for_each(|at| fs::remove_file(bench.path(&format!("source/{at}"))).expect("there"));
    let (point, exit) = bench.backup();
    assert!(exit == Exit::Partial && problems(&point).contains("70 of 120 files are gone"), "{}", problems(&point));
    bench.rebuild_from_usb();
    assert!(bench.troubles().contains("70 of 120 files are gone"), "{}", bench.troubles());
}

#[test]
fn while_an_alarm_stands_points_are_compared_with_the_last_one_from_before_it() {
    let bench = Bench::new("keep = { last = 1 }");
    bench.files(120);
    bench.backup();
    (0..70).for_each(|at| fs::remove_file(bench.path(&format!("source/{at}"))).expect("there"));
    bench.backup();
    let (still, _) = bench.backup();
    assert!(problems(&still).contains("120 files became 50"), "{}", problems(&still));
    assert_eq!(bench.forgotten(), 0);
    bench.clear();
    let (well, exit) = bench.backup();
    assert_eq!((problems(&well), exit), (String::new(), Exit::Done), "what was confirmed is the measure from then on");
    assert_eq!(bench.status().problems.iter().filter(|it| it.problem.starts_with("alarm")).count(), 0);
}

#[test]
fn files_renamed_or_rewritten_by_the_hundred_are_an_alarm() {
    let bench = Bench::new("");
    bench.files(120);
    bench.backup();
    bench.clock.pass(HOUR);
    for at in 0..61 {
        fs::write(bench.path(&format!("source/{at}")), noise(at, 2000)).expect("written");
    }
    let (rewritten, _) = bench.backup();
    assert!(problems(&rewritten).contains("61 of 120 files no longer compress"), "{}", problems(&rewritten));
    let alarms = || bench.status().problems.iter().filter(|it| it.problem.contains("alarm")).count();
    assert_eq!(alarms(), 1, "told once");
    bench.clear();
    assert_eq!(alarms(), 0, "told as long as it is raised: {:?}", bench.status().problems);
    for at in 0..120 {
        fs::rename(bench.path(&format!("source/{at}")), bench.path(&format!("source/{at}.locked"))).expect("there");
    }
    let (renamed, _) = bench.backup();
    assert!(problems(&renamed).contains("120 of 120 files are gone"), "{}", problems(&renamed));
}

const LATE: &str = "its deadline has passed";

#[test]
fn a_job_past_its_deadline_is_in_trouble_until_a_newer_copy_is_verified_offsite() {
    let bench = Bench::new("expect = \"26h\"");
    bench.files(3);
    bench.backup();
    bench.copy();
    bench.clock.pass(25 * HOUR);
    assert!(!bench.troubles().contains(LATE), "{}", bench.troubles());
    bench.clock.pass(2 * HOUR);
    assert!(bench.troubles().contains("its deadline has passed: no newer verified offsite copy since"));
    bench.backup();
    assert!(bench.troubles().contains(LATE), "a point at home alone is no copy");
    bench.copy();
    assert!(!bench.troubles().contains(LATE), "{}", bench.troubles());
}

#[test]
fn a_copy_on_the_same_disk_never_meets_a_deadline() {
    let bench = Bench::new("expect = \"26h\"");
    bench.files(3);
    bench.backup();
    let only = Some("near".parse().expect("a name"));
    copy(&bench.call(), &CopyOptions { jobs: Vec::new(), destination: only, dry_run: DryRun::No }).expect("copied");
    bench.clock.pass(25 * HOUR);
    assert!(!bench.troubles().contains(LATE), "{}", bench.troubles());
    bench.clock.pass(2 * HOUR);
    assert!(bench.troubles().contains("no verified offsite copy at all since"), "{}", bench.troubles());
}

#[test]
fn a_job_that_never_had_a_point_is_in_trouble_after_its_first_deadline() {
    let bench = Bench::new("expect = \"26h\"");
    assert!(!bench.troubles().contains(LATE), "{}", bench.troubles());
    bench.clock.pass(27 * HOUR);
    assert!(bench.troubles().contains("no verified offsite copy at all since"), "{}", bench.troubles());
}

#[test]
fn a_place_that_was_not_there_for_a_month_is_told_of_until_it_is_back() {
    for turns in ["", "rotation = true\n"] {
        let bench = Bench::new("");
        let config = fs::read_to_string(bench.path("offsite.toml")).expect("ours");
        let turned = config.replace("[destination.near]", &format!("{turns}[destination.near]"));
        fs::write(bench.path("offsite.toml"), turned).expect("ours");
        bench.files(3);
        bench.backup();
        bench.copy();
        let (vault, away) = (bench.usb.path().join("vault"), bench.usb.path().join("away"));
        fs::rename(&vault, &away).expect("ours");
        bench.clock.pass(29 * DAY);
        assert!(!bench.troubles_at("usb").contains("was not there for"), "{}", bench.troubles_at("usb"));
        bench.clock.pass(11 * DAY);
        let told = bench.troubles_at("usb");
        assert!(told.contains("was not there for 40 days, since 2026-11-"), "{told}");
        fs::rename(&away, &vault).expect("ours");
        assert!(!bench.troubles_at("usb").contains("was not there for"), "{}", bench.troubles_at("usb"));
    }
}
