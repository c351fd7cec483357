//! An installation in a temporary folder: a source, a home vault, two destinations, a clock that stands.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::command::{Call, Exit, Repair, Silent, VerifyOptions, Wait, init, run_once, verify};
use engine::doubt::Wish;
use engine::model::Time;
use engine::port::{Clock, SinceBoot, SystemEntropy};
use engine::report::VerifyReport;

/// Moves on a second with each look, and by each sleep at once.
#[derive(Default)]
pub struct StandingClock(AtomicU64);

impl Clock for StandingClock {
    fn now(&self) -> Time {
        Time::from_seconds(1_795_000_000 + i64::try_from(self.monotonic().as_secs()).expect("small"))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(10, Ordering::Relaxed))
    }

    fn since_boot(&self) -> Option<SinceBoot> {
        None
    }

    fn sleep(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).expect("small"), Ordering::Relaxed);
    }
}

/// An installation, gone with the value.
pub struct Bench {
    folder: tempfile::TempDir,
}

pub const CONFIG: &str = r#"
[home]
path = "home"
[state]
path = "state"
[key]
passphrase-file = "passphrase"
[job.documents]
source = { folders = ["source"] }
offsite = ["usb", "office"]
[destination.usb]
url = "file:usb"
[destination.office]
url = "file:office"
"#;

impl Bench {
    /// Nothing but a configuration, a passphrase and a source.
    pub fn empty() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(bench.path("source")).expect("made");
        bench.write("offsite.toml", CONFIG.as_bytes());
        bench.write("passphrase", b"correct horse\n");
        bench
    }

    /// Two points at home and at both destinations. The first file is in both, the second in the newer one only.
    pub fn made() -> Self {
        let bench = Self::empty();
        bench.write("source/first", &noise(1, 300_000));
        done(init(&bench.call()));
        done(run_once(&bench.call()));
        bench.write("source/second", &noise(2, 300_000));
        done(run_once(&bench.call()));
        bench
    }

    /// The same once more, in another folder.
    pub fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        copy_tree(self.folder.path(), folder.path());
        Self { folder }
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub fn write(&self, below: &str, bytes: &[u8]) {
        fs::write(self.path(below), bytes).expect("written");
    }

    pub fn call(&self) -> Call {
        Call {
            config: Some(self.path("offsite.toml")),
            wait: Wait::No,
            voice: Arc::new(Silent),
            stop: Arc::new(|| false),
            clock: Arc::new(StandingClock::default()),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// The same, so long after all calls of `call`.
    pub fn call_after(&self, span: Duration) -> Call {
        let began = u64::try_from(span.as_millis()).expect("small");
        Call { clock: Arc::new(StandingClock(AtomicU64::new(began))), ..self.call() }
    }

    pub fn verify(&self, repair: Repair) -> (VerifyReport, Exit) {
        let options = VerifyOptions { names: Vec::new(), repair, wish: Wish::default(), max_duration: None };
        verify(&self.call(), &options).expect("it can be verified")
    }

    pub fn catalog(&self) -> engine::catalog::Catalog {
        engine::catalog::Catalog::open(&self.path("state"), engine::catalog::OpenOptions::default()).expect("opens")
    }

    /// The packs that lie at a destination, as they would lie at home.
    pub fn copy_of_files(&self) -> Vec<PathBuf> {
        let below = |path: PathBuf| path.strip_prefix(self.path("usb")).expect("inside").to_owned();
        self.files("usb/packs").into_iter().map(|path| self.path("home").join(below(path))).collect()
    }

    /// All that is due, however it ends.
    pub fn run_once_whatever(&self) {
        run_once(&self.call()).expect("it runs");
    }

    /// All files below a folder, sorted.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        walk(&self.path(below), &mut files);
        files.sort();
        files
    }
}

/// What a command gave, which must have done all that was asked.
pub fn done<R, F: std::fmt::Debug>(outcome: Result<(R, Exit), F>) -> R {
    let (report, exit) = outcome.expect("it works");
    assert_eq!(exit, Exit::Done);
    report
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    next.take(bytes).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

pub fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let (from, to) = {
            let entry = entry.expect("an entry");
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            fs::create_dir(&to).expect("made");
            copy_tree(&from, &to);
        } else {
            fs::copy(&from, &to).expect("copied");
        }
        fs::set_permissions(&to, fs::metadata(&from).expect("there").permissions()).expect("set");
    }
}
