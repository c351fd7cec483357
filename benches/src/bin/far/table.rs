//! What came out, side by side.

use std::time::Duration;

use super::{OBJECT_BYTES, SMALL};

/// Times of one tool: the large objects, the small ones, one large alone, the large ones back; none where it failed or took too long.
pub struct Row {
    pub tool: String,
    pub large: Option<Duration>,
    /// One object of 64 MiB, alone.
    pub one: Option<Duration>,
    pub small: Option<Duration>,
    pub back: Option<Duration>,
}

/// One of a row's times.
type Time = fn(&Row) -> Option<Duration>;

impl Row {
    /// Of two of one tool the better times.
    #[must_use]
    pub fn best(self, other: Self) -> Self {
        let least = |one: Option<Duration>, other| one.into_iter().chain(other).min();
        Self {
            large: least(self.large, other.large),
            one: least(self.one, other.one),
            small: least(self.small, other.small),
            back: least(self.back, other.back),
            tool: self.tool,
        }
    }

    /// Told at once: a table comes when all rounds are over.
    pub fn came(&self, scheme: &str) {
        let times = [self.large, self.one, self.small, self.back]
            .map(|took| took.map_or_else(|| "-".to_owned(), |took| format!("{:.2}", took.as_secs_f64())));
        println!("  {scheme}, {}: {} s", self.tool, times.join(", "));
    }
}

/// The first row is ours.
pub fn print(scheme: &str, mebibytes: usize, rows: &[Row]) {
    println!("{scheme:<24} {:>16} {:>16} {:>16} {:>16}", "put, MiB/s", "one alone", "small, 1/s", "get, MiB/s");
    let columns: [(f64, Time); 4] = [
        (mebibytes as f64, |row| row.large),
        ((OBJECT_BYTES >> 20) as f64, |row| row.one),
        (SMALL as f64, |row| row.small),
        (mebibytes as f64, |row| row.back),
    ];
    for row in rows {
        let cells = columns.iter().map(|(amount, time)| {
            let best = rows.iter().skip(1).filter_map(time).min();
            cell(*amount, time(row), best)
        });
        println!("{:<24} {}", row.tool, cells.collect::<Vec<_>>().join(" "));
    }
}

/// A rate, and its part of the best tool's.
fn cell(amount: f64, took: Option<Duration>, best: Option<Duration>) -> String {
    let Some(took) = took.map(|took| took.as_secs_f64()) else { return format!("{:>16}", "-") };
    let part = best.map_or_else(String::new, |best| format!("{:.0} %", 100.0 * best.as_secs_f64() / took));
    format!("{:>9.1} {part:>6}", amount / took)
}
