//! Names of Veeam's files: `JobD2026-11-20T220012_A1B2.vbk` is a full backup, `….vib` an increment on the one before it,
//! `….vrb` what leads from a full backup back to an older one, `….vbm` the job's list of them.
//!
//! A set whose full backup is rewritten is one point, made anew as it changes, for no file of it stands by itself for long:
//! one with `.vrb` files, whose full backup is its newest point, and one whose oldest increments are merged into it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::group::{Foreign, Grouped, Rewritten, split};
use super::look::SeenFile;

static BACKUP: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)^(?<set>.+?)(?:D(?<when>\d{4}-\d{2}-\d{2}T\d{4,6})(?:_[0-9a-f]{4})?)?\.(?<kind>vbk|vib|vrb)$";
    Regex::new(text).expect("a pattern of ours")
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Increment,
    Reverse,
}

/// A file, and what it is sorted by: the moment in its name, else when it was written.
struct Backup {
    when: (Option<String>, crate::model::Time),
    kind: Kind,
    name: String,
    file: SeenFile,
}

pub(super) fn group(files: Vec<SeenFile>) -> Grouped {
    let mut sets: BTreeMap<String, Vec<Backup>> = BTreeMap::new();
    let (mut lists, mut others) = (Vec::new(), Vec::new());
    for file in files {
        match backup(&file) {
            Some((set, backup)) => sets.entry(set).or_default().push(backup),
            None if is_list(&file) => lists.push(file),
            None => others.push(file),
        }
    }
    let mut points: Vec<Foreign> = sets.into_iter().flat_map(|(set, backups)| foreign(&set, backups)).collect();
    for list in lists {
        let folder = list.path.folder();
        let mut there = 0;
        for point in points.iter_mut().filter(|point| point.files[0].path.folder() == folder) {
            point.beside.push(list.clone());
            there += 1;
        }
        if there == 0 {
            others.push(list);
        }
    }
    Grouped { points, others }
}

fn backup(file: &SeenFile) -> Option<(String, Backup)> {
    let (folder, name) = split(&file.path)?;
    let found = BACKUP.captures(name)?;
    let kind = match found["kind"].to_ascii_lowercase().as_str() {
        "vbk" => Kind::Full,
        "vib" => Kind::Increment,
        _ => Kind::Reverse,
    };
    let when = (found.name("when").map(|when| when.as_str().to_owned()), file.modified);
    let backup = Backup { when, kind, name: format!("{folder}{name}"), file: file.clone() };
    // Without a moment in its name only the folder tells what a file belongs to.
    let set = found.name("when").map_or(folder.to_owned(), |_| format!("{folder}{}", &found["set"]));
    Some((set, backup))
}

fn is_list(file: &SeenFile) -> bool {
    split(&file.path).is_some_and(|(_, name)| name.to_ascii_lowercase().ends_with(".vbm"))
}

fn foreign(set: &str, mut backups: Vec<Backup>) -> Vec<Foreign> {
    backups.sort_by(|a, b| a.when.cmp(&b.when));
    if backups.iter().any(|backup| backup.kind == Kind::Reverse) || is_merged(&backups) {
        return vec![whole(set, backups)];
    }
    let mut before: Option<String> = None;
    let mut points = Vec::new();
    for backup in backups {
        let (base, missing) = match (backup.kind, before.take()) {
            (Kind::Increment, None) => (None, vec![format!("the full backup (.vbk) before {}", backup.name)]),
            (Kind::Increment, before) => (before, Vec::new()),
            _ => (None, Vec::new()),
        };
        before = Some(backup.name.clone());
        let series = set.to_owned();
        points.push(Foreign {
            base,
            missing,
            series,
            ..Foreign::new(backup.name, vec![backup.file], Rewritten::NewVersion)
        });
    }
    points
}

/// Was a full backup written after an increment on it, because older increments were merged into it?
fn is_merged(backups: &[Backup]) -> bool {
    let mut full = None;
    backups.iter().any(|backup| {
        if backup.kind == Kind::Full {
            full = Some(backup.file.modified);
        }
        backup.kind == Kind::Increment && full.is_some_and(|full| full > backup.file.modified)
    })
}

fn whole(set: &str, backups: Vec<Backup>) -> Foreign {
    let missing = match backups.iter().rev().find(|backup| backup.kind != Kind::Reverse) {
        Some(_) => Vec::new(),
        None => vec![format!("the full backup (.vbk) of {set}")],
    };
    let files = backups.into_iter().map(|backup| backup.file).collect();
    let series = set.to_owned();
    Foreign { missing, series, ..Foreign::new(format!("{set} (whole)"), files, Rewritten::NewVersion) }
}

#[cfg(test)]
mod tests {
    use super::super::group::tests::{files, told};
    use super::*;

    #[test]
    fn an_increment_is_built_on_what_came_before_it_by_the_moment_in_its_name() {
        let names = [
            "j/JobD2026-11-01T220000.vbk",
            "j/JobD2026-11-03T220000.vib",
            "j/JobD2026-11-02T220000_0A1B.vib",
            "j/JobD2026-11-08T220000.vbk",
            "j/Job.vbm",
        ];
        let found = group(files(&names));
        let expected = [
            "j/JobD2026-11-01T220000.vbk: j/JobD2026-11-01T220000.vbk j/Job.vbm",
            "j/JobD2026-11-02T220000_0A1B.vib: j/JobD2026-11-02T220000_0A1B.vib j/Job.vbm on j/JobD2026-11-01T220000.vbk",
            "j/JobD2026-11-03T220000.vib: j/JobD2026-11-03T220000.vib j/Job.vbm on j/JobD2026-11-02T220000_0A1B.vib",
            "j/JobD2026-11-08T220000.vbk: j/JobD2026-11-08T220000.vbk j/Job.vbm",
        ];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn an_increment_without_a_full_backup_is_broken() {
        let found = group(files(&["JobD2026-11-02T220000.vib", "JobD2026-11-03T220000.vib"]));
        assert!(told(&found)[0].ends_with("lacks the full backup (.vbk) before JobD2026-11-02T220000.vib"));
        assert!(told(&found)[1].ends_with("on JobD2026-11-02T220000.vib"));
    }

    #[test]
    fn a_reverse_chain_is_one_point() {
        let found =
            group(files(&["JobD2026-11-01T220000.vrb", "JobD2026-11-02T220000.vrb", "JobD2026-11-03T220000.vbk"]));
        let all = "JobD2026-11-01T220000.vrb JobD2026-11-02T220000.vrb JobD2026-11-03T220000.vbk";
        assert_eq!(told(&found), [format!("Job (whole): {all}")]);
        assert_eq!(group(files(&["JobD2026-11-01T220000.vrb"])).points[0].missing.len(), 1);
    }

    #[test]
    fn a_full_backup_that_took_in_older_increments_is_one_point_with_those_that_are_left() {
        let found = group(files(&["JobD2026-11-03T220000.vib", "JobD2026-11-01T220000.vbk"]));
        assert_eq!(told(&found), ["Job (whole): JobD2026-11-01T220000.vbk JobD2026-11-03T220000.vib"]);
    }

    #[test]
    fn machines_of_one_folder_have_chains_of_their_own() {
        let found =
            group(files(&["vm1D2026-11-01T220000.vbk", "vm2D2026-11-01T220000.vbk", "vm1D2026-11-02T220000.vib"]));
        assert_eq!(found.points.iter().filter(|point| point.base.is_some()).count(), 1);
        assert_eq!(found.points[1].base.as_deref(), Some("vm1D2026-11-01T220000.vbk"));
    }
}
