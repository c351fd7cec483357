//! The snapshots of one job's run: made when a root on Btrfs is met, one for each subvolume, removed with their owner.
//!
//! In: live folders. Out: the same folders in a snapshot, or why there is none. Invariants: what is removed is a subvolume
//! in a subvolume's top folder whose name is made of this job's id, which nobody else's is; so a run that was killed
//! leaves a snapshot to the next run of its job, and to no other. A folder that a snapshot is shown for is the same inode
//! there. Deliberately absent: other subvolumes below a root (`view` reads them as they are), LVM, ZFS, VSS.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;

use super::view::{Made, View, is_placeholder};
use crate::model::{JobId, Time, reason};
use crate::platform::{self, FileKind, Folder, Links, SUBVOLUME_INODE, Stat, Subvolume};

const PREFIX: &str = ".offsite-snapshot-";
/// Of a job's id, and of the random part, in hexadecimal digits.
const PART: usize = 16;

/// Whose snapshots.
#[derive(Debug, Clone)]
pub struct SnapshotsOf {
    /// Are some to be made?
    pub wanted: Wanted,
    /// The job, of this installation.
    pub job: JobId,
    /// Makes a name new.
    pub random: [u8; 8],
    /// Before any of them is made.
    pub now: Time,
}

/// Are snapshots to be made?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Wherever that can be.
    Yes,
    /// No; only what an earlier run left is removed.
    No,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    of: Option<SnapshotsOf>,
    /// By the live files' device: one that was made, or why there is none, and whether that was told.
    subvolumes: BTreeMap<u64, Result<Taken, Refused>>,
}

#[derive(Debug)]
struct Taken {
    subvolume: Subvolume,
    name: CString,
    top: Folder,
    made: Made,
}

#[derive(Debug)]
struct Refused {
    why: String,
    is_told: bool,
}

impl Snapshots {
    pub(super) const fn new(of: Option<SnapshotsOf>) -> Self {
        Self { of, subvolumes: BTreeMap::new() }
    }

    /// What was told before is told to a new visitor too.
    pub(super) fn begin_walk(&mut self) {
        self.subvolumes.values_mut().for_each(|it| {
            if let Err(refused) = it {
                refused.is_told = false;
            }
        });
    }

    /// A live folder as it is shown from now on; a warning, where a snapshot could be and is not.
    pub(super) fn view(&mut self, live: Folder) -> (View, Option<String>) {
        let Some(of) = self.of.clone() else { return (View::live(live), None) };
        if of.wanted == Wanted::No {
            // None was asked for, so there is none to be missed.
            let _ = Subvolume::of(&live).and_then(|it| it.map_or(Ok(()), |it| remove_leftovers(&it, &of)));
            return (View::live(live), None);
        }
        match self.folder_in_snapshot(&live, &of) {
            Ok(Some((folder, made))) => (View::snapshot(folder, live, made), None),
            Ok(None) => (View::live(live), None),
            Err(why) => {
                let warning = format!("no snapshot is read here, but the files as they are: {why}");
                (View::live(live), Some(warning))
            }
        }
    }

    /// The same folder in a snapshot; none where there are no snapshots, or where it was told why not.
    fn folder_in_snapshot(&mut self, live: &Folder, of: &SnapshotsOf) -> Result<Option<(Folder, Made)>, String> {
        let failed = |error: io::Error| reason(&error);
        let stat = live.stat().map_err(failed)?;
        let Some(subvolume) = Subvolume::of(live).map_err(failed)? else { return Ok(None) };
        let below = subvolume.below().to_vec();
        let taken = self.subvolumes.entry(stat.device).or_insert_with(|| {
            Taken::new(subvolume, of, stat.device).map_err(|error| Refused { why: reason(&error), is_told: false })
        });
        match taken {
            Ok(taken) => Ok(Some((taken.open(&below, &stat).map_err(failed)?, taken.made))),
            Err(refused) if refused.is_told => Ok(None),
            Err(refused) => {
                refused.is_told = true;
                Err(refused.why.clone())
            }
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        // What can't be removed now is met by the job's next run.
        for (_, taken) in std::mem::take(&mut self.subvolumes) {
            if let Ok(Taken { subvolume, name, top, .. }) = taken {
                drop(top);
                let _ = subvolume.remove(&name);
            }
        }
    }
}

impl Taken {
    fn new(subvolume: Subvolume, of: &SnapshotsOf, live_device: u64) -> io::Result<Self> {
        remove_leftovers(&subvolume, of)?;
        let name = format!("{PREFIX}{}-{:016x}", of.job, u64::from_be_bytes(of.random));
        let name = CString::new(name)?;
        // A snapshot holds what was flushed, as a disk after a power cut: files that nobody flushed are to be whole too.
        let _ = platform::flush_all(subvolume.top());
        let top = subvolume.snapshot(&name)?;
        let made = top.stat().map(|stat| Made { device: stat.device, live_device, as_of: of.now });
        match made {
            Ok(made) => Ok(Self { subvolume, name, top, made }),
            Err(error) => {
                let _ = subvolume.remove(&name);
                Err(error)
            }
        }
    }

    fn open(&self, below: &[CString], live: &Stat) -> io::Result<Folder> {
        let mut folder = self.top.child(c".", Links::Kept)?;
        for name in below {
            folder = folder.child(name, Links::Kept)?;
        }
        let is_same = folder.stat()?.inode == live.inode;
        if is_same { Ok(folder) } else { Err(io::Error::other("the snapshot holds another folder in its place")) }
    }
}

/// Removes what runs of this job that were killed have left.
fn remove_leftovers(subvolume: &Subvolume, of: &SnapshotsOf) -> io::Result<()> {
    let ours = format!("{PREFIX}{}-", of.job);
    let mut names: Vec<CString> = Vec::new();
    // Opened anew, so that its access time stays.
    subvolume.top().child(c".", Links::Kept)?.each_name(&mut |name| {
        if name.to_bytes().starts_with(ours.as_bytes()) {
            names.push(name.to_owned());
        }
    })?;
    let top = subvolume.top();
    let is_snapshot = |name: &CString| top.stat_of(name, Links::Kept).is_ok_and(|stat| is_snapshot(name, &stat));
    names.iter().filter(|name| is_snapshot(name)).try_for_each(|name| subvolume.remove(name))
}

/// Is it a snapshot of ours, this job's or another's?
pub(super) fn is_snapshot(name: &CStr, stat: &Stat) -> bool {
    let is_hex = |part: &[u8]| part.len() == PART && part.iter().all(u8::is_ascii_hexdigit);
    let Some(rest) = name.to_bytes().strip_prefix(PREFIX.as_bytes()) else { return false };
    let is_ours =
        rest.len() == 2 * PART + 1 && rest[PART] == b'-' && is_hex(&rest[..PART]) && is_hex(&rest[PART + 1..]);
    is_ours && stat.kind == FileKind::Folder && (stat.inode == SUBVOLUME_INODE || is_placeholder(stat))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use fixtures::drive::{Drive, run};

    use super::*;
    use crate::model::{EntryPath, Problem};
    use crate::source::{Folders, FoldersOptions, Item, LeftOut, Source, Verdict, Visitor, Walked};

    /// Keeps what it is shown, and does something as soon as a name comes.
    struct Witness<'w> {
        at: &'static str,
        then: &'w dyn Fn(),
        /// Path and size.
        seen: Vec<(String, u64)>,
        told: Vec<Problem>,
    }

    impl Visitor for Witness<'_> {
        fn entry(&mut self, walked: &Walked, _: &mut dyn Item) -> Verdict {
            if walked.path.file_name() == self.at.as_bytes() {
                (self.then)();
            }
            let is_file = walked.stat.kind == FileKind::File;
            self.seen.push((walked.path.to_string(), if is_file { walked.stat.bytes } else { 0 }));
            Verdict::Kept
        }

        fn problem(&mut self, problem: Problem) {
            self.told.push(problem);
        }

        fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

        fn warning(&mut self, warning: Problem) {
            self.told.push(warning);
        }
    }

    fn folders(roots: Vec<PathBuf>) -> Folders {
        let of = SnapshotsOf { wanted: Wanted::Yes, job: JobId([7; 8]), random: [9; 8], now: Time::default() };
        Folders::new(&FoldersOptions { roots, snapshots: Some(of), ..FoldersOptions::default() }).expect("good options")
    }

    /// What is seen below the drive, and what is told, if `then` is done as soon as `at` comes.
    fn walked(drive: &Drive, roots: &[&str], at: &'static str, then: &dyn Fn()) -> (Vec<(String, u64)>, Vec<String>) {
        let mut witness = Witness { at, then, seen: Vec::new(), told: Vec::new() };
        let roots = roots.iter().map(|root| drive.path().join(root)).collect();
        folders(roots).walk(&mut witness).expect("a walk");
        let base = format!("{}/", drive.path().display()).split_off(1);
        let short = |(path, bytes): &(String, u64)| Some((path.strip_prefix(&base)?.to_owned(), *bytes));
        let told = witness.told.iter().map(|problem| problem.problem.clone());
        (witness.seen.iter().filter_map(short).collect(), told.collect())
    }

    fn entries(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
        expected.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes)).collect()
    }

    #[test]
    fn what_changes_vanishes_or_moves_meanwhile_is_seen_as_it_was() {
        let Some(drive) = Drive::new("btrfs") else { return };
        let at = |path: &str| drive.path().join(path);
        fs::create_dir_all(at("r/gone/in")).and_then(|()| fs::create_dir_all(at("r/moved/in"))).expect("room");
        for file in ["r/a", "r/gone/in/x", "r/moved/in/y", "r/z"] {
            fs::write(at(file), "1").expect("room");
        }
        let (seen, told) = walked(&drive, &["r"], "a", &|| {
            fs::remove_dir_all(at("r/gone")).and_then(|()| fs::rename(at("r/moved"), at("r/b"))).expect("possible");
            fs::write(at("r/z"), "longer").and_then(|()| fs::write(at("r/zz"), "new")).expect("room");
        });
        let was = [("r", 0), ("r/a", 1), ("r/gone", 0), ("r/gone/in", 0), ("r/gone/in/x", 1), ("r/moved", 0)];
        assert_eq!(seen, entries(&[&was[..], &[("r/moved/in", 0), ("r/moved/in/y", 1), ("r/z", 1)]].concat()));
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_subvolume_that_goes_or_is_moved_meanwhile_is_told_of() {
        let Some(drive) = Drive::new("btrfs") else { return };
        let at = |path: &str| drive.path().join(path).display().to_string();
        fs::create_dir_all(at("r/in")).and_then(|()| fs::write(at("r/a"), "1")).expect("room");
        for subvolume in ["r/gone", "r/in/moved"] {
            run("btrfs", &["-q", "subvolume", "create", &at(subvolume)]).expect("made");
        }
        let (seen, told) = walked(&drive, &["r"], "a", &|| {
            run("btrfs", &["-q", "subvolume", "delete", &at("r/gone")]).expect("possible");
            fs::rename(at("r/in"), at("r/other")).expect("possible");
        });
        assert_eq!(seen, entries(&[("r", 0), ("r/a", 1), ("r/gone", 0), ("r/in", 0)]));
        assert!(told.len() == 2 && told[0].contains("was removed") && told[1].contains("was moved"), "{told:?}");
    }

    #[test]
    fn back_from_a_deep_subvolume_the_walk_is_in_the_snapshot_still() {
        let Some(drive) = Drive::new("btrfs") else { return };
        let (root, nested) = (drive.path().join("r"), drive.path().join("r/m"));
        fs::create_dir(&root).and_then(|()| fs::write(root.join("z"), "1")).expect("room");
        run("btrfs", &["-q", "subvolume", "create", &nested.display().to_string()]).expect("made");
        let deep = nested.join("d/".repeat(250));
        fs::create_dir_all(&deep).and_then(|()| fs::write(deep.join("deepest"), "1")).expect("room");
        let (seen, told) = walked(&drive, &["r"], "deepest", &|| fs::write(root.join("z"), "longer").expect("room"));
        assert_eq!((seen.len(), seen.last()), (2 + 250 + 2, Some(&("r/z".to_owned(), 1))));
        assert_eq!(told, [""; 0]);
    }

    #[test]
    fn a_configured_link_leads_where_it_leads_though_a_snapshot_holds_it() {
        let Some(drive) = Drive::new("btrfs") else { return };
        let at = |path: &str| drive.path().join(path);
        fs::create_dir_all(at("r")).and_then(|()| fs::create_dir_all(at("real/in"))).expect("room");
        fs::write(at("r/a"), "1").and_then(|()| fs::write(at("real/in/x"), "1")).expect("room");
        std::os::unix::fs::symlink("../real", at("r/link")).expect("a link");
        let (seen, told) =
            walked(&drive, &["r", "r/link"], "a", &|| fs::write(at("real/in/x"), "longer").expect("room"));
        let expected = [("r", 0), ("r/a", 1), ("r/link", 0), ("r/link/in", 0), ("r/link/in/x", 1)];
        assert_eq!((seen, told), (entries(&expected), Vec::new()));
    }
}
