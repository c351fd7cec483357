//! A whole restore by the engine's program, from the server alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fixtures::bench::text;
use fixtures::data::noisy_files;
use fixtures::{Bench, Server};

use super::{Line, OBJECT_BYTES};

const FILES: u64 = 200;
const FILE_BYTES: usize = 20_000;

/// Backs up, and restores over the line and over none.
pub fn print(line: &Line) -> Result<()> {
    let beside = std::env::current_exe()?.with_file_name("engine");
    let engine = std::env::var_os("ENGINE").map_or(beside, PathBuf::from);
    if !engine.is_file() {
        println!("no restore: there is no {}", engine.display());
        return Ok(());
    }
    let bench = Bench::new(engine);
    noisy_files(&bench.path("data/small"), 1, FILES, FILE_BYTES)?;
    noisy_files(&bench.path("data/large"), 1000, 1, OBJECT_BYTES)?;
    let destination = |url: &str, keys: &[(&'static str, String)]| {
        let keys = [&line.keys, keys].concat();
        let url = format!("{}/job", url.trim_end_matches("/vault"));
        bench.configure(&format!(
            "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [\"office\"]\n\n[destination.office]\n\
             url = \"{url}\"\n{}\n",
            Server::lines(&keys)
        ));
    };
    destination(&line.near, &line.near_keys);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let near = restored(&bench, "near")?;
    destination(&line.url, &line.far_keys);
    let far = restored(&bench, "far")?;
    println!(
        "restore of {FILES} files of {} KB and one of 64 MiB: {:.1} s; without the line {:.1} s\n",
        FILE_BYTES / 1000,
        far.as_secs_f64(),
        near.as_secs_f64()
    );
    Ok(())
}

fn restored(bench: &Bench, to: &str) -> Result<Duration> {
    let begun = Instant::now();
    let ran = bench.engine(&["restore", "data", "--from", "office", "--to", &text(&bench.path(to))]);
    ensure!(ran.code == 0, "{ran}");
    let took = begun.elapsed();
    std::fs::remove_dir_all(bench.path(to))?;
    Ok(took)
}
