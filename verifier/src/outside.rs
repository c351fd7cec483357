//! What no job protects: "You are not backing up /home/ann/Pictures (31 GiB)".
//!
//! In: the folders of all jobs, people's home folders. Out: folders there in which something changed lately and that no job
//! has, the largest first. Hidden folders and those that say that they are caches are not asked about.
//! Deliberately absent: anything beside people's home folders; what patterns leave out of a job (`live`).

use std::collections::BTreeSet;
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
    /// Only what lies in it directly: a job has something below.
    pub directly: bool,
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

/// The largest folders that no job has, and whether there was time to look at all.
#[must_use]
pub fn outside(around: &Around<'_>) -> (Vec<Outside>, bool) {
    // A job may name a link, or a home folder be one: what counts is where they lead.
    let real = |path: &PathBuf| fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let homes: BTreeSet<PathBuf> = around.homes.iter().map(real).collect();
    let known: BTreeSet<PathBuf> = around.known.iter().map(real).chain(around.known.iter().cloned()).collect();
    let look = Look { around, homes, known };
    let mut found = Vec::new();
    for home in &look.homes {
        look.below(home, &mut found);
    }
    found.sort_by(|one: &Outside, other| (other.bytes, &one.folder).cmp(&(one.bytes, &other.folder)));
    found.dedup_by(|one, other| (&one.folder, one.directly) == (&other.folder, other.directly));
    found.truncate(TOLD_MAX);
    (found, !(around.stop)())
}

struct Look<'l> {
    around: &'l Around<'l>,
    homes: BTreeSet<PathBuf>,
    known: BTreeSet<PathBuf>,
}

impl Look<'_> {
    /// A folder of which a job may have a part: what lies in it directly, and each folder below.
    fn below(&self, folder: &Path, found: &mut Vec<Outside>) {
        if self.is_known(folder) || is_cache(folder) {
            return;
        }
        let mut directly = Outside::none(folder, true);
        for (path, stat) in entries(folder) {
            if stat.is_file() && !is_hidden(&path) && !self.is_known(&path) {
                directly.add(&stat);
            }
            if !stat.is_dir() || is_hidden(&path) || self.is_known(&path) || self.is_own_home(&path, folder) {
                continue;
            }
            if self.known.iter().any(|known| known.starts_with(&path)) {
                self.below(&path, found);
            } else {
                self.tell(self.measured(&path), found);
            }
        }
        self.tell(directly, found);
    }

    fn tell(&self, outside: Outside, found: &mut Vec<Outside>) {
        let lately = self.around.now.seconds.saturating_sub(outside.newest.seconds) <= LATELY_SECONDS;
        if outside.bytes >= LEAST_BYTES && lately {
            found.push(outside);
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
        let (mut sum, mut folders) = (Outside::none(folder, false), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            if is_cache(&folder) {
                continue;
            }
            for (path, stat) in entries(&folder) {
                if (self.around.stop)() {
                    return Outside { at_least: true, ..sum };
                }
                if stat.is_dir() {
                    folders.push(path);
                } else if stat.is_file() {
                    sum.add(&stat);
                }
            }
        }
        sum
    }
}

impl Outside {
    fn none(folder: &Path, directly: bool) -> Self {
        let (folder, newest) = (folder.to_owned(), Time::default());
        Self { folder, files: 0, bytes: 0, newest, at_least: false, directly }
    }

    fn add(&mut self, stat: &Metadata) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(stat.len());
        self.newest = self.newest.max(Time::from_seconds(stat.mtime()));
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
            let (told, _) = outside(&Around { homes: &homes, known: &known, now, stop });
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
    fn a_folder_that_a_job_names_by_a_link_is_protected() {
        let held = tempfile::tempdir().expect("a folder");
        let at = |below: &str| held.path().join(below);
        file(&at("disk/ann/Pictures/b"), 3 << 20);
        for (target, link) in [("disk/ann", "ann"), ("disk/ann/Pictures", "disk/ann/photos")] {
            std::os::unix::fs::symlink(at(target), at(link)).expect("a link");
        }
        for (home, known) in [("ann", "disk/ann/Pictures"), ("disk/ann", "disk/ann/photos"), ("ann", "ann/photos")] {
            let (homes, known) = ([at(home)], [at(known)]);
            let around = Around { homes: &homes, known: &known, now: Time::from_seconds(0), stop: &|| false };
            assert_eq!(outside(&around), (vec![], true), "{homes:?} {known:?}");
        }
    }

    #[test]
    fn files_beside_a_folder_that_a_job_has_are_told() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |below: &str| home.path().canonicalize().expect("there").join(below);
        for name in ["work/a/b/c/d/kept/g", "work/a/b/c/d/one.raw", "work/a/b/c/d/two.raw", "work/a/b/c/d/.hidden"] {
            file(&at(name), 2 << 20);
        }
        let (homes, known) = ([home.path().to_owned()], [at("work/a/b/c/d/kept")]);
        let (told, _) = outside(&Around { homes: &homes, known: &known, now: Time::from_seconds(0), stop: &|| false });
        let told: Vec<_> = told.into_iter().map(|it| (it.folder, it.files, it.bytes, it.directly)).collect();
        assert_eq!(told, [(at("work/a/b/c/d"), 2, 4 << 20, true)]);
    }

    #[test]
    fn a_home_that_a_job_has_is_protected_whole() {
        let home = tempfile::tempdir().expect("a folder");
        file(&home.path().join("Pictures/b"), 3 << 20);
        let homes = [home.path().to_owned()];
        let around = Around { homes: &homes, known: &homes, now: Time::from_seconds(0), stop: &|| false };
        assert_eq!(outside(&around), (vec![], true));
    }
}
