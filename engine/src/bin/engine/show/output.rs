//! Standard output and error as plain writes: a reader that went away is no error of ours, and nothing panics.

use std::io::{self, ErrorKind, Write};

/// All of it to standard output; a reader that wants no more ends it well.
///
/// # Errors
/// Of the system, a full disk say.
pub fn give(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// One message to standard error; lost if nobody can take it.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}
