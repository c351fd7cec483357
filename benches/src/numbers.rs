//! Numbers in and out.

use std::path::PathBuf;
use std::time::Duration;

/// The middle one.
#[must_use]
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Bytes in MiB, for a table.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The program's arguments, in order: a folder to work in, a number.
pub struct Argument {
    /// The first.
    pub folder: PathBuf,
    /// The second.
    pub number: u64,
}

impl Argument {
    /// Reads them; `name` of a folder in the system's temporary one, and `number`, stand for what is not given.
    #[must_use]
    pub fn read(name: &str, number: u64) -> Self {
        let mut given = std::env::args_os().skip(1);
        let folder = given.next().map_or_else(|| std::env::temp_dir().join(name), PathBuf::from);
        let number = given.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(number);
        Self { folder, number }
    }
}

/// Numbers that are the same in every run: xorshift64* (Vigna, 2016).
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    /// A number below `bound`, which is not 0.
    #[allow(clippy::cast_possible_truncation, reason = "below the bound")]
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound as u64) as usize
    }
}
