//! Ends a connection that another thread is still opening, and may never come back from.
//!
//! In: its socket, as soon as there is one. Invariants: held no longer than it is being opened.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default, Clone)]
pub(super) struct Cut(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Opening(TcpStream),
    Open,
    CutOff,
}

impl Cut {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection is being opened over this socket; an error if that is to end. Later ones are none of its business.
    pub fn hold(&self, stream: &TcpStream) -> io::Result<()> {
        let mut held = self.held();
        match *held {
            Held::Nothing => *held = Held::Opening(stream.try_clone()?),
            Held::Opening(_) | Held::Open => {}
            Held::CutOff => return Err(io::ErrorKind::TimedOut.into()),
        }
        Ok(())
    }

    /// It is open, or failed by itself.
    pub fn done(&self) {
        *self.held() = Held::Open;
    }

    /// It is to end: now, or as soon as it is there.
    pub fn off(&self) {
        if let Held::Opening(stream) = std::mem::replace(&mut *self.held(), Held::CutOff) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        (client, listener.accept().expect("it came").0)
    }

    #[test]
    fn what_is_being_opened_ends_and_what_comes_later_does_not_begin() {
        let (cut, (mut client, _server)) = (Cut::default(), pair());
        cut.hold(&client).expect("not cut off");
        cut.off();
        assert_eq!(client.read(&mut [0]).expect("ended, not reset"), 0, "it would wait for ever");
        assert!(cut.hold(&client).is_err());
    }

    #[test]
    fn what_is_open_is_not_ended() {
        let (cut, (mut client, server)) = (Cut::default(), pair());
        cut.hold(&client).expect("not cut off");
        cut.done();
        cut.hold(&server).expect("a data connection");
        std::io::Write::write_all(&mut &server, b"x").expect("open");
        assert_eq!(client.read(&mut [0]).expect("open"), 1);
    }
}
