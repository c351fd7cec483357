//! Files → the recovery points that they make up. Pure.
//!
//! Invariant: every file is in one point, beside points, or among the others; what a point needs and is not there is
//! named, so that no part is taken for the whole.

use std::collections::BTreeMap;

use super::look::SeenFile;
use super::{ghost, pattern, veeam};
use crate::model::{EntryPath, Grouping, Time};

/// A recovery point of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// What it is known by: a path below the folder, without what its files differ in.
    pub name: String,
    /// Its files, by path; one at least.
    pub files: Vec<SeenFile>,
    /// Files that go with it and say nothing of whether it changed: a catalog of the other program's.
    pub beside: Vec<SeenFile>,
    /// The folder that it is, if it is a whole one.
    pub folder: Option<EntryPath>,
    /// The point that it can't be restored without.
    pub base: Option<String>,
    /// What it is one of a row of, if the folder holds several rows: each drive's images, say.
    pub series: String,
    /// What should be there and is not.
    pub missing: Vec<String>,
    /// What it means if it changes.
    pub rewritten: Rewritten,
}

/// What it means if a point's files are others than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// It is a new version, as the other program writes them.
    NewVersion,
    /// What was finished has changed.
    Finding,
}

impl Foreign {
    /// A point of these files, built on nothing.
    pub(super) fn new(name: String, mut files: Vec<SeenFile>, rewritten: Rewritten) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            name,
            files,
            beside: Vec::new(),
            folder: None,
            base: None,
            series: String::new(),
            missing: Vec::new(),
            rewritten,
        }
    }

    /// Its files and those beside it.
    pub fn all_files(&self) -> impl Iterator<Item = &SeenFile> {
        self.files.iter().chain(&self.beside)
    }

    /// When the other program wrote it last.
    #[must_use]
    pub fn written(&self) -> Time {
        self.files.iter().map(|file| file.modified).max().unwrap_or_default()
    }
}

/// What the files make up.
#[derive(Debug, Default)]
pub struct Grouped {
    /// By name.
    pub points: Vec<Foreign>,
    /// Files that are in no point, by their names.
    pub others: Vec<SeenFile>,
}

/// Groups them. `marker` names files that only say that something is finished.
///
/// # Errors
/// If a pattern is no regular expression.
pub fn group(grouping: &Grouping, files: Vec<SeenFile>, marker: Option<&str>) -> Result<Grouped, String> {
    let is_marker = |file: &SeenFile| marker.is_some_and(|marker| file.path.file_name().ends_with(marker.as_bytes()));
    let (markers, files): (Vec<SeenFile>, Vec<SeenFile>) = files.into_iter().partition(is_marker);
    let mut grouped = match grouping {
        Grouping::File => each_file(files),
        Grouping::Folder => each_folder(files, markers),
        Grouping::Ghost => ghost::group(files),
        Grouping::Veeam => veeam::group(files),
        Grouping::Pattern(text) => pattern::group(text, files)?,
    };
    grouped.points.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(grouped)
}

fn each_file(files: Vec<SeenFile>) -> Grouped {
    let point = |file: SeenFile| Foreign::new(name_of(file.path.as_bytes()), vec![file], Rewritten::NewVersion);
    Grouped { points: files.into_iter().map(point).collect(), others: Vec::new() }
}

/// Each folder that lies directly in the job's folder, with all below it.
fn each_folder(files: Vec<SeenFile>, markers: Vec<SeenFile>) -> Grouped {
    let mut folders: BTreeMap<Vec<u8>, Vec<SeenFile>> = BTreeMap::new();
    let mut others = Vec::new();
    for file in files {
        let top = file.path.parts().next().map(<[u8]>::to_vec);
        match top.filter(|_| file.path.folder().is_some()) {
            Some(folder) => folders.entry(folder).or_default().push(file),
            None => others.push(file),
        }
    }
    let point = |(folder, files): (Vec<u8>, Vec<SeenFile>)| Foreign {
        folder: EntryPath::parse(&folder).ok(),
        ..Foreign::new(name_of(&folder), files, Rewritten::NewVersion)
    };
    let mut points: Vec<Foreign> = folders.into_iter().map(point).collect();
    for marker in markers {
        let lies_in = |point: &&mut Foreign| point.folder.as_ref().is_some_and(|folder| marker.path.is_within(folder));
        if let Some(point) = points.iter_mut().find(lies_in) {
            point.beside.push(marker);
        }
    }
    Grouped { points, others }
}

/// A path as a name: as it is, or escaped where it is not UTF-8.
pub(super) fn name_of(path: &[u8]) -> String {
    std::str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), str::to_owned)
}

/// The folder of a path with a slash behind, empty at the top; and the file's name. None if it is not UTF-8.
pub(super) fn split(path: &EntryPath) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    Some(text.split_at(text.rfind('/').map_or(0, |slash| slash + 1)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Files of these names, each written a second after the one before it.
    pub fn files(names: &[&str]) -> Vec<SeenFile> {
        let file = |(at, name): (i64, &&str)| SeenFile {
            path: EntryPath::parse(name.as_bytes()).expect("a path"),
            bytes: 10,
            modified: Time::from_seconds(100 + at),
            changed: Time::from_seconds(100 + at),
        };
        (0..).zip(names).map(file).collect()
    }

    /// Each point in a line: its name, its files, its base and what is missing.
    pub fn told(grouped: &Grouped) -> Vec<String> {
        let line = |point: &Foreign| {
            let files: Vec<String> = point.all_files().map(|file| file.path.to_string()).collect();
            let base = point.base.as_ref().map(|base| format!(" on {base}")).unwrap_or_default();
            let missing =
                if point.missing.is_empty() { String::new() } else { format!(" lacks {}", point.missing.join(", ")) };
            format!("{}: {}{base}{missing}", point.name, files.join(" "))
        };
        grouped.points.iter().map(line).collect()
    }

    fn grouped(grouping: &Grouping, names: &[&str], marker: Option<&str>) -> Grouped {
        group(grouping, files(names), marker).expect("grouped")
    }

    #[test]
    fn each_file_is_a_point_and_markers_are_none() {
        let found = grouped(&Grouping::File, &["a.bak", "sub/b.bak", "sub/b.bak.done"], Some(".done"));
        assert_eq!(told(&found), ["a.bak: a.bak", "sub/b.bak: sub/b.bak"]);
    }

    #[test]
    fn each_folder_is_a_point_with_all_below_it() {
        let found = grouped(&Grouping::Folder, &["mon/a", "mon/deep/b", "tue/a", "stray"], None);
        assert_eq!(told(&found), ["mon: mon/a mon/deep/b", "tue: tue/a"]);
        assert_eq!(found.others.len(), 1);
        assert_eq!(found.points[0].folder.as_ref().map(ToString::to_string).as_deref(), Some("mon"));
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_a_name_too() {
        assert_eq!(name_of(b"a\xff/b"), "a\\xff/b");
    }
}
