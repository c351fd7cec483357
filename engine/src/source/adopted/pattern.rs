//! Names by a pattern of the user's: its group `set` says what belongs to one chain, `point` which point of it a file is
//! part of, `base` on which point of the chain that is built; a base that is absent, empty or the point itself is none.

use std::collections::BTreeMap;

use regex::Regex;

use super::group::{Foreign, Grouped, Rewritten, name_of};
use super::look::SeenFile;

#[derive(Default)]
struct Point {
    base: Option<String>,
    files: Vec<SeenFile>,
}

pub(super) fn group(text: &str, files: Vec<SeenFile>) -> Result<Grouped, String> {
    let pattern = Regex::new(text).map_err(|error| error.to_string())?;
    let mut points: BTreeMap<(String, String), Point> = BTreeMap::new();
    let mut others = Vec::new();
    for file in files {
        let path = name_of(file.path.as_bytes());
        let Some(found) = pattern.captures(&path) else {
            others.push(file);
            continue;
        };
        let part = |group: &str| found.name(group).map_or(String::new(), |part| part.as_str().to_owned());
        let (set, name, base) = (part("set"), part("point"), part("base"));
        let is_built = !base.is_empty() && base != name;
        let point = points.entry((set, name)).or_default();
        point.base = point.base.take().or(is_built.then_some(base));
        point.files.push(file);
    }
    let foreign = |((set, name), point): ((String, String), Point)| Foreign {
        base: point.base.map(|base| full_name(&set, &base)),
        series: set.clone(),
        ..Foreign::new(full_name(&set, &name), point.files, Rewritten::Finding)
    };
    Ok(Grouped { points: points.into_iter().map(foreign).collect(), others })
}

fn full_name(set: &str, point: &str) -> String {
    // Of two that would read the same, one has more slashes before the bar.
    if set.contains('/') || point.contains('/') { format!("{set}|{point}") } else { format!("{set}/{point}") }
}

#[cfg(test)]
mod tests {
    use super::super::group::tests::{files, told};
    use super::*;

    const PATTERN: &str = r"^(?<set>[a-z]+)-(?<point>\d+)(?:-on-(?<base>\d+))?(?:\.part\d)?\.img$";

    #[test]
    fn a_pattern_says_what_belongs_together() {
        let names = ["disk-1.img", "disk-2-on-1.part1.img", "disk-2-on-1.part2.img", "other-1.img", "readme"];
        let found = group(PATTERN, files(&names)).expect("grouped");
        let expected = [
            "disk/1: disk-1.img",
            "disk/2: disk-2-on-1.part1.img disk-2-on-1.part2.img on disk/1",
            "other/1: other-1.img",
        ];
        assert_eq!(told(&found), expected);
        assert_eq!(found.others.len(), 1);
    }

    #[test]
    fn a_point_is_not_built_on_itself() {
        let found = group(r"(?<set>a)(?<point>\d)(?<base>\d)", files(&["a11", "a21"])).expect("grouped");
        assert_eq!(told(&found), ["a/1: a11", "a/2: a21 on a/1"]);
    }
}
