//! Whom a command tells what it does while it works.

/// The binary's terminal, a log, or nobody.
pub trait Voice: Send + Sync {
    /// Something that a person should know: a warning, a problem, a wait.
    fn warn(&self, text: &str);
    /// What is done now, for who wants to follow (`--verbose`, the service's log).
    fn say(&self, text: &str);
    /// How far a piece of work came, in bytes; `total` is 0 where it is not known. Called a few times a second.
    fn progress(&self, what: &str, done: u64, total: u64);
    /// That piece of work is over.
    fn progress_done(&self, what: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Voice for Silent {
    fn warn(&self, _: &str) {}
    fn say(&self, _: &str) {}
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn progress_done(&self, _: &str) {}
}
