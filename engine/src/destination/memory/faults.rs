//! What may go wrong in memory, and how often.

use std::collections::BTreeMap;

use super::dice::Dice;
use crate::destination::{ErrorKind, Operation, StoreError};

/// One way for a request to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// `Denied`, without effect: an append-only place, for `Delete`.
    Refused,
    /// `Transient`, without effect.
    Transient,
    /// The effect happens and `Ambiguous` is answered; for a reading request, `Transient`.
    LostAcknowledgement,
    /// `Permanent`. A flush that fails so has lost what was not flushed, and a later one does not say it again.
    Failed,
}

/// The chance of each fault for each operation, in thousandths. Empty: nothing ever goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<(Operation, Fault), u16>);

impl Faults {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// With this one too; 1000 is always.
    #[must_use]
    pub fn with(mut self, operation: Operation, fault: Fault, per_mille: u16) -> Self {
        self.0.insert((operation, fault), per_mille);
        self
    }

    /// What happens to one request. The dice are thrown once for each fault set for it.
    pub(super) fn strike(&self, operation: Operation, dice: &mut Dice) -> Option<Fault> {
        let mine = self.0.range((operation, Fault::Refused)..=(operation, Fault::Failed));
        let mut struck = None;
        for ((_, fault), per_mille) in mine {
            if dice.below(1000) < u64::from(*per_mille) {
                struck = struck.or(Some(*fault));
            }
        }
        struck
    }
}

impl Fault {
    pub(super) fn error(self, operation: Operation, path: &str) -> StoreError {
        let kind = match self {
            Self::Refused => ErrorKind::Denied,
            Self::LostAcknowledgement if operation.changes() => ErrorKind::Ambiguous,
            Self::Transient | Self::LostAcknowledgement => ErrorKind::Transient,
            Self::Failed => ErrorKind::Permanent,
        };
        StoreError::new(kind, operation.verb(), path, format!("{self:?}, as the test wanted"))
    }
}
