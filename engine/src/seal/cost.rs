//! What trying a secret costs: Argon2id, and which parameters a new slot of this machine gets.
//!
//! In: how fast this machine is, and how much of its memory is free. Out: parameters within the bounds of FORMAT.md 5.4, the
//! same for the same figures. They are recorded in the slot: another machine opens it all the same.
//! Deliberately absent: clocks, and asking the system.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::slots::SlotError;
use crate::format::Kdf;

/// Of 160 random bits, which nobody guesses: the least that the bounds allow.
pub const SHEET_COST: Kdf = Kdf { memory_kib: 8192, passes: 1, lanes: 1 };
/// What people can remember gets no less: 64 MiB, three passes (RFC 9106, second recommended option, with one lane).
pub const PASSPHRASE_LEAST: Kdf = Kdf { memory_kib: 65_536, passes: 3, lanes: 1 };
/// What is run to learn how fast a machine is.
pub const TRIAL: Kdf = Kdf { memory_kib: 65_536, passes: 1, lanes: 1 };

/// One try shall take so long, in thousandths of a second.
const MILLIS_WANTED: u64 = 750;
/// Memory that a new slot may ask for, in KiB, the most first: a small computer has to open it too.
const MEMORY: [u32; 3] = [262_144, 131_072, 65_536];
/// A new slot costs no more, memory (KiB) × passes: sixteen of them are still within what a reader takes (FORMAT.md 5.4).
const COST_MAX: u64 = 524_288;
/// Of the memory that is free a slot takes no more than one part of so many.
const PART_OF_FREE: u64 = 4;

/// Parameters for a passphrase, on a machine that takes so many nanoseconds for [`TRIAL`] and has so many KiB of memory free,
/// as far as it tells.
#[must_use]
pub fn passphrase_cost(trial_nanos: u64, free_kib: Option<u64>) -> Kdf {
    let trial = u64::from(TRIAL.memory_kib) * u64::from(TRIAL.passes);
    let wanted = u128::from(trial) * u128::from(MILLIS_WANTED) * 1_000_000 / u128::from(trial_nanos.max(1));
    let budget = u64::try_from(wanted).unwrap_or(u64::MAX).min(COST_MAX);
    let bound = free_kib.map_or(u64::from(PASSPHRASE_LEAST.memory_kib), |free| free / PART_OF_FREE);
    let fits = |memory: &u32| u64::from(*memory) <= bound && budget / u64::from(*memory) >= 2;
    let memory_kib = MEMORY.into_iter().find(fits).unwrap_or(PASSPHRASE_LEAST.memory_kib);
    let least = if memory_kib == PASSPHRASE_LEAST.memory_kib { PASSPHRASE_LEAST.passes } else { 2 };
    let passes = u32::try_from(budget / u64::from(memory_kib)).unwrap_or(u32::MAX).max(least);
    Kdf { memory_kib, passes, lanes: 1 }
}

/// Argon2id, 32 bytes out. Memory that can't be had is an error; parameters out of bounds are, before any is asked for.
///
/// # Errors
/// [`SlotError::Format`] and [`SlotError::Memory`].
pub fn stretch(secret: &[u8], salt: &[u8; 32], kdf: &Kdf) -> Result<Zeroizing<[u8; 32]>, SlotError> {
    kdf.check()?;
    let failed = |error: argon2::Error| SlotError::Derive(error.to_string());
    let params = Params::new(kdf.memory_kib, kdf.passes, kdf.lanes, Some(32)).map_err(failed)?;
    let count = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    blocks.try_reserve_exact(count).map_err(|_| SlotError::Memory(kdf.memory_kib))?;
    blocks.resize(count, Block::new());
    let mut key = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let stretched = argon.hash_password_into_with_memory(secret, salt, &mut *key, &mut blocks[..]);
    blocks.iter_mut().for_each(Zeroize::zeroize);
    stretched.map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 20;

    #[test]
    fn a_machine_gets_what_it_can_bear_and_never_less_than_the_floor() {
        let millis = |trial: u64, free| {
            let kdf = passphrase_cost(trial * 1_000_000, free);
            assert_eq!(kdf.check(), Ok(()), "{kdf:?}");
            (kdf.memory_kib / 1024, kdf.passes)
        };
        for (trial, free, wanted) in [
            (70, Some(16 * GIB), (256, 2)),
            (1, Some(16 * GIB), (256, 2)),
            (150, Some(16 * GIB), (128, 2)),
            (70, Some(GIB / 2), (128, 4)),
            (70, Some(GIB / 4), (64, 8)),
            (120, Some(GIB / 4), (64, 6)),
            (5000, Some(16 * GIB), (64, 3)),
            (70, Some(1), (64, 8)),
            (70, None, (64, 8)),
            (0, Some(u64::MAX), (256, 2)),
        ] {
            assert_eq!(millis(trial, free), wanted, "{trial} ms, {free:?} KiB free");
        }
        assert_eq!(passphrase_cost(u64::MAX, None), PASSPHRASE_LEAST);
    }

    #[test]
    fn sixteen_slots_of_the_highest_cost_are_still_read() {
        assert_eq!(COST_MAX * 16, 8_388_608);
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_before_memory_is_taken() {
        for kdf in [
            Kdf { memory_kib: u32::MAX, passes: 1, lanes: 1 },
            Kdf { memory_kib: 8192, passes: 17, lanes: 1 },
            Kdf { memory_kib: 8192, passes: 1, lanes: 0 },
        ] {
            assert!(matches!(stretch(b"secret", &[0; 32], &kdf), Err(SlotError::Format(_))), "{kdf:?}");
        }
    }
}
