//! Entries whose name fits a pattern, over several points.

use std::ffi::OsStr;
use std::path::Path;

use globset::{Glob, GlobMatcher};

use super::list::list;
use crate::format::Manifest;
use crate::model::{Entry, EntryPath, PointName};
use crate::vault::{ChunkSource, Unread};

/// A text that is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a pattern")]
pub struct PatternError {
    text: String,
    #[source]
    source: globset::Error,
}

/// A pattern as shells know it: `*`, `?`, `[…]`, `{…,…}`, upper and lower case told apart. Without a slash it is
/// compared with the last part of a path. With one it is compared with the whole path or any end of it that begins at
/// a part, and `*` goes across slashes, as in `find -path`; with one in front with the whole path only.
#[derive(Debug, Clone)]
pub struct Pattern {
    matchers: Vec<GlobMatcher>,
    whole: bool,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let whole = text.contains('/');
        let globs = match text.strip_prefix('/') {
            Some(anchored) => vec![anchored.to_owned()],
            None if whole => vec![text.to_owned(), format!("*/{text}")],
            None => vec![text.to_owned()],
        };
        let compile = |glob: &String| Glob::new(glob).map(|glob| glob.compile_matcher());
        let compiled: Result<Vec<_>, _> = globs.iter().map(compile).collect();
        let matchers = compiled.map_err(|source| PatternError { text: text.to_owned(), source })?;
        Ok(Self { matchers, whole })
    }

    /// Does it fit?
    #[must_use]
    pub fn fits(&self, path: &EntryPath) -> bool {
        let bytes = if self.whole { path.as_bytes() } else { path.file_name() };
        as_path(bytes, |path| self.matchers.iter().any(|matcher| matcher.is_match(path)))
    }
}

#[cfg(unix)]
fn as_path(bytes: &[u8], look: impl Fn(&Path) -> bool) -> bool {
    use std::os::unix::ffi::OsStrExt;
    look(Path::new(OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8], look: impl Fn(&Path) -> bool) -> bool {
    look(Path::new(OsStr::new(&*String::from_utf8_lossy(bytes))))
}

/// What fits `pattern` in each of `points`, point by point, and where one can't be read.
pub fn find<'f>(
    source: &'f dyn ChunkSource,
    points: &'f [Manifest],
    pattern: &'f Pattern,
) -> impl Iterator<Item = (PointName, Result<Entry, Unread>)> + 'f {
    let fits = |found: &Result<Entry, Unread>| found.as_ref().map_or(true, |entry| pattern.fits(&entry.path));
    points.iter().flat_map(move |point| list(source, point, None).filter(fits).map(move |found| (point.name, found)))
}
