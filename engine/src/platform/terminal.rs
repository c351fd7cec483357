//! Standard input as a terminal that does not show what is typed.

use std::io;

/// Does `work` while standard input, a terminal, shows nothing of what is typed.
///
/// # Errors
/// As `work`, or if the terminal can't be set; nothing is read then.
#[cfg(unix)]
pub(crate) fn without_echo<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let input = io::stdin();
    let before = tcgetattr(&input)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Now, &quiet)?;
    let done = work();
    tcsetattr(&input, OptionalActions::Now, &before)?;
    done
}

/// The same where a console can't be told so: nothing is asked.
///
/// # Errors
/// `Unsupported`.
#[cfg(not(unix))]
pub(crate) fn without_echo<T>(_: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}
