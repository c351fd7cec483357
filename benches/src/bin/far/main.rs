//! Servers that are 50 ms away (there and back) without a bound on bandwidth: our stores beside the tools that people use,
//! each with its best settings, in one run on the same server behind the same line.
//!
//!     cargo build --release -p engine -p benches
//!     target/release/far [sftp|ftp|ftps|webdav|s3|all] [MEBIBYTES] [xROUNDS]     as root: the servers' scripts make users
//!
//! Ours is what `engine copy` sends with: as many objects at once as the store says, each with its temporary name, looked at
//! and renamed. Each row begins with its login. In each round all take their turn; the best of each counts, since what else
//! the machine does only ever makes slower. Claim: at least 90 % of the best tool.
//! Last comes `engine restore` of 200 files of 20 KB and one of 64 MiB, over the line and over none.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

mod ftp;
mod line;
mod ours;
mod restore;
mod s3;
mod sftp;
mod table;
mod tools;
mod webdav;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fixtures::data::noisy_files;

use self::line::Line;
use self::table::Row;

/// Each way.
const ONE_WAY: Duration = Duration::from_millis(25);
/// As large as packs are.
const OBJECT_BYTES: usize = 64 << 20;
/// More would find no port for data with FTP, where a used one rests for a minute.
const SMALL: usize = 400;
const SMALL_BYTES: usize = 4 << 10;

const ALL: [&str; 5] = ["sftp", "ftp", "ftps", "webdav", "s3"];

/// What is sent.
pub struct Load {
    large: PathBuf,
    one: PathBuf,
    small: PathBuf,
    objects: usize,
    rounds: usize,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mut schemes, mut mebibytes, mut rounds) = (Vec::new(), 512, 3);
    for word in &words {
        match (word.as_str(), word.parse::<usize>()) {
            ("all", _) => schemes.extend(ALL),
            (_, Ok(number)) => mebibytes = number,
            (times, _) if times.starts_with('x') => rounds = times[1..].parse()?,
            (scheme, _) => schemes.extend(ALL.into_iter().filter(|known| *known == scheme)),
        }
    }
    if schemes.is_empty() {
        schemes.extend(ALL);
    }
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let objects = (mebibytes << 20) / OBJECT_BYTES;
    let [large, one, small] = ["large", "one", "small"].map(|name| folder.path().join(name));
    let load = Load { large, one, small, objects, rounds };
    noisy_files(&load.one, 1, 1, OBJECT_BYTES)?;
    noisy_files(&load.large, 1, objects as u64, OBJECT_BYTES)?;
    noisy_files(&load.small, 1, SMALL as u64, SMALL_BYTES)?;
    println!("{mebibytes} MiB in {objects} objects, and {SMALL} of {} KiB, over 50 ms", SMALL_BYTES >> 10);
    for scheme in schemes {
        compare(scheme, &folder.path().join(scheme), &load).with_context(|| scheme.to_owned())?;
        // Disks of benchmarks are small.
        fs::remove_dir_all(folder.path().join(scheme))?;
    }
    Ok(())
}

fn open(scheme: &str, folder: &Path) -> Result<Line> {
    match scheme {
        "sftp" => sftp::line(folder),
        "ftp" => ftp::line(folder, ftp::Sealed::Not),
        "ftps" => ftp::line(folder, ftp::Sealed::Tls),
        "webdav" => webdav::line(folder),
        "s3" => s3::line(folder),
        other => bail!("no such protocol: {other}"),
    }
}

/// Nobody pays for what the one before left to be written.
fn settled() -> Result<()> {
    Command::new("sync").status()?;
    Ok(())
}

fn compare(scheme: &str, folder: &Path, load: &Load) -> Result<()> {
    let line = open(scheme, folder)?;
    // A server that was just started makes its first callers wait, whoever they are.
    for tool in &line.tools {
        tools::warm_up(tool, load)?;
    }
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..load.rounds {
        settled()?;
        let mut turns = vec![ours::row(&line, load, round)?];
        for tool in &line.tools {
            settled()?;
            turns.push(tools::row(tool, load, round, &folder.join("back")));
        }
        turns.iter().for_each(|row| row.came(scheme));
        rows = if rows.is_empty() { turns } else { rows.into_iter().zip(turns).map(|(a, b)| a.best(b)).collect() };
    }
    table::print(scheme, (load.objects * OBJECT_BYTES) >> 20, &rows);
    restore::print(&line)
}
