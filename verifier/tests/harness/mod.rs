//! What the tests of the drill share: a vault that the real engine made, with data of every kind that a probe knows.

#![allow(dead_code, reason = "each test program uses a part")]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use fixtures::bench::engine_beside;
use fixtures::data::noise;
use fixtures::{Bench, Ran};

/// The program under test.
pub const VERIFIER: &str = env!("CARGO_BIN_EXE_verifier");

/// A bench with a job of data that the probes know, two points, and these destinations, all complete.
pub fn protected(destinations: &[&str]) -> Bench {
    let bench = Bench::new(engine_beside(Path::new(VERIFIER)));
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

/// Runs `verifier restore-drill` with these words and the bench's scratch.
pub fn drill(bench: &Bench, words: &[&str]) -> Ran {
    let scratch = bench.text("scratch");
    let words = [&["--json", "restore-drill", "--scratch", &scratch], words].concat();
    Ran::of(&mut bench.command_of(Path::new(VERIFIER), &words))
}
