//! What clients of a database notice of a backup: latency of their transactions with and without one, in turn.
//!
//!     cargo build --release -p engine -p benches
//!     target/release/latency [postgres|mariadb|firebird|all] [SECONDS [SCALE]]     (root: servers run as users of their own)
//!
//! Four clients, 100 transactions a second in all, beside some 15 MB of data for each unit of scale; the time that a
//! transaction had to wait for its turn is part of its latency. While "with" is measured, one backup follows the other.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

mod pgbench;
mod shell;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use fixtures::{Bench, Server};

const ROUNDS: u32 = 5;
const CLIENTS: u32 = 4;
const RATE: u32 = 100;

/// A server with data, and its clients.
struct Database {
    name: &'static str,
    server: Server,
    /// As a job's `source`, but for the password.
    source: String,
    clients: Clients,
}

/// The latency of each transaction of so many seconds, in microseconds; the name is of that round.
type Clients = Box<dyn Fn(&Server, &str, u32) -> Result<Vec<u64>>>;

/// Makes one in a folder, of this scale.
type Making = fn(&Path, u32) -> Result<Database>;

fn main() -> Result<()> {
    let (mut names, mut numbers) = (Vec::new(), Vec::new());
    for word in std::env::args().skip(1) {
        match word.parse::<u32>() {
            Ok(number) => numbers.push(number),
            Err(_) => names.push(word),
        }
    }
    let (seconds, scale) = (numbers.first().map_or(20, |one| *one), numbers.get(1).map_or(10, |one| *one));
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name || one == "all");
    let folder = tempfile::tempdir()?;
    let all: [(&str, Making); 3] =
        [("postgres", pgbench::database), ("mariadb", shell::mariadb), ("firebird", shell::firebird)];
    println!("{ROUNDS} times {seconds} s each, {CLIENTS} clients, {RATE} transactions a second");
    println!("| | transactions | median, ms | p99, ms | p99.9, ms |\n| --- | --- | --- | --- | --- |");
    for (name, make) in all.into_iter().filter(|(name, _)| wanted(name)) {
        measured(&make(&folder.path().join(name), scale).with_context(|| name.to_owned())?, seconds)?;
    }
    Ok(())
}

fn measured(database: &Database, seconds: u32) -> Result<()> {
    let engine = std::env::current_exe()?.with_file_name("engine");
    ensure!(engine.exists(), "build the engine beside this program first");
    let bench = protecting(engine, database)?;
    bench.done(&["backup"]);
    let (mut without, mut with, mut backups) = (Vec::new(), Vec::new(), 0);
    let transactions = |name: &str| (database.clients)(&database.server, name, seconds);
    for round in 0..ROUNDS {
        without.extend(transactions(&format!("without-{round}"))?);
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
            let measured = transactions(&format!("with-{round}"));
            over.store(true, Ordering::Relaxed);
            backups += made.join().map_or(0, |made: u32| made);
            with.extend(measured?);
            anyhow::Ok(())
        })?;
    }
    let made = format!("with {backups} backups of {} MB", size(&bench) / 1_000_000);
    for (when, measured) in [("without", &mut without), (&*made, &mut with)] {
        measured.sort_unstable();
        let at = |per_mille| std::time::Duration::from_micros(percentile(measured, per_mille)).as_secs_f64() * 1000.0;
        let (half, most, nearly) = (at(500), at(990), at(999));
        println!("| {}, {when} | {} | {half:.2} | {most:.2} | {nearly:.2} |", database.name, measured.len());
    }
    Ok(())
}

fn protecting(engine: PathBuf, database: &Database) -> Result<Bench> {
    let bench = Bench::new(engine);
    fs::copy(database.server.folder.join("password"), bench.path("password"))?;
    bench.configure(&format!(
        "[job.db]\nsource = {{ {}, password-file = \"password\" }}\nkeep = {{ last = 2 }}\n",
        database.source
    ));
    bench.done(&["init"]);
    Ok(bench)
}

/// Apparent bytes of the last point.
fn size(bench: &Bench) -> u64 {
    bench.points().first().and_then(|point| point["bytes"].as_u64()).unwrap_or(0)
}

fn percentile(sorted: &[u64], per_mille: usize) -> u64 {
    let at = sorted.len() * per_mille / 1000;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

fn password(server: &Server) -> Result<String> {
    Ok(fs::read_to_string(server.folder.join("password"))?.trim().to_owned())
}
