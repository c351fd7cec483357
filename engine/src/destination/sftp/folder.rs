//! All that lies in a folder.
//!
//! In: a folder's path on the server. Out: its names with their kinds and lengths, or nothing if there is no folder.
//! Round trips: 1 to open, then 1 for each 100 names or so; OpenSSH is asked for up to [`AHEAD_MAX`] parts at once.
//! Invariant: whole or an error.

use std::collections::VecDeque;
use std::sync::Arc;

use super::failure::{END, Failure};
use super::packet::{self, Answer, Name};
use super::reader::close;
use super::session::{Session, Ticket, unfit};
use crate::destination::ErrorKind;

/// Parts of a folder asked for and not yet there.
const AHEAD_MAX: usize = 32;
/// More names than a folder of a vault ever has: a server that never ends is stopped here.
const NAMES_MAX: usize = 20_000_000;

/// See the module.
pub(super) async fn names(session: &Arc<Session>, path: &str) -> Result<Option<Vec<Name>>, Failure> {
    let open = session.ask_path(packet::OPENDIR, path).await?;
    match session.handle(open).await {
        Ok(handle) => {
            let names = read(session, &handle).await;
            close(session, &handle);
            // Some servers look only when they are asked for names.
            if names.as_ref().is_err_and(|failure| failure.kind() == ErrorKind::NotFound) {
                return Ok(None);
            }
            names.map(Some)
        }
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn read(session: &Arc<Session>, handle: &[u8]) -> Result<Vec<Name>, Failure> {
    let mut names = Vec::new();
    let mut asked = VecDeque::new();
    // A server that works on several requests at once may not take two for one folder.
    let mut ahead = if session.offer.openssh { 2 } else { 1 };
    loop {
        while asked.len() < ahead {
            asked.push_back(ask(session, handle).await?);
        }
        let Some(ticket) = asked.pop_front() else { return Ok(names) };
        match session.answer(ticket).await? {
            Answer::Names(more) => names.extend(more),
            Answer::Status { code: END, .. } => return Ok(names),
            other => return Err(unfit(other)),
        }
        if names.len() > NAMES_MAX {
            return Err(Failure::Found(ErrorKind::Permanent, "the folder does not end".to_owned()));
        }
        if session.offer.openssh {
            ahead = (ahead * 2).min(AHEAD_MAX);
        }
    }
}

async fn ask(session: &Session, handle: &[u8]) -> Result<Ticket, Failure> {
    let (id, request) = session.request(packet::READDIR);
    session.ask((id, request.bytes(handle))).await
}
