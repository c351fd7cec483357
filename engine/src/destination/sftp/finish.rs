//! Gives a whole temporary file its name, replacing nothing, and looks whether it is there.
//!
//! Which request replaces nothing depends on the server. OpenSSH's RENAME links and unlinks: exact. Other servers'
//! RENAME may replace (the draft leaves it open), so that they are asked for a hard link, which never does, and then to
//! remove the temporary name. Where that is not offered either: a look, then RENAME; between the two another writer
//! could finish, which the vault's lock keeps from happening. `posix-rename@openssh.com` always replaces and is not used.
//!
//! Round trips: 1 with OpenSSH; 2 with a hard link; 2 with a look.
//! Invariant: success only after the server said so and the object was seen under its name with its length, on the file
//! system that the place was opened on. An answer that was lost is `Ambiguous`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::failure::{Failure, NO_SUCH_FILE};
use super::link::Link;
use super::look::withdraws;
use super::packet::{self, Attributes, Kind};
use super::session::Session;
use super::writer::Target;
use crate::destination::ErrorKind;

/// What is to be named.
pub(super) struct Naming<'a> {
    pub link: &'a Link,
    pub session: &'a Arc<Session>,
    pub target: &'a Target,
    /// Its length.
    pub bytes: u64,
}

/// See the module.
pub(super) async fn name(naming: &Naming<'_>) -> Result<(), Failure> {
    let session = naming.session;
    if session.offer.openssh {
        return rename(naming).await;
    }
    if session.offer.hardlink.load(Ordering::Relaxed) {
        match link(naming).await {
            Err(refused) if may_go_another_way(session, &refused) => {}
            linked => return linked,
        }
    }
    match session.look(packet::LSTAT, &naming.target.path).await? {
        Some(_) => Err(taken()),
        None => rename(naming).await,
    }
}

/// A file system without hard links, or a server that offers what it can't do; an object of that name is found next.
fn may_go_another_way(session: &Session, refused: &Failure) -> bool {
    withdraws(&session.offer.hardlink, refused) || matches!(refused, Failure::Refused { .. })
}

fn taken() -> Failure {
    Failure::Found(ErrorKind::Exists, "an object has this name already, and stays".to_owned())
}

async fn rename(naming: &Naming<'_>) -> Result<(), Failure> {
    let Naming { session, target, .. } = naming;
    let (id, request) = session.request(packet::RENAME);
    let renamed = session.ask((id, request.text(&target.temporary).text(&target.path))).await?;
    let look = session.ask_path(packet::LSTAT, &target.path).await.map_err(Failure::ambiguous)?;
    let below = session.ask_file_system(naming.link.root_path()).await.map_err(Failure::ambiguous)?;
    let renamed = session.done(renamed).await.map_err(Failure::ambiguous);
    let seen = session.looked(look).await.map_err(Failure::ambiguous)?;
    let below = session.file_system_told(below).await.map_err(Failure::ambiguous)?;
    naming.link.same_file_system(below.map(|below| below.id))?;
    match renamed {
        Ok(()) => check(naming, seen).await,
        Err(refused @ Failure::Refused { .. }) => Err(refusal(refused, seen)),
        Err(failure) => Err(failure),
    }
}

async fn link(naming: &Naming<'_>) -> Result<(), Failure> {
    let Naming { session, target, .. } = naming;
    let (id, request) = session.request(packet::EXTENDED);
    let request = request.text("hardlink@openssh.com").text(&target.temporary).text(&target.path);
    let linked = session.ask((id, request)).await?;
    session.done(linked).await.map_err(Failure::ambiguous)?;
    // It has its name; the temporary one must go, or a later writer would begin in the same file.
    let removed = session.ask_path(packet::REMOVE, &target.temporary).await.map_err(Failure::ambiguous)?;
    let look = session.ask_path(packet::LSTAT, &target.path).await.map_err(Failure::ambiguous)?;
    let removed = session.done(removed).await;
    let seen = session.looked(look).await.map_err(Failure::ambiguous)?;
    match removed {
        Err(failure) if !failure.is(NO_SUCH_FILE) => {
            let why = format!("it has its name, but keeps the temporary one too: {failure}");
            Err(Failure::Found(ErrorKind::Ambiguous, why))
        }
        _ => check(naming, seen).await,
    }
}

/// What the refusal of a name means.
fn refusal(refused: Failure, seen: Option<Attributes>) -> Failure {
    match seen {
        Some(_) => taken(),
        None if refused.kind() == ErrorKind::NotFound => {
            Failure::Found(ErrorKind::Transient, "its temporary file is gone: it must be written again".to_owned())
        }
        None => refused,
    }
}

/// Was it seen as it should be? A server that works on several requests at once may have looked too early.
async fn check(naming: &Naming<'_>, seen: Option<Attributes>) -> Result<(), Failure> {
    let seen = match seen {
        Some(seen) => Some(seen),
        None => naming.session.look(packet::LSTAT, &naming.target.path).await.map_err(Failure::ambiguous)?,
    };
    let wrong = |why: String| Err(Failure::Found(ErrorKind::Ambiguous, why));
    match seen {
        Some(seen) if seen.kind() != Some(Kind::Folder) && seen.size.is_none_or(|size| size == naming.bytes) => Ok(()),
        Some(seen) => {
            wrong(format!("under its name lie {} bytes, not {}", seen.size.unwrap_or_default(), naming.bytes))
        }
        None => wrong("the server says that it has its name, and shows nothing there".to_owned()),
    }
}
