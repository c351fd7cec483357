//! A random sample of bytes: each byte at a place is as likely to be drawn as any other, and the object in which it lies is
//! read whole.
//!
//! Bytes are drawn without putting back, and how many is known from the sizes alone before the first one is: so the number of
//! those that lie in bad objects is distributed as `bound` has it. A place that could foresee the draws could keep just those
//! objects: the seed is fresh entropy, and told afterwards, so that anyone can draw again.

use std::collections::HashSet;

/// A part of all bytes, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Is it everything? Then nothing is left to chance.
    #[must_use]
    pub const fn is_all(self) -> bool {
        self.0 >= 1.0
    }
}

/// Not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: give a number above 0 and up to 100 with a percent sign, such as 1%")]
pub struct Wrong(pub String);

impl std::str::FromStr for Share {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let wrong = || Wrong(text.to_owned());
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let percent: f64 = number.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        if percent > 0.0 && percent <= 100.0 { Ok(Self(percent / 100.0)) } else { Err(wrong()) }
    }
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What the draws were made from.
    pub seed: [u8; 32],
    /// For each byte that was drawn, the object in which it lies, in the order of the draws.
    pub draws: Vec<usize>,
}

impl Sample {
    /// Draws bytes of objects of these sizes, so many that the objects in which they lie are likely to hold that share of all.
    #[must_use]
    pub fn draw(sizes: &[u64], share: Share, seed: [u8; 32]) -> Self {
        let mut ends = Vec::with_capacity(sizes.len());
        let all = sizes.iter().fold(0_u64, |sum, size| {
            ends.push(sum.saturating_add(*size));
            sum.saturating_add(*size)
        });
        let wanted = usize::try_from(draws_for(sizes, all, share)).unwrap_or(usize::MAX);
        let mut source = Source::new(&seed);
        let (mut drawn, mut draws) = (HashSet::new(), Vec::new());
        while draws.len() < wanted {
            let byte = source.below(all);
            if drawn.insert(byte) {
                draws.push(ends.partition_point(|end| *end <= byte));
            }
        }
        Self { seed, draws }
    }

    /// The objects to read, each once, in the order in which they were drawn first.
    pub fn objects(&self) -> impl Iterator<Item = usize> {
        let mut seen = HashSet::new();
        self.draws.iter().copied().filter(move |object| seen.insert(*object))
    }

    /// How many draws were made, and how many of them met a bad object, if reading ended before this object was read: what
    /// was drawn up to then is a sample too.
    #[must_use]
    pub fn until(&self, unread: Option<usize>, is_bad: impl Fn(usize) -> bool) -> (u64, u64) {
        let made = self.draws.iter().take_while(|object| unread != Some(**object));
        made.fold((0, 0), |(draws, bad), object| (draws + 1, bad + u64::from(is_bad(*object))))
    }
}

/// The fewest draws after which the objects met are expected to hold the share; at most all bytes.
#[expect(clippy::cast_precision_loss, reason = "an expectation")]
fn draws_for(sizes: &[u64], all: u64, share: Share) -> u64 {
    if all == 0 {
        return 0;
    }
    let met = |draws: u64| -> f64 {
        let missed = |size: u64| ((-(size as f64) / all as f64).ln_1p() * draws as f64).exp();
        sizes.iter().map(|size| *size as f64 * (1.0 - missed(*size))).sum()
    };
    let wanted = share.0 * all as f64;
    let (mut few, mut enough) = (0, 1);
    while met(enough) < wanted && enough < all {
        (few, enough) = (enough, enough.saturating_mul(2).min(all));
    }
    while enough - few > 1 {
        let middle = few + (enough - few) / 2;
        if met(middle) < wanted { few = middle } else { enough = middle }
    }
    enough
}

/// Numbers from a seed: eight bytes each of BLAKE3's output without end, little-endian.
struct Source(blake3::OutputReader);

impl Source {
    fn new(seed: &[u8; 32]) -> Self {
        Self(blake3::Hasher::new_keyed(seed).update(b"sample").finalize_xof())
    }

    /// A number below `end`, each as likely as any other. `end` is not 0.
    fn below(&mut self, end: u64) -> u64 {
        // Numbers above the last whole multiple would favour the low ones.
        let last = u64::MAX - u64::MAX % end;
        loop {
            let mut bytes = [0; 8];
            self.0.fill(&mut bytes);
            let number = u64::from_le_bytes(bytes);
            if number < last {
                return number % end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(text: &str) -> Share {
        text.parse().expect("a share")
    }

    #[test]
    fn shares_are_percents() {
        assert_eq!((share("1%"), share("0.5 %"), share("100%")), (Share(0.01), Share(0.005), Share(1.0)));
        for wrong in ["", "%", "1", "0%", "101%", "-1%", "nan%", "1e1%", "inf%", "1%%", ".%"] {
            assert_eq!(wrong.parse::<Share>(), Err(Wrong(wrong.to_owned())));
        }
    }

    #[test]
    fn a_seed_gives_the_same_draws_and_another_one_others() {
        let sizes = [10_000; 200];
        let sample = Sample::draw(&sizes, share("10%"), [1; 32]);
        assert_eq!(Sample::draw(&sizes, share("10%"), [1; 32]), sample);
        assert_ne!(Sample::draw(&sizes, share("10%"), [2; 32]).draws, sample.draws);
        let distinct = sample.objects().count();
        assert!((10..=30).contains(&distinct), "{distinct} of 200 for a tenth");
    }

    #[test]
    fn objects_are_drawn_by_their_bytes() {
        let sizes = [1_000_000, 10, 3_000_000];
        let mut met = [0_u32; 3];
        for seed in 0..200 {
            let sample = Sample::draw(&sizes, share("1%"), [seed; 32]);
            met[sample.draws[0]] += 1;
        }
        assert!((30..=70).contains(&met[0]) && met[1] < 3 && (130..=170).contains(&met[2]), "{met:?} of 1 to 3");
    }

    #[test]
    fn nothing_and_bytes_that_run_out_end() {
        assert_eq!(Sample::draw(&[], share("1%"), [0; 32]).draws, [0_usize; 0]);
        assert_eq!(Sample::draw(&[0, 0], share("50%"), [0; 32]).draws, [0_usize; 0]);
        let all = Sample::draw(&[1, 2, 0, 1], share("100%"), [0; 32]);
        let mut met = all.draws.clone();
        met.sort_unstable();
        assert_eq!(met, [0, 1, 1, 3], "each byte once, and no object without bytes");
    }

    #[test]
    fn what_was_not_read_ends_the_sample() {
        let sample = Sample { seed: [0; 32], draws: vec![4, 1, 4, 2, 1, 3] };
        assert_eq!(sample.objects().collect::<Vec<_>>(), [4, 1, 2, 3]);
        assert_eq!(sample.until(None, |object| object == 1), (6, 2));
        assert_eq!(sample.until(Some(2), |object| object == 1), (3, 1));
        assert_eq!(sample.until(Some(4), |_| true), (0, 0));
    }
}
