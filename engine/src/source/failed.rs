//! Why there can be no recovery point of a source now.

use crate::model::chain;

/// A source that is one whole, and of which a part can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SourceFailed {
    /// What failed and why, for people; never a secret.
    pub why: String,
    /// What to do; may be empty.
    pub advice: String,
}

impl SourceFailed {
    pub(super) fn new(why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { why: why.into(), advice: advice.into() }
    }

    /// After an error with its causes.
    pub(super) fn of(error: &(dyn std::error::Error + 'static), advice: impl Into<String>) -> Self {
        Self::new(chain(error), advice)
    }
}
