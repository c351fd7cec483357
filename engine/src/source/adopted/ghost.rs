//! Names of Norton Ghost's, Symantec's and Veritas System Recovery's files: `NameF001.v2i` is a base, `NameF001_i001.iv2i`
//! the first increment on it, `…_S01.…` a further part of either, `….sv2i` an index of them all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::group::{Foreign, Grouped, Rewritten, split};
use super::look::SeenFile;

static IMAGE: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"(?i)^(?<stem>.+?)(?:_i(?<increment>\d{1,6}))?(?:_s(?<part>\d{1,4}))?\.(?<kind>i?v2i)$";
    Regex::new(text).expect("a pattern of ours")
});

/// An image's place: whose chain, which increment (none: the base), which part of it (0: the first).
struct Image {
    chain: String,
    increment: Option<u32>,
    part: u32,
}

fn image(file: &SeenFile) -> Option<Image> {
    let (folder, name) = split(&file.path)?;
    let found = IMAGE.captures(name)?;
    let number = |group: &str| found.name(group).and_then(|digits| digits.as_str().parse::<u32>().ok());
    let increment = number("increment");
    // An increment has a kind of its own.
    (increment.is_some() == found["kind"].eq_ignore_ascii_case("iv2i")).then(|| Image {
        chain: format!("{folder}{}", &found["stem"]),
        increment,
        part: number("part").unwrap_or(0),
    })
}

fn is_index(file: &SeenFile) -> bool {
    split(&file.path).is_some_and(|(_, name)| name.to_ascii_lowercase().ends_with(".sv2i"))
}

/// A chain: for each increment (none: the base) its parts; more than one file for a part can't be.
#[derive(Default)]
struct Chain {
    points: BTreeMap<Option<u32>, BTreeMap<u32, Vec<SeenFile>>>,
}

pub(super) fn group(files: Vec<SeenFile>) -> Grouped {
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    let (mut indexes, mut others) = (Vec::new(), Vec::new());
    for file in files {
        match image(&file) {
            Some(image) => {
                let points = &mut chains.entry(image.chain).or_default().points;
                points.entry(image.increment).or_default().entry(image.part).or_default().push(file);
            }
            None if is_index(&file) => indexes.push(file),
            None => others.push(file),
        }
    }
    let mut points: Vec<Foreign> = chains.iter().flat_map(|(name, chain)| chain.foreign(name)).collect();
    for index in indexes {
        let folder = index.path.folder();
        let mut beside = 0;
        for point in points.iter_mut().filter(|point| point.files[0].path.folder() == folder) {
            point.beside.push(index.clone());
            beside += 1;
        }
        if beside == 0 {
            others.push(index);
        }
    }
    Grouped { points, others }
}

fn name(chain: &str, increment: Option<u32>) -> String {
    increment.map_or_else(|| chain.to_owned(), |number| format!("{chain}_i{number:03}"))
}

/// The images of one drive: chains that differ in their number only.
fn series(chain: &str) -> String {
    chain.trim_end_matches(|one: char| one.is_ascii_digit()).to_owned()
}

impl Chain {
    fn foreign<'c>(&'c self, chain: &'c str) -> impl Iterator<Item = Foreign> + use<'c> {
        self.points.iter().map(move |(increment, parts)| {
            let name = name(chain, *increment);
            let last = parts.keys().next_back().copied().unwrap_or(0);
            let kind = if increment.is_some() { "iv2i" } else { "v2i" };
            let absent = (0..=last).filter(|part| !parts.contains_key(part));
            let missing = absent.map(|part| match part {
                0 => format!("{name}.{kind}"),
                part => format!("{name}_S{part:02}.{kind}"),
            });
            let twice = parts.values().filter(|files| files.len() > 1);
            let twice =
                twice.map(|files| format!("one file where there are two, {} and {},", files[0].path, files[1].path));
            Foreign {
                base: increment.map(|number| self.before(chain, number)),
                missing: missing.chain(twice).collect(),
                series: series(chain),
                ..Foreign::new(name.clone(), parts.values().flatten().cloned().collect(), Rewritten::Finding)
            }
        })
    }

    /// What an increment is built on: the one before it, the base before the first one.
    fn before(&self, chain: &str, number: u32) -> String {
        let is_first = number == 0 || (number == 1 && !self.points.contains_key(&Some(0)));
        name(chain, (!is_first).then(|| number - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::group::tests::{files, told};
    use super::*;

    fn grouped(names: &[&str]) -> Grouped {
        let mut grouped = group(files(names));
        grouped.points.sort_by(|a, b| a.name.cmp(&b.name));
        grouped
    }

    #[test]
    fn increments_are_built_on_one_another_and_the_first_on_the_base() {
        let found = grouped(&["CF001.v2i", "CF001_i001.iv2i", "CF001_i002.iv2i", "CF002.v2i", "PC.sv2i"]);
        let expected = [
            "CF001: CF001.v2i PC.sv2i",
            "CF001_i001: CF001_i001.iv2i PC.sv2i on CF001",
            "CF001_i002: CF001_i002.iv2i PC.sv2i on CF001_i001",
            "CF002: CF002.v2i PC.sv2i",
        ];
        assert_eq!(told(&found), expected);
        assert!(found.others.is_empty());
    }

    #[test]
    fn parts_belong_together_and_a_gap_among_them_is_named() {
        let found = grouped(&["x/DF001.v2i", "x/DF001_S01.v2i", "x/DF001_s03.V2I", "x/DF001_i001_S01.iv2i"]);
        let expected = [
            "x/DF001: x/DF001.v2i x/DF001_S01.v2i x/DF001_s03.V2I lacks x/DF001_S02.v2i",
            "x/DF001_i001: x/DF001_i001_S01.iv2i on x/DF001 lacks x/DF001_i001.iv2i",
        ];
        assert_eq!(told(&found), expected);
    }

    #[test]
    fn an_increment_whose_predecessor_is_absent_still_names_it() {
        let found = grouped(&["CF001.v2i", "CF001_i001.iv2i", "CF001_i003.iv2i"]);
        assert_eq!(told(&found)[2], "CF001_i003: CF001_i003.iv2i on CF001_i002");
        assert_eq!(told(&grouped(&["CF009_i001.iv2i"])), ["CF009_i001: CF009_i001.iv2i on CF009"]);
    }

    #[test]
    fn chains_of_two_folders_are_two_and_other_files_are_others() {
        let found = grouped(&["a/CF001.v2i", "b/CF001.v2i", "notes.txt", "odd_i001.v2i"]);
        assert_eq!(told(&found), ["a/CF001: a/CF001.v2i", "b/CF001: b/CF001.v2i"]);
        assert_eq!(found.others.len(), 2, "{:?}", found.others);
    }
}
