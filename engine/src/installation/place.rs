//! A configured place as a store, whatever its scheme.
//!
//! In: a place. Out: a store, or why there is none. Deliberately absent: what lies there, and whose it is.

use std::sync::Arc;

use super::is_absent;
use crate::config::{Destination, Layout, Place, Server};
use crate::destination::late::LateDeletions;
use crate::destination::retry::Retried;
use crate::destination::{
    ErrorKind, FileStore, FtpStore, MirrorStore, Privacy, ReadStore, S3Store, SftpStore, StoreError, WebDavStore,
    WriteStore,
};
use crate::model::{VaultPath, chain};
use crate::port::{Clock, Entropy};
use crate::vault::identity_of;

/// What is to be changed about a secret is told with the configuration's notes, once, and not at every look.
const TOLD_ELSEWHERE: &dyn Fn(&str) = &|_| {};

/// Opens the place itself, vault or not. Takes as long as the place takes.
///
/// # Errors
/// `NotFound` if the folder is not there, else as the place answers.
pub fn open_place(place: &Place) -> Result<Arc<dyn WriteStore>, StoreError> {
    match place {
        Place::File(path) => Ok(Arc::new(FileStore::open(path, Privacy::Umask)?)),
        Place::Sftp(sftp) => Ok(Arc::new(SftpStore::open(sftp, TOLD_ELSEWHERE)?)),
        Place::Ftp(ftp) => Ok(Arc::new(FtpStore::open(ftp, TOLD_ELSEWHERE)?)),
        Place::S3(s3) => Ok(Arc::new(S3Store::open(s3, TOLD_ELSEWHERE)?)),
        Place::WebDav(dav) => Ok(Arc::new(WebDavStore::open(dav, TOLD_ELSEWHERE)?)),
    }
}

/// Opens a destination's place as what it is configured to be, there or not.
///
/// # Errors
/// As of [`open_place`].
pub fn open_destination(destination: &Destination) -> Result<Arc<dyn WriteStore>, StoreError> {
    Ok(laid_out(destination.layout, open_place(&destination.place)?))
}

/// The same, its last folder made if it is missing.
///
/// # Errors
/// As of [`make_place`].
pub(super) fn make_destination(destination: &Destination) -> Result<Arc<dyn WriteStore>, StoreError> {
    Ok(laid_out(destination.layout, make_place(&destination.place)?))
}

pub(super) fn laid_out(layout: Layout, store: Arc<dyn WriteStore>) -> Arc<dyn WriteStore> {
    match layout {
        Layout::Vault => store,
        Layout::Mirror => Arc::new(MirrorStore::new(store)),
    }
}

/// A place that nobody tells the layout of: a mirror, if a vault lies in the folder that mirrors have, and none beside it.
///
/// # Errors
/// As the place answers.
pub fn as_it_lies(store: Arc<dyn WriteStore>) -> Result<Arc<dyn WriteStore>, StoreError> {
    if identity_of(&*store).is_ok() {
        return Ok(store);
    }
    // A file of another program's may be called as an identity is.
    let mirror = MirrorStore::new(Arc::clone(&store));
    let is_mirror = ["VAULT", "VAULT.copy"].iter().try_fold(false, |found, name| {
        Ok::<_, StoreError>(found || mirror.stat(&VaultPath::parse(name).expect("a name of ours"))?.is_some())
    })?;
    Ok(if is_mirror { Arc::new(mirror) } else { store })
}

/// Does a vault of the other layout than the one that is configured lie in this opened place? Two in one folder would hide
/// each other.
pub(super) fn lies_otherwise(layout: Layout, place: Arc<dyn WriteStore>) -> Option<String> {
    let (other, name) = match layout {
        Layout::Vault => (laid_out(Layout::Mirror, place), "mirror"),
        Layout::Mirror => (place, "vault"),
    };
    let lies = identity_of(&*other).is_ok();
    lies.then(|| {
        format!("a vault of `layout = \"{name}\"` lies there: set it so, or give this destination another folder")
    })
}

/// Opens the place, its last folder made if it is missing; those above it never are.
///
/// # Errors
/// `NotFound` if the folder that would hold it is not there, else as the place answers.
fn make_place(place: &Place) -> Result<Arc<dyn WriteStore>, StoreError> {
    let made: Result<Arc<dyn WriteStore>, StoreError> = match place {
        Place::File(path) => FileStore::create_root(path, Privacy::Umask).map(|store| Arc::new(store) as _),
        Place::Sftp(sftp) => SftpStore::create_root(sftp, TOLD_ELSEWHERE).map(|store| Arc::new(store) as _),
        Place::Ftp(ftp) => FtpStore::create_root(ftp, TOLD_ELSEWHERE).map(|store| Arc::new(store) as _),
        Place::S3(s3) => S3Store::create_root(s3, TOLD_ELSEWHERE).map(|store| Arc::new(store) as _),
        Place::WebDav(dav) => WebDavStore::create_root(dav, TOLD_ELSEWHERE).map(|store| Arc::new(store) as _),
    };
    match made {
        Err(error) if error.kind == ErrorKind::Exists => open_place(place).map_err(|none| not_shown(place, none)),
        made => made,
    }
}

/// A server that won't make a folder as if it were there, and shows none, makes none.
fn not_shown(place: &Place, error: StoreError) -> StoreError {
    if matches!(place, Place::File(_)) || error.kind != ErrorKind::NotFound {
        return error;
    }
    let why = "the server has no such folder and makes none: it is read only, or its user has no right to write there";
    StoreError::new(ErrorKind::Denied, "make", place_text(place), why)
}

/// A server's store that asks again where it may work a little later, and outlasts deletions whose answer was lost; a
/// folder of this computer as it is.
#[must_use]
pub fn patient(
    place: &Place,
    store: Arc<dyn WriteStore>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Arc<dyn WriteStore> {
    match place {
        Place::File(_) => store,
        _ => {
            let store = LateDeletions::new(store, Arc::clone(clock));
            Arc::new(Retried::new(store, Arc::clone(clock), Arc::clone(entropy)))
        }
    }
}

/// Is it there and lets us not in? Asking again soon changes nothing, and servers lock out who goes on.
pub(super) fn is_refused(place: &Place, error: &StoreError) -> bool {
    !matches!(place, Place::File(_)) && matches!(error.kind, ErrorKind::Denied | ErrorKind::Permanent)
}

/// What else may lie behind a place without its vault.
pub(super) const fn another_there(place: &Place) -> &'static str {
    match place {
        Place::File(_) => "the drive is not there, or another one is",
        _ => "its folder was moved or emptied, or another server answers",
    }
}

/// Why nothing can be opened there, for people.
pub fn why_away(place: &Place, error: &StoreError) -> String {
    match place {
        Place::File(_) if is_absent(error) => format!("no vault at {}: the drive is not there", place_text(place)),
        Place::File(_) if error.source.kind() == std::io::ErrorKind::StaleNetworkFileHandle => {
            format!(
                "{}: the share was exported anew or its folder replaced: unmount it and mount it again",
                chain(error)
            )
        }
        _ if error.kind == ErrorKind::NotFound => {
            format!("no vault at {}: there is no such folder on the server", place_text(place))
        }
        _ => chain(error),
    }
}

/// Why nothing can be made there, for people.
pub(super) fn why_not_made(place: &Place, error: &StoreError) -> String {
    let above = match (error.kind, place) {
        (ErrorKind::NotFound, Place::S3(s3)) => format!("there is no bucket `{}`: make it first", s3.bucket),
        (ErrorKind::NotFound, _) => "the folder that is to hold it is not there: make it first".to_owned(),
        _ => return why_away(place, error),
    };
    format!("no vault can be made at {}: {above}", place_text(place))
}

/// A place as people know it, without secrets: a path, or a URL.
pub(crate) fn place_text(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Sftp(sftp) => server_text(place, &sftp.server),
        Place::Ftp(ftp) => server_text(place, &ftp.server),
        Place::WebDav(dav) => server_text(place, &dav.server),
        Place::S3(s3) if s3.prefix.is_empty() => format!("s3://{}", s3.bucket),
        Place::S3(s3) => format!("s3://{}/{}", s3.bucket, s3.prefix),
    }
}

fn server_text(place: &Place, server: &Server) -> String {
    let user = server.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
    format!("{}://{user}{host}:{}{}", place.scheme(), server.port, server.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sftp;

    #[test]
    fn a_server_is_named_by_its_url() {
        let server = Server { user: Some("ann".into()), host: "::1".into(), port: 2222, path: "/srv/off".into() };
        let sftp = Sftp { server, identity_file: None, known_hosts: None, password: None, passphrase: None };
        assert_eq!(place_text(&Place::Sftp(sftp)), "sftp://ann@[::1]:2222/srv/off");
    }
}
