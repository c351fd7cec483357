//! Files larger than what is worked on at once (16 MiB), of which a little changes from point to point.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;

use fixtures::Bench;
use fixtures::data::{Dice, noise};

use crate::harness::{bench, restores_as_it_is};

const SIZES: [usize; 5] = [20_000_000, 300, 18_000_000, 33_000_000, 9_000_000];

fn write(bench: &Bench, file: usize, at: u64, bytes: &[u8]) {
    let file: File = OpenOptions::new().write(true).open(bench.path(&format!("data/{file}"))).expect("there");
    file.write_all_at(bytes, at).expect("writable");
}

/// Plain bytes that the next point stores, after it was restored from home and compared.
fn stored(bench: &Bench) -> u64 {
    let made = bench.done(&["backup"]);
    restores_as_it_is(bench, "home");
    made["points"][0]["new-bytes"].as_u64().expect("a number")
}

/// What is stored already has a place at once; what is new and stands before it in the same file gets one later, when other
/// files have come behind it.
#[test]
fn large_files_that_change_at_their_beginning_middle_and_end() {
    let bench = bench();
    for (number, bytes) in SIZES.into_iter().enumerate() {
        fs::write(bench.folder("data").join(number.to_string()), noise(number as u64, bytes)).expect("writable");
    }
    bench.configure_simply("", &[("usb", &bench.path("usb"), "")]);
    bench.done(&["init"]);
    assert_eq!(stored(&bench), SIZES.iter().map(|bytes| *bytes as u64).sum::<u64>());
    for (number, bytes) in SIZES.into_iter().enumerate() {
        write(&bench, number, 100.min(bytes as u64 - 8), b"beginning");
    }
    assert!(stored(&bench) < 12_000_000, "the beginnings");
    for (number, bytes) in SIZES.into_iter().enumerate() {
        write(&bench, number, bytes as u64 - 9, b"in the end");
    }
    assert!(stored(&bench) < 12_000_000, "the ends");
    let mut dice = Dice::new(7);
    for round in 0..2 {
        for (number, bytes) in SIZES.into_iter().enumerate() {
            for _ in 0..dice.below(4) {
                write(&bench, number, dice.below(bytes as u64), &noise(dice.next(), 50));
            }
        }
        // A whole file once more, behind new bytes.
        let again = [noise(round, 5000), fs::read(bench.path("data/2")).expect("there")].concat();
        fs::write(bench.path(&format!("data/2 again {round}")), again).expect("writable");
        assert!(stored(&bench) < 40_000_000, "round {round}");
    }
}
