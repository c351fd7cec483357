//! A vault in a bucket behind the S3 protocol.
//!
//! In: a place of the configuration. Out: effects below its prefix and nowhere else.
//!
//! An object is there whole or not at all, so none is written under a temporary name. One of up to 8 MiB is one PUT; a
//! larger one is an upload in parts of 8 MiB, and while it is not complete `list` shows it as a temporary object of 0
//! bytes (its length would cost a request), `delete` of that name ends it, and `resume` goes on behind the whole parts
//! that the server has. An upload that the server does not know any more is begun anew.
//!
//! Requests, each one round trip: open 1 (2 with `object-lock`); `stat` 1; `read` 1; `read_medium` 1; `list` 2, and 1
//! for each further 1,000 names; put up to 8 MiB 2 (look, PUT); larger 6 and 1 for each 8 MiB (look, uploads left
//! over and beside it begin, parts, look, complete, look), eight parts at a time; resume 2 (look, parts); flush and `still_there` 0
//! (1 after a connection broke); delete 1, in a bucket with versions 2, the first one 1 more (see `delete`); of a temporary name 1 more, and
//! 1 for each upload that it ends.
//!
//! *No name is replaced*: PUT and completion carry `If-None-Match: *`. A server that refuses this header is asked
//! first. One that ignores it is not known to: there the look before the completion, the look when a small object is
//! begun, and the vault's lock stand in. *Checksums*: the SHA-256 of each request's bytes is signed, and sent as
//! `x-amz-checksum-sha256`; where the server tells its own of the whole object and it is ours, `finish` is `Confirmed`
//! (for an upload in parts it is the SHA-256 of the parts' own). A server that rejects these headers is asked without
//! them, one that ignores them tells none: `Named`. So is an upload that was gone on with, since the first parts did
//! not pass through our hands. An ETag is no checksum: what it is depends on the server's encryption.
//! *A lost answer* to a PUT or a completion is resolved by a look if the server tells a checksum, else it is
//! `Ambiguous`.
//!
//! `object-lock = "30d"` sets COMPLIANCE retention on each object as it is written: nobody can end it sooner, whoever
//! gets hold of the key. The bucket must have Object Lock, which is looked at when the place is opened.
//!
//! Requests are made by hand over `reqwest`, and signed by `reqsign`, which knows the whole chain of AWS credentials
//! with profiles. Full clients offer neither conditional completion nor versions, parts, retention or the server's
//! words.
//!
//! A bucket that vanished is `Gone`. Every request opens a connection where none stands. Calls wait on the shared
//! runtime and must not be made from inside it.
//! Deliberately absent: making buckets; room left (no server tells); what the bytes mean; trying again, but for parts.

mod address;
mod checksum;
mod client;
mod credentials;
mod delete;
mod failure;
mod list;
mod object;
mod progress;
mod reader;
mod tls;
mod upload;
mod writer;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::client::{Answer, Client, Request};
use self::delete::Bucket;
use self::failure::Failure;
use self::list::Folder;
use self::reader::Reader;
use self::writer::{Target, Writer};
use crate::config::{ObjectLock, S3};
use crate::destination::claims::Claims;
use crate::destination::runtime::runtime;
use crate::destination::{
    ErrorKind, Listed, ObjectRead, ObjectWrite, ReadStore, Resume, Space, StoreError, TEMPORARY_PREFIX, WriteStore,
    temporary,
};
use crate::model::{Distance, VaultPath};

/// Objects at once: a small one takes two round trips one after the other. Of large ones each fills a part, and all share
/// the window of `client`.
const LANES: usize = 8;

/// See the module.
pub struct S3Store {
    client: Arc<Client>,
    bucket: Bucket,
    claims: Claims,
}

impl S3Store {
    /// Looks whether the bucket is there and can be listed; a prefix is there if its bucket is. Creates nothing. `warn`
    /// is told what the user should change.
    ///
    /// # Errors
    /// `NotFound` if the bucket is not there; `Denied` if there is no key or the server refuses it, or the bucket has no
    /// Object Lock and the configuration asks for it; `Transient` if the server does not answer.
    pub fn open(place: &S3, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        Self::looked(place, warn, "open").map(|(store, _)| store)
    }

    /// The same where nothing lies below the prefix: there is nothing to be made.
    ///
    /// # Errors
    /// `Exists` if something lies there; else as `open`.
    pub fn create_root(place: &S3, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        match Self::looked(place, warn, "make")? {
            (store, true) => Ok(store),
            (store, false) => {
                let why = "something lies there already";
                let failure = Failure::Found(ErrorKind::Exists, why.to_owned());
                Err(store.fail("make", &VaultPath::root(), failure))
            }
        }
    }

    /// The store, and whether nothing lies below its prefix.
    fn looked(place: &S3, warn: &dyn Fn(&str), operation: &'static str) -> Result<(Self, bool), StoreError> {
        let address = address::Address::of(place, |_| None).named(&VaultPath::root());
        let client = Client::new(place, warn).map_err(|failure| failure.at(operation, &address))?;
        let looked = runtime()?.block_on(async {
            let is_empty = list::is_empty(&client, &client.address.below(&VaultPath::root())).await?;
            locks(&client, warn).await?;
            Ok(is_empty)
        });
        let is_empty = looked.map_err(|failure: Failure| failure.at(operation, &address))?;
        let store = Self { client: Arc::new(client), bucket: Bucket::default(), claims: Claims::default() };
        Ok((store, is_empty))
    }

    /// Where it was opened, as a URL without secrets.
    #[must_use]
    pub fn address(&self) -> String {
        self.client.named(&VaultPath::root())
    }

    fn fail(&self, operation: &'static str, path: &VaultPath, failure: Failure) -> StoreError {
        failure.of_open_place().at(operation, &self.client.named(path))
    }

    fn on<T>(
        &self,
        operation: &'static str,
        path: &VaultPath,
        what: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        runtime()?.block_on(what).map_err(|failure| self.fail(operation, path, failure))
    }

    fn key(&self, path: &VaultPath) -> String {
        self.client.address.key(path)
    }

    /// What of a folder can be part of a vault; the vault's own objects all are.
    fn listed(&self, folder: &VaultPath, found: Folder) -> Vec<Listed> {
        let below = self.client.address.below(folder);
        let mut all: BTreeMap<VaultPath, Option<u64>> = BTreeMap::new();
        let inner = |name: &str| name.split_once('/').map(|(inner, _)| inner.to_owned());
        let names = |key: &str| key.strip_prefix(&below).map(ToOwned::to_owned);
        for name in found.uploads.iter().filter_map(|key| names(key)) {
            // Not every server keeps to the delimiter.
            match inner(&name) {
                Some(inner) => all.extend(folder.child(&inner).ok().map(|path| (path, None))),
                None => all.extend(unfinished(folder, &name).map(|path| (path, Some(0)))),
            }
        }
        let folders = found.folders.iter().filter_map(|key| inner(&names(key)?));
        all.extend(folders.filter_map(|name| Some((folder.child(&name).ok()?, None))));
        let objects = found.objects.iter().filter_map(|object| Some((names(&object.key)?, object.size)));
        let objects = objects.filter(|(name, _)| !name.contains('/'));
        all.extend(objects.filter_map(|(name, bytes)| Some((folder.child(&name).ok()?, Some(bytes)))));
        all.into_iter().map(|(path, bytes)| Listed { path, bytes }).collect()
    }

    /// From there to its end; none behind it.
    async fn rest(&self, path: &VaultPath, offset: u64) -> Result<Reader, Failure> {
        let address = self.client.named(path);
        match object::get(&self.client, &self.key(path), Some((offset, None))).await {
            Err(failure) if failure.is("InvalidRange") => Ok(Reader::of_nothing(address)),
            answer => {
                let answer = answer?;
                require_begin(&answer, offset)?;
                Ok(Reader::of(answer, address))
            }
        }
    }

    /// At most `bytes` bytes; none behind its end.
    async fn part(&self, key: &str, offset: u64, bytes: usize) -> Result<Vec<u8>, Failure> {
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
        let last = offset.saturating_add(wanted - 1);
        let answer = match object::get(&self.client, key, Some((offset, Some(last)))).await {
            Err(failure) if failure.is("InvalidRange") => return Ok(Vec::new()),
            answer => answer?,
        };
        require_begin(&answer, offset)?;
        let mut all = answer.whole(bytes.max(1)).await?;
        all.truncate(bytes);
        Ok(all)
    }
}

fn require_begin(answer: &Answer, offset: u64) -> Result<(), Failure> {
    let unfit = || Failure::Unfit("it gives other bytes than were asked for".to_owned());
    if object::begins_at(answer)? == offset { Ok(()) } else { Err(unfit()) }
}

/// The temporary name of what is not finished.
fn unfinished(folder: &VaultPath, name: &str) -> Option<VaultPath> {
    temporary(&folder.child(name).ok()?).ok()
}

/// If the configuration asks for Object Lock: does the bucket have it? 1 request. Some servers take the headers of a lock
/// and have none.
async fn locks(client: &Client, warn: &dyn Fn(&str)) -> Result<(), Failure> {
    if client.object_lock == ObjectLock::Off {
        return Ok(());
    }
    let query = vec![("object-lock", String::new())];
    let found = match client.send(Request { query, ..Request::default() }).await {
        Ok(answer) => xml::read::<xml::LockOfBucket>(&answer.document().await?)?,
        // A server that does not know the question has none.
        Err(failure) if failure.kind() == ErrorKind::NotFound || failure.is("NotImplemented") => {
            xml::LockOfBucket::default()
        }
        Err(failure) => {
            let why = format!(
                "`object-lock` is set, and whether the bucket has it can't be seen: {failure} \
                 (s3:GetBucketObjectLockConfiguration)"
            );
            return Err(Failure::Found(failure.kind(), why));
        }
    };
    if found.object_lock_enabled.as_deref() != Some("Enabled") {
        let why = "`object-lock` is set, and the bucket has no Object Lock: make one that has, or take the key away";
        return Err(Failure::Found(ErrorKind::Denied, why.to_owned()));
    }
    let by_default = found.rule.and_then(|rule| rule.default_retention).and_then(|retention| retention.mode);
    if client.object_lock == ObjectLock::BucketDefault && by_default.is_none() {
        warn("`object-lock = true` leaves the time to the bucket, and the bucket locks nothing by default");
    }
    Ok(())
}

impl ReadStore for S3Store {
    fn stat(&self, path: &VaultPath) -> Result<Option<u64>, StoreError> {
        self.on("look at", path, object::look(&self.client, &self.key(path)))
    }

    fn read(&self, path: &VaultPath, offset: u64, bytes: usize) -> Result<Vec<u8>, StoreError> {
        self.on("read", path, self.part(&self.key(path), offset, bytes))
    }

    fn read_on(&self, path: &VaultPath, offset: u64) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        Ok(Box::new(self.on("read", path, self.rest(path, offset))?))
    }

    fn list(&self, folder: &VaultPath) -> Result<Vec<Listed>, StoreError> {
        let below = self.client.address.below(folder);
        let found = self.on("list", folder, list::folder(&self.client, &below))?;
        Ok(self.listed(folder, found))
    }

    fn read_medium(&self, path: &VaultPath) -> Result<Box<dyn ObjectRead + '_>, StoreError> {
        let (key, address) = (self.key(path), self.client.named(path));
        let reader = self.on("read back", path, async {
            object::get(&self.client, &key, None).await.map(|answer| Reader::of(answer, address))
        })?;
        Ok(Box::new(reader))
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

    /// No request while every connection ended well; else the bucket is looked at.
    fn still_there(&self) -> Result<(), StoreError> {
        if self.client.stands() {
            return Ok(());
        }
        let root = VaultPath::root();
        self.on("look at", &root, list::is_empty(&self.client, &self.client.address.below(&root)))?;
        self.client.seen();
        Ok(())
    }
}

impl WriteStore for S3Store {
    fn create(&self, path: &VaultPath) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        self.resume(path, &Resume::default())
    }

    fn resume(&self, path: &VaultPath, left: &Resume) -> Result<Box<dyn ObjectWrite + '_>, StoreError> {
        let target = Target { address: self.client.named(path), key: self.key(path) };
        let claim = self.claims.claim(path);
        let writer = self.on("create", path, Writer::begin(Arc::clone(&self.client), target, claim, left))?;
        Ok(Box::new(writer))
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn delete(&self, path: &VaultPath) -> Result<(), StoreError> {
        let finished =
            path.file_name().strip_prefix(TEMPORARY_PREFIX).and_then(|name| path.folder().foreign_child(name).ok());
        self.on("delete", path, async {
            if let Some(finished) = finished {
                upload::abort_all(&self.client, &self.key(&finished)).await?;
            }
            self.bucket.delete(&self.client, &self.key(path)).await
        })
    }
}
