//! A vault in a folder of an SFTP server.
//!
//! In: a place of the configuration. Out: effects in its folder and nowhere else; paths are absolute, the user's home
//! is never asked for, so that a chrooted user without a shell will do.
//!
//! Order of a write: temporary file, data, fsync where the server offers it, close, look at the length, name, look.
//! Round trips of an object: 1 to begin (2 or 3 where an unfinished one lies there; 2 more for each missing folder), its
//! data at the line's speed, 1 for the last acknowledgement, fsync, length and close, 1 for the name and a look: 3 in
//! all; with other servers than OpenSSH 6. Reading: 1 to open, 1 for the first bytes, then the line's speed.
//! `stat` 1; `delete` 1; `list` 2 and 1 for each 100 names where the server is not OpenSSH's.
//!
//! What this protocol can't do: flush a folder, so that after a power cut of the server a name may be gone though all
//! was acknowledged; tell whether a read came from the medium; tell files apart, so that another file system is noticed
//! (where `statvfs@openssh.com` tells an id), another folder on the same one is not. A server that offers no fsync
//! may lose acknowledged bytes in a power cut, too.
//!
//! An operation that finds the connection broken fails; the next one opens it again, once, and looks whether the folder
//! is there. Writers that were open fail then. Calls wait on the shared runtime and must not be made from inside it.
//!
//! Deliberately absent: what the bytes mean; locks (one writer for each vault); making parent folders; trying again.

mod connect;
mod failure;
mod finish;
mod folder;
mod link;
mod login;
mod look;
mod means;
mod packet;
mod reader;
mod session;
mod trust;
mod writer;

use std::sync::Arc;

use self::failure::{Failure, NO_SUCH_FILE};
use self::link::Link;
use self::packet::{Kind, Name};
use self::reader::Reader;
use self::session::Session;
use self::writer::{Target, Writer, explained};
use crate::config::Sftp;
use crate::destination::claims::Claims;
use crate::destination::runtime::runtime;
use crate::destination::{
    ErrorKind, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore, temporary,
};
use crate::model::{Distance, VaultPath};

/// Sessions over the one connection: a server's window holds what is sent in one round trip of each. OpenSSH lets a
/// connection have 10 (`MaxSessions`).
const SESSIONS: usize = 9;
/// Objects at once, two in each session: a small one waits for three round trips one after the other, and sends next to
/// nothing meanwhile.
const LANES: usize = 2 * SESSIONS;

/// See the module.
pub struct SftpStore {
    link: Link,
    claims: Claims,
}

impl SftpStore {
    /// Connects, logs in and looks whether the folder is there. Creates nothing. `warn` is told what the user should
    /// change about a secret.
    ///
    /// # Errors
    /// `NotFound` if no folder is there; `Denied` if the server is not trusted or refuses the user; `Transient` if it
    /// does not answer.
    pub fn open(place: &Sftp, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        let store = Self { link: Link::new(place)?, claims: Claims::default() };
        let opened = store.link.connect(warn).and_then(|session| store.link.take(session));
        opened.map_err(|failure| store.fail("open", &VaultPath::root(), failure))?;
        Ok(store)
    }

    /// Makes the folder, no parent of it, and opens it.
    ///
    /// # Errors
    /// `Exists` if something is there; `NotFound` if its parent is not; else as `open`.
    pub fn create_root(place: &Sftp, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        let store = Self { link: Link::new(place)?, claims: Claims::default() };
        let made = store.make_root(warn);
        made.map_err(|failure| store.fail("make", &VaultPath::root(), failure))?;
        Ok(store)
    }

    fn make_root(&self, warn: &dyn Fn(&str)) -> Result<(), Failure> {
        let session = self.link.connect(warn)?;
        self.wait(async {
            match session.new_folder(self.link.root_path()).await {
                Err(refused @ Failure::Refused { .. }) => Err(self.why_not_made(&session, refused).await?),
                made => made,
            }
        })?;
        self.link.take(session).map(drop)
    }

    async fn why_not_made(&self, session: &Session, refused: Failure) -> Result<Failure, Failure> {
        if session.look(packet::LSTAT, self.link.root_path()).await?.is_some() {
            return Ok(Failure::Found(ErrorKind::Exists, "something is there already".to_owned()));
        }
        let (parent, _) = self.link.root().rsplit_once('/').unwrap_or_default();
        if !parent.is_empty() && !session.is_folder(parent).await? {
            return Ok(Failure::Found(ErrorKind::NotFound, format!("there is no folder {parent}")));
        }
        Ok(session.explain(refused, if parent.is_empty() { "/" } else { parent }).await)
    }

    /// Where it was opened, as a URL without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.link.address()
    }

    fn wait<T>(&self, what: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let runtime = runtime().map_err(|error| Failure::Found(error.kind, error.source.to_string()))?;
        runtime.block_on(what)
    }

    fn remote(&self, path: &VaultPath) -> String {
        if path.as_str().is_empty() { self.link.root_path().to_owned() } else { format!("{}/{path}", self.link.root()) }
    }

    fn named(&self, path: &VaultPath) -> String {
        let address = self.link.address();
        if path.as_str().is_empty() { address } else { format!("{}/{path}", address.trim_end_matches('/')) }
    }

    fn fail(&self, operation: &'static str, path: &VaultPath, failure: Failure) -> StoreError {
        failure.at(operation, &self.named(path))
    }

    /// Does `what` on a session that stands.
    fn on<'s, T, F>(
        &'s self,
        operation: &'static str,
        path: &VaultPath,
        what: impl FnOnce(Arc<Session>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>> + 's,
    {
        self.over(self.link.session(), operation, path, what)
    }

    fn over<'s, T, F>(
        &'s self,
        session: Result<Arc<Session>, Failure>,
        operation: &'static str,
        path: &VaultPath,
        what: impl FnOnce(Arc<Session>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>> + 's,
    {
        let done = session.and_then(|session| {
            let done = self.wait(what(Arc::clone(&session)));
            done.map_err(|failure| explained(&session, failure, self.link.root_path()))
        });
        done.map_err(|failure| self.fail(operation, path, failure))
    }

    fn target(&self, path: &VaultPath) -> Result<Target, StoreError> {
        let mut folders = Vec::new();
        let mut folder = path.folder();
        while !folder.as_str().is_empty() {
            folders.insert(0, self.remote(&folder));
            folder = folder.folder();
        }
        let temporary = self.remote(&temporary(path)?);
        Ok(Target { address: self.named(path), path: self.remote(path), temporary, folders })
    }

    fn reader(&self, operation: &'static str, path: &VaultPath, offset: u64, bytes: u64) -> Result<Reader, StoreError> {
        let (address, remote) = (self.named(path), self.remote(path));
        self.over(self.link.own_session(), operation, path, |session| async move {
            let opened = Reader::open(Arc::clone(&session), address, &remote, offset, bytes).await;
            self.absence(&session, opened).await
        })
    }

    /// Before an absence is believed: is the vault's folder there? 1 round trip.
    async fn absence<T>(&self, session: &Session, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(|failure| failure.kind() == ErrorKind::NotFound) {
            self.link.still_root(session).await?;
        }
        answer
    }
}

/// What of a folder can be part of a vault; the vault's own objects all are.
fn listed(folder: &VaultPath, name: &Name) -> Option<Listed> {
    let path = folder.child(std::str::from_utf8(&name.name).ok()?).ok()?;
    match name.attributes.kind()? {
        Kind::File => Some(Listed { path, bytes: Some(name.attributes.size.unwrap_or(0)) }),
        Kind::Folder => Some(Listed { path, bytes: None }),
        Kind::Other => None,
    }
}

impl ReadStore for SftpStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        let remote = self.remote(path);
        self.on("look at", path, |session| async move {
            match session.look(packet::LSTAT, &remote).await? {
                Some(found) if matches!(found.kind(), Some(Kind::Folder | Kind::Other)) => Ok(None),
                Some(found) => found.size.map(Some).ok_or(Failure::Unfit),
                None => self.link.still_root(&session).await.map(|()| None),
            }
        })
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let reader = self.reader("read", path, offset, u64::try_from(bytes).unwrap_or(u64::MAX))?;
        self.wait(reader.whole()).map_err(|failure| self.fail("read", path, failure))
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(self.reader("read", path, offset, u64::MAX)?))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let remote = self.remote(folder);
        let names = self.on("list", folder, |session| async move {
            match folder::names(&session, &remote).await? {
                Some(names) => Ok(names),
                None => self.link.still_root(&session).await.map(|()| Vec::new()),
            }
        })?;
        let mut all: Vec<Listed> = names.iter().filter_map(|name| listed(folder, name)).collect();
        all.sort();
        all.dedup_by(|one, other| one.path == other.path);
        Ok(all)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(self.reader("read back", path, 0, u64::MAX)?))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        let root = self.link.root_path().to_owned();
        let below =
            self.on("measure", &VaultPath::root(), |session| async move { session.file_system(&root).await })?;
        Ok(below.map(|below| below.space))
    }

    fn distance(&self) -> Distance {
        Distance::Server
    }

    /// No request while the connection stands; else it is opened again, and the folder looked at.
    fn still_there(&self) -> Result<(), StoreError> {
        self.link.session().map(drop).map_err(|failure| self.fail("look at", &VaultPath::root(), failure))
    }
}

impl WriteStore for SftpStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let target = self.target(path)?;
        let claim = self.claims.claim(path);
        let session = self.link.own_session();
        let begun =
            self.over(session, "create", path, |session| Writer::begin(&self.link, session, target, claim, left.bytes));
        Ok(Box::new(begun?))
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        let remote = self.remote(path);
        self.on("delete", path, |session| async move {
            match session.remove(&remote).await {
                Err(failure) if failure.is(NO_SUCH_FILE) || failure.kind() == ErrorKind::NotFound => {
                    self.link.still_root(&session).await
                }
                removed => removed.map_err(Failure::ambiguous),
            }
        })
    }
}
