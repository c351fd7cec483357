//! A run with nothing changed over 100,000 files takes at most twice the time of `find` plus one key unwrap, all warm.
//!
//!     cargo build --release -p engine -p benches
//!     target/release/unchanged [FOLDER [FILES]]
//!
//! Waits until the files are older than two minutes, since younger ones are read again by rule. The folder stays, and
//! makes the next run quicker.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use benches::{Argument, Bench, make_files, median};

const RUNS: u32 = 7;
/// The rule's two minutes, and some seconds.
const SETTLED: Duration = Duration::from_secs(125);

fn main() -> Result<()> {
    let Argument { folder, number: files } = Argument::read("offsite-bench-unchanged", 100_000);
    let bench = Bench::new(&folder)?;
    make_files(&bench.source(), files)?;
    if !bench.has_vault() {
        bench.engine(&["init"])?;
    }
    settle(&bench)?;
    bench.engine(&["backup"])?;
    bench.engine(&["backup"])?;
    let (mut finds, mut unwraps, mut backups) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does falls on all of them.
    for _ in 0..RUNS {
        finds.push(find(&bench)?);
        unwraps.push(bench.unwrap_key()?);
        backups.push(bench.engine(&["backup"])?.took);
    }
    tell(files, median(finds), median(unwraps), median(backups));
    Ok(())
}

/// Waits until the newest file is old enough.
fn settle(bench: &Bench) -> Result<()> {
    let made = std::fs::metadata(bench.source())?.modified()?;
    let newest = newest_folder(&bench.source())?.max(made);
    let age = SystemTime::now().duration_since(newest).unwrap_or_default();
    if age < SETTLED {
        println!("waiting {} s for the files to be old enough", (SETTLED - age).as_secs());
        thread::sleep(SETTLED - age);
    }
    Ok(())
}

/// When the youngest folder below changed.
fn newest_folder(folder: &std::path::Path) -> Result<SystemTime> {
    let mut newest = std::fs::metadata(folder)?.modified()?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            newest = newest.max(newest_folder(&entry.path())?);
        }
    }
    Ok(newest)
}

fn find(bench: &Bench) -> Result<Duration> {
    let begun = Instant::now();
    let source = bench.source();
    // To a pipe that is read, as a shell would: `find` writes to /dev/null without formatting less.
    let found = Command::new("find").arg(source).args(["-printf", "%s %T@\n"]).stderr(Stdio::inherit()).output()?;
    ensure!(found.status.success(), "find failed");
    Ok(begun.elapsed())
}

fn tell(files: u64, find: Duration, unwrap: Duration, backup: Duration) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let ratio = (backup.saturating_sub(unwrap)).as_secs_f64() / find.as_secs_f64();
    println!("files                              {files}");
    println!("find -printf '%s %T@\\n'            {:8.1} ms", milliseconds(find));
    println!("one key unwrap                     {:8.1} ms", milliseconds(unwrap));
    println!("engine backup, nothing changed     {:8.1} ms", milliseconds(backup));
    println!("(backup - unwrap) / find           {ratio:8.2}   (claim: at most 2)");
    println!("backup / (2 find + unwrap)         {:8.2}", backup.as_secs_f64() / (find * 2 + unwrap).as_secs_f64());
}
