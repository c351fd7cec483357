//! Zstandard: every frame to its end, checksums compared where frames have them.

use std::io::{self, BufReader, Read};

use super::budget::Budget;
use super::{Answer, Finding, broken, tar};

/// Frames of `--long=31` need 2 GiB to be read: more than a drill may take.
const WINDOW_LOG_MAX: u32 = 27;
/// What the library says of them.
const TOO_MUCH_MEMORY: &str = "too much memory";

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let answer = read(BufReader::with_capacity(1 << 20, file), budget);
    match answer {
        Err(Finding::Broken(why)) if why.contains(TOO_MUCH_MEMORY) => {
            Err(Finding::Unable(format!("its window is larger than {} MiB", 1_u64 << (WINDOW_LOG_MAX - 20))))
        }
        answer => answer,
    }
}

fn read(file: impl io::BufRead, budget: &Budget) -> Answer {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(file).map_err(broken)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(broken)?;
    let inside = tar::inside(budget.meter(decoder))?;
    Ok(format!("frames read to the end, {inside}"))
}
