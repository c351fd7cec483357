//! Memory stays under 256 MiB for a source of 1 million small files: the first backup, and one with nothing changed.
//!
//!     cargo build --release -p engine -p benches
//!     target/release/million [FOLDER [FILES]]
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use anyhow::Result;
use benches::{Argument, Bench, Ran, make_files, mib};

fn main() -> Result<()> {
    let Argument { folder, number: files } = Argument::read("offsite-bench-million", 1_000_000);
    let bench = Bench::new(&folder)?;
    make_files(&bench.source(), files)?;
    if !bench.has_vault() {
        bench.engine(&["init"])?;
    }
    println!("{files} files               seconds   peak MiB (claim: below 256)");
    tell("first backup", bench.engine(&["backup"])?);
    tell("another", bench.engine(&["backup"])?);
    tell("verify home", bench.engine(&["verify", "home"])?);
    Ok(())
}

fn tell(what: &str, ran: Ran) {
    println!("{what:<24} {:8.1} {:10.1}", ran.took.as_secs_f64(), mib(ran.peak_bytes));
}
