//! Makes a golden vault as a user does: a configuration, `init`, and two backups with a copy to one destination.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::command::{Call, Exit, Silent, Wait, init, run_once};
use engine::model::Time;
use engine::port::{Clock, SinceBoot, SystemEntropy};

const CONFIG: &str = r#"
[home]
path = "home"
[state]
path = "state"
[key]
passphrase-file = "passphrase"
[job.documents]
source = { folders = ["source"] }
offsite = ["usb"]
[job.second]
source = { folders = ["second"] }
offsite = ["usb"]
[destination.usb]
url = "file:usb"
"#;

/// What was written into a golden vault stays as it is: its clock stands at that release's day.
#[derive(Default)]
struct Standing(AtomicU64);

impl Clock for Standing {
    fn now(&self) -> Time {
        Time::from_seconds(1_795_300_000 + i64::try_from(self.monotonic().as_secs()).expect("small"))
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

/// Writes `vault/`, `passphrase` and `sheet.txt` into `folder`.
pub fn make(folder: &Path) {
    let held = tempfile::tempdir().expect("a temporary folder");
    let at = |below: &str| held.path().join(below);
    let write = |below: &str, bytes: &[u8]| fs::write(at(below), bytes).expect("written");
    write("offsite.toml", CONFIG.as_bytes());
    write("passphrase", "correct horse, caf\u{e9}\n".as_bytes());
    sources(held.path());
    let call = Call {
        config: Some(at("offsite.toml")),
        wait: Wait::No,
        voice: Arc::new(Silent),
        stop: Arc::new(|| false),
        clock: Arc::new(Standing::default()),
        entropy: Arc::new(SystemEntropy),
    };
    let (prepared, _) = init(&call).expect("it is prepared");
    backup(&call);
    write("source/added later", b"in the second point only");
    write("source/contents/text", "another line again\n".repeat(40_000).as_bytes());
    fs::remove_file(at("source/contents/one byte")).expect("removed");
    backup(&call);
    let sheet = PathBuf::from(prepared.recovery_sheet.expect("a sheet was written"));
    fs::create_dir_all(folder).expect("made");
    copy_tree(&at("usb"), &folder.join("vault"));
    fs::copy(at("passphrase"), folder.join("passphrase")).expect("copied");
    fs::write(folder.join("sheet.txt"), sheet_line(&fs::read_to_string(sheet).expect("the sheet"))).expect("written");
}

fn backup(call: &Call) {
    let (_, exit) = run_once(call).expect("it runs");
    assert_eq!(exit, Exit::Done);
}

/// Every odd kind there is, but small; and a second job with many large entries, so that its stream has several chunks.
fn sources(below: &Path) {
    let skipped = fixtures::odd(&below.join("source")).expect("an odd tree");
    assert_eq!(skipped, Vec::<String>::new(), "made with root's rights, on a file system that has all of it");
    let contents = below.join("source/contents");
    fs::remove_file(contents.join("hole first")).expect("removed");
    fs::remove_file(contents.join("all hole")).expect("removed");
    fs::write(contents.join("noise"), &fs::read(contents.join("noise")).expect("there")[..150_000]).expect("cut");
    for folder in 0..20 {
        let folder = below.join(format!("second/folder {folder:02}"));
        fs::create_dir_all(&folder).expect("made");
        for file in 0..30 {
            let path = folder.join(format!("file {file:02}"));
            fs::write(&path, b"").expect("written");
            let note = format!("{}", path.display()).repeat(10);
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&path, "user.note", note.as_bytes(), flags).expect("attributes");
        }
    }
}

/// The line of the sheet that holds its letters.
fn sheet_line(text: &str) -> String {
    let is_secret = |line: &&str| engine::seal::sheet_text_parse(line).is_ok();
    text.lines().map(str::trim).find(is_secret).expect("a line with the letters").to_owned() + "\n"
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed").map(|entry| entry.expect("listed")) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_tree(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}
