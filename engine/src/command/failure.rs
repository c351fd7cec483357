//! A command that could do nothing: what failed, why, and what to do.

use std::fmt;

use super::Exit;
use crate::model::chain;

/// Printed on standard error, or as `{"error": {"what", "why", "do"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 1 or 2, or 4 where damage is why.
    pub exit: Exit,
    /// What failed.
    pub what: String,
    /// Why, with all causes.
    pub why: String,
    /// What to do; may be empty where nothing better than the reason can be said.
    pub advice: String,
}

impl Failure {
    /// A command that failed.
    pub fn new(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, what: what.into(), why: why.into(), advice: advice.into() }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(what, why, advice) }
    }

    /// `what` failed because of an error and its causes.
    pub fn of(what: impl Into<String>, error: &dyn std::error::Error, advice: impl Into<String>) -> Self {
        Self::new(what, chain(error), advice)
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Failure {}
