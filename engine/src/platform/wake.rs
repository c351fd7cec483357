//! Why a wait ended, and what a system refused.

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A stop was asked for.
    Stop,
    /// Something was mounted or unmounted.
    Mounts,
    /// The time is over.
    Time,
}

/// A priority that could not be lowered.
#[derive(Debug, thiserror::Error)]
#[error("idle priority for the {what} was refused")]
pub struct Unquiet {
    /// `processor`, `niceness` or `disk`.
    pub what: &'static str,
    /// Why.
    #[source]
    pub source: std::io::Error,
}
