//! What no job protects: "You are not backing up /home/ann/Pictures (31 GiB)".
//!
//! In: the folders of all jobs, people's home folders. Out: folders there in which something changed lately and that no job
//! has, the largest first. Hidden folders and those that say that they are caches are not asked about.
//! Deliberately absent: anything beside people's home folders; what patterns leave out of a job (`live`).

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use engine::model::Time;

/// Folders that are told of, at most.
const TOLD_MAX: usize = 10;
/// Smaller ones are not worth a word.
const LEAST_BYTES: u64 = 1 << 20;
/// Lately is within so many seconds.
const LATELY_SECONDS: i64 = 180 * 86_400;
/// A home folder is looked into so deep for parts of it that a job has.
const DEPTH: u32 = 3;

/// A folder that no job has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Which.
    pub folder: PathBuf,
    /// Regular files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last change of one of them.
    pub newest: Time,
    /// There is more, which there was no time to look at.
    pub at_least: bool,
}

/// What is looked at.
pub struct Around<'a> {
    /// Home folders.
    pub homes: &'a [PathBuf],
    /// What jobs protect, and the engine's own folders.
    pub known: &'a [PathBuf],
    /// The time.
    pub now: Time,
    /// Asked all the time: stop, or no time left?
    pub stop: &'a dyn Fn() -> bool,
}

/// The home folder of whoever drills; of everybody on this computer if that is root.
#[must_use]
pub fn homes() -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = std::env::var_os("HOME").map(PathBuf::from).into_iter().collect();
    if rustix::process::geteuid().is_root() {
        homes.extend(fs::read_dir("/home").into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    homes.retain(|home| home.is_absolute() && home.parent().is_some() && home.is_dir());
    homes.sort();
    homes.dedup();
    homes
}

/// The largest folders that no job has, as far as there was time to look.
#[must_use]
pub fn outside(around: &Around<'_>) -> Vec<Outside> {
    let mut found = Vec::new();
    for home in around.homes {
        around.below(home, DEPTH, &mut found);
    }
    found.sort_by(|one: &Outside, other| (other.bytes, &one.folder).cmp(&(one.bytes, &other.folder)));
    found.dedup_by(|one, other| one.folder == other.folder);
    found.truncate(TOLD_MAX);
    found
}

impl Around<'_> {
    fn below(&self, folder: &Path, depth: u32, found: &mut Vec<Outside>) {
        if self.is_known(folder) {
            return;
        }
        for (path, stat) in entries(folder) {
            if !stat.is_dir() || is_hidden(&path) || self.is_known(&path) || self.is_own_home(&path, folder) {
                continue;
            }
            if self.known.iter().any(|known| known.starts_with(&path)) {
                if depth > 0 {
                    self.below(&path, depth - 1, found);
                }
                continue;
            }
            let outside = self.measured(&path);
            let lately = self.now.seconds.saturating_sub(outside.newest.seconds) <= LATELY_SECONDS;
            if outside.bytes >= LEAST_BYTES && lately {
                found.push(outside);
            }
        }
    }

    fn is_known(&self, path: &Path) -> bool {
        self.known.iter().any(|known| path.starts_with(known))
    }

    /// A home folder inside another one is looked at by itself.
    fn is_own_home(&self, path: &Path, below: &Path) -> bool {
        self.homes.iter().any(|home| home != below && home == path)
    }

    fn measured(&self, folder: &Path) -> Outside {
        let (folder, newest) = (folder.to_owned(), Time::default());
        let mut sum = Outside { folder: folder.clone(), files: 0, bytes: 0, newest, at_least: false };
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            if is_cache(&folder) {
                continue;
            }
            for (path, stat) in entries(&folder) {
                if (self.stop)() {
                    return Outside { at_least: true, ..sum };
                }
                if stat.is_dir() {
                    folders.push(path);
                } else if stat.is_file() {
                    sum.files += 1;
                    sum.bytes = sum.bytes.saturating_add(stat.len());
                    sum.newest = sum.newest.max(Time::from_seconds(stat.mtime()));
                }
            }
        }
        sum
    }
}

/// What can't be read has nothing to tell here.
fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), fs::symlink_metadata(entry.path()).ok()?)))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_cache(folder: &Path) -> bool {
    folder.join("CACHEDIR.TAG").exists() || folder.join(".nobackup").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &Path, bytes: usize) {
        fs::create_dir_all(path.parent().expect("in a folder")).expect("made");
        fs::write(path, vec![1; bytes]).expect("written");
    }

    #[test]
    fn what_no_job_has_is_told_the_largest_first() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |below: &str| home.path().join(below);
        file(&at("Documents/a"), 2 << 20);
        file(&at("Pictures/2026/b"), 3 << 20);
        file(&at("Music/c"), 2 << 20);
        file(&at("small/d"), 1000);
        file(&at(".cache/e"), 2 << 20);
        file(&at("build/f"), 2 << 20);
        file(&at("build/CACHEDIR.TAG"), 10);
        file(&at("work/kept/g"), 2 << 20);
        file(&at("work/left/h"), 2 << 20);
        let (homes, known) = ([home.path().to_owned()], [at("Documents"), at("work/kept")]);
        let now = Time::from_seconds(fs::metadata(at("Music/c")).expect("there").mtime() + 10);
        let folders = |now: Time, stop: &dyn Fn() -> bool| {
            let told = outside(&Around { homes: &homes, known: &known, now, stop });
            told.into_iter().map(|it| (it.folder, it.files, it.bytes)).collect::<Vec<_>>()
        };
        let expected =
            [(at("Pictures"), 1, 3 << 20), (at("Music"), 1, 2 << 20), (at("work/left"), 1, 2 << 20)].to_vec();
        assert_eq!(folders(now, &|| false), expected);
        let later = Time::from_seconds(now.seconds + LATELY_SECONDS + 10);
        assert_eq!(folders(later, &|| false), [], "nothing changed lately");
        assert_eq!(folders(now, &|| true), [], "no time");
    }

    #[test]
    fn a_home_that_a_job_has_is_protected_whole() {
        let home = tempfile::tempdir().expect("a folder");
        file(&home.path().join("Pictures/b"), 3 << 20);
        let homes = [home.path().to_owned()];
        let around = Around { homes: &homes, known: &homes, now: Time::from_seconds(0), stop: &|| false };
        assert_eq!(outside(&around), []);
    }
}
