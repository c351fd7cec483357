//! The look itself: one walk over all of the folders, and one over what the engine would take of them.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use engine::model::{EntryPath, Problem, Time};
use engine::source::{FileSystems, Folders, FoldersOptions, Item, LeftOut, Source, Verdict, Visitor, Walked};
use rustix::fs::{Access, access};

use super::known::{Known, KnownFile};
use super::{Asked, Hidden, KEPT_MAX, Live, SAMPLE_BYTES, SAMPLE_FILES};
use crate::probe::canary;

/// Looks; what can't be looked at is in the outcome.
///
/// # Errors
/// If the patterns can't be read.
pub fn look(asked: &Asked<'_>, known: &Known) -> Result<Live, String> {
    let left_out = left_out(asked)?;
    let hidden = left_out.iter().map(|(path, why)| (path.clone(), Hidden::none(path, *why))).collect();
    let mut look = Look { asked, known, live: Live::default(), hidden, same: Sample::new(asked.seed) };
    for root in &asked.folders.paths {
        // A folder that is named may be a link.
        match fs::metadata(root) {
            Ok(stat) => look.entry(root, &stat),
            Err(error) => look.problem(root, &error),
        }
    }
    Ok(look.done())
}

/// What the engine's walk leaves out, by the topmost name.
fn left_out(asked: &Asked<'_>) -> Result<BTreeMap<PathBuf, LeftOut>, String> {
    let options = FoldersOptions {
        roots: asked.folders.paths.clone(),
        exclude: asked.folders.exclude.clone(),
        exclude_files: asked.folders.exclude_files.iter().map(|(path, _)| path.clone()).collect(),
        file_systems: if asked.folders.one_file_system { FileSystems::One } else { FileSystems::All },
        own: asked.own.clone(),
        snapshots: None,
    };
    let mut folders = Folders::new(&options).map_err(|error| engine::model::chain(&error))?;
    let mut asking = Asking { left_out: BTreeMap::new(), stop: asked.stop };
    // Folders never fail as a whole.
    let _ = folders.walk(&mut asking);
    Ok(asking.left_out)
}

struct Asking<'a> {
    left_out: BTreeMap<PathBuf, LeftOut>,
    stop: &'a dyn Fn() -> bool,
}

impl Visitor for Asking<'_> {
    fn entry(&mut self, _: &Walked, _: &mut dyn Item) -> Verdict {
        if (self.stop)() { Verdict::Stop } else { Verdict::Kept }
    }

    fn problem(&mut self, _: Problem) {}

    fn left_out(&mut self, path: &EntryPath, why: LeftOut) {
        self.left_out.insert(absolute(path), why);
    }

    fn warning(&mut self, _: Problem) {}
}

fn absolute(path: &EntryPath) -> PathBuf {
    Path::new("/").join(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

struct Look<'l> {
    asked: &'l Asked<'l>,
    known: &'l Known,
    live: Live,
    hidden: BTreeMap<PathBuf, Hidden>,
    same: Sample,
}

impl Look<'_> {
    fn entry(&mut self, path: &Path, stat: &Metadata) {
        if (self.asked.stop)() {
            self.live.unfinished = true;
        } else if stat.is_dir() {
            self.folder(path);
        } else if stat.is_file() {
            self.file(path, stat);
        }
    }

    fn folder(&mut self, path: &Path) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.problem(path, &error),
        };
        for entry in entries {
            let looked = entry.and_then(|entry| Ok((entry.path(), fs::symlink_metadata(entry.path())?)));
            match looked {
                Ok((path, stat)) => self.entry(&path, &stat),
                Err(error) => self.problem(path, &error),
            }
            if self.live.unfinished {
                return;
            }
        }
    }

    fn file(&mut self, path: &Path, stat: &Metadata) {
        let bytes = stat.len();
        let above = path.ancestors().find(|above| self.hidden.contains_key(*above));
        if let Some(hidden) = above.and_then(|above| self.hidden.get_mut(above)) {
            hidden.files += 1;
            hidden.bytes = hidden.bytes.saturating_add(bytes);
            return;
        }
        let name = path.as_os_str().as_bytes();
        let name = name.strip_prefix(b"/").unwrap_or(name);
        if !canary::is_one(path) {
            self.live.files += 1;
            self.live.bytes = self.live.bytes.saturating_add(bytes);
        }
        let (modified, changed) = times(stat);
        let since = changed >= self.asked.created;
        match self.known.file(name) {
            Some(file) if (file.bytes, file.modified) == (bytes, modified) => self.same.see(path, stat, file),
            _ if self.known.is_link(name) => {}
            _ if since || self.known.moved(stat.ino(), bytes, modified) => self.live.newer.add(path.to_owned(), bytes),
            Some(_) => self.live.differs.add(path.to_owned(), bytes),
            None if access(path, Access::READ_OK).is_err() => self.live.unreadable.add(path.to_owned(), bytes),
            None => self.live.in_no_point.add(path.to_owned(), bytes),
        }
    }

    fn problem(&mut self, path: &Path, error: &io::Error) {
        // What went away meanwhile is no problem.
        if error.kind() != io::ErrorKind::NotFound || self.asked.folders.paths.iter().any(|root| root == path) {
            self.live.unreadable.add(path.to_owned(), 0);
        }
    }

    fn done(mut self) -> Live {
        let same = std::mem::take(&mut self.same.files);
        for (path, stat, file) in same {
            self.compare(&path, &stat, &file);
        }
        let mut hidden: Vec<Hidden> = self.hidden.into_values().collect();
        hidden.sort_by(|one, other| (other.bytes, &one.path).cmp(&(one.bytes, &other.path)));
        self.live.hidden_bytes = hidden.iter().fold(0, |sum, hidden| sum.saturating_add(hidden.bytes));
        hidden.truncate(KEPT_MAX);
        self.live.hidden = hidden;
        self.live
    }

    /// The same content as in the point, where nothing says that it changed?
    fn compare(&mut self, path: &Path, before: &Metadata, file: &KnownFile) {
        if (self.asked.stop)() {
            self.live.unfinished = true;
            return;
        }
        let digest = match digest(path) {
            Ok(digest) => digest,
            Err(error) => return self.problem(path, &error),
        };
        let held = fs::symlink_metadata(path).is_ok_and(|now| times(&now) == times(before));
        if held {
            self.live.sampled = (self.live.sampled.0 + 1, self.live.sampled.1.saturating_add(file.bytes));
        }
        let since = times(before).1 >= self.asked.created;
        if held && !since && digest != file.digest.0 && !file.unstable {
            self.live.differs.add(path.to_owned(), file.bytes);
        }
    }
}

impl Hidden {
    fn none(path: &Path, why: LeftOut) -> Self {
        Self { path: path.to_owned(), why, files: 0, bytes: 0 }
    }
}

fn times(stat: &Metadata) -> (Time, Time) {
    let time = |seconds, nanos: i64| Time { seconds, nanos: u32::try_from(nanos).unwrap_or(0) };
    (time(stat.mtime(), stat.mtime_nsec()), time(stat.ctime(), stat.ctime_nsec()))
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut hasher, mut block) = (File::open(path)?, blake3::Hasher::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(*hasher.finalize().as_bytes()),
            read => hasher.update(&block[..read]),
        };
    }
}

/// Files drawn from all that are seen, each as likely as any other, as far as their bytes are few enough.
struct Sample {
    files: Vec<(PathBuf, Metadata, KnownFile)>,
    seen: u64,
    state: u64,
}

impl Sample {
    const fn new(seed: u64) -> Self {
        Self { files: Vec::new(), seen: 0, state: seed }
    }

    /// Algorithm R (Vitter 1985), over the files that are small enough.
    fn see(&mut self, path: &Path, stat: &Metadata, file: &KnownFile) {
        if file.bytes > SAMPLE_BYTES / SAMPLE_FILES as u64 {
            return;
        }
        self.seen += 1;
        let drawn = (path.to_owned(), stat.clone(), *file);
        if self.files.len() < SAMPLE_FILES {
            self.files.push(drawn);
            return;
        }
        let place = self.next() % self.seen;
        if let Some(kept) = usize::try_from(place).ok().and_then(|place| self.files.get_mut(place)) {
            *kept = drawn;
        }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use engine::config::Snapshot;
    use engine::model::Digest;

    use super::*;

    fn time_after(path: &Path) -> Time {
        Time::from_seconds(fs::metadata(path).expect("there").ctime() + 1)
    }

    fn known_as(path: &Path, content: &[u8], known: &mut Known) {
        let stat = fs::metadata(path).expect("there");
        let digest = Digest(*blake3::hash(content).as_bytes());
        let file = KnownFile { bytes: stat.len(), modified: times(&stat).0, digest, unstable: false };
        known.put(&path.as_os_str().as_bytes()[1..], file, stat.ino());
    }

    fn looked(root: &Path, known: &Known, created: Time, stop: bool) -> Live {
        let folders = engine::config::Folders {
            paths: vec![root.to_owned()],
            exclude: vec!["*.tmp".to_owned()],
            exclude_files: Vec::new(),
            one_file_system: false,
            paranoid: false,
            snapshot: Snapshot::Off,
        };
        let stop = || stop;
        let asked = Asked { folders: &folders, own: Vec::new(), created, seed: 7, stop: &stop };
        look(&asked, known).expect("patterns that parse")
    }

    #[test]
    fn each_file_is_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        let write = |name: &str, content: &[u8]| {
            fs::write(root.join(name), content).expect("written");
            root.join(name)
        };
        let (same, rotten, alone) =
            (write("same", b"as it was"), write("rotten", b"not as it was"), write("alone", b"x"));
        let hidden = write("a.tmp", b"hidden");
        let moved = write("now here", b"moved");
        let mut known = Known::default();
        known_as(&same, b"as it was", &mut known);
        known_as(&rotten, b"something else", &mut known);
        known_as(&moved, b"moved", &mut known);
        let from = moved;
        let to = root.join("and then there");
        fs::rename(from, &to).expect("moved");
        let paths = |paths: &[&PathBuf]| paths.iter().map(|path| (*path).clone()).collect::<Vec<_>>();
        let some = |kind: &super::super::Paths| kind.some.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();

        let live = looked(&root, &known, time_after(&to), false);
        assert_eq!(some(&live.differs), paths(&[&rotten]));
        assert_eq!(some(&live.in_no_point), paths(&[&alone]));
        assert_eq!(some(&live.newer), paths(&[&to]));
        assert_eq!(live.hidden.iter().map(|it| (it.path.clone(), it.bytes)).collect::<Vec<_>>(), [(hidden, 6)]);
        assert_eq!((live.files, live.sampled.0, live.unfinished), (4, 2, false));

        let before_all = looked(&root, &known, Time::from_seconds(0), false);
        assert!(before_all.differs.count == 0 && before_all.in_no_point.count == 0, "{before_all:?}");
        assert!(looked(&root, &known, Time::from_seconds(0), true).unfinished);
    }

    #[test]
    fn a_sample_is_of_all_and_not_of_the_first() {
        let file = KnownFile { bytes: 1, modified: Time::default(), digest: Digest([0; 32]), unstable: false };
        let stat = fs::metadata("/").expect("there");
        let mut sample = Sample::new(1);
        (0..1000).for_each(|number| sample.see(Path::new(&number.to_string()), &stat, &file));
        let late = sample.files.iter().filter(|(path, ..)| path.to_string_lossy().len() == 3).count();
        assert!(sample.files.len() == SAMPLE_FILES && late > SAMPLE_FILES / 2, "{late}");
    }
}
