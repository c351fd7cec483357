//! Random bytes that follow from a seed.

use std::sync::{Mutex, PoisonError};

use super::chance::Chance;
use crate::port::Entropy;

/// See the module. For the simulator only: whoever knows the seed knows every byte.
#[derive(Debug)]
pub struct SimEntropy(Mutex<Chance>);

impl SimEntropy {
    /// The bytes of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed)))
    }
}

impl Entropy for SimEntropy {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&chance.any().to_le_bytes()[..piece.len()]);
        }
        Ok(())
    }
}
