//! URLs of destinations and databases, taken apart. Pure.
//!
//! Invariant: no message repeats any part of a URL but its scheme, as a password may stand anywhere in it.

use std::net::Ipv6Addr;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::error::Wrong;

/// A URL's parts. The path is as written, with its leading slash, not yet decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url<'t> {
    /// Lower case.
    pub scheme: String,
    /// None where there is no `//`.
    pub authority: Option<Authority>,
    pub path: &'t str,
}

/// What stands between `//` and the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// Decoded; never empty.
    pub user: Option<String>,
    /// Lower case; an IPv6 address without its brackets; empty where the URL has none.
    pub host: String,
    /// 1 at least.
    pub port: Option<u16>,
}

impl<'t> Url<'t> {
    /// Takes a URL apart. `form` is what is allowed, for messages.
    pub(super) fn parse(text: &'t str, form: &str) -> Result<Self, Wrong> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| Wrong::new("this is not a URL", form))?;
        let good = |c: u8| c.is_ascii_alphanumeric() || b"+-.".contains(&c);
        if scheme.is_empty() || !scheme.bytes().all(good) {
            return Err(Wrong::new("this is not a URL: it begins with no scheme", form));
        }
        if rest.contains(['?', '#', '\0']) {
            return Err(Wrong::new(
                "the URL has a `?` or a `#`",
                "in a path, %3F and %23; options are keys beside `url`",
            ));
        }
        let (authority, path) = match rest.strip_prefix("//") {
            None => (None, rest),
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(Authority::parse(authority, form)?), path)
            }
        };
        Ok(Self { scheme: scheme.to_ascii_lowercase(), authority, path })
    }

    /// The path's bytes.
    pub(super) fn path_bytes(&self) -> Result<Vec<u8>, Wrong> {
        decoded(self.path)
    }

    /// The path as text, without `.`, `..`, doubled and trailing slashes.
    pub(super) fn path_text(&self) -> Result<String, Wrong> {
        let text = String::from_utf8(self.path_bytes()?);
        let text = text.map_err(|_| Wrong::new("the URL's path is not UTF-8", "percent-encoded UTF-8"))?;
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        Ok(format!("/{}", parts.join("/")))
    }
}

impl Authority {
    fn parse(text: &str, form: &str) -> Result<Self, Wrong> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(parse_user(user, form)?), place),
            None => (None, text),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => parse_v6(bracketed, form)?,
            None => place
                .split_once(':')
                .map_or((place.to_ascii_lowercase(), None), |(host, port)| (host.to_ascii_lowercase(), Some(port))),
        };
        let good = |c: char| c.is_alphanumeric() || "-._:~".contains(c);
        if !host.chars().all(good) {
            return Err(Wrong::new("the URL's host has characters that no host has", form));
        }
        Ok(Self { user, host, port: port.map(parse_port).transpose()? })
    }

    /// Does it name this computer and no other?
    pub(super) fn is_loopback(&self) -> bool {
        let v4 = |host: &str| host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
        let v6 = |host: &str| host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback());
        self.host == "localhost" || v4(&self.host) || v6(&self.host)
    }
}

fn parse_user(text: &str, form: &str) -> Result<String, Wrong> {
    if text.contains(':') {
        let allowed = "the user alone; the password by `password-file`, `password-env` or `password-command`";
        return Err(Wrong::new("the URL holds a password in clear", allowed));
    }
    let user = String::from_utf8(decoded(text)?).ok().filter(|user| !user.is_empty() && !user.contains('\0'));
    user.ok_or_else(|| Wrong::new("the URL's user is empty or not UTF-8", form))
}

fn parse_v6<'t>(bracketed: &'t str, form: &str) -> Result<(String, Option<&'t str>), Wrong> {
    let wrong = || Wrong::new("the URL's host in brackets is not an IPv6 address", form);
    let (host, rest) = bracketed.split_once(']').ok_or_else(wrong)?;
    let host = host.parse::<Ipv6Addr>().map_err(|_| wrong())?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host.to_string(), Some(port))),
        None if rest.is_empty() => Ok((host.to_string(), None)),
        None => Err(wrong()),
    }
}

fn parse_port(text: &str) -> Result<u16, Wrong> {
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| Wrong::new("the URL's port is not a port", "a number from 1 to 65535"))
}

/// Percent-decodes; NUL is refused.
fn decoded(text: &str) -> Result<Vec<u8>, Wrong> {
    let wrong = || Wrong::new("a `%` in the URL is not followed by two hex digits", "%25 for the sign itself");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.as_bytes().split_at_checked(2).ok_or_else(wrong)?;
        bytes.extend(HEXLOWER_PERMISSIVE.decode(hex).map_err(|_| wrong())?);
        bytes.extend(rest);
    }
    if bytes.contains(&0) { Err(Wrong::new("the URL holds a NUL", "any other byte")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Url<'_>, Wrong> {
        Url::parse(text, "a URL")
    }

    #[test]
    fn a_url_comes_apart() {
        let url = parsed("SFTP://ann%40x@Backup.Example:2222/srv//off%20site/./a/..").expect("a URL");
        let authority = url.authority.as_ref().expect("an authority");
        assert_eq!((url.scheme.as_str(), authority.user.as_deref()), ("sftp", Some("ann@x")));
        assert_eq!((authority.host.as_str(), authority.port), ("backup.example", Some(2222)));
        assert_eq!(url.path_text(), Ok("/srv/off site".into()));
    }

    #[test]
    fn this_computer_is_known_by_its_names() {
        let loopback =
            |host: &str| parsed(&format!("ftp://{host}/x")).expect("a URL").authority.expect("one").is_loopback();
        for host in ["localhost", "LOCALHOST:21", "127.0.0.1", "127.9.9.9:2121", "[::1]", "[0:0::1]:21"] {
            assert!(loopback(host), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "[::2]", "127.0.0.1.example"] {
            assert!(!loopback(host), "{host}");
        }
    }

    #[test]
    fn a_wrong_url_is_refused_and_never_repeated() {
        let table = [
            "hunter2",
            ":hunter2",
            "a b://hunter2",
            "sftp://ann:hunter2@host/x",
            "sftp://ann:hun/ter2@host/x",
            "sftp://@host/hunter2",
            "sftp://host:0/hunter2",
            "sftp://host:hunter2/",
            "sftp://host:99999/hunter2",
            "sftp://[::1/hunter2",
            "sftp://[::1]hunter2/",
            "sftp://[hunter2]/",
            "sftp://ho st/hunter2",
            "s3://bucket/x?secret=hunter2",
            "sftp://a%zz@host/hunter2",
        ];
        for text in table {
            let wrong = parsed(text).expect_err(text);
            assert!(!format!("{wrong:?}").contains("ter2"), "{text}: {wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(file|sftp|s3):(//)?[a-z%0-9:@/\\[\\].é~?#-]{0,40}|\\PC{0,40}") {
            if let Ok(url) = parsed(&text) {
                let _ = url.path_text();
            }
        }
    }
}
