//! How far a place is.

/// Where a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distance {
    /// On this computer: a look costs nothing, mounts tell of it, and a request ends with the process that made it.
    Local,
    /// Behind a network: a look is a login, mounts mean nothing, and a request may arrive after its process has ended.
    Server,
}
