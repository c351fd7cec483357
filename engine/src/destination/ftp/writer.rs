//! An object on its way in, as `.tmp-NAME`; `finish` makes it an object.
//!
//! In: bytes. Out: a file at the server, or what of it can be gone on from.
//! Invariants: 256 KiB of an object are held here, and nothing more of it but what the sockets' buffers take.
//!
//! A data connection is opened when the first buffer is full, so that a small object needs none before it is finished,
//! and several may be under way where the server allows one connection.
//!
//! `flush` asks by another connection how long the server's file is, until it is as long as what was written or grows
//! no more; the transfer goes on. Where no other connection is to be had, the transfer is ended instead, the length
//! looked at, and the next write goes on behind it by REST and STOR.
//!
//! Deliberately absent: cutting a file short, which FTP can't. A file that an earlier writer left longer than the
//! object is deleted when that shows, and the object must be begun anew.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::finish::exists;
use super::listing::Found;
use super::pool::Lease;
use super::reply::Failure;
use super::session::Session;
use super::transfer::{Transfer, Way};
use super::{ErrorKind, Finish, FtpStore, ObjectWrite, Resume, StoreError, VaultPath, temporary};

/// What is gathered before it is sent.
const BUFFER: usize = 256 << 10;
/// Less than this is sent again rather than gone on from: it takes no longer than the requests to do so.
const WORTH_RESUMING: u64 = 1 << 20;
/// Bytes that show whether a disk is full: more than a server writes at once, as it may have written a part.
const PROBE: usize = 256 << 10;
const PROBES_MAX: usize = 4;
/// How long a file that does not grow is looked at.
const STILL: Duration = Duration::from_millis(300);
const LOOK_STEP: Duration = Duration::from_millis(20);

/// See the module.
pub(super) struct FtpWriter<'s> {
    pub(super) store: &'s FtpStore,
    pub(super) path: VaultPath,
    pub(super) temporary: VaultPath,
    /// Which writer of this temporary name it is.
    pub(super) turn: u64,
    pub(super) kept: u64,
    /// Bytes given to data connections, the kept ones too.
    pub(super) sent: u64,
    /// Bytes that the server was seen to have.
    seen: u64,
    buffer: Vec<u8>,
    open: Option<(Lease<'s>, Transfer)>,
    /// Of everything written, where nothing was kept.
    pub(super) digest: Option<ring::digest::Context>,
}

impl<'s> FtpWriter<'s> {
    /// Begins, keeping up to `left` bytes of what lies there.
    pub fn begin(store: &'s FtpStore, path: &VaultPath, temporary: VaultPath, left: u64) -> Result<Self, StoreError> {
        let taken = store.look_for_nothing("create", path)?;
        if taken != Found::Absent {
            return Err(exists(store, "create", path));
        }
        let (turn, contested) = store.claim(&temporary);
        let mut writer = Self {
            store,
            path: path.clone(),
            temporary,
            turn,
            kept: 0,
            sent: 0,
            seen: 0,
            buffer: Vec::new(),
            open: None,
            digest: None,
        };
        if contested {
            // Another writer of ours may still send into that file: it keeps it, without a name.
            store.remove(&writer.temporary)?;
        } else if left >= WORTH_RESUMING && !store.begins_anew() {
            writer.keep(left)?;
        }
        if writer.kept == 0 && store.pool.has_checksum() {
            writer.digest = Some(ring::digest::Context::new(&ring::digest::SHA256));
        }
        Ok(writer)
    }

    pub(super) fn fail(&self, operation: &'static str, failure: Failure) -> StoreError {
        self.store.fail(operation, &self.path, failure)
    }

    pub(super) fn wrong(&self, kind: ErrorKind, why: String) -> StoreError {
        StoreError::new(kind, "finish", self.store.shown(&self.path), why)
    }

    /// Goes on from what is left, if the server does.
    fn keep(&mut self, left: u64) -> Result<(), StoreError> {
        let found = self.store.look("create", &self.temporary)?;
        let Found::File(Some(bytes)) = found else { return Ok(()) };
        let kept = bytes.min(left);
        if kept < WORTH_RESUMING {
            return Ok(());
        }
        let mut ways = vec![Way::Store(kept)];
        if kept == bytes {
            ways.push(Way::Append);
        }
        for way in ways {
            let mut lease = self.store.lease()?;
            match lease.begin(way, self.temporary.as_str()) {
                Ok(transfer) => {
                    (self.kept, self.sent, self.seen) = (kept, kept, kept);
                    self.open = Some((lease, transfer));
                    return Ok(());
                }
                // An offset that is still set would be that of the next transfer.
                Err(Failure::Refused(reply)) if reply.code != 421 => lease.broken = true,
                Err(failure) => return Err(self.fail("create", failure)),
            }
        }
        Ok(())
    }

    /// Opens the data connection behind what was sent.
    fn start(&mut self) -> Result<(), StoreError> {
        let (mut lease, way) = (self.store.lease()?, Way::Store(self.sent));
        let mut opened = lease.begin(way, self.temporary.as_str());
        if matches!(&opened, Err(failure) if failure.is_closed() && failure.ends_connection()) && !lease.is_new {
            drop(lease);
            lease = self.store.lease()?;
            opened = lease.begin(way, self.temporary.as_str());
        }
        if matches!(&opened, Err(Failure::Refused(reply)) if matches!(reply.code, 450 | 451 | 550 | 553)) {
            // Perhaps its folder is missing. Whether that was it shows when it is asked once more.
            make_folders(&mut lease, &self.path).map_err(|failure| self.fail("create", failure))?;
            opened = lease.begin(way, self.temporary.as_str());
        }
        let transfer = opened.map_err(|failure| self.fail("create", failure))?;
        self.open = Some((lease, transfer));
        Ok(())
    }

    /// Sends the buffer.
    fn push(&mut self) -> Result<(), StoreError> {
        if self.open.is_none() {
            self.start()?;
        }
        let Some((_, transfer)) = &mut self.open else { return Ok(()) };
        match transfer.write_all(&self.buffer).and_then(|()| transfer.flush()) {
            Ok(()) => {
                self.sent = self.sent.saturating_add(self.buffer.len() as u64);
                self.buffer.clear();
                Ok(())
            }
            Err(error) => Err(self.broken(error)),
        }
    }

    /// The data connection failed: what does the server say?
    fn broken(&mut self, error: io::Error) -> StoreError {
        let failure = match self.open.take() {
            Some((mut lease, transfer)) => lease.explain(transfer, error),
            None => Failure::Lost(error),
        };
        self.refused(failure)
    }

    /// The error of an upload that the server refused or ended. Some servers call a write that the disk had room for in
    /// part only an unclear error: whether it is full shows in another, small file.
    fn refused(&self, failure: Failure) -> StoreError {
        let unclear = matches!(&failure, Failure::Refused(reply) if matches!(reply.code, 426 | 451));
        let error = self.fail("write", failure);
        let full = unclear && error.kind == ErrorKind::Transient && self.is_full();
        StoreError { kind: if full { ErrorKind::Full } else { error.kind }, ..error }
    }

    /// A write that the disk had room for in part is unclear again: the next one, with that part in place, is not.
    fn is_full(&self) -> bool {
        let (mut probes, mut kind) = (vec![self.temporary.clone()], Some(ErrorKind::Transient));
        while kind == Some(ErrorKind::Transient) && probes.len() <= PROBES_MAX {
            let Some(Ok(probe)) = probes.last().map(temporary) else { break };
            kind = self.probe(&probe).err().map(|error| error.kind);
            probes.push(probe);
        }
        // What can't be deleted now has a temporary name, and goes with those.
        probes.iter().skip(1).for_each(|probe| drop(self.store.remove(probe)));
        kind == Some(ErrorKind::Full)
    }

    fn probe(&self, probe: &VaultPath) -> Result<(), StoreError> {
        self.store.with("write", probe, |session| {
            let mut transfer = session.begin(Way::Store(0), probe.as_str())?;
            match transfer.write_all(&[0; PROBE]).and_then(|()| transfer.flush()) {
                Ok(()) => session.end(transfer),
                Err(error) => Err(session.explain(transfer, error)),
            }
        })
    }

    /// Ends the data connection. A lost acknowledgement is no error: the length decides.
    fn stop(&mut self) -> Result<(), StoreError> {
        let Some((mut lease, transfer)) = self.open.take() else { return Ok(()) };
        match lease.end(transfer) {
            Ok(()) => Ok(()),
            Err(failure) if failure.ends_connection() => Ok(()),
            Err(failure) => {
                drop(lease);
                Err(self.refused(failure))
            }
        }
    }

    /// Looks how long the unfinished file is, while it grows, until it is as long as what was sent.
    fn watch(&mut self, session: &mut Session) -> Result<(), Failure> {
        let mut grown = Instant::now();
        while self.seen < self.sent && grown.elapsed() < STILL {
            let now = match session.look(self.temporary.as_str())? {
                Found::File(Some(bytes)) => bytes.min(self.sent),
                _ => 0,
            };
            if now > self.seen {
                (self.seen, grown) = (now, Instant::now());
            } else {
                std::thread::sleep(LOOK_STEP);
            }
        }
        Ok(())
    }

    /// Ends the transfer, to be gone on with by another.
    fn pause(&mut self) -> Result<(), StoreError> {
        self.stop()?;
        match self.store.length(&self.temporary)? {
            Some(bytes) if bytes >= self.sent => self.seen = self.sent,
            found => {
                let why =
                    format!("the server has {} of the {} bytes that it said it took", found.unwrap_or(0), self.sent);
                return Err(self.wrong(ErrorKind::Transient, why));
            }
        }
        Ok(())
    }
}

/// Makes the folders above `path`; that one is there already is no error, and what else is wrong shows later.
fn make_folders(session: &mut Session, path: &VaultPath) -> Result<(), Failure> {
    let folder = path.folder();
    let ends = folder.as_str().match_indices('/').map(|(at, _)| at).chain([folder.as_str().len()]);
    for end in ends.filter(|end| *end > 0) {
        let reply = session.ask(&format!("MKD {}", &folder.as_str()[..end]))?;
        // Any other refusal is that it is there already, or shows when it is written to.
        if reply.kind() == ErrorKind::Full {
            return Err(Failure::Refused(reply));
        }
    }
    Ok(())
}

impl ObjectWrite for FtpWriter<'_> {
    fn kept(&self) -> u64 {
        self.kept
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BUFFER - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == BUFFER {
                self.push()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Resume, StoreError> {
        if !self.buffer.is_empty() {
            self.push()?;
        }
        if self.seen < self.sent {
            match self.store.try_lease()? {
                // What another connection can't tell is not known to be there, and no failure of this one.
                Some(mut other) => drop(self.watch(&mut other)),
                None => self.pause()?,
            }
        }
        Ok(Resume::at(self.seen))
    }

    fn finish(mut self: Box<Self>) -> Result<Finish, StoreError> {
        if !self.buffer.is_empty() || (self.sent == 0 && self.open.is_none()) {
            self.push()?;
        }
        self.stop()?;
        self.name()
    }
}

impl Drop for FtpWriter<'_> {
    fn drop(&mut self) {
        self.store.release(&self.temporary, self.turn);
        if let Some((mut lease, transfer)) = self.open.take() {
            lease.leave(transfer);
        }
    }
}
