//! A vault in a folder of an FTP server, in clear or with TLS.
//!
//! In: the address of a folder that is there, and paths and bytes. Out: effects in that folder and nowhere else.
//!
//! The URL's path is absolute at the server. Objects are written as `.tmp-NAME`, their length is compared, and then they
//! are renamed. What FTP promises is little, and this is what is made of it:
//!
//! - *No exclusive rename.* The name is looked at just before the rename; an object that takes it between the two is
//!   replaced where the server allows that. One writer for each vault is what keeps that from happening.
//! - *No flush.* An acknowledged upload is with the server's system, not on its disk. Reading back is what shows.
//! - *No cutting.* Resuming overwrites from an offset on; see `writer`.
//! - *550 means two things*, absent and denied: `look` tells them apart.
//! - *226 may be wrong*, and may be lost: the length decides, or the list where the server has no SIZE, or a download.
//! - *Space* is not told by any command that servers have in common.
//! - `Finish::Confirmed` comes of `HASH` or `XSHA256` with a SHA-256 of the whole. CRC and MD5 are no evidence here.
//!
//! Requests for one new object: a look at the name (MLST, else SIZE); EPSV, connect, STOR, TLS if any, end; a look at the
//! length, HASH if offered, a look at the name and RNFR, which go together where the server stands that (`session`); RNTO:
//! 9, and 1 more for each of TLS and HASH, whatever its length, in 7 round trips, 8 with TLS. Of a read: a look, EPSV,
//! connect, RETR, TLS, end; and REST, and cutting it off, of a range in its middle, which often costs the connection. So
//! ranges that follow one another are read on (`stream`). Objects of different names go over connections of their own, at
//! the same time, up to 16. A server whose MLST does not say why it refuses (ProFTPD) is asked by SIZE for names that
//! should be free.
//!
//! To open: connect, USER, PASS, and FEAT, TYPE and CWD together: 4 round trips, 4 more with explicit TLS. Further
//! connections are opened when a second object is to go beside the first, all at once, to learn how many there may be.
//!
//! Memory: of an object at most 256 KiB are held, whatever its length (`writer`; a reader holds nothing); a list of a
//! folder is held whole, and refused beyond 64 MiB of text, some half a million names. What lies under way beyond that
//! is in the sockets' buffers, which the system bounds.
//!
//! Deliberately absent: retries of whole operations, keep-alive while nothing is moved (a connection that was closed is
//! opened again), moving bytes from server to server, ASCII mode.

mod answer;
mod channel;
mod connect;
mod cut;
mod features;
mod finish;
mod listing;
mod look;
mod open;
mod pool;
mod reader;
mod reply;
mod session;
mod stream;
mod tls;
mod transfer;
mod writer;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    ErrorKind, Finish, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore, temporary,
};
use crate::config::{Ftp, FtpData, FtpTls};
use crate::model::{Distance, VaultPath};

pub use self::answer::Answer;
use self::listing::{Entry, Found};
use self::pool::{Lease, Pool};
use self::reader::FtpReader;
use self::reply::Failure;
use self::session::Session;
use self::stream::FtpStream;
use self::writer::FtpWriter;

/// Objects at once: a small one takes seven round trips one after the other.
const LANES: usize = 16;

/// See the module.
pub struct FtpStore {
    pool: Pool,
    /// Temporary names that writers of this store are at, and which of them is the latest.
    claimed: Mutex<BTreeMap<VaultPath, u64>>,
    /// Did the server go on elsewhere than asked? Then objects are begun anew.
    anew: AtomicBool,
}

impl FtpStore {
    fn shown(&self, path: &VaultPath) -> String {
        self.pool.endpoint().shown(path.as_str())
    }

    fn fail(&self, operation: &'static str, path: &VaultPath, failure: Failure) -> StoreError {
        failure.into_error(operation, self.shown(path))
    }

    fn lease(&self) -> Result<Lease<'_>, StoreError> {
        self.pool.take()
    }

    fn try_lease(&self) -> Result<Option<Lease<'_>>, StoreError> {
        self.pool.try_take()
    }

    /// Does something that may be done twice. If the connection turns out to have been closed meanwhile, by another.
    fn lease_with<T>(
        &self,
        operation: &'static str,
        path: &VaultPath,
        what: impl Fn(&mut Session) -> Result<T, Failure>,
    ) -> Result<(T, Lease<'_>), StoreError> {
        let mut lease = self.lease()?;
        let mut done = what(&mut lease);
        if matches!(&done, Err(failure) if failure.ends_connection() && failure.is_closed()) && !lease.is_new {
            lease.broken = true;
            drop(lease);
            lease = self.lease()?;
            done = what(&mut lease);
        }
        match done {
            Ok(value) => Ok((value, lease)),
            Err(failure) => Err(self.fail(operation, path, lease.judge(failure))),
        }
    }

    fn with<T>(
        &self,
        operation: &'static str,
        path: &VaultPath,
        what: impl Fn(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.lease_with(operation, path, what).map(|(value, _)| value)
    }

    fn look(&self, operation: &'static str, path: &VaultPath) -> Result<Found, StoreError> {
        self.with(operation, path, |session| session.look(path.as_str()))
    }

    fn look_for_nothing(&self, operation: &'static str, path: &VaultPath) -> Result<Found, StoreError> {
        self.with(operation, path, |session| session.look_for_nothing(path.as_str()))
    }

    /// How long the object at `path` is; by reading it where the server tells in no other way.
    fn length(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        match self.look("look at", path)? {
            Found::File(Some(bytes)) => Ok(Some(bytes)),
            Found::File(None) => self.count(path).map(Some),
            Found::Folder | Found::Absent => Ok(None),
        }
    }

    fn count(&self, path: &VaultPath) -> Result<u64, StoreError> {
        let mut reader = FtpReader::open(self, "look at", path, 0)?;
        let (mut bytes, mut buffer) = (0, vec![0; 64 << 10]);
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(bytes),
                more => bytes += more as u64,
            }
        }
    }

    /// Asked once: that no answer came must not be hidden from who waits for what may be done late.
    fn remove(&self, path: &VaultPath) -> Result<(), StoreError> {
        let mut lease = self.lease()?;
        remove(&mut lease, path).map_err(|failure| self.fail("delete", path, lease.judge(failure)))
    }

    fn claims(&self) -> MutexGuard<'_, BTreeMap<VaultPath, u64>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a temporary name for a writer: its turn, and whether another writer still had it.
    fn claim(&self, temporary: &VaultPath) -> (u64, bool) {
        let mut claims = self.claims();
        let before = claims.get(temporary).copied();
        let turn = before.unwrap_or(0).saturating_add(1);
        claims.insert(temporary.clone(), turn);
        (turn, before.is_some())
    }

    /// Is the writer of that turn still the latest?
    fn holds(&self, temporary: &VaultPath, turn: u64) -> bool {
        self.claims().get(temporary) == Some(&turn)
    }

    fn release(&self, temporary: &VaultPath, turn: u64) {
        let mut claims = self.claims();
        if claims.get(temporary) == Some(&turn) {
            claims.remove(temporary);
        }
    }

    fn begins_anew(&self) -> bool {
        self.anew.load(Ordering::Relaxed)
    }

    fn begin_anew(&self) {
        self.anew.store(true, Ordering::Relaxed);
    }
}

/// One connection of all is left for looks.
fn lanes_of(connections: usize) -> usize {
    connections.saturating_sub(1).max(1)
}

fn remove(session: &mut Session, path: &VaultPath) -> Result<(), Failure> {
    let reply = session.ask(&format!("DELE {path}"))?;
    if reply.is_done() || session.look(path.as_str())? == Found::Absent {
        return Ok(());
    }
    Err(Failure::Refused(reply))
}

impl ReadStore for FtpStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.length(path)
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let mut reader = FtpReader::open(self, "read", path, offset)?;
        let (mut all, mut piece) = (Vec::new(), vec![0; bytes.min(64 << 10)]);
        while all.len() < bytes {
            let wanted = piece.len().min(bytes - all.len());
            match reader.read(&mut piece[..wanted])? {
                0 => break,
                more => all.extend_from_slice(&piece[..more]),
            }
        }
        reader.end_if_all()?;
        Ok(all)
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(FtpStream::open(self, path, offset)?))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let entries = self.with("list", folder, |session| session.list(folder.as_str()))?;
        let mut all = Vec::new();
        for Entry { name, found } in entries.unwrap_or_default() {
            // What can't be part of a vault's path is not ours.
            let Ok(path) = folder.child(&name) else { continue };
            match found {
                Found::Folder => all.push(Listed { path, bytes: None }),
                Found::File(Some(bytes)) => all.push(Listed { path, bytes: Some(bytes) }),
                Found::File(None) => all.extend(self.length(&path)?.map(|bytes| Listed { path, bytes: Some(bytes) })),
                Found::Absent => {}
            }
        }
        all.sort();
        Ok(all)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(FtpReader::open(self, "read back", path, 0)?))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        Ok(None)
    }

    fn distance(&self) -> Distance {
        Distance::Server
    }

    fn still_there(&self) -> Result<(), StoreError> {
        if self.pool.is_steady() {
            return Ok(());
        }
        let seen = self.lease().and_then(|mut lease| if lease.is_new { Ok(()) } else { self.pool.enter(&mut lease) });
        match seen {
            Ok(()) => self.pool.seen(),
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(StoreError { kind: ErrorKind::Gone, ..error });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl WriteStore for FtpStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        Ok(Box::new(FtpWriter::begin(self, path, temporary(path)?, left.bytes)?))
    }

    /// As many as the server lets in, within reason: each object takes a connection, and looks at what is on its way one
    /// more.
    fn lanes(&self) -> usize {
        lanes_of(self.pool.allowed(LANES + 1))
    }

    fn lanes_max(&self) -> usize {
        lanes_of(self.pool.most(LANES + 1))
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        self.remove(path)
    }
}
