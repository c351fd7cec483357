//! Chunks of one size at multiples of it, for drives: what stands where it stood is the same chunk, whatever moved.

/// Most chunks that a drive should have: each costs 35 to 60 bytes of every point, and 230 of the catalog (FORMAT.md).
const CHUNKS_MAX: u64 = 1 << 20;
/// Measured on an ext4 drive with 1,003 MiB in use, of which then 300 files grew, 100 were renamed, 100 removed and 51
/// written: the second point stored 13.7 MB in chunks of 64 KiB, 20.7 of 128, 32 of 256, 48 of 512; the list of the
/// chunks, which each point stores anew, took 0.9, 0.5, 0.25 and 0.15 MiB. Not smaller, as each chunk costs a request
/// and a line of the catalog.
const SMALLEST: u32 = 64 << 10;
/// As large as chunks of files get; 15 million of them, which an entry can hold, are 30 TiB.
const LARGEST: u32 = 2 << 20;

/// The size of the chunks of a drive of so many bytes: a power of two.
#[must_use]
pub fn grid_bytes(drive: u64) -> u32 {
    let mut bytes = SMALLEST;
    while bytes < LARGEST && drive / u64::from(bytes) > CHUNKS_MAX {
        bytes *= 2;
    }
    bytes
}

/// Cuts a stream that arrives piece by piece at multiples of one size, counted from its first byte.
pub struct Grid {
    bytes: usize,
    /// Bytes until the next cut.
    left: usize,
    buffer: Vec<u8>,
}

impl Grid {
    /// Begins a stream; chunks have so many bytes, 1 at least.
    #[must_use]
    pub fn new(bytes: u32) -> Self {
        let bytes = (bytes as usize).max(1);
        Self { bytes, left: bytes, buffer: Vec::new() }
    }

    /// Adds a piece; hands out each chunk that is certain now.
    ///
    /// # Errors
    /// As `take`.
    pub fn push<E>(&mut self, mut piece: &[u8], take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while let Some((now, rest)) = piece.split_at_checked(self.left) {
            if self.buffer.is_empty() {
                take(now)?;
            } else {
                self.buffer.extend_from_slice(now);
                take(&self.buffer)?;
                self.buffer.clear();
            }
            (self.left, piece) = (self.bytes, rest);
        }
        self.buffer.extend_from_slice(piece);
        self.left -= piece.len();
        Ok(())
    }

    /// Hands out what is left, then goes on behind a hole of so many bytes.
    ///
    /// # Errors
    /// As `take`.
    pub fn skip<E>(&mut self, hole: u64, take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.finish(take)?;
        let size = self.bytes as u64;
        let at = (size - self.left as u64 + hole % size) % size;
        self.left = usize::try_from(size - at).unwrap_or(self.bytes);
        Ok(())
    }

    /// The stream is over: hands out what is left.
    ///
    /// # Errors
    /// As `take`.
    pub fn finish<E>(&mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let rest = std::mem::take(&mut self.buffer);
        if rest.is_empty() { Ok(()) } else { take(&rest) }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_drive_has_a_million_chunks_at_most_until_they_are_as_large_as_they_get() {
        assert_eq!(grid_bytes(1 << 30), 64 << 10);
        assert_eq!(grid_bytes(64 << 30), 64 << 10);
        assert_eq!(grid_bytes((64 << 30) + (64 << 10)), 128 << 10);
        assert_eq!(grid_bytes(u64::MAX), 2 << 20);
    }

    proptest! {
        #[test]
        fn every_cut_but_those_at_holes_is_at_a_multiple_whatever_pieces_come(
            size in 1_u32..50, runs in prop::collection::vec((any::<bool>(), 1_usize..120), 0..12)
        ) {
            let (mut grid, mut found, mut at) = (Grid::new(size), Vec::new(), 0_usize);
            let mut edges = vec![0];
            for (is_hole, bytes) in runs {
                let mut take = |chunk: &[u8]| { found.push(chunk.to_vec()); Ok::<(), Infallible>(()) };
                if is_hole {
                    edges.push(at);
                    grid.skip(bytes as u64, &mut take).expect("infallible");
                    edges.push(at + bytes);
                } else {
                    let piece: Vec<u8> = (at..at + bytes).map(|at| u8::try_from(at % 251).expect("small")).collect();
                    grid.push(&piece, &mut take).expect("infallible");
                    edges.extend((at..at + bytes).filter(|at| at.is_multiple_of(size as usize)));
                }
                at += bytes;
            }
            grid.finish(&mut |chunk| { found.push(chunk.to_vec()); Ok::<(), Infallible>(()) }).expect("infallible");
            edges.push(at);
            edges.sort_unstable();
            edges.dedup();
            let lengths: Vec<usize> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mut left = lengths.into_iter();
            for chunk in &found {
                prop_assert!(chunk.len() <= size as usize);
                prop_assert!(left.by_ref().any(|length| length == chunk.len()), "{found:?}");
            }
        }
    }
}
