//! A copy of some files, broken in one way after the other: content, time, one too many, one too few.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::model::{Content, Digest, Entry, EntryPath, Kind, Meta, Seen, Time};
use rustix::fs::XattrFlags;

use super::Control;
use crate::ability::set_time;
use crate::compare::{Comparison, compare};

pub(super) fn run(control: &Control<'_>) -> io::Result<Vec<String>> {
    let root = control.folder.join("files");
    crate::private::new_folder(&root)?;
    let mut copied = Copied { root, entries: Vec::new(), control };
    for entry in control.files {
        copied.copy(entry)?;
    }
    if copied.entries.is_empty() {
        copied.invent()?;
    }
    copied.break_and_look()
}

struct Copied<'c> {
    root: PathBuf,
    entries: Vec<Entry>,
    control: &'c Control<'c>,
}

impl Copied<'_> {
    fn copy(&mut self, entry: &Entry) -> io::Result<()> {
        let (from, to) = (below(self.control.tree, &entry.path), below(&self.root, &entry.path));
        if let Some(folder) = to.parent() {
            crate::private::folder(folder)?;
        }
        io::copy(&mut fs::File::open(from)?, &mut fs::File::create_new(&to)?)?;
        dress(&to, &entry.meta)?;
        self.entries.push(entry.clone());
        Ok(())
    }

    /// A point without a file that is not empty gets one here.
    fn invent(&mut self) -> io::Result<()> {
        let path = EntryPath::parse(b"control").map_err(io::Error::other)?;
        let (file, text) = (below(&self.root, &path), b"nothing in this point has any content");
        fs::write(&file, text)?;
        let meta = file.symlink_metadata()?;
        let modified = Time { seconds: meta.mtime(), nanos: u32::try_from(meta.mtime_nsec()).unwrap_or(0) };
        let meta = Meta { mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid(), modified, xattrs: Vec::new() };
        let digest = Digest(*blake3::hash(text).as_bytes());
        let content = Content { bytes: text.len() as u64, digest, spans: Vec::new(), unstable: false };
        self.entries = vec![Entry { path, meta, seen: Seen::default(), kind: Kind::File(content) }];
        Ok(())
    }

    fn compare(&self) -> io::Result<Comparison> {
        let entries = self.entries.iter().cloned().map(Ok::<_, Infallible>);
        Ok(compare(entries, &mut *(self.control.checks.tree)(&self.root)?, self.control.abilities))
    }

    fn break_and_look(&self) -> io::Result<Vec<String>> {
        let entry = &self.entries[0];
        let file = below(&self.root, &entry.path);
        let mut missed = Vec::new();
        if let Some(first) = self.compare()?.mismatches.kept().first() {
            missed.push(format!("a good copy does not compare: {}", first.problem));
        }
        flip(&file, &entry.meta)?;
        self.expect("digest differs", "a flipped byte", &mut missed)?;
        flip(&file, &entry.meta)?;
        set_time(&file, entry.meta.modified.plus(Duration::from_nanos(1_000_000_000)))?;
        self.expect("time differs", "a changed time", &mut missed)?;
        let extra = beside(&file);
        fs::write(&extra, b"")?;
        self.expect_at(&self.path_of(&extra), "does not have", "a file too many", &mut missed)?;
        fs::remove_file(extra)?;
        fs::remove_file(&file)?;
        self.expect("missing", "a missing file", &mut missed)?;
        Ok(missed)
    }

    fn path_of(&self, file: &Path) -> Vec<u8> {
        file.strip_prefix(&self.root).unwrap_or(file).as_os_str().as_bytes().to_vec()
    }

    fn expect(&self, problem: &str, what: &str, missed: &mut Vec<String>) -> io::Result<()> {
        self.expect_at(self.entries[0].path.as_bytes(), problem, what, missed)
    }

    fn expect_at(&self, path: &[u8], problem: &str, what: &str, missed: &mut Vec<String>) -> io::Result<()> {
        let found = self.compare()?.mismatches;
        if !found.kept().iter().any(|known| known.path == path && known.problem.contains(problem)) {
            missed.push(format!("{what} was not noticed"));
        }
        Ok(())
    }
}

fn below(root: &Path, path: &EntryPath) -> PathBuf {
    root.join(OsStr::from_bytes(path.as_bytes()))
}

/// A name in the same folder that the point does not have: it begins as a temporary one of ours does.
fn beside(file: &Path) -> PathBuf {
    file.with_file_name(".tmp-offsite-drill-control")
}

/// As far as it can be set: what can't is what the comparison does not test either.
fn dress(file: &Path, meta: &Meta) -> io::Result<()> {
    let _ = lchown(file, Some(meta.uid), Some(meta.gid));
    for xattr in &meta.xattrs {
        let _ = rustix::fs::lsetxattr(file, OsStr::from_bytes(&xattr.name), &xattr.value, XattrFlags::empty());
    }
    fs::set_permissions(file, fs::Permissions::from_mode(meta.mode))?;
    set_time(file, meta.modified)
}

/// One byte in the middle, and nothing else that a look could tell; done twice it is as before.
fn flip(file: &Path, meta: &Meta) -> io::Result<()> {
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
    let open = crate::private::options().open(file)?;
    let middle = open.metadata()?.len() / 2;
    let mut byte = [0];
    open.read_exact_at(&mut byte, middle)?;
    open.write_all_at(&[byte[0] ^ 1], middle)?;
    drop(open);
    dress(file, meta)
}
