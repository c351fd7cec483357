//! A place on a command line: a URL, and the keys that stand beside it in the configuration.
//!
//! In: words → the place that a `[destination.…]` of just these would be; a place → such words, for another process
//! that knows nothing. Secrets are never among them, only files that hold some.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::place::{Endpoint, Ftp, FtpData, FtpTls, Place, S3, S3Credentials, Server, Sftp, Transport, WebDav};
use super::{Config, SecretSource, parse};

/// The value of a key that was given on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// `--key VALUE`
    Text(String),
    /// `--key`
    Flag,
}

/// Keys that were given, with their values.
pub type Keys = Vec<(&'static str, Given)>;

/// The place that a URL on a command line names, with the further keys that were given beside it. Relative paths are
/// relative to the working folder.
///
/// # Errors
/// What is wrong with it, for people.
pub fn place_given(url: &str, keys: &[(&str, Given)]) -> Result<Place, String> {
    if url.starts_with("file:") && !url.starts_with("file:///") && !url.starts_with("file://localhost/") {
        return Err("a file URL on the command line has three slashes and an absolute path".to_owned());
    }
    let value = |given: &Given| match given {
        Given::Text(text) => toml::Value::String(text.clone()).to_string(),
        Given::Flag => "true".to_owned(),
    };
    let line = |(key, given): &(&str, Given)| format!("{key} = {}\n", value(given));
    let further: String = keys.iter().map(line).collect();
    let url = toml::Value::String(url.to_owned());
    // Home and state of nobody, so that the place given may be any folder.
    let nobody =
        "[home]\npath = \"/dev/null/home\"\n[state]\npath = \"/dev/null/state\"\n[key]\npassphrase-env = \"NONE\"\n";
    let text = format!("{nobody}[destination.given]\nurl = {url}\n{further}");
    let folder = std::env::current_dir().unwrap_or_default();
    let config: Config = parse(&text, &folder.join("given")).map_err(|errors| {
        let first = errors.into_iter().next();
        first.map_or_else(String::new, |error| format!("{}; allowed: {}", error.what, error.allowed))
    })?;
    config.destinations.into_iter().next().map(|given| given.place).ok_or_else(|| "it names no place".to_owned())
}

impl Place {
    /// The URL and the keys that name this place to another process. `held` puts a secret where that one may read it.
    ///
    /// # Errors
    /// For people: of `held`; a path that is no text.
    pub fn as_given(&self, held: &dyn Fn(&SecretSource) -> Result<PathBuf, String>) -> Result<(String, Keys), String> {
        let mut words = Words { keys: Vec::new(), held };
        let scheme = self.scheme();
        let url = match self {
            Self::File(path) => format!("file://{}", encoded(path.as_os_str().as_encoded_bytes())),
            Self::Sftp(Sftp { server, identity_file, known_hosts, password, passphrase }) => {
                words.path("identity-file", identity_file.as_deref())?;
                words.path("known-hosts", known_hosts.as_deref())?;
                words.secret("password-file", password.as_ref())?;
                words.secret("passphrase-file", passphrase.as_ref())?;
                url(scheme, server)
            }
            Self::Ftp(Ftp { server, tls, password, ca_file, data }) => {
                words.path("ca-file", ca_file.as_deref())?;
                words.secret("password-file", password.as_ref())?;
                words.flag("active", *data == FtpData::Active);
                words.flag("plain", *tls == FtpTls::None);
                words.text("tls", (*tls == FtpTls::Implicit).then_some("implicit"));
                url(scheme, server)
            }
            Self::WebDav(WebDav { server, transport, password, ca_file }) => {
                words.path("ca-file", ca_file.as_deref())?;
                words.secret("password-file", password.as_ref())?;
                words.flag("plain", *transport == Transport::Plain);
                url(scheme, server)
            }
            Self::S3(s3) => words.s3(s3)?,
        };
        Ok((url, words.keys))
    }
}

struct Words<'w> {
    keys: Keys,
    held: &'w dyn Fn(&SecretSource) -> Result<PathBuf, String>,
}

impl Words<'_> {
    fn text(&mut self, key: &'static str, value: Option<&str>) {
        self.keys.extend(value.map(|value| (key, Given::Text(value.to_owned()))));
    }

    fn flag(&mut self, key: &'static str, on: bool) {
        self.keys.extend(on.then_some((key, Given::Flag)));
    }

    fn path(&mut self, key: &'static str, path: Option<&Path>) -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let text = path.to_str().ok_or_else(|| format!("{key}: {} is no UTF-8 text", path.display()))?;
        self.text(key, Some(text));
        Ok(())
    }

    fn secret(&mut self, key: &'static str, secret: Option<&SecretSource>) -> Result<(), String> {
        let file = secret.map(self.held).transpose()?;
        self.path(key, file.as_deref())
    }

    /// What it asks of the server's object lock is of no use to who only reads.
    fn s3(&mut self, s3: &S3) -> Result<String, String> {
        let S3 { bucket, prefix, endpoint, region, path_style, credentials, ca_file, object_lock: _ } = s3;
        if let Some(Endpoint { tls, host, port, path }) = endpoint {
            let scheme = if *tls { "https" } else { "http" };
            let server = Server { user: None, host: host.clone(), port: *port, path: path.clone() };
            self.text("endpoint", Some(&url(scheme, &server)));
            self.flag("plain", !tls);
        }
        self.text("region", region.as_deref());
        self.flag("path-style", *path_style);
        if let Some(S3Credentials { access_key_id, secret_access_key }) = credentials {
            self.secret("access-key-id-file", Some(access_key_id))?;
            self.secret("secret-access-key-file", Some(secret_access_key))?;
        }
        self.path("ca-file", ca_file.as_deref())?;
        Ok(format!("s3://{bucket}/{}", encoded(prefix.as_bytes())))
    }
}

fn url(scheme: &str, server: &Server) -> String {
    let Server { user, host, port, path } = server;
    let user = user.as_ref().map_or_else(String::new, |user| encoded(user.as_bytes()).replace('/', "%2F") + "@");
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!("{scheme}://{user}{host}:{port}{}", encoded(path.as_bytes()))
}

/// As it stands in a URL's path.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(*byte)),
            _ => write!(text, "%{byte:02X}").unwrap_or(()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_behind_its_words() {
        let text = |key: &'static str, value: &str| (key, Given::Text(value.to_owned()));
        let flag = |key: &'static str| (key, Given::Flag);
        let cases: [(&str, Keys); 9] = [
            ("file:///media/ann/BACK%20UP%25/offsite", vec![]),
            (
                "sftp://ann%40home%2Fx@backup.example:2222/srv/off%20site",
                vec![text("identity-file", "/k e/id"), text("known-hosts", "/k/h"), text("passphrase-file", "/p")],
            ),
            ("sftp://[::1]/a", vec![text("password-file", "/p")]),
            ("ftps://ann@ftp.example/a", vec![text("tls", "implicit"), flag("active"), text("ca-file", "/ca")]),
            ("ftps://ann@ftp.example/", vec![text("password-file", "/p")]),
            ("ftp://ann@ftp.example/a", vec![flag("plain")]),
            ("webdav://ann@127.0.0.1:8080/dav", vec![text("password-file", "/p")]),
            ("webdavs://ann@dav.example/%C3%A4", vec![text("ca-file", "/ca")]),
            (
                "s3://bucket/pre%20fix/a",
                vec![
                    text("endpoint", "http://s3.example:9000"),
                    flag("plain"),
                    flag("path-style"),
                    text("region", "eu"),
                    text("access-key-id-file", "/id"),
                    text("secret-access-key-file", "/key"),
                ],
            ),
        ];
        for (url, keys) in cases {
            let place = place_given(url, &keys).expect(url);
            let held = |secret: &SecretSource| match secret {
                SecretSource::File(path) => Ok(path.clone()),
                other => Err(other.to_string()),
            };
            let (words, keys) = place.as_given(&held).expect(url);
            assert_eq!(place_given(&words, &keys).as_ref(), Ok(&place), "{url}: {words} {keys:?}");
        }
    }

    #[test]
    fn a_secret_that_can_not_be_held_is_told() {
        let keys = [("password-env", Given::Text("NAME".to_owned()))];
        let place = place_given("sftp://ann@backup.example/a", &keys).expect("a place");
        assert_eq!(place.as_given(&|_| Err("no room".to_owned())), Err("no room".to_owned()));
    }
}
