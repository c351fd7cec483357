//! A vault in a folder of a WebDAV server.
//!
//! In: a place of the configuration. Out: effects in its folder and nowhere else.
//!
//! What the server must have: PROPFIND (nginx only by its module dav_ext), MKCOL, PUT, MOVE, DELETE and Basic login.
//! Tried: Apache's mod_dav_fs, nginx with dav and dav_ext, `rclone serve webdav`. What differs between servers is tried
//! out while the first object is begun (`offer`, `trial`).
//!
//! Order of a write: temporary file, data, a look at the length (where it took more than one request of known length),
//! MOVE with `Overwrite: F`, a look at the name. Requests of an object, one after the other: 1 to begin (another beside it
//! for a folder that was not seen before; where the server takes no parts, a look for what is left), 1 PUT until a `flush`, then
//! where the server takes parts 1 for each 4 MiB, two to eight at once, and 1 for the length; 2 for the name: 4 or 5 in 4 round
//! trips. Beside the first object: 14 to 18, none of which it waits for where it is large. Reading, `list` and `space`: 1,
//! one more for what is not there; `delete`: 1, on servers that would delete a folder, too, or when nothing was written
//! before, 2.
//!
//! What this protocol can't do: flush anything, so that after a power cut of the server acknowledged bytes or names may
//! be gone; tell whether a read came from the medium; tell folders or file systems apart, so that another folder in the
//! same place is not noticed. Apache looks for the name and renames in two steps, so that of two writers at the same
//! instant the second could win; the vault's lock keeps that from happening. A request that was given up may still be
//! carried out later. Where no part can be written, nothing can be gone on from. nginx lists no name that begins with a
//! dot: what is left unfinished there is found by its own name only; and it tells a full disk from no other error.
//!
//! An operation that finds the connection broken fails; the next one opens another. Writers that were open fail then.
//! Calls wait on the shared runtime and must not be made from inside it.
//!
//! Deliberately absent: what the bytes mean; locks (one writer for each vault); making parent folders; trying again;
//! Digest login; redirections, whose address is told to the user.

mod body;
mod dial;
mod failure;
mod finish;
mod folder;
mod href;
mod link;
mod look;
mod multistatus;
mod offer;
mod reader;
mod trial;
mod writer;

use std::sync::Arc;

use self::failure::Failure;
use self::link::Link;
use self::look::Found;
use self::offer::Delete;
use self::reader::Reader;
use self::writer::{Target, Writer};
use crate::config::WebDav;
use crate::destination::claims::Claims;
use crate::destination::runtime::runtime;
use crate::destination::{
    ErrorKind, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, WriteStore, temporary,
};
use crate::model::{Distance, VaultPath};

/// Objects at once. A small one takes four round trips one after the other, so that many are needed to fill a line; large
/// ones share the window of `link`, and hold nothing beside it.
const LANES: usize = 16;

/// See the module.
pub struct WebDavStore {
    link: Arc<Link>,
    claims: Claims,
}

impl WebDavStore {
    /// Looks whether the folder is there. Creates nothing. `warn` is told what the user should change about a secret.
    ///
    /// # Errors
    /// `NotFound` if no folder is there; `Denied` if the server is not trusted or refuses the user; `Transient` if it
    /// does not answer; `Permanent` if it is no WebDAV server, or one that can't be used.
    pub fn open(place: &WebDav, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        Self::begun("open", place, warn, async |link| {
            let missing = || Failure::Found(ErrorKind::NotFound, "there is no such folder".to_owned());
            if link.is_folder(link.root()).await? { Ok(()) } else { Err(missing()) }
        })
    }

    /// Makes the folder, no parent of it, and opens it.
    ///
    /// # Errors
    /// `Exists` if something is there; `NotFound` if its parent is not; else as `open`.
    pub fn create_root(place: &WebDav, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        Self::begun("make", place, warn, async |link| link.make_root().await)
    }

    fn begun(
        operation: &'static str,
        place: &WebDav,
        warn: &dyn Fn(&str),
        how: impl AsyncFnOnce(&Link) -> Result<(), Failure>,
    ) -> Result<Self, StoreError> {
        let link = Link::new(place, warn).map_err(|failure| failure.at(operation, &place.server.host))?;
        let store = Self { link: Arc::new(link), claims: Claims::default() };
        store.wait(operation, &VaultPath::root(), how(&store.link))?;
        Ok(store)
    }

    /// Where it was opened, as a URL without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.link.address()
    }

    fn named(&self, path: &VaultPath) -> String {
        let address = self.link.address();
        if path.as_str().is_empty() { address } else { format!("{}/{path}", address.trim_end_matches('/')) }
    }

    fn wait<T>(
        &self,
        operation: &'static str,
        path: &VaultPath,
        what: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        runtime()?.block_on(what).map_err(|failure| failure.at(operation, &self.named(path)))
    }

    fn target(&self, path: &VaultPath) -> Result<Target, StoreError> {
        let temporary = self.link.remote(&temporary(path)?);
        Ok(Target { address: self.named(path), path: self.link.remote(path), temporary, folder: path.folder() })
    }

    /// Before an absence is believed: is the vault's folder there? 1 request.
    async fn absence<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if answer.as_ref().is_err_and(|failure| failure.kind() == ErrorKind::NotFound) {
            self.link.still_root().await?;
        }
        answer
    }

    async fn remove(&self, remote: &str) -> Result<(), Failure> {
        let spares = self.link.offer.get().is_some_and(|offer| offer.delete == Delete::SparesFolders);
        if !spares {
            match self.link.look(remote).await? {
                Found::File(_) => {}
                Found::Nothing => return self.link.still_root().await,
                Found::Folder => return Err(no_object()),
            }
        }
        match self.link.remove(remote).await.map_err(Failure::ambiguous) {
            Ok(202) => Err(Failure::Found(ErrorKind::Ambiguous, "the server will do it later".to_owned())),
            Ok(_) => Ok(()),
            Err(Failure::Refused { code: 404 | 410, .. }) => self.link.still_root().await,
            Err(refused @ Failure::Refused { code: 400 | 403 | 405 | 409, .. }) => {
                Err(self.kept(remote, refused).await)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Why it was not deleted.
    async fn kept(&self, remote: &str, refused: Failure) -> Failure {
        match self.link.look(remote).await {
            Ok(Found::Folder) => no_object(),
            // By rclone's answer, which has one for all, or where only adding is allowed.
            Ok(Found::File(_)) => Failure::Found(ErrorKind::Denied, format!("{refused}: the file stays there")),
            _ => refused,
        }
    }
}

fn no_object() -> Failure {
    Failure::permanent("a folder is there, which is not deleted")
}

impl ReadStore for WebDavStore {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.wait("look at", path, async {
            match self.link.look(&self.link.remote(path)).await? {
                Found::File(bytes) => Ok(Some(bytes)),
                Found::Folder => Ok(None),
                Found::Nothing => self.link.still_root().await.map(|()| None),
            }
        })
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        let remote = self.link.remote(path);
        self.wait("read", path, async { self.absence(reader::range(&self.link, &remote, offset, bytes).await).await })
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let remote = self.link.remote(path);
        let opened = self.wait("read", path, async {
            self.absence(Reader::open_at(Arc::clone(&self.link), self.named(path), &remote, offset).await).await
        });
        Ok(Box::new(opened?))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let mut all = self.wait("list", folder, async {
            match self.link.names(folder).await? {
                Some(names) => Ok(names),
                None => self.link.still_root().await.map(|()| Vec::new()),
            }
        })?;
        all.sort();
        all.dedup_by(|one, other| one.path == other.path);
        Ok(all)
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let remote = self.link.remote(path);
        let opened = self.wait("read back", path, async {
            self.absence(Reader::open(Arc::clone(&self.link), self.named(path), &remote).await).await
        });
        Ok(Box::new(opened?))
    }

    fn finished_file(&self, _: &VaultPath) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    fn space(&self) -> Result<Option<Space>, StoreError> {
        self.wait("measure", &VaultPath::root(), self.link.room())
    }

    fn distance(&self) -> Distance {
        Distance::Server
    }

    /// No request while answers come; else the folder is looked at.
    fn still_there(&self) -> Result<(), StoreError> {
        if self.link.is_fresh() { Ok(()) } else { self.wait("look at", &VaultPath::root(), self.link.still_root()) }
    }
}

impl WriteStore for WebDavStore {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let target = self.target(path)?;
        let claim = self.claims.claim(path);
        let begun = self.wait("create", path, Writer::begin(Arc::clone(&self.link), target, claim, left.bytes));
        Ok(Box::new(begun?))
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        let remote = self.link.remote(path);
        self.wait("delete", path, self.remove(&remote))
    }
}
