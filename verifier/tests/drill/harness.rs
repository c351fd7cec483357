//! What the tests of the drill share: a vault that the real engine made, with data of every kind that a probe knows.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::bench::{PASSPHRASE, engine_beside, objects, text};
use fixtures::data::noise;
use fixtures::{Bench, Ran};

/// The program under test.
pub const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// A bench with a job of data that the probes know, two points, and these destinations, all complete.
pub fn protected(destinations: &[&str]) -> Bench {
    protected_by(PASSPHRASE, destinations)
}

/// The same under another passphrase.
pub fn protected_by(passphrase: &str, destinations: &[&str]) -> Bench {
    let bench = bare();
    fs::write(bench.path("passphrase"), passphrase).expect("ours");
    let data = bench.folder("data");
    for number in 0..3 {
        fs::write(data.join(format!("noise {number}")), noise(number, 200_000)).expect("writable");
    }
    known_kinds(&data);
    let places: Vec<_> = destinations.iter().map(|name| (*name, bench.path(name))).collect();
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), "")).collect();
    bench.configure_simply("", &places);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    fs::write(data.join("noise 0"), noise(77, 300_000)).expect("writable");
    bench.done(&["run", "--once"]);
    bench
}

/// A bench with a scratch folder and no configuration.
pub fn bare() -> Bench {
    let bench = Bench::new(engine_beside(Path::new(VERIFIER)));
    let _ = bench.folder("scratch");
    bench
}

fn known_kinds(data: &Path) {
    let database = rusqlite::Connection::open(data.join("ledger.db")).expect("a database");
    database.execute_batch("CREATE TABLE entry (amount INTEGER); INSERT INTO entry VALUES (7), (9);").expect("SQL");
    drop(database);
    let text = "a line of text\n".repeat(1000);
    let mut gzip = flate2::write::GzEncoder::new(made(data, "text.gz"), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).and_then(|()| gzip.finish().map(drop)).expect("gzip");
    let packed = zstd::encode_all(text.as_bytes(), 3).expect("zstd");
    made(data, "text.zst").write_all(&packed).expect("writable");
    let mut zip = zip::ZipWriter::new(made(data, "texts.zip"));
    zip.start_file("text", zip::write::SimpleFileOptions::default()).expect("zip");
    zip.write_all(text.as_bytes()).expect("zip");
    zip.finish().expect("zip");
    let mut tar = tar::Builder::new(made(data, "texts.tar"));
    tar.append_path_with_name(data.join("text.gz"), "text.gz").and_then(|()| tar.finish()).expect("tar");
}

fn made(data: &Path, name: &str) -> File {
    File::create_new(data.join(name)).expect("makable")
}

/// All that a fire takes: the home vault, the state, the data.
pub fn burn(bench: &Bench) {
    for gone in ["vault", "state", "data"] {
        fs::remove_dir_all(bench.path(gone)).expect("ours");
    }
}

/// The manifests at a destination, oldest first.
pub fn manifests(bench: &Bench, destination: &str) -> Vec<PathBuf> {
    let all = objects(&bench.path(destination)).into_iter().map(|(path, _)| path);
    all.filter(|path| text(path).contains("/points/")).collect()
}

/// The packs at a destination, the largest first.
pub fn packs(bench: &Bench, destination: &str) -> Vec<PathBuf> {
    let mut all = objects(&bench.path(destination));
    all.retain(|(path, _)| text(path).contains("/packs/"));
    all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    all.into_iter().map(|(path, _)| path).collect()
}

/// All that stands in reports and their views, of whatever kind.
pub fn reports(bench: &Bench) -> String {
    fn read(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).expect("reports").flatten() {
            match entry.path().is_dir() {
                true => read(&entry.path(), all),
                false => *all += &String::from_utf8_lossy(&fs::read(entry.path()).expect("readable")),
            }
        }
    }
    let mut all = String::new();
    read(&bench.path("state/reports"), &mut all);
    assert!(["<html", "<testsuites", "\"report-version\""].iter().all(|part| all.contains(part)), "all three kinds");
    all
}

/// Flips one bit in the middle of a file.
pub fn flip(file: &Path) {
    let mut bytes = fs::read(file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).expect("ours");
    fs::write(file, bytes).expect("ours");
}

/// A copy with all that belongs to it.
pub fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, to]).status().expect("cp").success());
}

/// The command `verifier restore-drill` with these words and the bench's scratch, not yet begun.
pub fn drill_command(bench: &Bench, words: &[&str]) -> Command {
    let scratch = bench.text("scratch");
    let words = [&["--json", "restore-drill", "--scratch", &scratch], words].concat();
    bench.command_of(Path::new(VERIFIER), &words)
}

/// Runs `verifier restore-drill` with these words and the bench's scratch.
pub fn drill(bench: &Bench, words: &[&str]) -> Ran {
    Ran::of(&mut drill_command(bench, words))
}
