//! Patterns of the configuration → is this name left out?
//!
//! Patterns are those of a `.gitignore` that stands in each root: one without a slash, or that begins with `**/`, means
//! a name anywhere; one with a slash is anchored at the root; one that ends with a slash means folders only; `!` takes
//! back; the last that matches wins; nothing below a folder that is left out comes back. Beside that, a pattern that
//! begins with a slash may also be an absolute path, as users of other backup programs write it: both readings count.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// A pattern, or a file of patterns, that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ExcludeError {
    /// Not a glob.
    #[error("`{pattern}` is not a pattern")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of patterns that can't be read.
    #[error("the patterns in {} can't be read", path.display())]
    File {
        /// As it was given.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// All patterns of a job.
#[derive(Debug)]
pub(super) struct Excludes(Option<Gitignore>);

/// A name that is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

impl Excludes {
    /// `roots` are absolute.
    ///
    /// # Errors
    /// At the first pattern or file that can't be used.
    pub(super) fn new(roots: &[PathBuf], patterns: &[String], files: &[PathBuf]) -> Result<Self, ExcludeError> {
        let mut lines = patterns.to_vec();
        for path in files {
            let text =
                std::fs::read_to_string(path).map_err(|source| ExcludeError::File { path: path.clone(), source })?;
            lines.extend(text.trim_start_matches('\u{feff}').lines().map(str::to_owned));
        }
        let mut builder = GitignoreBuilder::new("/");
        // A slip of the pen is told, not taken for a name.
        builder.allow_unclosed_class(false);
        for line in &lines {
            add(&mut builder, roots, line).map_err(|source| wrong(line, source))?;
        }
        let built = builder.build().map_err(|source| wrong(&lines.join(" "), source))?;
        Ok(Self((!built.is_empty()).then_some(built)))
    }

    /// Is the entry at `path`, which is the absolute path without its first slash, left out?
    pub(super) fn leave_out(&self, path: &[u8], asked: Asked) -> bool {
        let Some(patterns) = &self.0 else { return false };
        os(path).is_some_and(|path| patterns.matched(Path::new(path), asked == Asked::Folder).is_ignore())
    }
}

fn wrong(pattern: &str, source: ignore::Error) -> ExcludeError {
    ExcludeError::Pattern { pattern: pattern.to_owned(), source: source.into() }
}

/// Adds `line` as it reads when the folder of patterns is `/`.
fn add(builder: &mut GitignoreBuilder, roots: &[PathBuf], line: &str) -> Result<(), ignore::Error> {
    let line = if line.ends_with("\\ ") { line } else { line.trim_end() };
    let (sign, body) = line.strip_prefix('!').map_or(("", line), |body| ("!", body));
    let anchored = body.trim_end_matches('/').contains('/') && !body.starts_with("**/");
    if line.starts_with('#') || !anchored {
        builder.add_line(None, line)?;
        return Ok(());
    }
    for root in roots {
        let root = escaped(root).ok_or_else(|| ignore::Error::Glob {
            glob: Some(line.to_owned()),
            err: "it can't be anchored at a root that is not UTF-8".to_owned(),
        })?;
        builder.add_line(None, &format!("{sign}{root}/{}", body.trim_start_matches('/')))?;
    }
    if body.starts_with('/') {
        builder.add_line(None, line)?;
    }
    Ok(())
}

/// The root as a glob that means only itself; empty for `/`.
fn escaped(root: &Path) -> Option<String> {
    let mut glob = String::new();
    for c in root.to_str()?.trim_end_matches('/').chars() {
        if "*?[]{}\\!#".contains(c) {
            glob.push('\\');
        }
        glob.push(c);
    }
    Some(glob)
}

#[cfg(unix)]
fn os(path: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(path))
}

#[cfg(not(unix))]
fn os(path: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(path).ok().map(OsStr::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(roots: &[&str], patterns: &[&str]) -> Excludes {
        let roots: Vec<_> = roots.iter().map(PathBuf::from).collect();
        let patterns: Vec<_> = patterns.iter().map(|&p| p.to_owned()).collect();
        Excludes::new(&roots, &patterns, &[]).expect("good patterns")
    }

    #[test]
    fn patterns_read_as_in_a_gitignore_in_each_root() {
        let all = excludes(&["/home/ann", "/srv"], &["*.tmp", "!keep.tmp", "**/.cache/", "/top", "a/b", "build/"]);
        let out = |path: &str| all.leave_out(path.as_bytes(), Asked::Other);
        let folder_out = |path: &str| all.leave_out(path.as_bytes(), Asked::Folder);
        assert!(out("home/ann/x/y.tmp") && !out("home/ann/x/keep.tmp"));
        assert!(folder_out("srv/x/.cache") && !out("srv/x/.cache"));
        assert!(out("srv/top") && out("home/ann/top") && !out("srv/x/top"));
        assert!(out("srv/a/b") && !out("srv/x/a/b"));
        assert!(folder_out("srv/x/build") && !out("srv/x/build"));
        assert!(all.leave_out(b"srv/\xff.tmp", Asked::Other));
    }

    #[test]
    fn a_pattern_with_a_leading_slash_may_be_an_absolute_path() {
        let all = excludes(&["/home/ann"], &["/home/ann/Downloads", "/home/*/x"]);
        assert!(all.leave_out(b"home/ann/Downloads", Asked::Folder));
        assert!(all.leave_out(b"home/ann/x", Asked::Folder));
        assert!(!all.leave_out(b"home/ann/y/Downloads", Asked::Folder));
    }

    #[test]
    fn a_root_is_never_a_pattern_itself() {
        let all = excludes(&["/srv/[a]*"], &["/x"]);
        assert!(all.leave_out(b"srv/[a]*/x", Asked::Other) && !all.leave_out(b"srv/abc/x", Asked::Other));
        let whole = excludes(&["/"], &["/tmp", "proc/"]);
        assert!(whole.leave_out(b"tmp", Asked::Folder) && !whole.leave_out(b"srv/tmp", Asked::Folder));
    }

    #[test]
    fn a_bad_pattern_and_a_missing_file_are_errors() {
        let roots = [PathBuf::from("/srv")];
        assert!(matches!(Excludes::new(&roots, &["a[".to_owned()], &[]), Err(ExcludeError::Pattern { .. })));
        let files = [PathBuf::from("/nowhere/at/all")];
        assert!(matches!(Excludes::new(&roots, &[], &files), Err(ExcludeError::File { .. })));
    }

    proptest::proptest! {
        #[test]
        fn any_root_stands_for_itself(root in "[a-z*?!#{}\\[\\]\\\\ ]{1,8}", other in "[a-z]{1,8}") {
            let all = excludes(&[&format!("/{root}")], &["/x"]);
            let out = |path: String| all.leave_out(path.as_bytes(), Asked::Other);
            let found = out(format!("{root}/x"));
            proptest::prop_assert!(found);
            proptest::prop_assert_eq!(out(format!("{other}/x")), other == root);
        }
    }
}
