//! Chance under a seed, with the few questions that the simulator asks of it.

use crate::destination::memory::dice::Dice;

/// A stream of choices that its seed determines.
#[derive(Debug, Clone)]
pub struct Chance(Dice);

impl Chance {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next()
    }

    /// `0..limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    /// `0..limit`, as an index.
    pub fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.below(limit as u64)).unwrap_or(0)
    }

    /// `from..=to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these; none if there is none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.index(of.len())) }
    }

    /// Bytes: text that compresses, or noise that does not.
    pub fn content(&mut self, bytes: usize) -> Vec<u8> {
        let (seed, text) = (self.any(), self.one_in(3));
        let mut out = vec![0; if text { bytes.min(97) } else { bytes }];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut out);
        if text { out.iter().copied().cycle().take(bytes).collect() } else { out }
    }
}
