//! Canaries: files of known content that `canary = true` plants in a job's folders. Who has the job's name knows what
//! must be in them, without any backup: a drill finds by them that something rewrote the files before they were backed
//! up. A canary is ours and not the user's: what asks whether a source holds files, or fewer than before, does not count
//! it. A file is one by its content; a user's own file may have the name.

use std::path::{Path, PathBuf};

use super::{EntryPath, JobName};

/// What such a file is called.
pub const CANARY: &str = ".offsite-canary";
/// What the name of one begins with that is not finished; the job's name follows.
pub const CANARY_UNFINISHED: &str = ".offsite-canary.tmp-";
/// What its content begins with.
pub const CANARY_BEGINS: &str = "offsite canary 1\njob ";
/// Lines behind the words for people.
const LINES: u32 = 64;

/// The content of a job's canaries.
#[must_use]
pub fn canary(job: &JobName) -> String {
    let words = "\n\nThis file was planted by the backup of this folder, and its content is known: each backup and\n\
                 each test restore look whether it is still so. Leave it as it is. It is planted anew when it is\n\
                 deleted.\n\n";
    let line = |number: u32| format!("{number:02} {job} {:08x}\n", number.wrapping_mul(0x9e37_79b9));
    format!("{CANARY_BEGINS}{job}{words}{}", (1..=LINES).map(line).collect::<String>())
}

/// Where the canary of that folder stands in a point; none if the folder does not say where it is.
#[must_use]
pub fn canary_in(folder: &Path) -> Option<EntryPath> {
    let place = folder.components().collect::<PathBuf>().join(CANARY);
    EntryPath::parse(place.as_os_str().as_encoded_bytes().strip_prefix(b"/")?).ok()
}

/// What is being written under that name, if it is that of a canary that is not finished.
#[must_use]
pub fn unfinished_canary(name: &[u8]) -> Option<String> {
    let job = std::str::from_utf8(name.strip_prefix(CANARY_UNFINISHED.as_bytes())?).ok()?;
    Some(canary(&job.parse().ok()?))
}

/// Is it called as a canary is, finished or not? That alone does not make it one: what is in it does.
#[must_use]
pub fn is_canary_path(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    name == CANARY.as_bytes() || name.starts_with(CANARY_UNFINISHED.as_bytes())
}

/// Is it the content of a canary as it was planted, of whichever job it names?
#[must_use]
pub fn is_canary(content: &[u8]) -> bool {
    let named =
        content.strip_prefix(CANARY_BEGINS.as_bytes()).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let job = named.and_then(|name| std::str::from_utf8(name).ok()).and_then(|name| name.parse::<JobName>().ok());
    job.is_some_and(|job| canary(&job).as_bytes() == content)
}

/// Is a file of that name, with that content, a canary, finished or not?
#[must_use]
pub fn is_canary_file(name: &[u8], content: &[u8]) -> bool {
    is_canary(content) || unfinished_canary(name).is_some_and(|whole| whole.as_bytes().starts_with(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_as_a_canary_is() {
        for path in [".offsite-canary", "srv/.offsite-canary", "srv/.offsite-canary.tmp-data"] {
            assert!(is_canary_path(path.as_bytes()), "{path}");
        }
        for path in ["", "a", ".offsite-canary/a", ".offsite-canary2", "a.offsite-canary", ".offsite-canary.tmp"] {
            assert!(!is_canary_path(path.as_bytes()), "{path}");
        }
    }

    #[test]
    fn the_name_of_one_that_is_not_finished_tells_what_it_will_be() {
        let data = canary(&"data".parse().expect("a name"));
        assert_eq!(unfinished_canary(b".offsite-canary.tmp-data"), Some(data));
        for name in [&b".offsite-canary"[..], b".offsite-canary.tmp-", b".offsite-canary.tmp-D", b"a.tmp-data", b"\xff"]
        {
            assert_eq!(unfinished_canary(name), None);
        }
        assert!(is_canary_file(b".offsite-canary.tmp-data", b"offsite can"));
        assert!(
            !is_canary_file(b".offsite-canary", b"offsite can") && !is_canary_file(b".offsite-canary.tmp-data", b"me")
        );
    }

    #[test]
    fn a_folder_has_one_canary_however_it_is_written() {
        for folder in ["/srv/a", "/srv/./a/", "//srv//a"] {
            let path = canary_in(Path::new(folder)).expect("absolute");
            assert_eq!(path.as_bytes(), b"srv/a/.offsite-canary", "{folder}");
        }
        assert_eq!(canary_in(Path::new("/")).expect("absolute").as_bytes(), b".offsite-canary");
        assert!(canary_in(Path::new("srv")).is_none() && canary_in(Path::new("/srv/../etc")).is_none());
    }

    #[test]
    fn every_flipped_bit_every_cut_and_another_job_show() {
        let good = canary(&"documents".parse().expect("a name")).into_bytes();
        assert!(is_canary(&good));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(!is_canary(&bad) && !is_canary(&good[..at]), "{at}");
        }
        assert!(!is_canary(&[&good[..], b"\n"].concat()) && !is_canary(b""));
        assert!(is_canary(canary(&"other".parse().expect("a name")).as_bytes()));
    }
}
