//! From bytes that were sent to an object: its length, its checksum, its name.
//!
//! In: a writer whose data connection ended. Out: an object, and what the server knows of it.
//!
//! A 226 is believed only together with the length. Where the acknowledgement was lost, a new connection looks at the
//! length, which decides. A lost answer to RNTO is resolved by a look at both names.

use super::features::{Checksum, sha256};
use super::listing::Found;
use super::reply::Failure;
use super::session::Session;
use super::writer::FtpWriter;
use super::{ErrorKind, Finish, FtpStore, StoreError, VaultPath};

impl FtpWriter<'_> {
    /// Gives what was sent its name, if it is there as it was sent.
    pub fn name(&mut self) -> Result<Finish, StoreError> {
        self.check_length()?;
        if !self.store.holds(&self.temporary, self.turn) {
            return Err(self.taken_over());
        }
        let known = self.confirm()?;
        self.rename()?;
        Ok(known)
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
        let expected: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let told = self.store.with("look at", &self.temporary, |session| {
            let command = match session.features.checksum {
                None => return Ok(None),
                Some(Checksum::Hash { .. }) => "HASH",
                Some(Checksum::XSha256) => "XSHA256",
            };
            session.ask(&format!("{command} {}", self.temporary)).map(|reply| sha256(&reply))
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
        let failure = match rename(&mut lease, &self.temporary, &self.path) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        drop(lease);
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

fn rename(session: &mut Session, from: &VaultPath, to: &VaultPath) -> Result<(), Failure> {
    let reply = session.ask(&format!("RNFR {from}"))?;
    if reply.code != 350 {
        return Err(Failure::Refused(reply));
    }
    session.done(&format!("RNTO {to}")).map(drop)
}

pub(super) fn exists(store: &FtpStore, operation: &'static str, path: &VaultPath) -> StoreError {
    StoreError::new(ErrorKind::Exists, operation, store.shown(path), "the name is taken; it is not replaced")
}
