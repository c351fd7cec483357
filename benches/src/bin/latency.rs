//! What clients of a database notice of a backup: latency of their transactions with and without one, in turn.
//!
//!     cargo build --release -p engine -p benches
//!     target/release/latency [SECONDS [SCALE]]        (root: the server runs as a user of its own)
//!
//! PostgreSQL with pgbench's data, four clients, 100 transactions a second in all; the time that a transaction had to
//! wait for its turn is part of its latency. While "with" is measured, one backup follows the other.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use fixtures::{Bench, Server};

const ROUNDS: u32 = 5;
const CLIENTS: u32 = 4;
const RATE: u32 = 100;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u32>());
    let seconds = numbers.next().transpose()?.unwrap_or(20);
    let scale = numbers.next().transpose()?.unwrap_or(10);
    let folder = tempfile::tempdir()?;
    let sized = format!("scale={scale}");
    let server = Server::start_as("postgres", &[&sized], folder.path()).context("it needs root")?;
    let engine = std::env::current_exe()?.with_file_name("engine");
    ensure!(engine.exists(), "build the engine beside this program first");
    let bench = protecting(engine, &server)?;
    bench.done(&["backup"]);
    let (mut without, mut with, mut backups) = (Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        without.extend(transactions(&server, folder.path(), &format!("without-{round}"), seconds)?);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let made = scope.spawn(|| {
                let mut made = 0;
                while !over.load(Ordering::Relaxed) {
                    bench.done(&["backup"]);
                    made += 1;
                }
                made
            });
            let measured = transactions(&server, folder.path(), &format!("with-{round}"), seconds);
            over.store(true, Ordering::Relaxed);
            backups += made.join().map_or(0, |made: u32| made);
            with.extend(measured?);
            anyhow::Ok(())
        })?;
    }
    println!("{ROUNDS} times {seconds} s each, {backups} backups of {} MB", size(&bench) / 1_000_000);
    println!("| PostgreSQL | transactions | median, ms | p99, ms | p99.9, ms |\n| --- | --- | --- | --- | --- |");
    for (name, measured) in [("without", &mut without), ("with backups", &mut with)] {
        measured.sort_unstable();
        let at = |per_mille| std::time::Duration::from_micros(percentile(measured, per_mille)).as_secs_f64() * 1000.0;
        println!("| {name} | {} | {:.2} | {:.2} | {:.2} |", measured.len(), at(500), at(990), at(999));
    }
    Ok(())
}

fn protecting(engine: PathBuf, server: &Server) -> Result<Bench> {
    let bench = Bench::new(engine);
    fs::copy(server.folder.join("password"), bench.path("password"))?;
    bench.configure(&format!(
        "[job.db]\nsource = {{ postgres = \"postgresql://admin@127.0.0.1:{}/sample\", password-file = \"password\" }}\n\
         keep = {{ last = 2 }}\n",
        server.port()
    ));
    bench.done(&["init"]);
    Ok(bench)
}

/// Apparent bytes of the last point.
fn size(bench: &Bench) -> u64 {
    bench.points().first().and_then(|point| point["bytes"].as_u64()).unwrap_or(0)
}

/// The latency of each transaction of so many seconds, in microseconds.
fn transactions(server: &Server, folder: &Path, name: &str, seconds: u32) -> Result<Vec<u64>> {
    let logs = folder.join(name);
    fs::create_dir(&logs)?;
    let password = fs::read_to_string(server.folder.join("password"))?;
    let mut pgbench = Command::new(Path::new(&server.told("bin")).join("pgbench"));
    pgbench.args(["-n", "-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin", "-l"]);
    pgbench.args(["-c", &CLIENTS.to_string(), "-R", &RATE.to_string(), "-T", &seconds.to_string()]);
    pgbench.arg("--log-prefix").arg(logs.join("log")).arg("sample").env("PGPASSWORD", password.trim());
    ensure!(pgbench.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success(), "pgbench failed");
    let mut all = Vec::new();
    for log in fs::read_dir(&logs)? {
        for line in fs::read_to_string(log?.path())?.lines() {
            all.push(line.split(' ').nth(2).context("a line of pgbench's log")?.parse()?);
        }
    }
    Ok(all)
}

fn percentile(sorted: &[u64], per_mille: usize) -> u64 {
    let at = sorted.len() * per_mille / 1000;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}
