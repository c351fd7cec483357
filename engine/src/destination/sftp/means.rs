//! What a user can log in with: private keys, an agent's keys, a password.
//!
//! In: a place's configuration, the user's files and agent. Out: keys in the order to try, and the password.
//! Rules: with an `identity-file`, that key only; without one, and without a password, the agent's keys and then
//! `~/.ssh/id_ed25519`, `id_ecdsa` and `id_rsa`, [`KEYS_MAX`] at most (servers end a login after six failures).
//! Invariant: secrets live here until the login is over, and are in no text.
//!
//! Deliberately absent: asking a person; certificates of users.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{self, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::{SecretSource, Sftp};
use crate::destination::ErrorKind;

/// Keys tried in one login.
const KEYS_MAX: usize = 5;

/// See the module.
#[derive(Default)]
pub(super) struct Means {
    pub keys: Vec<Key>,
    /// Are the agent's keys to be tried before?
    pub agent: bool,
    pub password: Option<Zeroizing<String>>,
    /// Default keys that can't be used, and why.
    pub passed_over: Vec<String>,
}

/// A key to log in with.
pub(super) enum Key {
    /// Read from a file.
    Ours(PathBuf, Arc<PrivateKey>),
    /// Held by the agent.
    Agents(PublicKey),
}

impl Key {
    /// For the user.
    pub fn name(&self) -> String {
        match self {
            Self::Ours(path, key) => format!("the key {} ({})", path.display(), key.fingerprint(HashAlg::Sha256)),
            Self::Agents(key) => format!("the agent's key {}", key.fingerprint(HashAlg::Sha256)),
        }
    }

    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Ours(_, key) => key.public_key(),
            Self::Agents(key) => key,
        }
    }
}

impl Means {
    /// Reads what the place names, or what the user has.
    pub fn gather(place: &Sftp, warn: &dyn Fn(&str)) -> Result<Self, Failure> {
        let password = place.password.as_ref().map(|source| secret(source, "password", warn)).transpose()?;
        let mut means = Self { password, ..Self::default() };
        let passphrase = place.passphrase.as_ref().map(|source| secret(source, "passphrase", warn)).transpose()?;
        match &place.identity_file {
            Some(file) => means.keys.push(identity(file, passphrase.as_ref())?),
            None if means.password.is_none() => means.add_defaults(passphrase.as_ref()),
            None => {}
        }
        Ok(means)
    }

    fn add_defaults(&mut self, passphrase: Option<&Zeroizing<String>>) {
        self.agent = true;
        let Some(folder) = std::env::home_dir().map(|home| home.join(".ssh")) else { return };
        for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
            let file = folder.join(name);
            match load(&file, passphrase) {
                Ok(key) => self.keys.push(Key::Ours(file, Arc::new(key))),
                Err(Unread::Missing) => {}
                Err(why) => self.passed_over.push(format!("{} {why}", file.display())),
            }
        }
    }

    /// Puts the agent's keys in front; those that are there as files too count once.
    pub fn add_agents(&mut self, agents: Vec<PublicKey>) {
        let mut all: Vec<_> = agents.into_iter().map(Key::Agents).collect();
        for key in self.keys.drain(..) {
            if !all.iter().any(|known| known.public().key_data() == key.public().key_data()) {
                all.push(key);
            }
        }
        all.truncate(KEYS_MAX);
        self.keys = all;
    }
}

fn secret(source: &SecretSource, what: &str, warn: &dyn Fn(&str)) -> Result<Zeroizing<String>, Failure> {
    let denied = |why: String| Failure::Found(ErrorKind::Denied, why);
    let secret = source.read().map_err(|error| denied(format!("the {what} can't be had: {}", chain(&error))))?;
    if let Some(warning) = &secret.warning {
        warn(&warning.to_string());
    }
    let text = std::str::from_utf8(&secret.bytes).map_err(|_| denied(format!("the {what} is not UTF-8")))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Why a key's file gives no key.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("is not there")]
    Missing,
    #[error("can't be read: {0}")]
    Io(io::Error),
    #[error("has a passphrase: give `passphrase-file`, or add it to the agent (`ssh-add`)")]
    Locked,
    #[error("does not open with the passphrase given")]
    WrongPassphrase,
    #[error("is no private key that can be used: {0}")]
    Unusable(keys::Error),
}

/// The key that the configuration names; where it is locked, the agent may hold it open.
fn identity(file: &Path, passphrase: Option<&Zeroizing<String>>) -> Result<Key, Failure> {
    let fail = |why: Unread| Failure::Found(ErrorKind::Denied, format!("the identity file {} {why}", file.display()));
    match load(file, passphrase) {
        Ok(key) => Ok(Key::Ours(file.to_owned(), Arc::new(key))),
        Err(Unread::Locked) => public_beside(file).map(Key::Agents).ok_or_else(|| fail(Unread::Locked)),
        Err(why) => Err(fail(why)),
    }
}

/// The public half, where the agent is there to use it.
fn public_beside(file: &Path) -> Option<PublicKey> {
    std::env::var_os("SSH_AUTH_SOCK")?;
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    keys::load_public_key(PathBuf::from(name)).ok()
}

fn load(file: &Path, passphrase: Option<&Zeroizing<String>>) -> Result<PrivateKey, Unread> {
    let text = std::fs::read(file).map(Zeroizing::new).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        _ => Unread::Io(error),
    })?;
    let text = std::str::from_utf8(&text).map_err(|_| Unread::Unusable(keys::Error::CouldNotReadKey))?;
    match keys::decode_secret_key(text, None) {
        Ok(key) => Ok(key),
        Err(keys::Error::KeyIsEncrypted) => unlock(text, passphrase),
        Err(_) if is_locked(text) => unlock(text, passphrase),
        Err(error) => Err(Unread::Unusable(error)),
    }
}

fn unlock(text: &str, passphrase: Option<&Zeroizing<String>>) -> Result<PrivateKey, Unread> {
    let passphrase = passphrase.ok_or(Unread::Locked)?;
    keys::decode_secret_key(text, Some(passphrase)).map_err(|_| Unread::WrongPassphrase)
}

/// The older formats say so in their first lines.
fn is_locked(text: &str) -> bool {
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}
