//! Many seeds of the simulator. `SIM_SEEDS=1000` runs more, `SIM_SEED=17` runs one and prints its log,
//! `SIM_FROM=5000` begins elsewhere.

#![allow(clippy::print_stdout, reason = "a failing seed tells its log")]

use std::sync::atomic::{AtomicU64, Ordering};

use engine::sim::{Canary, Run, run, run_over_lanes};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs the seeds on as many threads as there are cores; gives those that failed, in order.
fn failures(from: u64, seeds: u64, simulate: impl Fn(u64) -> Run + Sync + std::panic::RefUnwindSafe) -> Vec<Run> {
    let next = AtomicU64::new(from);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                return failed;
            }
            let run = std::panic::catch_unwind(|| simulate(seed)).unwrap_or_else(|_| Run {
                seed,
                log: Vec::new(),
                wrong: vec!["it panicked; see above".to_owned()],
            });
            if !run.wrong.is_empty() {
                println!("seed {}: {}", run.seed, run.wrong.first().map_or("", String::as_str));
                failed.push(run);
            }
        }
    };
    let mut failed: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it catches panics")).collect()
    });
    failed.sort_by_key(|run| run.seed);
    failed
}

#[test]
fn what_is_called_complete_restores_whatever_goes_wrong() {
    if let Some(seed) = variable("SIM_SEED") {
        let run = run(seed, Canary::None);
        println!("{}", run.text());
        assert!(run.wrong.is_empty(), "seed {seed} failed");
        return;
    }
    let (from, seeds) = (variable("SIM_FROM").unwrap_or(0), variable("SIM_SEEDS").unwrap_or(200));
    let failed = failures(from, seeds, |seed| run(seed, Canary::None));
    if let Some(first) = failed.first() {
        println!("{}", first.text());
    }
    assert!(failed.is_empty(), "{} of {seeds} seeds failed; SIM_SEED=N replays one", failed.len());
}

/// A seed does not replay here: threads race.
#[test]
fn several_objects_at_once_keep_the_same_promises() {
    let failed = failures(0, variable("SIM_SEEDS").unwrap_or(200) / 2, |seed| run_over_lanes(seed, 3));
    if let Some(first) = failed.first() {
        println!("{}", first.text());
    }
    assert!(failed.is_empty(), "{} seeds failed", failed.len());
}

/// A canary that goes unnoticed means that the oracle sleeps.
fn notices(canary: Canary, rule: &str) {
    let failed = failures(0, 12, |seed| run(seed, canary));
    let noticed = failed.iter().filter(|run| run.wrong.iter().any(|wrong| wrong.starts_with(rule))).count();
    assert!(noticed > 0, "{canary:?}: none of {} failures is {rule}", failed.len());
}

#[test]
fn drives_that_forget_what_they_flushed_are_noticed() {
    notices(Canary::ForgetfulDrives, "O-1");
}

#[test]
fn calling_complete_what_was_never_sent_is_noticed() {
    notices(Canary::BelievesWithoutLooking, "O-1");
}

#[test]
fn packs_that_somebody_deletes_without_asking_are_noticed() {
    notices(Canary::DeletesWhatIsNeeded, "O-");
}

#[test]
fn the_same_seed_gives_the_same_log() {
    for seed in [3, 14, 15] {
        let (one, other) = (run(seed, Canary::None), run(seed, Canary::None));
        assert_eq!(one, other, "seed {seed}");
    }
    assert_ne!(run(3, Canary::None).log, run(4, Canary::None).log);
}
