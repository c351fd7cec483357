//! What the tests of the whole job share: a bench for this build's engine, and data that changes from round to round.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use fixtures::bench::text;
use fixtures::data::{Dice, noise, noisy_files};
use fixtures::{Bench, same};
use rustix::process::Signal;

/// A bench for the engine that was built with the tests.
pub fn bench() -> Bench {
    Bench::new(env!("CARGO_BIN_EXE_engine"))
}

/// A bench with the folder `data` of so many files of noise, a job for it, and local destinations; prepared.
pub fn prepared(files: u64, bytes: usize, job: &str, destinations: &[&str]) -> Bench {
    let bench = bench();
    noisy_files(&bench.path("data"), 1, files, bytes).expect("writable");
    let places: Vec<(&str, PathBuf)> = destinations.iter().map(|name| (*name, bench.path(name))).collect();
    let places: Vec<_> = places.iter().map(|(name, path)| (*name, path.as_path(), "")).collect();
    bench.configure_simply(job, &places);
    bench.done(&["init"]);
    bench
}

/// Changes some of the first files in `data`, adds one, removes one, and notes the round in the tree. Keeps a copy of it
/// as it is then.
pub fn change(bench: &Bench, dice: &mut Dice, round: u64, files: u64) {
    let data = bench.path("data");
    for _ in 0..3 {
        let file = data.join(dice.below(files).to_string());
        fs::write(file, noise(dice.next(), 100_000)).expect("writable");
    }
    fs::write(data.join(format!("added {round}")), noise(round, 50_000)).expect("writable");
    let _ = fs::remove_file(data.join(format!("added {}", round.wrapping_sub(2))));
    fs::write(data.join("round"), round.to_string()).expect("writable");
    let kept = bench.folder("kept").join(round.to_string());
    assert!(Command::new("cp").arg("-a").args([&data, &kept]).status().expect("cp").success());
}

/// Restores from a place and compares with what was kept of the round that the restored tree says it is of.
#[track_caller]
pub fn restores_its_round(bench: &Bench, point: &str, place: &str) {
    let restored = bench.restored(point, place, &bench.path("data"));
    let round = fs::read_to_string(restored.path.join("round")).expect("each point knows its round");
    let kept = bench.path("kept").join(round);
    assert_eq!(same(&kept, &restored.path), Vec::<String>::new(), "{point} from {place} against {}", text(&kept));
}

/// Restores the newest point from a place and compares it with `data` as it is.
#[track_caller]
pub fn restores_as_it_is(bench: &Bench, place: &str) {
    let restored = bench.restored("data", place, &bench.path("data"));
    assert_eq!(same(&bench.path("data"), &restored.path), Vec::<String>::new(), "from {place}");
}

/// Kills runs at random moments of the time that a whole one takes, however fast the machine is just then.
pub struct Killer {
    whole: Duration,
    pub killed: u64,
}

impl Killer {
    /// Takes the time of one whole run.
    pub fn after_a_whole_run(bench: &Bench) -> Self {
        let begun = Instant::now();
        bench.done(&["run", "--once"]);
        Self { whole: begun.elapsed(), killed: 0 }
    }

    /// Begins a run and kills it, if it has not ended by then: in that case the next one has less time.
    #[track_caller]
    pub fn strike(&mut self, bench: &Bench, dice: &mut Dice) {
        let mut run = bench.begin(&["run", "--once"]);
        let micros = u64::try_from(self.whole.as_micros()).expect("short");
        let wait = Duration::from_micros(dice.below(micros));
        std::thread::sleep(wait);
        if run.has_ended() {
            let _ = run.end().exits(0);
            self.whole = wait;
            return;
        }
        run.signal(Signal::KILL);
        // It may have ended between the look and the signal.
        let code = run.end().code;
        assert!(code == 128 + 9 || code == 0, "{code}");
        self.killed += u64::from(code != 0);
    }
}
