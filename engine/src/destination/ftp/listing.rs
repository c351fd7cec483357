//! Lists of folders as servers write them: MLSD and MLST facts (RFC 3659), `ls -l`, and that of Windows. Pure.
//!
//! In: lines of text. Out: names with their kind and length, or that a line can't be understood.
//! Invariants: no line panics; a name that holds a space is never ours, and is left out, as is one that leads elsewhere.
//! Deliberately absent: times, owners, modes.

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A file or folder.
    Entry(Entry),
    /// The folder itself.
    Itself,
    /// Something that is not ours: a link, a device, the folder above, a sum.
    Other,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Without any folder.
    pub name: String,
    /// What it is.
    pub found: Found,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A file, and its length where the server tells.
    File(Option<u64>),
    /// A folder.
    Folder,
    /// Nothing, or nothing that the engine writes.
    Absent,
}

/// One line of MLSD, or the middle line of MLST's reply: `fact=value;fact=value; name`.
pub(super) fn facts(line: &str) -> Option<Line> {
    let (facts, name) = line.trim_start().split_once(' ')?;
    let (mut kind, mut bytes) = (String::new(), None);
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (fact, value) = fact.split_once('=')?;
        match fact.to_ascii_lowercase().as_str() {
            "type" => kind = value.to_ascii_lowercase(),
            "size" => bytes = value.parse().ok(),
            _ => {}
        }
    }
    let name = name.rsplit('/').next().unwrap_or_default();
    Some(match kind.as_str() {
        "file" => entry(name, Found::File(bytes)),
        "dir" => entry(name, Found::Folder),
        "cdir" => Line::Itself,
        _ => Line::Other,
    })
}

/// A name that leads elsewhere is none of a folder's.
fn entry(name: &str, found: Found) -> Line {
    if name.contains('/') { Line::Other } else { Line::Entry(Entry { name: name.to_owned(), found }) }
}

/// One line of LIST.
pub(super) fn listed(line: &str) -> Option<Line> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words[..] {
        [] | ["total", ..] => Some(Line::Other),
        [first, ..] if first.starts_with(|c: char| c.is_ascii_digit()) => windows(&words),
        _ => unix(&words),
    }
}

fn unix(words: &[&str]) -> Option<Line> {
    let kind = words.first()?.chars().next()?;
    if words.first()?.len() < 10 || !"-dlpsbcD".contains(kind) {
        return None;
    }
    if !matches!(kind, '-' | 'd') {
        return Some(Line::Other);
    }
    let (size, name) = around_date(words)?;
    match words.get(name..)? {
        [] => None,
        ["."] => Some(Line::Itself),
        [".."] => Some(Line::Other),
        [name] => {
            let found = if kind == 'd' { Found::Folder } else { Found::File(words.get(size)?.parse().ok()) };
            Some(entry(name, found))
        }
        _ => Some(Line::Other),
    }
}

/// Where the length stands, and where the name begins: before and after `Nov 22 09:15`, `22 Nov 2026` or
/// `2026-11-22 09:15`. Owners and groups may be missing.
fn around_date(words: &[&str]) -> Option<(usize, usize)> {
    let number = |at: usize| words.get(at).is_some_and(|word| word.bytes().all(|c| c.is_ascii_digit()));
    (2..words.len()).find_map(|at| {
        let word = words.get(at)?;
        if is_iso_date(word) && number(at - 1) {
            Some((at - 1, at + 2))
        } else if !is_month(word) || !number(at - 1) {
            None
        } else if at >= 3 && number(at - 2) && is_day(words[at - 1]) && is_year(words.get(at + 1)?) {
            Some((at - 2, at + 2))
        } else {
            number(at + 1).then_some((at - 1, at + 3))
        }
    })
}

fn is_day(word: &str) -> bool {
    word.parse().is_ok_and(|day: u8| (1..=31).contains(&day))
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|c| c.is_ascii_digit())
}

fn is_month(word: &str) -> bool {
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    months.contains(&word.to_ascii_lowercase().as_str())
}

fn is_iso_date(word: &str) -> bool {
    let digit_or_dash = |(at, c): (usize, u8)| if matches!(at, 4 | 7) { c == b'-' } else { c.is_ascii_digit() };
    word.len() == 10 && word.bytes().enumerate().all(digit_or_dash)
}

/// `11-22-26  09:15AM  <DIR>  name`
fn windows(words: &[&str]) -> Option<Line> {
    let [date, time, size, names @ ..] = words else { return None };
    let found = match *size {
        "<DIR>" => Found::Folder,
        size => Found::File(Some(size.replace([',', '.'], "").parse().ok()?)),
    };
    if !date.contains(['-', '/', '.']) || !time.contains(':') {
        return None;
    }
    match names {
        [] => None,
        ["."] => Some(Line::Itself),
        [".."] => Some(Line::Other),
        [name] => Some(entry(name, found)),
        _ => Some(Line::Other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(name: &str, bytes: u64) -> Option<Line> {
        Some(Line::Entry(Entry { name: name.into(), found: Found::File(Some(bytes)) }))
    }

    fn folder(name: &str) -> Option<Line> {
        Some(Line::Entry(Entry { name: name.into(), found: Found::Folder }))
    }

    #[test]
    fn facts_are_read_in_any_case_and_order() {
        let table = [
            ("modify=20261122091500;type=file;size=12; a", file("a", 12)),
            (" Type=file;Size=12;UNIX.mode=0644; /srv/x/a", file("a", 12)),
            ("type=dir;sizd=4096; packs", folder("packs")),
            ("type=cdir; .", Some(Line::Itself)),
            ("type=pdir; ..", Some(Line::Other)),
            ("type=OS.unix=symlink; l", Some(Line::Other)),
            ("type=file; a", Some(Line::Entry(Entry { name: "a".into(), found: Found::File(None) }))),
            ("nonsense", None),
            ("nonsense a", None),
        ];
        for (line, expected) in table {
            assert_eq!(facts(line), expected, "{line}");
        }
    }

    #[test]
    fn lists_of_several_servers_are_read() {
        let table = [
            ("-rw-r--r--   1 1000     1000           12 Nov 22 09:15 a", file("a", 12)),
            ("-rw-r--r--   1 ftp      ftp             0 Nov 22  2025 .tmp-a", file(".tmp-a", 0)),
            ("-rw------- 1 owner 12 Nov 22 09:15 a", file("a", 12)),
            ("-rw------- 1 1 1 12 22 Nov 2026 a", file("a", 12)),
            ("-rw-r--r-- 1 ann ann 12 2026-11-22 09:15 a", file("a", 12)),
            ("drwxr-xr-x    2 0        0            4096 Nov 22 09:15 packs", folder("packs")),
            ("drwxr-xr-x+   2 may  dec            4096 Nov 22 09:15 packs", folder("packs")),
            ("drwxr-xr-x    2 0        0            4096 Nov 22 09:15 .", Some(Line::Itself)),
            ("drwxr-xr-x    2 0        0            4096 Nov 22 09:15 ..", Some(Line::Other)),
            ("-rw-r--r--   1 0 0 12 Nov 22 09:15 not ours", Some(Line::Other)),
            ("lrwxrwxrwx   1 0 0 1 Nov 22 09:15 l -> a", Some(Line::Other)),
            ("-rw-r--r--   1 0 0 12 Nov 22 09:15 ../../a", Some(Line::Other)),
            ("total 12", Some(Line::Other)),
            ("", Some(Line::Other)),
            ("11-22-26  09:15AM       <DIR>          packs", folder("packs")),
            ("11-22-2026  09:15             1,234 a", file("a", 1234)),
            ("-rw-r--r--", None),
            ("ls: can't open", None),
            ("é", None),
            ("12", None),
        ];
        for (line, expected) in table {
            assert_eq!(listed(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_and_no_name_leads_elsewhere(
            pieces in proptest::collection::vec(prop_oneof![
                "(-rw-r--r--|d|=|;|Nov|22|2026|09:15|é|type=file|type=dir|size=1|<DIR>|2026-11-22|11-22-26|:|\\.\\.|/|\u{0})",
                "\\PC{0,4}",
                Just(" ".to_owned()),
            ], 0..14),
        ) {
            let line = pieces.concat();
            for line in [facts(&line), listed(&line)].into_iter().flatten() {
                if let Line::Entry(entry) = line {
                    prop_assert!(!entry.name.contains('/'));
                }
            }
        }
    }
}
