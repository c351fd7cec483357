//! Vaults that would lie in each other: two destinations with one place, a destination at home.
//!
//! Invariant: where two names or two real folders are the same, or one lies inside the other, it is an error at the
//! later of the two. Servers are compared by name only (all names of this computer are one), and so is a folder that does
//! not answer: a mount that hangs must hold up no command. That one server has two names shows when its vault is met.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::error::{ConfigError, Position, Wrong};
use super::place::{Endpoint, Ftp, Place, S3, Server};
use super::reader::Reader;
use super::{Config, Destination};

/// All folders together have this long to answer.
const PATIENCE: Duration = Duration::from_secs(2);
const ALLOWED: &str = "a place of its own for each destination, for `home` and for `state`";

/// The same check by names alone, while the file is read.
pub(super) fn check_names(config: &Config, reader: &Reader<'_>) {
    for (position, what) in clashes(config, |path| Folder { path: path.to_owned(), id: None }) {
        reader.wrong_at(position, Wrong::new(what, ALLOWED));
    }
}

/// Looks for vaults that would lie in each other, through symbolic links and other names of one folder.
///
/// # Errors
/// One for each clash.
pub fn check_places(config: &Config) -> Result<(), Vec<ConfigError>> {
    let real = real_folders(config);
    let by_name = |path: &Path| Folder { path: path.to_owned(), id: None };
    let clashes = clashes(config, |path| real.get(path).cloned().unwrap_or_else(|| by_name(path)));
    if clashes.is_empty() {
        return Ok(());
    }
    Err(clashes.into_iter().map(|(at, what)| config.error_at(at, what, ALLOWED)).collect())
}

/// The folders of a configuration as they really are: those that answer in time.
fn real_folders(config: &Config) -> BTreeMap<PathBuf, Folder> {
    let places = config.destinations.iter().filter_map(|destination| match &destination.place {
        Place::File(folder) => Some(folder),
        _ => None,
    });
    in_time(places.chain([&config.home.path, &config.state]).cloned(), real_folder)
}

/// Asks of all at once, each in a thread of its own that nobody joins.
fn in_time(
    paths: impl Iterator<Item = PathBuf>,
    ask: impl Fn(&Path) -> Folder + Copy + Send + 'static,
) -> BTreeMap<PathBuf, Folder> {
    let deadline = Instant::now() + PATIENCE;
    let (send, receive) = mpsc::channel();
    for path in paths {
        let send = send.clone();
        // Without a thread it is compared by its name.
        let _ = std::thread::Builder::new().name("same-place".into()).spawn(move || send.send((ask(&path), path)));
    }
    drop(send);
    let answers = std::iter::from_fn(|| receive.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
    answers.map(|(folder, path)| (path, folder)).collect()
}

/// A folder and, where it exists and the system tells, what tells it from all others.
#[derive(Clone)]
struct Folder {
    path: PathBuf,
    id: Option<(u64, u64)>,
}

/// What is compared of a place.
enum Where<'c> {
    Folder(Folder),
    /// What tells an account or a bucket from all others, and the folder or the prefix in it.
    Elsewhere(String, &'c Path),
}

struct Located<'c> {
    name: String,
    at: Position,
    place: Where<'c>,
}

fn clashes(config: &Config, resolve: impl Fn(&Path) -> Folder) -> Vec<(Position, String)> {
    let home = Located { name: "home".into(), at: config.home.at, place: Where::Folder(resolve(&config.home.path)) };
    let destinations = config.destinations.iter().map(|destination| locate(destination, &resolve));
    let vaults: Vec<_> = std::iter::once(home).chain(destinations).collect();
    let pairs =
        vaults.iter().enumerate().flat_map(|(index, later)| vaults[..index].iter().map(move |one| (one, later)));
    let mut found: Vec<_> = pairs.filter_map(|(one, later)| Some((one.at.max(later.at), clash(one, later)?))).collect();
    let state = resolve(&config.state);
    let holds_state =
        |vault: &&Located<'_>| matches!(&vault.place, Where::Folder(folder) if state.path.starts_with(&folder.path));
    found.extend(
        vaults.iter().filter(holds_state).map(|vault| (vault.at, format!("`state` lies inside `{}`", vault.name))),
    );
    found
}

fn locate<'c>(destination: &'c Destination, resolve: &impl Fn(&Path) -> Folder) -> Located<'c> {
    let place = match &destination.place {
        Place::File(folder) => Where::Folder(resolve(folder)),
        Place::Sftp(sftp) => on_server("sftp", &sftp.server),
        Place::Ftp(Ftp { server, .. }) => on_server("ftp", server),
        Place::WebDav(webdav) => on_server("webdav", &webdav.server),
        Place::S3(S3 { endpoint, bucket, prefix, .. }) => {
            let Endpoint { host, port, path, .. } = endpoint.clone().unwrap_or_default();
            Where::Elsewhere(format!("s3 {} {port} {path} {bucket}", one_name(&host)), Path::new(prefix))
        }
    };
    Located { name: destination.name.to_string(), at: destination.url_at, place }
}

fn on_server<'c>(protocol: &str, server: &'c Server) -> Where<'c> {
    let Server { user, host, port, path } = server;
    Where::Elsewhere(format!("{protocol} {user:?} {} {port}", one_name(host)), Path::new(path))
}

/// One of the names of this computer stands for all of them.
fn one_name(host: &str) -> &str {
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    if is_loopback { "localhost" } else { host }
}

fn clash(one: &Located<'_>, later: &Located<'_>) -> Option<String> {
    let same = || Some(format!("`{}` and `{}` have one place", one.name, later.name));
    let inside = |inner: &Located<'_>, outer: &Located<'_>| {
        Some(format!("the place of `{}` lies inside that of `{}`", inner.name, outer.name))
    };
    match (&one.place, &later.place) {
        (Where::Folder(a), Where::Folder(b)) if a.path == b.path || (a.id.is_some() && a.id == b.id) => same(),
        (Where::Folder(a), Where::Folder(b)) if a.path.starts_with(&b.path) => inside(one, later),
        (Where::Folder(a), Where::Folder(b)) if b.path.starts_with(&a.path) => inside(later, one),
        (Where::Elsewhere(a, _), Where::Elsewhere(b, _)) if a != b => None,
        (Where::Elsewhere(_, a), Where::Elsewhere(_, b)) if a == b => same(),
        (Where::Elsewhere(_, a), Where::Elsewhere(_, b)) if a.starts_with(b) => inside(one, later),
        (Where::Elsewhere(_, a), Where::Elsewhere(_, b)) if b.starts_with(a) => inside(later, one),
        _ => None,
    }
}

fn real_folder(path: &Path) -> Folder {
    let path = real(path);
    Folder { id: id(&path), path }
}

#[cfg(unix)]
fn id(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|known| (known.dev(), known.ino()))
}

/// Other names of one folder are not told apart here.
#[cfg(not(unix))]
fn id(_path: &Path) -> Option<(u64, u64)> {
    None
}

/// The real folder behind a path: what exists of it with its links followed, then the rest.
fn real(path: &Path) -> PathBuf {
    for known in path.ancestors() {
        if let Ok(folder) = known.canonicalize() {
            let rest = path.strip_prefix(known).expect("it is an ancestor");
            return if rest.as_os_str().is_empty() { folder } else { folder.join(rest) };
        }
    }
    path.to_owned()
}

#[cfg(test)]
#[path = "same_place_tests.rs"]
mod tests;
