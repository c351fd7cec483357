//! From bytes that were sent to an object: its length, its checksum, its name.
//!
//! In: a writer whose data connection ended. Out: an object, and what the server knows of it.
//!
//! A 226 is believed only together with the length. Where the acknowledgement was lost, a new connection looks at the
//! length, which decides. A lost answer to RNTO is resolved by a look at both names.
//!
//! The length, the checksum, the name that must be free and RNFR are asked for together, and RNTO follows if all four
//! replies are as they should be. Else, or where the server takes one request at a time, each is asked for by itself, and
//! what is wrong is found out.

use super::features::{Checksum, sha256};
use super::listing::Found;
use super::pool::Lease;
use super::reply::Failure;
use super::session::Session;
use super::writer::FtpWriter;
use super::{ErrorKind, Finish, FtpStore, StoreError, VaultPath};

impl FtpWriter<'_> {
    /// Gives what was sent its name, if it is there as it was sent.
    pub fn name(&mut self) -> Result<Finish, StoreError> {
        let mut lease = self.store.lease()?;
        if let Some(known) = self.is_ready(&mut lease) {
            return self.rename_by(lease).map(|()| known);
        }
        drop(lease);
        self.check_length()?;
        if !self.store.holds(&self.temporary, self.turn) {
            return Err(self.taken_over());
        }
        let known = self.confirm()?;
        self.rename()?;
        Ok(known)
    }

    /// Is the file as it was sent, its name free, and the server about to rename it? None if not, or not for certain: what
    /// failed fails again where it is asked for by itself.
    fn is_ready(&self, session: &mut Session) -> Option<Finish> {
        if !session.features.ahead || !self.store.holds(&self.temporary, self.turn) {
            return None;
        }
        let (length, bytes) = session.look_at_file(self.temporary.as_str())?;
        let free = session.look_for_free_name(self.path.as_str())?;
        let checksum = self.digest.clone().zip(self.checksum_request(session));
        let mut lines = vec![length, free, format!("RNFR {}", self.temporary)];
        lines.splice(2..2, checksum.iter().map(|(_, request)| request.clone()));
        let replies = session.ask_all(&lines).ok()?;
        let [length, free, checksums @ .., ready] = &replies[..] else { return None };
        let told = checksums.first().and_then(sha256);
        let known = match checksum.map(|(digest, _)| hex(digest)) {
            Some(ours) if told.as_ref() == Some(&ours) => Some(Finish::Confirmed),
            Some(_) => None,
            None => Some(Finish::Named),
        };
        let is_free = free.is_about_name() && free.says_missing();
        let sound = bytes(length) == Some(self.sent) && is_free && self.store.holds(&self.temporary, self.turn);
        let known = known.filter(|_| sound && ready.code == 350);
        // After an RNFR some servers refuse everything but RNTO.
        session.broken |= known.is_none() && ready.code == 350;
        known
    }

    fn checksum_request(&self, session: &Session) -> Option<String> {
        let command = match session.features.checksum? {
            Checksum::Hash { .. } => "HASH",
            Checksum::XSha256 => "XSHA256",
        };
        Some(format!("{command} {}", self.temporary))
    }

    /// Is what lies under the temporary name what was written? Else it must not be gone on from.
    fn check_length(&mut self) -> Result<(), StoreError> {
        let found = self.store.length(&self.temporary)?;
        if found == Some(self.sent) {
            return Ok(());
        }
        if !self.store.holds(&self.temporary, self.turn) || found.is_none() {
            return Err(self.taken_over());
        }
        let found = found.unwrap_or(0);
        if found > self.sent || self.kept > 0 {
            // It went on elsewhere than asked, or an earlier writer's end is still behind it.
            self.store.begin_anew();
            self.store.remove(&self.temporary)?;
        }
        let why = format!("the server has {found} bytes of it, not the {} that were written", self.sent);
        Err(self.wrong(ErrorKind::Transient, why))
    }

    /// The temporary name is not this writer's any more.
    fn taken_over(&self) -> StoreError {
        match self.store.look("finish", &self.path) {
            Ok(Found::Absent) => {
                self.wrong(ErrorKind::Transient, "what was written of it is not there any more".to_owned())
            }
            Ok(_) => exists(self.store, "finish", &self.path),
            Err(error) => error,
        }
    }

    /// The server's own checksum, where it has one of the whole object.
    fn confirm(&mut self) -> Result<Finish, StoreError> {
        let Some(digest) = self.digest.take() else { return Ok(Finish::Named) };
        let expected = hex(digest);
        let told = self.store.with("look at", &self.temporary, |session| match self.checksum_request(session) {
            None => Ok(None),
            Some(request) => session.ask(&request).map(|reply| sha256(&reply)),
        });
        // A checksum that can't be had is none.
        match told.unwrap_or(None) {
            None => Ok(Finish::Named),
            Some(told) if told == expected => Ok(Finish::Confirmed),
            Some(_) => {
                self.store.remove(&self.temporary)?;
                Err(self.wrong(ErrorKind::Transient, "the server's checksum is not that of what was sent".to_owned()))
            }
        }
    }

    /// Gives it its name, if that is free. FTP can't do both at once.
    fn rename(&self) -> Result<(), StoreError> {
        if self.store.look_for_nothing("finish", &self.path)? != Found::Absent {
            return Err(exists(self.store, "finish", &self.path));
        }
        let mut lease = self.store.lease()?;
        let ready = lease.ask(&format!("RNFR {}", self.temporary));
        match ready {
            Ok(reply) if reply.code == 350 => self.rename_by(lease),
            refused => {
                drop(lease);
                self.not_renamed(refused.map_or_else(|failure| failure, Failure::Refused))
            }
        }
    }

    /// The server waits for the new name.
    fn rename_by(&self, mut lease: Lease<'_>) -> Result<(), StoreError> {
        let renamed = lease.done(&format!("RNTO {}", self.path));
        drop(lease);
        renamed.map(drop).or_else(|failure| self.not_renamed(failure))
    }

    fn not_renamed(&self, failure: Failure) -> Result<(), StoreError> {
        if failure.ends_connection() {
            return self.resolve(failure);
        }
        match self.store.look("finish", &self.path)? {
            Found::Absent => Err(self.fail("rename", failure)),
            _ => Err(exists(self.store, "finish", &self.path)),
        }
    }

    /// The answer to a rename was lost: did it happen?
    fn resolve(&self, failure: Failure) -> Result<(), StoreError> {
        let names = self.store.length(&self.path).and_then(|new| Ok((new, self.store.length(&self.temporary)?)));
        let error = self.fail("rename", failure);
        match names {
            Ok((Some(bytes), None)) if bytes == self.sent => Ok(()),
            Ok((None, Some(_))) => Err(error),
            _ => Err(StoreError { kind: ErrorKind::Ambiguous, ..error }),
        }
    }
}

fn hex(digest: ring::digest::Context) -> String {
    digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn exists(store: &FtpStore, operation: &'static str, path: &VaultPath) -> StoreError {
    StoreError::new(ErrorKind::Exists, operation, store.shown(path), "the name is taken; it is not replaced")
}
