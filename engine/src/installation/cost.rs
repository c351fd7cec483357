//! What guessing a new passphrase shall cost here: this machine is tried once, and what comes of it stands in the slot.

use crate::format::Kdf;
use crate::platform::free_memory;
use crate::port::Clock;
use crate::seal::{PASSPHRASE_LEAST, SlotError, TRIAL, passphrase_cost, stretch};

/// With this variable set to `least` no machine is tried, and the least that any gets is taken: for tests, and where many
/// small machines are to open what a large one makes.
const COST: &str = "OFFSITE_PASSPHRASE_COST";

/// Of so many tries the fastest counts: other work only ever makes one slower.
const TRIALS: u32 = 3;

/// Parameters for a new passphrase's slot.
///
/// # Errors
/// If there is no memory for the trial.
pub fn new_passphrase_cost(clock: &dyn Clock) -> Result<Kdf, SlotError> {
    if std::env::var_os(COST).is_some_and(|value| value == "least") {
        return Ok(PASSPHRASE_LEAST);
    }
    let mut fastest = u64::MAX;
    for _ in 0..TRIALS {
        let began = clock.monotonic();
        stretch(b"a trial", &[0; 32], &TRIAL)?;
        let took = clock.monotonic().saturating_sub(began);
        fastest = fastest.min(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
    Ok(passphrase_cost(fastest, free_memory().map(|bytes| bytes / 1024)))
}
