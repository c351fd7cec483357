//! An object that is read on and on, whose connection nobody else has to wait for.
//!
//! In: a path and an offset. Out: its bytes from there to its end, in order.
//! Between two reads the connection stands in the pool, in the middle of its transfer, and goes to whoever needs one and
//! finds none; then reading goes on over another.

use super::reader::FtpReader;
use super::{FtpStore, ObjectRead, StoreError, VaultPath};

/// So little is sooner read to its end than cut off: a cut costs a round trip, and often the connection.
const TAIL: u64 = 256 << 10;

/// See the module.
pub(super) struct FtpStream<'s> {
    store: &'s FtpStore,
    path: VaultPath,
    expected: Option<u64>,
    done: u64,
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    /// Its transfer stands in the pool, unless it was taken from there.
    Standing(u64),
    Ended,
}

impl<'s> FtpStream<'s> {
    pub fn open(store: &'s FtpStore, path: &VaultPath, offset: u64) -> Result<Self, StoreError> {
        let reader = FtpReader::open(store, "read", path, offset)?;
        let mut stream = Self { store, path: path.clone(), expected: None, done: offset, at: At::Ended };
        stream.leave(reader);
        Ok(stream)
    }

    fn leave(&mut self, reader: FtpReader<'s>) {
        (self.expected, self.done) = (reader.expected(), reader.done());
        self.at = reader.stand().map_or(At::Ended, At::Standing);
    }

    /// The transfer that stands there; if it was taken, another.
    fn reader(&self, ticket: u64) -> Result<FtpReader<'s>, StoreError> {
        match self.store.pool.take_standing(ticket) {
            Some(open) => Ok(FtpReader::of(self.store, &self.path, open, (self.expected, self.done))),
            None => FtpReader::open(self.store, "read", &self.path, self.done),
        }
    }
}

impl ObjectRead for FtpStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let At::Standing(ticket) = self.at else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        self.at = At::Ended;
        let mut reader = self.reader(ticket)?;
        let bytes = reader.read(buffer)?;
        self.leave(reader);
        Ok(bytes)
    }
}

impl Drop for FtpStream<'_> {
    fn drop(&mut self) {
        let At::Standing(ticket) = self.at else { return };
        let Some(open) = self.store.pool.take_standing(ticket) else { return };
        let mut reader = FtpReader::of(self.store, &self.path, open, (self.expected, self.done));
        if self.expected.is_some_and(|expected| expected.saturating_sub(self.done) <= TAIL) {
            let mut rest = [0; 16 << 10];
            // Nobody wants it: what fails here is closed.
            while reader.read(&mut rest).is_ok_and(|bytes| bytes > 0) {}
        }
    }
}
