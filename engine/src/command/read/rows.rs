//! Rows that go out as they are found.

use std::io;

use crate::command::{Call, Failure};

/// Takes a row; an error ends the command.
pub type Give<'g, R> = &'g mut dyn FnMut(&R) -> io::Result<()>;

/// Gives one row, unless the command was told to stop.
pub(super) fn give<R>(call: &Call, rows: Give<'_, R>, row: &R) -> Result<(), Failure> {
    if (call.stop)() {
        return Err(Failure::new("it is not told to the end", "it was stopped", ""));
    }
    rows(row).map_err(|error| Failure::of("can't write it out", &error, "see to whoever takes it, a full disk say"))
}
