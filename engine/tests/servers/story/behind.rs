//! What is done to a vault on a server behind the engine's back: damage, loss, a move.

use std::fs;
use std::path::PathBuf;

use engine::destination::{ReadStore, S3Store, WriteStore};
use engine::model::VaultPath;
use fixtures::Server;
use fixtures::data::inventory;

use crate::common::{path, put, whole};
use crate::s3::places::{keyed, opened};

/// A vault as they find it who have the server's disk, or the bucket's keys.
pub enum Behind<'s> {
    Folder(PathBuf),
    Bucket(&'s Server, &'static str),
}

impl<'s> Behind<'s> {
    /// The one at `Server::url`.
    pub fn of(server: &'s Server) -> Self {
        Self::called(server, "vault")
    }

    /// One of this name beside it.
    pub fn called(server: &'s Server, name: &'static str) -> Self {
        match server.tells("data") {
            Some(data) => Self::Folder(PathBuf::from(data).join(name)),
            None => Self::Bucket(server, name),
        }
    }

    /// All its files, as names.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Folder(root) => {
                let all = inventory(root).unwrap().into_iter();
                all.filter_map(|(path, bytes)| bytes.map(|_| path.to_str().unwrap().to_owned())).collect()
            }
            Self::Bucket(..) => names_below(&self.store(), &VaultPath::root()),
        }
    }

    /// The name of the largest pack.
    pub fn pack(&self) -> String {
        let packs = self.names().into_iter().filter(|name| name.starts_with("packs/"));
        packs.max_by_key(|name| self.read(name).len()).unwrap()
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        match self {
            Self::Folder(root) => fs::read(root.join(name)).unwrap(),
            Self::Bucket(..) => whole(&self.store(), name).unwrap(),
        }
    }

    /// Whatever has the name is replaced.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        match self {
            Self::Folder(root) => fs::write(root.join(name), bytes).unwrap(),
            Self::Bucket(..) => {
                self.store().delete(&path(name)).unwrap();
                put(&self.store(), name, bytes).unwrap();
            }
        }
    }

    pub fn remove(&self, name: &str) {
        match self {
            Self::Folder(root) => fs::remove_file(root.join(name)).unwrap(),
            Self::Bucket(..) => self.store().delete(&path(name)).unwrap(),
        }
    }

    /// Nothing of it is left, not even a folder.
    pub fn remove_all(&self) {
        match self {
            Self::Folder(root) => fs::remove_dir_all(root).unwrap(),
            Self::Bucket(..) => self.names().iter().for_each(|name| self.remove(name)),
        }
    }

    /// It lies there from now on, where nothing is yet.
    pub fn move_to(&self, to: &Self) {
        if let (Self::Folder(from), Self::Folder(to)) = (self, to) {
            return fs::rename(from, to).unwrap();
        }
        for name in self.names() {
            to.write(&name, &self.read(&name));
            self.remove(&name);
        }
    }

    fn store(&self) -> S3Store {
        let Self::Bucket(server, prefix) = self else { panic!("it is a folder") };
        opened(&keyed(server, "", &server.told("bucket"), prefix)).unwrap()
    }
}

fn names_below(store: &S3Store, folder: &VaultPath) -> Vec<String> {
    let listed = store.list(folder).unwrap().into_iter();
    let below = listed.map(|one| match one.bytes {
        Some(_) => vec![one.path.to_string()],
        None => names_below(store, &one.path),
    });
    below.flatten().collect()
}
