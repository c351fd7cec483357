//! `engine run` as users have it: a process that is left alone, drives that come, and a signal that ends it.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const ENGINE: &str = env!("CARGO_BIN_EXE_engine");
/// On a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// An installation in a folder of its own, with destinations `near` and `usb`.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: usize, more: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["source", "near", "usb"] {
            std::fs::create_dir(place.path(folder)).expect("made");
        }
        for number in 0..files {
            place.write(&format!("source/{number}"), &noise(number, 512 << 10));
        }
        place.write("passphrase", b"correct horse battery staple");
        std::fs::set_permissions(place.path("passphrase"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("set");
        let at = |name: &str| place.path(name).display().to_string();
        let config = format!(
            "[home]\npath = \"home\"\n[state]\npath = \"state\"\n[key]\npassphrase-file = \"passphrase\"\n\
             [job.docs]\nsource = {{ folders = [\"{}\"] }}\nschedule = \"monthly 1 03:00\"\noffsite = [\"near\", \"usb\"]\n\
             [destination.near]\nurl = \"file://{}\"\n[destination.usb]\nurl = \"file://{}\"\n{more}",
            at("source"),
            at("near/vault"),
            at("usb/vault"),
        );
        place.write("offsite.toml", config.as_bytes());
        assert!(place.engine(&["init"]).status.success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("written");
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(ENGINE);
        command.arg("--config").arg(self.path("offsite.toml")).args(words).stdin(Stdio::null());
        command
    }

    fn engine(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("it runs")
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        let output = self.engine(&[&["--json"], words].concat());
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    /// The state of the newest point at a destination.
    fn state(&self, destination: &str) -> String {
        let points = self.json(&["points"]);
        let placements = points["points"][0]["placements"].as_array().cloned().unwrap_or_default();
        let of = placements.iter().find(|it| it["destination"] == destination);
        of.and_then(|it| it["state"].as_str()).unwrap_or("none").to_owned()
    }
}

/// Bytes that do not compress.
fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..bytes / 8).flat_map(|_| next()).collect()
}

/// A service, and what it tells.
struct Service {
    child: Child,
    lines: Receiver<String>,
    told: Vec<String>,
}

impl Service {
    fn start(place: &Place) -> Self {
        let mut child = place.command(&["run"]).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = child.stderr.take().expect("piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut service = Self { child, lines, told: Vec::new() };
        service.wait_for("the service runs");
        service
    }

    /// Waits for a line with these words; gives how long that took.
    fn wait_for(&mut self, words: &str) -> Duration {
        let start = Instant::now();
        if let Some(at) = self.told.iter().position(|line| line.contains(words)) {
            self.told.drain(..=at);
            return Duration::ZERO;
        }
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(line) if line.contains(words) => return start.elapsed(),
                Ok(line) => self.told.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("it never said {words:?}; it said {:#?}", self.told)
                }
            }
        }
    }

    /// SIGTERM; gives the exit code and how long it took.
    fn stop(&mut self) -> (Option<i32>, Duration) {
        let start = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("it runs").success());
        let status = self.child.wait().expect("it ends");
        (status.code(), start.elapsed())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Ended already where the test got so far.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mount(words: &[&str]) -> bool {
    Command::new("mount").args(words).status().is_ok_and(|status| status.success())
}

/// A mount that is gone with its value.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_folder_that_appears_is_copied_to_by_itself() {
    let place = Place::new(4, "");
    std::fs::rename(place.path("usb"), place.path("away")).expect("unplugged");
    let mut service = Service::start(&place);
    service.wait_for("docs: point");
    service.wait_for("near: point");
    assert_eq!((place.state("near"), place.state("usb")), ("complete".into(), "pending".into()));
    let status = place.json(&["status"]);
    let usb = &status["destinations"][1];
    assert_eq!((usb["available"].as_bool(), usb["pending-points"].as_u64()), (Some(false), Some(1)), "{status:#}");
    assert!(usb["reason"].as_str().expect("why").contains("not there"));
    assert_eq!(status["jobs"][0]["offsite"], "pending");
    std::fs::rename(place.path("away"), place.path("usb")).expect("plugged in");
    service.wait_for("usb is there");
    service.wait_for("usb: point");
    assert_eq!(place.state("usb"), "complete");
    assert_eq!(place.json(&["status"])["jobs"][0]["offsite"], "complete");
    assert_eq!(service.stop().0, Some(0));
}

#[test]
fn a_drive_is_noticed_within_two_seconds_of_its_mount() {
    let place = Place::new(1, "");
    std::fs::rename(place.path("usb"), place.path("drive")).expect("moved");
    std::fs::create_dir(place.path("usb")).expect("an empty mount point");
    let text = |path: PathBuf| path.display().to_string();
    let mut service = Service::start(&place);
    service.wait_for("near: point");
    if !mount(&["--bind", &text(place.path("drive")), &text(place.path("usb"))]) {
        eprintln!("SKIPPED: only root may mount");
        return;
    }
    let _mounted = Mounted(place.path("usb"));
    let noticed = service.wait_for("usb is there");
    assert!(noticed < Duration::from_secs(2), "after {noticed:?}");
    service.wait_for("usb: point");
    assert!(!place.path("usb/vault").join("VAULT").metadata().expect("there").is_dir());
    assert_eq!(place.state("usb"), "complete");
}

#[test]
fn a_stop_in_the_middle_of_a_copy_takes_less_than_five_seconds_and_the_copy_goes_on_later() {
    let place = Place::new(40, "rate = \"1 MiB/s\"\n");
    let mut service = Service::start(&place);
    service.wait_for("near: point");
    let deadline = Instant::now() + PATIENCE;
    while place.state("usb") != "copying" {
        assert!(Instant::now() < deadline, "it never began");
    }
    let (code, took) = service.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let config = std::fs::read_to_string(place.path("offsite.toml")).expect("there");
    place.write("offsite.toml", config.replace("rate = \"1 MiB/s\"\n", "").as_bytes());
    let mut again = Service::start(&place);
    again.wait_for("usb: point");
    assert_eq!(place.state("usb"), "complete");
    assert_eq!(again.stop().0, Some(0));
}

#[test]
fn commands_work_while_it_runs_and_a_second_one_is_refused() {
    let place = Place::new(2, "");
    let mut service = Service::start(&place);
    service.wait_for("usb: point");
    let second = place.engine(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    let why = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(why.contains(&service.child.id().to_string()), "{why}");
    place.write("source/new", b"something new");
    let made = place.json(&["backup", "docs"]);
    let id = made["points"][0]["id"].as_str().expect("a point").to_owned();
    assert_eq!(place.json(&["points"])["points"][0]["id"], *id);
    service.wait_for(&format!("usb: point {id}"));
    let pinned = place.json(&["pin", "docs"]);
    assert_eq!((&pinned["point"], pinned["changed"].as_bool()), (&id.clone().into(), Some(true)));
    assert_eq!(place.engine(&["forget", "--point", &id]).status.code(), Some(1), "it is pinned");
    assert!(place.engine(&["unpin", "docs"]).status.success());
    let forgotten = place.json(&["forget", "--point", &id]);
    let from: Vec<_> = forgotten["removed"].as_array().expect("a list").iter().map(|it| &it["destination"]).collect();
    assert_eq!(from.len(), 3, "{forgotten:#}");
    assert!(!manifests(&place.path("usb/vault")).iter().any(|name| name.contains(&id)));
    assert_eq!(service.stop().0, Some(0));
}

#[test]
fn a_point_that_was_removed_by_hand_does_not_come_back() {
    let place = Place::new(1, "");
    std::fs::rename(place.path("usb"), place.path("away")).expect("unplugged");
    assert_eq!(place.engine(&["run", "--once"]).status.code(), Some(3), "usb is away");
    let gone = place.json(&["points"])["points"][0]["id"].as_str().expect("a point").to_owned();
    place.write("source/new", b"something new");
    assert!(place.engine(&["backup"]).status.success());
    let forgotten = place.json(&["forget", "--point", &gone]);
    assert_eq!(forgotten["removed"].as_array().map(Vec::len), Some(2), "{forgotten:#}");
    std::fs::rename(place.path("away"), place.path("usb")).expect("plugged in");
    assert!(place.engine(&["copy"]).status.success());
    let there = manifests(&place.path("usb/vault"));
    assert!(there.len() == 1 && !there[0].contains(&gone), "{there:?}");
}

#[test]
fn a_point_that_was_removed_by_hand_while_its_drive_was_away_goes_when_the_drive_is_back() {
    let place = Place::new(1, "");
    assert_eq!(place.engine(&["run", "--once"]).status.code(), Some(0));
    let gone = place.json(&["points"])["points"][0]["id"].as_str().expect("a point").to_owned();
    place.write("source/new", b"something new");
    assert_eq!(place.engine(&["backup"]).status.code(), Some(0));
    assert_eq!(place.engine(&["copy"]).status.code(), Some(0));
    let mut service = Service::start(&place);
    service.wait_for("usb is there");
    std::fs::rename(place.path("usb"), place.path("away")).expect("unplugged");
    assert_eq!(place.engine(&["forget", "--point", &gone]).status.code(), Some(3), "usb is away");
    service.wait_for("usb is not there any more");
    let explained = String::from_utf8(place.engine(&["explain", &gone]).stdout).expect("text");
    assert!(explained.contains("it still lies at usb") && !explained.contains("removed everywhere"), "{explained}");
    assert_ne!(place.json(&["points"])["points"][0]["id"], gone.as_str(), "its newest point is another");
    std::fs::rename(place.path("away"), place.path("usb")).expect("plugged in");
    service.wait_for(&format!("usb: point {gone} was removed"));
    assert_eq!(service.stop().0, Some(0));
    assert!(!manifests(&place.path("usb/vault")).iter().any(|name| name.contains(&gone)));
    let explained = String::from_utf8(place.engine(&["explain", &gone]).stdout).expect("text");
    assert!(explained.contains("removed everywhere"), "{explained}");
}

#[test]
fn nothing_is_owed_to_what_was_retired() {
    let place = Place::new(1, "");
    std::fs::rename(place.path("usb"), place.path("away")).expect("unplugged");
    assert_eq!(place.engine(&["run", "--once"]).status.code(), Some(3));
    let retired = place.json(&["retire", "usb"]);
    assert_eq!(retired["retired"][0]["no-longer-owed"], 1, "{retired:#}");
    assert_eq!(place.engine(&["copy"]).status.code(), Some(0), "nothing waits any more");
    assert_eq!(place.json(&["retire", "usb"])["retired"].as_array().map(Vec::len), Some(0), "repeating is safe");
}

/// The names of all manifests in a vault.
fn manifests(vault: &Path) -> Vec<String> {
    let jobs = std::fs::read_dir(vault.join("points")).expect("there").map(|job| job.expect("read").path());
    let names = jobs.flat_map(|job| std::fs::read_dir(job).expect("there"));
    names.map(|name| name.expect("read").file_name().to_string_lossy().into_owned()).collect()
}

/// A small ext4 drive in a file, mounted; none where that is not allowed.
fn drive(place: &Place, at: &Path) -> Option<Mounted> {
    let image = place.path("image");
    std::fs::File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("made");
    let run = |words: &[&std::ffi::OsStr]| {
        Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
    };
    let made = run(&["mkfs.ext4".as_ref(), "-q".as_ref(), image.as_os_str()])
        && run(&["mount".as_ref(), "-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()]);
    made.then(|| Mounted(at.to_owned()))
}

/// A file system that holds every write until the value is gone.
struct Frozen(PathBuf);

impl Frozen {
    fn new(at: &Path) -> Self {
        assert!(Command::new("fsfreeze").arg("--freeze").arg(at).status().expect("it runs").success());
        Self(at.to_owned())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(&self.0).status();
    }
}

#[test]
fn a_drive_that_blocks_holds_up_no_other_and_is_served_when_it_answers() {
    let place = Place::new(1, "");
    let Some(_mounted) = drive(&place, &place.path("usb")) else {
        eprintln!("SKIPPED: only root may mount");
        return;
    };
    // The vault that `init` made lies below the mount now; the drive gets one of its own.
    assert!(place.engine(&["enrol", "usb"]).status.success());
    let mut service = Service::start(&place);
    service.wait_for("usb: point");
    let frozen = Frozen::new(&place.path("usb"));
    place.write("source/new", b"something new");
    let id = place.json(&["backup"])["points"][0]["id"].as_str().expect("a point").to_owned();
    service.wait_for(&format!("near: point {id}"));
    let start = Instant::now();
    let status = place.json(&["status"]);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(status["jobs"][0]["offsite"], "pending", "{status:#}");
    drop(frozen);
    service.wait_for(&format!("usb: point {id}"));
    assert_eq!(service.stop().0, Some(0));
}
