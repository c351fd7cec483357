//! What could not be done for one path, as a value: the work goes on, the person is told.

use std::fmt;

/// One path and what was wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// As it stands, or would stand, in the recovery point; empty for `/`, or for the target of a restore itself. Any
    /// bytes, for a name that can't be an entry's is a problem too.
    pub path: Box<[u8]>,
    /// For people: what failed and why.
    pub problem: String,
}

impl Problem {
    /// A problem of `path`.
    #[must_use]
    pub fn new(path: &[u8], problem: impl fmt::Display) -> Self {
        Self { path: path.into(), problem: problem.to_string() }
    }
}

impl fmt::Display for Problem {
    /// Lossy where the path is not UTF-8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", String::from_utf8_lossy(&self.path), self.problem)
    }
}

/// Why the system refused, for people.
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
