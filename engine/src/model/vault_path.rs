//! Paths inside a vault, parsed once, and the names of the objects that lie at them.

use std::fmt;

use super::id::{JobId, PackId};
use super::point::PointName;

/// A text that is no path inside a vault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path inside a vault")]
pub struct VaultPathError(String);

/// A relative path of one to four parts of printable ASCII, none empty, `.` or `..`, joined by `/`; the empty path
/// is the vault's own folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultPath(String);

impl VaultPath {
    /// The vault's own folder.
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Parses a path.
    ///
    /// # Errors
    /// If a part is empty, `.`, `..`, or holds anything but printable ASCII without `/` and `\`.
    pub fn parse(text: &str) -> Result<Self, VaultPathError> {
        let good = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.len() <= 128
                && part.bytes().all(|c| c.is_ascii_graphic() && c != b'\\')
        };
        let parts = text.split('/').count();
        if (1..=4).contains(&parts) && text.split('/').all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VaultPathError(text.to_owned()))
        }
    }

    /// The path of a file that another program named, at a place that keeps it under that name: any text without control
    /// characters, up to 64 parts.
    ///
    /// # Errors
    /// If a part is empty, `.`, `..`, or longer than 255 bytes, or the name is not UTF-8 or has control characters.
    pub fn foreign(name: &[u8]) -> Result<Self, VaultPathError> {
        let error = || VaultPathError(String::from_utf8_lossy(name).into_owned());
        let text = std::str::from_utf8(name).map_err(|_| error())?;
        let good =
            |part: &str| !matches!(part, "" | "." | "..") && part.len() <= 255 && !part.chars().any(char::is_control);
        let fits = text.split('/').count() <= 64 && text.split('/').all(good);
        if fits { Ok(Self(text.to_owned())) } else { Err(error()) }
    }

    /// The path as text, parts joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, from the top.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The last part; empty for the root.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The folder that holds it.
    #[must_use]
    pub fn folder(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned())
    }

    /// The same of a foreign one.
    ///
    /// # Errors
    /// As of [`Self::foreign`].
    pub fn foreign_child(&self, name: &str) -> Result<Self, VaultPathError> {
        let text = if self.0.is_empty() { name.to_owned() } else { format!("{}/{name}", self.0) };
        Self::foreign(text.as_bytes())
    }

    /// This folder's child of that name.
    ///
    /// # Errors
    /// If `name` can't be a part of a path.
    pub fn child(&self, name: &str) -> Result<Self, VaultPathError> {
        if self.0.is_empty() { Self::parse(name) } else { Self::parse(&format!("{}/{name}", self.0)) }
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The objects of a vault that the copier moves and the planner counts: packs and manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectName {
    /// `packs/<first 2 hex>/<64 hex>`
    Pack(PackId),
    /// `points/<job id>/<epoch>-<sequence>-<point id>`
    Point(JobId, PointName),
}

impl ObjectName {
    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> VaultPath {
        match self {
            Self::Pack(id) => VaultPath(format!("packs/{:02x}/{id}", id.0[0])),
            Self::Point(job, name) => VaultPath(format!("points/{job}/{name}")),
        }
    }

    /// The object that lies at `path`, if one may lie there.
    #[must_use]
    pub fn at(path: &VaultPath) -> Option<Self> {
        let parts: Vec<_> = path.parts().collect();
        let object = match parts[..] {
            ["packs", _, id] => Self::Pack(id.parse().ok()?),
            ["points", job, name] => Self::Point(job.parse().ok()?, name.parse().ok()?),
            _ => return None,
        };
        (object.path() == *path).then_some(object)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_out_of_the_vault_do_not_parse() {
        for bad in ["", "/", "a//b", "../a", "a/./b", "a/..", "a\\b", "a\nb", "é", "a/b/c/d/e"] {
            assert!(VaultPath::parse(bad).is_err(), "{bad:?}");
        }
        let path = VaultPath::parse("packs/ab/.tmp-x").expect("valid");
        assert_eq!((path.file_name(), path.folder().as_str()), (".tmp-x", "packs/ab"));
    }

    #[test]
    fn a_pack_lies_below_its_first_two_digits_only() {
        let pack = ObjectName::Pack(PackId([0xab; 32]));
        assert_eq!(ObjectName::at(&pack.path()), Some(pack));
        let elsewhere = VaultPath::parse(&format!("packs/cd/{}", PackId([0xab; 32]))).expect("valid");
        assert_eq!(ObjectName::at(&elsewhere), None);
    }
}
