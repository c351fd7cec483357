//! Is a file finished? Held still long enough, open for writing nowhere, not empty, and its marker there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::group::Foreign;
use super::look::{SeenFile, as_path};
use crate::model::{EntryPath, Time};
use crate::platform;

/// Why a point is not finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// It changed a moment ago: so long it has to hold still yet.
    #[error("{0} changed less than the job's `settle` ago")]
    Young(EntryPath, Duration),
    /// Somebody has it open for writing.
    #[error("{0} is open for writing")]
    Open(EntryPath),
    /// Nothing is in it yet.
    #[error("{0} is empty")]
    Empty(EntryPath),
    /// What says that it is finished is not there.
    #[error("its marker `{0}` is not there")]
    Unmarked(String),
}

/// How a file was seen first, and when by a clock that never jumps.
type First = ((u64, Time, Time), Duration);

/// What held still how long. Times of the file system count as far as they can be believed; else what was seen.
#[derive(Debug)]
pub struct Settling {
    settle: Duration,
    first: BTreeMap<EntryPath, First>,
}

impl Settling {
    /// Of files that count as finished after holding still for `settle`.
    #[must_use]
    pub fn new(settle: Duration) -> Self {
        Self { settle, first: BTreeMap::new() }
    }

    /// They were seen at this moment by the clock that never jumps.
    pub fn saw(&mut self, files: &[SeenFile], monotonic: Duration) {
        for file in files {
            let state = (file.bytes, file.modified, file.changed);
            match self.first.get(&file.path) {
                Some((known, _)) if *known == state => {}
                _ => drop(self.first.insert(file.path.clone(), (state, monotonic))),
            }
        }
    }

    /// How long a file has to hold still yet; nothing once it is settled.
    #[must_use]
    pub fn left(&self, file: &SeenFile, now: Time, monotonic: Duration) -> Duration {
        let seen = self.first.get(&file.path).map_or(Duration::ZERO, |(_, first)| monotonic.saturating_sub(*first));
        // The inode's time can't be set back, and is of no use if it lies ahead of us.
        let by_times =
            if file.changed > now { Duration::ZERO } else { now.since(file.changed.max(file.modified.min(now))) };
        self.settle.saturating_sub(seen.max(by_times))
    }
}

/// Why a point below `folder` is not finished, if it is not. `there` are the names of all files below the folder.
#[must_use]
pub fn unfinished(
    foreign: &Foreign,
    folder: &Path,
    (marker, there): (Option<&str>, &BTreeSet<EntryPath>),
    left: impl Fn(&SeenFile) -> Duration,
) -> Option<Unfinished> {
    // A folder may hold empty files; of a file that is a whole point, or a part of one, nothing is there yet.
    let empty = foreign.files.iter().find(|file| file.bytes == 0);
    if let Some(empty) = empty.filter(|_| foreign.folder.is_none() || foreign.files.iter().all(|it| it.bytes == 0)) {
        return Some(Unfinished::Empty(empty.path.clone()));
    }
    let longest = foreign.all_files().map(|file| (left(file), file)).max_by_key(|(left, _)| *left);
    if let Some((left, file)) = longest.filter(|(left, _)| !left.is_zero()) {
        return Some(Unfinished::Young(file.path.clone(), left));
    }
    if let Some(marker) = marker.filter(|marker| !is_marked(foreign, marker, there)) {
        return Some(Unfinished::Unmarked(marker.to_owned()));
    }
    let is_open = |file: &&SeenFile| platform::is_open_for_writing(&folder.join(as_path(&file.path)));
    foreign.all_files().find(is_open).map(|file| Unfinished::Open(file.path.clone()))
}

/// A marker lies in the point's folder, or bears one of its files' names with its own behind.
fn is_marked(foreign: &Foreign, marker: &str, there: &BTreeSet<EntryPath>) -> bool {
    let folder = foreign.folder.clone().or_else(|| foreign.files[0].path.folder());
    let beside = [folder.as_ref().map_or(&b""[..], EntryPath::as_bytes), marker.as_bytes()];
    let in_folder = if folder.is_some() { beside.join(&b'/') } else { marker.as_bytes().to_vec() };
    let behind = foreign.files.iter().map(|file| [file.path.as_bytes(), marker.as_bytes()].concat());
    let mut names = std::iter::once(in_folder).chain(behind);
    names.any(|name| EntryPath::parse(&name).is_ok_and(|name| there.contains(&name)))
}

#[cfg(test)]
mod tests {
    use super::super::group::group;
    use super::super::group::tests::files;
    use super::*;
    use crate::model::Grouping;

    const SETTLE: Duration = Duration::from_secs(60);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_file_is_settled_by_its_times_or_by_what_was_seen() {
        let file = &files(&["a"])[0];
        let mut settling = Settling::new(SETTLE);
        settling.saw(std::slice::from_ref(file), secs(1_000));
        assert_eq!(settling.left(file, Time::from_seconds(110), secs(1_000)), secs(50), "changed at 100");
        assert_eq!(settling.left(file, Time::from_seconds(160), secs(1_000)), secs(0));
        assert_eq!(settling.left(file, Time::from_seconds(5), secs(1_010)), secs(50), "from the future: as seen");
        assert_eq!(settling.left(file, Time::from_seconds(5), secs(1_060)), secs(0));
    }

    #[test]
    fn a_file_that_changes_begins_anew_whatever_its_times_say() {
        let mut file = files(&["a"])[0].clone();
        let mut settling = Settling::new(SETTLE);
        settling.saw(std::slice::from_ref(&file), secs(0));
        file.bytes += 1;
        (file.modified, file.changed) = (Time::from_seconds(1), Time::from_seconds(199));
        settling.saw(std::slice::from_ref(&file), secs(50));
        assert_eq!(
            settling.left(&file, Time::from_seconds(200), secs(55)),
            secs(55),
            "its content's time was set back"
        );
    }

    #[test]
    fn a_marker_lies_in_the_folder_or_behind_a_name() {
        let cases: [(Grouping, &[&str], &str, bool); 6] = [
            (Grouping::File, &["a.bak"], "DONE", false),
            (Grouping::File, &["a.bak", "DONE"], "DONE", true),
            (Grouping::File, &["a.bak", "a.bak.done"], ".done", true),
            (Grouping::File, &["x/a.bak", "b.bak.done"], ".done", false),
            (Grouping::Folder, &["mon/a", "mon/DONE"], "DONE", true),
            (Grouping::Folder, &["mon/a", "tue/DONE"], "DONE", false),
        ];
        for (grouping, names, marker, is_there) in cases {
            let all = files(names);
            let there = all.iter().map(|file| file.path.clone()).collect();
            let grouped = group(&grouping, all, Some(marker)).expect("grouped");
            assert_eq!(is_marked(&grouped.points[0], marker, &there), is_there, "{names:?} {marker}");
        }
    }
}
