//! An object on its way out.
//!
//! In: a path. Out: its bytes in order, and an error wherever they may not be all of them.
//!
//! The length is looked at first, and compared at the end: over plain FTP a connection that broke looks like the end
//! of the object. One stream, so that the server sends ahead as far as the sockets' buffers go.

use std::io::Read;

use super::listing::Found;
use super::pool::Lease;
use super::reply::Failure;
use super::transfer::{Transfer, Way};
use super::{ErrorKind, FtpStore, ObjectRead, StoreError, VaultPath};

/// See the module.
pub(super) struct FtpReader<'s> {
    store: &'s FtpStore,
    path: VaultPath,
    /// None once it was read to its end, or failed.
    open: Option<(Lease<'s>, Transfer)>,
    /// The length, where the server told.
    expected: Option<u64>,
    done: u64,
}

impl<'s> FtpReader<'s> {
    /// Begins to read, `offset` bytes from the beginning on.
    pub fn open(
        store: &'s FtpStore,
        operation: &'static str,
        path: &VaultPath,
        offset: u64,
    ) -> Result<Self, StoreError> {
        let (expected, lease) = store.lease_with(operation, path, |session| session.look(path.as_str()))?;
        let expected = match expected {
            Found::File(bytes) => bytes,
            _ => return Err(StoreError::new(ErrorKind::NotFound, operation, store.shown(path), "no such object")),
        };
        let mut reader = Self { store, path: path.clone(), open: None, expected, done: offset };
        if expected.is_none_or(|bytes| offset < bytes) {
            reader.begin(lease, operation)?;
        }
        Ok(reader)
    }

    /// Of a transfer that is under way: the length that was told, and how much of it was read.
    pub fn of(
        store: &'s FtpStore,
        path: &VaultPath,
        open: (Lease<'s>, Transfer),
        (expected, done): (Option<u64>, u64),
    ) -> Self {
        Self { store, path: path.clone(), open: Some(open), expected, done }
    }

    /// The length, where the server told.
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// How much was read or passed over.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Leaves the transfer in the pool as it is; none if it has ended.
    pub fn stand(mut self) -> Option<u64> {
        self.open.take().map(|(lease, transfer)| lease.stand(transfer))
    }

    fn begin(&mut self, mut lease: Lease<'s>, operation: &'static str) -> Result<(), StoreError> {
        let fail = |failure| self.store.fail(operation, &self.path, failure);
        let path = self.path.as_str();
        match lease.begin(Way::Retrieve(self.done), path) {
            Ok(transfer) => self.open = Some((lease, transfer)),
            // Without REST what lies before is read too, and dropped.
            Err(Failure::Refused(reply)) if self.done > 0 && reply.is_unknown_command() => {
                let mut transfer = lease.begin(Way::Retrieve(0), path).map_err(fail)?;
                match std::io::copy(&mut (&mut transfer).take(self.done), &mut std::io::sink()) {
                    Ok(_) => self.open = Some((lease, transfer)),
                    Err(error) => return Err(fail(lease.explain(transfer, error))),
                }
            }
            Err(failure) => return Err(fail(failure)),
        }
        Ok(())
    }

    /// Ends it properly if everything was read: that takes less than to cut it off.
    pub fn end_if_all(&mut self) -> Result<(), StoreError> {
        if self.open.is_none() || self.expected != Some(self.done) || self.read(&mut [0])? == 0 {
            return Ok(());
        }
        let why = "more bytes came than the server says it has";
        Err(StoreError::new(ErrorKind::Transient, "read", self.store.shown(&self.path), why))
    }

    /// The server says that it sent everything, and it is as long as it said before?
    fn end(&mut self) -> Result<(), StoreError> {
        let Some((mut lease, transfer)) = self.open.take() else { return Ok(()) };
        lease.end(transfer).map_err(|failure| self.store.fail("read", &self.path, failure))?;
        match self.expected {
            Some(expected) if expected != self.done => {
                let why = format!("{} bytes came of the {expected} that the server says it has", self.done);
                Err(StoreError::new(ErrorKind::Transient, "read", self.store.shown(&self.path), why))
            }
            _ => Ok(()),
        }
    }
}

impl ObjectRead for FtpReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let Some((_, transfer)) = &mut self.open else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        match transfer.read(buffer) {
            Ok(0) => self.end().map(|()| 0),
            Ok(bytes) => {
                self.done = self.done.saturating_add(bytes as u64);
                Ok(bytes)
            }
            Err(error) => match self.open.take() {
                Some((mut lease, transfer)) => {
                    let failure = lease.explain(transfer, error);
                    Err(self.store.fail("read", &self.path, failure))
                }
                None => Ok(0),
            },
        }
    }
}

impl Drop for FtpReader<'_> {
    fn drop(&mut self) {
        if let Some((mut lease, transfer)) = self.open.take() {
            lease.cut(transfer);
        }
    }
}
