//! What makes up one recovery point of another program.

/// What makes up one adopted point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// Each file is one.
    File,
    /// Each folder is.
    Folder,
    /// Norton Ghost's and its successors' names.
    Ghost,
    /// Veeam's names.
    Veeam,
    /// A regular expression with the groups `set`, `point` and `base`.
    Pattern(String),
}
