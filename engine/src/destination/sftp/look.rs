//! Single requests about names: what is there, how much room, and what a vague refusal meant.
//!
//! In: a session and a path on the server. Out: what it answered. Each function says its round trips.

use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::{Failure, GENERAL, NO_SUCH_FILE, UNSUPPORTED};
use super::packet::{self, Answer, Attributes, Kind, Rest};
use super::session::{Session, Ticket, unfit};
use crate::destination::{ErrorKind, Space};

/// A refusal without a reason is a full disk if there is less room than a window of ours and what it needs beside it.
const ROOM_BYTES_MIN: u64 = 9 << 20;
const READ_ONLY: u64 = 1;

/// What a server tells of the file system below a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileSystem {
    pub space: Space,
    /// Which file system it is, as the server names it.
    pub id: u64,
    files_left: bool,
    read_only: bool,
}

impl Session {
    /// Sends a request about one path.
    pub async fn ask_path(&self, kind: u8, path: &str) -> Result<Ticket, Failure> {
        let (id, request) = self.request(kind);
        self.ask((id, request.text(path))).await
    }

    /// What lies at a path; a link there is not followed if `kind` is LSTAT. 1 round trip.
    pub async fn look(&self, kind: u8, path: &str) -> Result<Option<Attributes>, Failure> {
        let ticket = self.ask_path(kind, path).await?;
        self.looked(ticket).await
    }

    /// The same, when it was asked before.
    pub async fn looked(&self, ticket: Ticket) -> Result<Option<Attributes>, Failure> {
        match self.attributes(ticket).await {
            Ok(attributes) => Ok(Some(attributes)),
            Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Is a folder at the path? Links are followed. 1 round trip.
    pub async fn is_folder(&self, path: &str) -> Result<bool, Failure> {
        Ok(self.look(packet::STAT, path).await?.is_some_and(|found| found.kind() == Some(Kind::Folder)))
    }

    /// Makes a folder; one that is there is as good. 1 round trip.
    pub async fn make_folder(&self, path: &str) -> Result<(), Failure> {
        match self.new_folder(path).await {
            Err(refused @ Failure::Refused { .. }) if !refused.is(NO_SUCH_FILE) => {
                if self.is_folder(path).await? {
                    Ok(())
                } else {
                    Err(refused)
                }
            }
            made => made,
        }
    }

    /// Makes a folder that is not there. 1 round trip.
    pub async fn new_folder(&self, path: &str) -> Result<(), Failure> {
        let (id, request) = self.request(packet::MKDIR);
        let ticket = self.ask((id, request.text(path).no_attributes())).await?;
        self.done(ticket).await
    }

    /// Takes a file's name away. 1 round trip.
    pub async fn remove(&self, path: &str) -> Result<(), Failure> {
        let ticket = self.ask_path(packet::REMOVE, path).await?;
        self.done(ticket).await
    }

    /// Asks for the file system, if the server offers it.
    pub async fn ask_file_system(&self, path: &str) -> Result<Option<Ticket>, Failure> {
        if !self.offer.statvfs.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let (id, request) = self.request(packet::EXTENDED);
        Ok(Some(self.ask((id, request.text("statvfs@openssh.com").text(path))).await?))
    }

    /// What it answered; nothing where it offers what it can't do.
    pub async fn file_system_told(&self, ticket: Option<Ticket>) -> Result<Option<FileSystem>, Failure> {
        let Some(ticket) = ticket else { return Ok(None) };
        match self.answer(ticket).await? {
            Answer::Extended(bytes) => file_system(&bytes).map(Some).ok_or(Failure::Unfit),
            other => match unfit(other) {
                refused if withdraws(&self.offer.statvfs, &refused) => Ok(None),
                refused => Err(refused),
            },
        }
    }

    /// The file system below a path. 1 round trip.
    pub async fn file_system(&self, path: &str) -> Result<Option<FileSystem>, Failure> {
        let ticket = self.ask_file_system(path).await?;
        self.file_system_told(ticket).await
    }

    /// The same failure, or, where the server only said that it failed, why: version 3 has no number for a full disk.
    /// At most 1 round trip.
    pub async fn explain(&self, failure: Failure, path: &str) -> Failure {
        if !failure.is(GENERAL) || failure.kind() != ErrorKind::Permanent {
            return failure;
        }
        match self.file_system(path).await {
            Ok(Some(below)) if below.read_only => {
                Failure::Found(ErrorKind::Denied, format!("{failure}: its file system is read-only"))
            }
            Ok(Some(below)) if below.space.free < ROOM_BYTES_MIN || !below.files_left => {
                let free = below.space.free;
                Failure::Found(ErrorKind::Full, format!("{failure}: its file system is full ({free} bytes are free)"))
            }
            _ => failure,
        }
    }
}

/// Does the refusal mean that an extension that was offered is not there after all? Then it is not asked for again.
pub(super) fn withdraws(offer: &AtomicBool, refused: &Failure) -> bool {
    let gone = refused.is(UNSUPPORTED);
    if gone {
        offer.store(false, Ordering::Relaxed);
    }
    gone
}

/// The fields of OpenSSH's `statvfs@openssh.com`, in its order.
fn file_system(bytes: &[u8]) -> Option<FileSystem> {
    let mut rest = Rest(bytes);
    let _block = rest.long()?;
    let unit = rest.long()?;
    let (blocks, _free, available) = (rest.long()?, rest.long()?, rest.long()?);
    let (files, _files_free, files_available) = (rest.long()?, rest.long()?, rest.long()?);
    let (id, flags) = (rest.long()?, rest.long()?);
    let space = Space { free: available.saturating_mul(unit), total: blocks.saturating_mul(unit) };
    // A file system that makes inodes as it goes says that it has none.
    Some(FileSystem { space, id, files_left: files == 0 || files_available > 0, read_only: flags & READ_ONLY != 0 })
}
