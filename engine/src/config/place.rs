//! Where a destination is: the types that a checked URL and its further keys become.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::SecretSource;
use crate::model::Distance;

/// Where a destination is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder of this computer, of a drive or a mounted share; absolute if the configuration's path was.
    File(PathBuf),
    /// An SFTP server.
    Sftp(Sftp),
    /// An FTP server, with TLS or without.
    Ftp(Ftp),
    /// A WebDAV server, with TLS or without.
    WebDav(WebDav),
    /// A bucket behind the S3 protocol.
    S3(S3),
}

impl Place {
    /// The URL's scheme, in its form with TLS where it has two.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Sftp(_) => "sftp",
            Self::Ftp(Ftp { tls: FtpTls::None, .. }) => "ftp",
            Self::Ftp(_) => "ftps",
            Self::WebDav(WebDav { transport: Transport::Plain, .. }) => "webdav",
            Self::WebDav(_) => "webdavs",
            Self::S3(_) => "s3",
        }
    }

    /// Is it on this computer, or behind a network?
    #[must_use]
    pub const fn distance(&self) -> Distance {
        match self {
            Self::File(_) => Distance::Local,
            _ => Distance::Server,
        }
    }

    /// Where its secrets come from.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        match self {
            Self::File(_) => Vec::new(),
            Self::Sftp(Sftp { password, passphrase, .. }) => password.iter().chain(passphrase).collect(),
            Self::Ftp(Ftp { password, .. }) | Self::WebDav(WebDav { password, .. }) => password.iter().collect(),
            Self::S3(S3 { credentials, .. }) => {
                let keys = credentials.iter();
                keys.flat_map(|keys| [&keys.access_key_id, &keys.secret_access_key]).collect()
            }
        }
    }

    /// The files that say who we are there and whom we trust, as far as they are named.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let secrets = self.secrets().into_iter().filter_map(|secret| match secret {
            SecretSource::File(file) => Some(file.clone()),
            SecretSource::Env(_) | SecretSource::Command { .. } => None,
        });
        let named = match self {
            Self::File(_) => [None, None],
            Self::Sftp(Sftp { identity_file, known_hosts, .. }) => {
                let own = || Some(std::env::home_dir()?.join(".ssh/known_hosts"));
                [identity_file.clone(), known_hosts.clone().or_else(own)]
            }
            Self::Ftp(Ftp { ca_file, .. }) | Self::WebDav(WebDav { ca_file, .. }) | Self::S3(S3 { ca_file, .. }) => {
                [ca_file.clone(), None]
            }
        };
        secrets.chain(named.into_iter().flatten()).collect()
    }

    /// What the user should change about its secrets, for people. Looks at files' modes, reads none.
    #[must_use]
    pub fn secret_notes(&self) -> Vec<String> {
        self.secrets().into_iter().filter_map(SecretSource::look).map(|warning| warning.to_string()).collect()
    }
}

/// A folder on a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    /// Who logs in; the backend's default if none.
    pub user: Option<String>,
    /// Lower case; an IPv6 address without brackets.
    pub host: String,
    /// As given, or the scheme's.
    pub port: u16,
    /// Decoded, begins with `/`, no `.`, `..` or trailing slash.
    pub path: String,
}

/// An SFTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sftp {
    /// Which folder where; port 22 by default.
    pub server: Server,
    /// The private key; the backend's default if none.
    pub identity_file: Option<PathBuf>,
    /// Keys of hosts that are trusted; the backend's default if none.
    pub known_hosts: Option<PathBuf>,
    /// The account's password.
    pub password: Option<SecretSource>,
    /// The private key's passphrase.
    pub passphrase: Option<SecretSource>,
}

/// An FTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ftp {
    /// Which folder where; port 21, or 990 for implicit TLS, by default.
    pub server: Server,
    /// How the connection is protected.
    pub tls: FtpTls,
    /// The account's password.
    pub password: Option<SecretSource>,
    /// Certificates that are trusted, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Who opens data connections.
    pub data: FtpData,
}

/// How an FTP connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FtpTls {
    /// Not at all.
    None,
    /// By `AUTH TLS` on the plain port.
    Explicit,
    /// From the first byte.
    Implicit,
}

/// Who opens FTP's data connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FtpData {
    /// We do.
    Passive,
    /// The server does.
    Active,
}

/// With TLS or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In clear: only to loopback, or where the configuration says `plain = true`.
    Plain,
    /// TLS.
    Tls,
}

/// A WebDAV server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebDav {
    /// Which folder where; port 80, or 443 with TLS, by default.
    pub server: Server,
    /// With TLS or without.
    pub transport: Transport,
    /// The account's password.
    pub password: Option<SecretSource>,
    /// Certificates that are trusted, beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// A bucket behind the S3 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3 {
    /// 3 to 63 of a-z, 0-9, `.` and `-`.
    pub bucket: String,
    /// Decoded, without slashes at its ends; empty for the whole bucket.
    pub prefix: String,
    /// The server; AWS's of the region if none.
    pub endpoint: Option<Endpoint>,
    /// The region.
    pub region: Option<String>,
    /// Is the bucket in the path rather than in the host's name?
    pub path_style: bool,
    /// The access key and its secret; the usual chain if none.
    pub credentials: Option<S3Credentials>,
    /// Certificates that are trusted, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What is asked of the server's object lock.
    pub object_lock: ObjectLock,
}

/// An S3 server's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// `http` or `https`.
    pub tls: bool,
    /// Lower case; an IPv6 address without brackets.
    pub host: String,
    /// As given, or 80 or 443.
    pub port: u16,
    /// Begins with `/`.
    pub path: String,
}

/// An access key and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The key's id.
    pub access_key_id: SecretSource,
    /// The key.
    pub secret_access_key: SecretSource,
}

/// What is asked of an S3 server's object lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectLock {
    /// Nothing.
    Off,
    /// What the bucket does by default; its refusals to delete are expected.
    BucketDefault,
    /// Each object is locked that long.
    For(Duration),
}
