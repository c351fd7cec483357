//! The fuzz harnesses on stable: every seed, and mutations of them, through the same functions that libFuzzer drives.
//!
//! In: `fuzz/seeds/TARGET/…`. Judged: no harness panics; the seeds of the formats are the bytes that FORMAT.md prints.
//! `FUZZ_SECONDS=5` mutates for so long for each target, else a fixed number of mutations, the same each time. What it
//! lacks beside libFuzzer is coverage: it does not learn which mutation led somewhere new.

#[path = "format_examples/document.rs"]
#[allow(dead_code, reason = "the examples' test uses the rest")]
mod document;
#[path = "../../fuzz/src/lib.rs"]
mod harness;
#[path = "fuzz_seeds/mutate.rs"]
mod mutate;
#[path = "fuzz_seeds/seeds.rs"]
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Mutations for each target where no time is given.
const ROUNDS: u32 = 2_000;

#[test]
fn every_seed_passes_its_harness() {
    for (target, run) in harness::TARGETS {
        let seeds = seeds::read(target);
        assert!(!seeds.is_empty(), "{target} has seeds");
        seeds.iter().for_each(|(_, seed)| run(seed));
    }
}

#[test]
fn mutated_seeds_pass_their_harness() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    for (target, run) in harness::TARGETS {
        let seeds: Vec<_> = seeds::read(target).into_iter().map(|(_, seed)| seed).collect();
        let mut mutator = Mutator::new(seeds);
        let begun = Instant::now();
        let mut rounds = 0u32;
        while seconds.map_or(rounds < ROUNDS, |seconds| begun.elapsed() < seconds) {
            try_one(target, run, &mutator.next_input());
            rounds += 1;
        }
        eprintln!("{target}: {rounds} mutations");
    }
}

fn try_one(target: &str, run: fn(&[u8]), input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| run(input))).is_err() {
        panic!("{target} breaks on these bytes, in hex:\n{}", document::hex(input));
    }
}

#[test]
fn the_formats_seeds_are_the_bytes_of_the_document() {
    for (target, name, bytes) in seeds::of_the_document() {
        let found = seeds::read(target).into_iter().find(|(file, _)| file == name);
        let (_, found) = found.unwrap_or_else(|| panic!("no seed {target}/{name}: run the ignored test"));
        assert!(found == bytes, "{target}/{name} is not what FORMAT.md prints: run the ignored test");
    }
}

#[test]
#[ignore = "writes fuzz/seeds anew, after a change of FORMAT.md"]
fn write_the_seeds_of_the_document() {
    for (target, name, bytes) in seeds::of_the_document() {
        let folder = seeds::folder(target);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}
