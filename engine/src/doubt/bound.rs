//! The exact hypergeometric bound: how many of all bytes can be bad, after so many of those drawn were.

/// The most bytes of `all` that can be bad, at that confidence, if of `draws` bytes that were drawn at random without putting
/// back, `bad` were: the largest K for which drawing at most `bad` of K bad ones is as likely as `1 - confidence`.
///
/// The one-sided bound of Clopper and Pearson for the hypergeometric distribution; takes time in proportion to `draws`.
#[must_use]
pub fn most_bad(all: u64, draws: u64, bad: u64, confidence: f64) -> u64 {
    let draws = draws.min(all);
    // What was seen to be good is.
    let (mut possible, mut impossible) = (bad.min(draws), all - (draws - bad.min(draws)) + 1);
    while impossible - possible > 1 {
        let middle = possible + (impossible - possible) / 2;
        if at_most(all, middle, draws, bad) > 1.0 - confidence { possible = middle } else { impossible = middle }
    }
    possible
}

/// The chance that of `draws` bytes at most `seen` are bad if `bad` of `all` are.
///
/// By its terms, each from the one before: differences of logarithms of factorials of 10^14 would lose all digits.
#[expect(clippy::cast_precision_loss, reason = "ratios: 53 bits of a count are enough")]
fn at_most(all: u64, bad: u64, draws: u64, seen: u64) -> f64 {
    let least = (draws + bad).saturating_sub(all);
    if seen < least {
        return 0.0;
    }
    let mut log = log_of_least(all, bad, draws, least);
    let mut chance = log.exp();
    for known in least..seen.min(bad).min(draws) {
        // `least` is where this is not below zero.
        let good_left = (all - bad + known + 1) - draws;
        log += (((bad - known) as f64).ln() + ((draws - known) as f64).ln())
            - (((known + 1) as f64).ln() + (good_left as f64).ln());
        chance += log.exp();
    }
    chance.min(1.0)
}

/// The logarithm of the chance that exactly `least` are bad, the fewest that can be.
#[expect(clippy::cast_precision_loss, reason = "ratios: 53 bits of a count are enough")]
fn log_of_least(all: u64, bad: u64, draws: u64, least: u64) -> f64 {
    let fraction = |above: u64, below: u64| (above as f64 / below as f64).ln();
    if least == 0 {
        // No draw met one: (good - i) / (all - i) each.
        return (0..draws).map(|at| (-(bad as f64) / (all - at) as f64).ln_1p()).sum();
    }
    // All good ones were drawn: draws! bad! / (all! least!), as (bad + i) in all, (least + i) in draws.
    let good = all - bad;
    (1..=good).map(|at| fraction(least + at, bad + at)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By counting, for small numbers.
    fn counted(all: u64, bad: u64, draws: u64, seen: u64) -> f64 {
        let choose = |n: u64, k: u64| (0..k).fold(1.0, |product, at| product * (n - at) as f64 / (at + 1) as f64);
        let of = |known: u64| match (known <= bad, draws - known <= all - bad) {
            (true, true) => choose(bad, known) * choose(all - bad, draws - known) / choose(all, draws),
            _ => 0.0,
        };
        (0..=seen.min(draws)).map(of).sum()
    }

    #[test]
    fn the_chance_is_what_counting_gives() {
        for all in 1..=14 {
            for bad in 0..=all {
                for draws in 0..=all {
                    for seen in 0..=draws {
                        let (ours, theirs) = (at_most(all, bad, draws, seen), counted(all, bad, draws, seen));
                        assert!((ours - theirs).abs() < 1e-9, "{all} {bad} {draws} {seen}: {ours} {theirs}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_bound_is_the_largest_number_that_is_likely_enough() {
        for (all, draws, bad) in [(100, 10, 0), (100, 10, 2), (1000, 59, 0), (50, 50, 3), (50, 0, 0), (7, 3, 3)] {
            let bound = most_bad(all, draws, bad, 0.95);
            assert!(bound == bad || at_most(all, bound, draws, bad) > 0.05, "{all} {draws} {bad}");
            assert!(bound == all - draws + bad || at_most(all, bound + 1, draws, bad) <= 0.05, "{all} {draws} {bad}");
        }
        assert_eq!(most_bad(50, 50, 3, 0.95), 3, "all was seen");
        assert_eq!(most_bad(50, 0, 0, 0.95), 50, "nothing was seen");
        assert_eq!(most_bad(0, 0, 0, 0.95), 0);
    }

    /// The rule of three: nothing bad in n draws, so at most some 3 in n.
    #[test]
    fn of_terabytes_it_is_the_rule_of_three() {
        let all = 100_u64 << 40;
        let share = most_bad(all, 2_995, 0, 0.95) as f64 / all as f64;
        assert!((share - 0.001).abs() < 0.000_01, "{share}");
    }
}
