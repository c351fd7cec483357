//! Bytes to cut points (FastCDC 2020, Xia et al.), the gear table made of the family's key alone, so that chunk sizes
//! tell nobody which known files are inside.
//!
//! Pure. Deliberately absent: identity, compression, where the bytes come from.

mod grid;

pub use grid::{Grid, grid_bytes};

use fastcdc::v2020::{Normalization, cut_gear, select_masks};

/// Chunk sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// No chunk but a last one is smaller.
    pub min: usize,
    /// Most are about so large.
    pub avg: usize,
    /// None is larger.
    pub max: usize,
}

impl Sizes {
    /// For the content of files; the figures behind the choice stand in FORMAT.md.
    pub const CONTENT: Self = Self { min: 128 << 10, avg: 512 << 10, max: 2 << 20 };
    /// For pack lists.
    pub const TREE: Self = Self { min: 16 << 10, avg: 64 << 10, max: 256 << 10 };
}

/// Finds cut points.
#[derive(Clone)]
pub struct Cutter {
    sizes: Sizes,
    masks: (u64, u64),
    gear: Box<[u64]>,
    gear_shifted: Box<[u64]>,
}

impl Cutter {
    /// A cutter for one family, by its chunker key, and one kind of bytes.
    #[must_use]
    pub fn new(sizes: Sizes, key: &[u8; 32]) -> Self {
        let gear = gear(key);
        let gear_shifted = gear.iter().map(|number| number << 1).collect();
        let masks = select_masks(sizes.avg, Normalization::Level2);
        Self { sizes, masks, gear: gear.into(), gear_shifted }
    }

    /// Length of the first chunk of `bytes`, which hold [`Sizes::max`] bytes or all that is left.
    #[must_use]
    pub fn cut(&self, bytes: &[u8]) -> usize {
        if bytes.len() <= self.sizes.min {
            return bytes.len();
        }
        let Sizes { min, avg, max } = self.sizes;
        let (s, l) = self.masks;
        let (_, length) = cut_gear(bytes, min, avg, max, s, l, s << 1, l << 1, &self.gear, &self.gear_shifted);
        length
    }
}

/// Numbers of the gear table: one for each value of a byte.
const GEAR: usize = 256;

/// The gear table: keyed BLAKE3 of nothing, extended; each eight bytes a number. All of it is secret: a public table
/// shifted or masked by one secret number could be solved for that number from a few chunk lengths.
fn gear(key: &[u8; 32]) -> Vec<u64> {
    let mut bytes = [0; GEAR * 8];
    stream(key, 0, &mut bytes);
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| u64::from_be_bytes(*number)).collect()
}

/// Bytes of the key's stream from `at` on.
fn stream(key: &[u8; 32], at: usize, bytes: &mut [u8]) {
    let mut reader = blake3::Hasher::new_keyed(key).finalize_xof();
    reader.set_position(at as u64);
    reader.fill(bytes);
}

/// Cuts a stream that arrives piece by piece.
pub struct Chunker<'c> {
    cutter: &'c Cutter,
    buffer: Vec<u8>,
}

impl<'c> Chunker<'c> {
    /// Begins a stream.
    #[must_use]
    pub fn new(cutter: &'c Cutter) -> Self {
        Self { cutter, buffer: Vec::new() }
    }

    /// Adds a piece; hands out each chunk that is certain now.
    ///
    /// # Errors
    /// As `take`.
    pub fn push<E>(&mut self, piece: &[u8], take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.buffer.extend_from_slice(piece);
        let mut start = 0;
        while self.buffer.len() - start >= self.cutter.sizes.max {
            let length = self.cutter.cut(&self.buffer[start..]);
            take(&self.buffer[start..start + length])?;
            start += length;
        }
        self.buffer.drain(..start);
        Ok(())
    }

    /// The stream is over: hands out what is left.
    ///
    /// # Errors
    /// As `take`.
    pub fn finish<E>(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let rest = std::mem::take(&mut self.buffer);
        let mut start = 0;
        while start < rest.len() {
            let length = self.cutter.cut(&rest[start..]);
            take(&rest[start..start + length])?;
            start += length;
        }
        Ok(())
    }
}

/// Cuts the entry stream: between entries only, so that one lost chunk costs its own entries and no others, and by the
/// hash of an entry's path, so that a changed entry changes its own chunk only.
pub struct EntryCuts {
    seed: u64,
    buffer: Vec<u8>,
}

impl EntryCuts {
    /// A chunk is not cut before it has so many bytes.
    pub const MIN: usize = 16 << 10;
    /// Nor goes on beyond so many, but for one entry that is longer.
    pub const MAX: usize = 256 << 10;
    /// An entry longer than [`EntryCuts::MAX`] has chunks of its own, each of exactly so many bytes but the last, which
    /// is shorter: so the length alone tells a reader whether the next chunk begins with an entry.
    pub const LONG: usize = 1 << 20;
    /// Behind one entry in so many a chunk may end.
    const ONE_IN: u64 = 256;

    /// Begins a stream. `key` is the family's chunker key; the bytes behind the gear table are the seed.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let mut seed = [0; 8];
        stream(key, GEAR * 8, &mut seed);
        Self { seed: u64::from_be_bytes(seed), buffer: Vec::new() }
    }

    /// Adds an entry; hands out the chunks that are certain now.
    ///
    /// # Errors
    /// As `take`.
    pub fn push<E>(
        &mut self,
        path: &[u8],
        entry: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.buffer.len() + entry.len() > Self::MAX {
            self.finish(take)?;
        }
        if entry.len() > Self::MAX {
            return Self::push_long(entry, take);
        }
        self.buffer.extend_from_slice(entry);
        let may_end = xxhash_rust::xxh3::xxh3_64_with_seed(path, self.seed).is_multiple_of(Self::ONE_IN);
        if may_end && self.buffer.len() >= Self::MIN { self.finish(take) } else { Ok(()) }
    }

    fn push_long<E>(entry: &[u8], take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let (whole, last) = entry.as_chunks::<{ Self::LONG }>();
        match (whole, last) {
            ([before @ .., split], []) => {
                before.iter().try_for_each(|piece| take(piece))?;
                take(&split[..Self::LONG - 1])?;
                take(&split[Self::LONG - 1..])
            }
            _ => {
                whole.iter().try_for_each(|piece| take(piece))?;
                take(last)
            }
        }
    }

    /// The stream is over: hands out what is left.
    ///
    /// # Errors
    /// As `take`.
    pub fn finish<E>(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let chunk = std::mem::take(&mut self.buffer);
        if chunk.is_empty() { Ok(()) } else { take(&chunk) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(bytes).collect()
    }

    fn chunks(data: &[u8], piece: usize, key: u8) -> Vec<Vec<u8>> {
        let cutter = Cutter::new(Sizes::TREE, &[key; 32]);
        let mut chunker = Chunker::new(&cutter);
        let mut found = Vec::new();
        let mut take = |chunk: &[u8]| {
            found.push(chunk.to_vec());
            Ok::<(), Infallible>(())
        };
        for part in data.chunks(piece) {
            chunker.push(part, &mut take).expect("infallible");
        }
        chunker.finish(&mut take).expect("infallible");
        found
    }

    #[test]
    fn chunks_join_to_the_whole_whatever_pieces_it_comes_in() {
        let data = noise(1_000_000);
        let whole = chunks(&data, data.len(), 7);
        assert_eq!(whole.concat(), data);
        assert_eq!(chunks(&data, 999, 7), whole);
        let inner = &whole[..whole.len() - 1];
        assert!(inner.iter().all(|c| (Sizes::TREE.min..=Sizes::TREE.max).contains(&c.len())));
    }

    #[test]
    fn an_inserted_byte_changes_few_chunks_and_another_key_all() {
        let data = noise(2_000_000);
        let before = chunks(&data, data.len(), 7);
        let mut changed = data.clone();
        changed.insert(1_000_000, 0);
        let after = chunks(&changed, changed.len(), 7);
        let new = after.iter().filter(|c| !before.contains(c)).count();
        assert!(new <= 3, "{new} of {} chunks are new", after.len());
        let other = chunks(&data, data.len(), 8);
        assert!(other.iter().filter(|c| before.contains(c)).count() <= 1);
    }

    fn entry_chunks(entries: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut cuts = EntryCuts::new(&[7; 32]);
        let mut found = Vec::new();
        let mut take = |chunk: &[u8]| {
            found.push(chunk.to_vec());
            Ok::<(), Infallible>(())
        };
        for (path, entry) in entries {
            cuts.push(path.as_bytes(), entry, &mut take).expect("infallible");
        }
        cuts.finish(&mut take).expect("infallible");
        found
    }

    #[test]
    fn entry_chunks_end_between_entries_and_one_changed_entry_changes_one() {
        let mut entries: Vec<(String, Vec<u8>)> =
            (0..5000).map(|n| (format!("a/{n:05}"), noise(100 + n % 200))).collect();
        entries.push(("long".into(), noise(3 * EntryCuts::LONG / 2)));
        entries.push(("z".into(), noise(50)));
        let before = entry_chunks(&entries);
        assert_eq!(before.concat(), entries.iter().flat_map(|(_, entry)| entry.clone()).collect::<Vec<u8>>());
        let mut ends: Vec<usize> = entries.iter().map(|(_, entry)| entry.len()).collect();
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        let inside_long = |end: usize| end > ends[4999] && end < ends[5000];
        let mut end = 0;
        for chunk in &before {
            end += chunk.len();
            assert!(ends.contains(&end) || inside_long(end), "a chunk ends inside an entry at {end}");
        }
        for (bytes, lengths) in [
            (EntryCuts::MAX + 1, &[EntryCuts::MAX + 1][..]),
            (EntryCuts::LONG, &[EntryCuts::LONG - 1, 1]),
            (EntryCuts::LONG + 1, &[EntryCuts::LONG, 1]),
            (2 * EntryCuts::LONG, &[EntryCuts::LONG, EntryCuts::LONG - 1, 1]),
        ] {
            let one = [("long".to_owned(), noise(bytes))];
            assert_eq!(entry_chunks(&one).iter().map(Vec::len).collect::<Vec<_>>(), lengths);
        }
        entries[2500].1 = noise(77);
        let after = entry_chunks(&entries);
        assert!(before.len() > 5);
        assert_eq!(after.iter().filter(|chunk| !before.contains(chunk)).count(), 1);
    }
}
