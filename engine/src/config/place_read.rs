//! A destination's URL and the keys that go with its scheme.

use std::path::PathBuf;

use super::error::Wrong;
use super::path::{from_bytes, normal, path};
use super::place::{
    Endpoint, Ftp, FtpData, FtpTls, ObjectLock, Place, S3, S3Credentials, Server, Sftp, Transport, WebDav,
};
use super::quantity::duration;
use super::reader::Read;
use super::secret_keys::{ACCESS_KEY_ID, PASSPHRASE, PASSWORD, SECRET_ACCESS_KEY, secret};
use super::table::{Item, Table};
use super::url::{Authority, Url};

const FORMS: &str = "file:///path, sftp://user@host:port/path, ftp:// or ftps://user@host:port/path, \
                     webdav:// or webdavs://user@host:port/path, s3://bucket/prefix";

/// The place at the URL in `item`; takes the scheme's own keys out of `table`.
pub(super) fn place(item: &Item<'_>, table: &mut Table<'_>) -> Read<Place> {
    let url = Url::parse(item.text()?, FORMS).or_else(|wrong| item.wrong(wrong))?;
    match url.scheme.as_str() {
        "file" => file(&url, item).map(Place::File),
        "sftp" => sftp(&url, item, table).map(Place::Sftp),
        "ftp" | "ftps" => ftp(&url, item, table).map(Place::Ftp),
        "webdav" | "webdavs" => webdav(&url, item, table).map(Place::WebDav),
        "s3" => s3(&url, item, table).map(Place::S3),
        _ => item.wrong(Wrong::new("no destination has this scheme", FORMS)),
    }
}

const FILE_FORMS: &str = "file:///an/absolute/path, file://~/path, or file:path relative to the configuration's folder";

fn file(url: &Url<'_>, item: &Item<'_>) -> Read<PathBuf> {
    let base = file_base(url, item)?;
    let bytes = url.path_bytes().or_else(|wrong| item.wrong(wrong))?;
    let tilde = usize::from(url.authority.is_none());
    let slashes = |from: usize| bytes[from..].iter().take_while(|byte| **byte == b'/').count();
    let skip = if base.is_some() { tilde + slashes(tilde) } else { 0 };
    if base.is_none() && bytes.is_empty() {
        return item.wrong(Wrong::new("the URL has no path", FILE_FORMS));
    }
    let Some(path) = from_bytes(bytes[skip..].to_vec()) else {
        return item.wrong(Wrong::new("the URL's path is not UTF-8", FILE_FORMS));
    };
    Ok(normal(&base.unwrap_or_else(|| item.reader.folder.to_owned()).join(path)))
}

/// The folder that `~`, `.` or `..` in the place of a host stands for; none where the path says all.
fn file_base(url: &Url<'_>, item: &Item<'_>) -> Read<Option<PathBuf>> {
    let base = match &url.authority {
        None if url.path.starts_with("~/") => "~",
        None => "",
        Some(Authority { user: None, port: None, host }) => host,
        Some(_) => "another computer",
    };
    match (base, item.reader.user_home) {
        ("" | "localhost", _) => Ok(None),
        ("." | "..", _) => Ok(Some(item.reader.folder.join(base))),
        ("~", Some(home)) => Ok(Some(home.to_owned())),
        ("~", None) => item.wrong(Wrong::new("`~` can't be resolved: the user's home is not known", FILE_FORMS)),
        _ => item.wrong(Wrong::new("a file URL names no other computer", FILE_FORMS)),
    }
}

fn server(url: &Url<'_>, item: &Item<'_>, port: u16) -> Read<Server> {
    let form = format!("{}://user@host:port/path", url.scheme);
    let path = url.path_text().or_else(|wrong| item.wrong(wrong))?;
    match &url.authority {
        Some(Authority { user, host, port: given }) if is_host(host) => {
            Ok(Server { user: user.clone(), host: host.clone(), port: given.unwrap_or(port), path })
        }
        _ => item.wrong(Wrong::new("the URL has no host", form)),
    }
}

pub(super) fn is_host(host: &str) -> bool {
    !matches!(host, "" | "." | ".." | "~")
}

/// What goes over the wire in clear may do so on this computer, or where the configuration says so.
fn check_plain(is_loopback: bool, plain: Option<bool>, item: &Item<'_>) -> Read<()> {
    if is_loopback || plain == Some(true) {
        return Ok(());
    }
    let allowed = "the scheme with TLS, or `plain = true` beside it";
    item.wrong(Wrong::new("everything, the password too, would go to another computer in clear", allowed))
}

fn is_loopback(url: &Url<'_>) -> bool {
    url.authority.as_ref().is_some_and(Authority::is_loopback)
}

fn sftp(url: &Url<'_>, item: &Item<'_>, table: &mut Table<'_>) -> Read<Sftp> {
    let server = server(url, item, 22);
    let identity_file = table.optional("identity-file", |item| path(&item));
    let known_hosts = table.optional("known-hosts", |item| path(&item));
    let password = secret(table, PASSWORD);
    let passphrase = secret(table, PASSPHRASE);
    Ok(Sftp {
        server: server?,
        identity_file: identity_file?,
        known_hosts: known_hosts?,
        password: password?,
        passphrase: passphrase?,
    })
}

fn ftp(url: &Url<'_>, item: &Item<'_>, table: &mut Table<'_>) -> Read<Ftp> {
    let password = secret(table, PASSWORD);
    let ca_file = table.optional("ca-file", |item| path(&item));
    let active = table.or("active", false, |item| item.flag());
    let tls = if url.scheme == "ftps" {
        let words = [("explicit", FtpTls::Explicit), ("implicit", FtpTls::Implicit)];
        table.or("tls", FtpTls::Explicit, |item| item.choice(&words))
    } else {
        let plain = table.optional("plain", |item| item.flag());
        plain.and_then(|plain| check_plain(is_loopback(url), plain, item)).map(|()| FtpTls::None)
    };
    let server = server(url, item, if matches!(tls, Ok(FtpTls::Implicit)) { 990 } else { 21 });
    let data = if active? { FtpData::Active } else { FtpData::Passive };
    Ok(Ftp { server: server?, tls: tls?, password: password?, ca_file: ca_file?, data })
}

fn webdav(url: &Url<'_>, item: &Item<'_>, table: &mut Table<'_>) -> Read<WebDav> {
    let password = secret(table, PASSWORD);
    let ca_file = table.optional("ca-file", |item| path(&item));
    let (transport, port) = match url.scheme.as_str() {
        "webdavs" => (Ok(Transport::Tls), 443),
        _ => {
            let plain = table.optional("plain", |item| item.flag());
            let checked = plain.and_then(|plain| check_plain(is_loopback(url), plain, item));
            (checked.map(|()| Transport::Plain), 80)
        }
    };
    let server = server(url, item, port);
    Ok(WebDav { server: server?, transport: transport?, password: password?, ca_file: ca_file? })
}

fn s3(url: &Url<'_>, item: &Item<'_>, table: &mut Table<'_>) -> Read<S3> {
    let plain = table.optional("plain", |item| item.flag());
    let endpoint = plain.and_then(|plain| table.optional("endpoint", |item| endpoint(&item, plain)));
    let region = table.optional("region", |item| item.parse(region));
    let path_style = table.or("path-style", false, |item| item.flag());
    let credentials = credentials(table);
    let ca_file = table.optional("ca-file", |item| path(&item));
    let object_lock = table.or("object-lock", ObjectLock::Off, |item| object_lock(&item));
    let bucket = bucket(url, item);
    let prefix = url.path_text().or_else(|wrong| item.wrong(wrong));
    Ok(S3 {
        bucket: bucket?,
        prefix: prefix?.trim_start_matches('/').to_owned(),
        endpoint: endpoint?,
        region: region?,
        path_style: path_style?,
        credentials: credentials?,
        ca_file: ca_file?,
        object_lock: object_lock?,
    })
}

fn bucket(url: &Url<'_>, item: &Item<'_>) -> Read<String> {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    match &url.authority {
        Some(Authority { user: None, host, port: None })
            if (3..=63).contains(&host.len()) && host.bytes().all(good) =>
        {
            Ok(host.clone())
        }
        _ => {
            let allowed = "s3://bucket/prefix, a bucket being 3 to 63 of a-z, 0-9, . and -; the server is `endpoint`";
            item.wrong(Wrong::new("the URL names no bucket", allowed))
        }
    }
}

fn region(text: &str) -> Result<String, Wrong> {
    let good = !text.is_empty() && text.len() <= 64 && text.bytes().all(|c| c.is_ascii_graphic());
    good.then(|| text.to_owned()).ok_or_else(|| Wrong::new("this is not a region", "a word such as \"eu-central-1\""))
}

fn endpoint(item: &Item<'_>, plain: Option<bool>) -> Read<Endpoint> {
    let form = "https://host:port, or http:// to loopback";
    let url = Url::parse(item.text()?, form).or_else(|wrong| item.wrong(wrong))?;
    let tls = match url.scheme.as_str() {
        "https" => true,
        "http" => false,
        _ => return item.wrong(Wrong::new("an endpoint is reached by http or https", form)),
    };
    let Server { user, host, port, path } = server(&url, item, if tls { 443 } else { 80 })?;
    if user.is_some() {
        return item.wrong(Wrong::new("an endpoint has no user: keys are given beside it", form));
    }
    if !tls {
        check_plain(is_loopback(&url), plain, item)?;
    }
    Ok(Endpoint { tls, host, port, path })
}

fn credentials(table: &mut Table<'_>) -> Read<Option<S3Credentials>> {
    let (id, key) = (secret(table, ACCESS_KEY_ID), secret(table, SECRET_ACCESS_KEY));
    match (id?, key?) {
        (Some(access_key_id), Some(secret_access_key)) => Ok(Some(S3Credentials { access_key_id, secret_access_key })),
        (None, None) => Ok(None),
        (id, _) => {
            let (is, isnt) =
                if id.is_some() { (ACCESS_KEY_ID, SECRET_ACCESS_KEY) } else { (SECRET_ACCESS_KEY, ACCESS_KEY_ID) };
            let what = format!("{} has one of {} but none of {}", table.name, is.join(", "), isnt.join(", "));
            Err(table.reader.wrong(table.at, what, "both, or neither for the usual chain"))
        }
    }
}

fn object_lock(item: &Item<'_>) -> Read<ObjectLock> {
    if item.is_flag() {
        return item.flag().map(|on| if on { ObjectLock::BucketDefault } else { ObjectLock::Off });
    }
    item.parse(duration).map(ObjectLock::For)
}
