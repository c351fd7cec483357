//! Paths of the configuration: relative to its folder, `~` for the user's home, `.` and `..` resolved by name.
//!
//! Deliberately absent: the file system. Symbolic links are looked at by `same_place` only.

use std::path::{Component, Path, PathBuf};

use super::error::{Wrong, quoted};
use super::reader::{Read, Reader};
use super::table::Item;

/// A path as the configuration writes it, made absolute if the configuration's folder is.
pub(super) fn path(item: &Item<'_>) -> Read<PathBuf> {
    item.parse(|text| expand(text, item.reader))
}

pub(super) fn expand(text: &str, reader: &Reader<'_>) -> Result<PathBuf, Wrong> {
    let allowed = "an absolute path, one relative to the configuration's folder, or one that begins with ~/";
    if text.is_empty() || text.contains('\0') {
        return Err(Wrong::new(format!("{} is not a path", quoted(text)), allowed));
    }
    match (text.strip_prefix('~'), reader.user_home) {
        (None, _) => Ok(normal(&reader.folder.join(text))),
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            Ok(normal(&home.join(rest.trim_start_matches('/'))))
        }
        (Some(_), None) => Err(Wrong::new("`~` can't be resolved: the user's home folder is not known", allowed)),
        (Some(_), _) => Err(Wrong::new(format!("{} names another user's home folder", quoted(text)), allowed)),
    }
}

/// The same path without `.`, `..`, doubled and trailing slashes, by name only.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match (part, normal.components().next_back()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => {
                normal.pop();
            }
            _ => normal.push(part),
        }
    }
    if normal.as_os_str().is_empty() { PathBuf::from(".") } else { normal }
}

/// The path of bytes that came percent-decoded from a URL.
#[cfg(unix)]
pub(super) fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

/// The path of bytes that came percent-decoded from a URL; `/C:/folder` is a drive's.
#[cfg(not(unix))]
pub(super) fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    let text = String::from_utf8(bytes).ok()?;
    let drive = text.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    Some(drive.unwrap_or(&text).into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let reader = Reader::new("", Path::new("/etc/offsite/offsite.toml"), Some(Path::new("/home/ann")));
        Some(expand(text, &reader).ok()?.to_str().expect("text").to_owned())
    }

    #[test]
    fn paths_are_relative_to_the_configuration() {
        let table = [
            ("vault", "/etc/offsite/vault"),
            ("./a//b/../c/", "/etc/offsite/a/c"),
            ("../../../../x", "/x"),
            ("/a/./b/..", "/a"),
            ("~", "/home/ann"),
            ("~/x", "/home/ann/x"),
            ("~//x", "/home/ann/x"),
        ];
        for (text, expected) in table {
            assert_eq!(expanded(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "~bob/x", "a\0b"] {
            assert_eq!(expanded(bad), None, "{bad:?}");
        }
    }
}
