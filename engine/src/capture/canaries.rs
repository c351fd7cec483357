//! Which files are canaries, and so nobody's content: by what they hold, wherever they lie and whatever they are
//! called, whether any are planted now or not. What stands at a place where one is planted is no content either,
//! though it holds something else: it was ours before something rewrote it.
//!
//! In: the names of all jobs that there ever were here, and where canaries are planted. Deliberately absent: what is
//! told of one that was rewritten or is gone.

use std::collections::BTreeSet;

use crate::model::{Content, Digest, EntryPath, JobName, Kind, canary, unfinished_canary};

/// What is known of canaries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canaries {
    /// Of their contents.
    digests: BTreeSet<Digest>,
    /// Where one is planted.
    spots: BTreeSet<EntryPath>,
}

impl Canaries {
    /// Canaries of these jobs, planted at these places.
    pub fn new<'j>(jobs: impl IntoIterator<Item = &'j JobName>, spots: impl IntoIterator<Item = EntryPath>) -> Self {
        let digests = jobs.into_iter().map(|job| digest_of(canary(job).as_bytes())).collect();
        Self { digests, spots: spots.into_iter().collect() }
    }

    /// Has a file with that content been planted?
    pub(super) fn is_content(&self, digest: Digest) -> bool {
        self.digests.contains(&digest)
    }

    /// Is one planted there?
    pub(super) fn is_spot(&self, path: &EntryPath) -> bool {
        self.spots.contains(path)
    }

    /// Is it one, finished or not?
    fn is_one<C>(&self, path: &EntryPath, content: &Content<C>) -> bool {
        let begun = || {
            let whole = unfinished_canary(path.file_name())?;
            let part = whole.as_bytes().get(..usize::try_from(content.bytes).ok()?)?;
            Some(digest_of(part) == content.digest)
        };
        self.is_content(content.digest) || begun() == Some(true)
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest(*blake3::hash(bytes).as_bytes())
}

/// The canaries of one point, as its entries go by in their order.
#[derive(Debug, Default)]
pub(super) struct Flock {
    /// Names that further names may be linked to.
    first_names: BTreeSet<EntryPath>,
    /// All of them, hard links each.
    pub count: u64,
}

impl Flock {
    /// Is the entry one of them?
    pub(super) fn takes<C>(&mut self, canaries: &Canaries, path: &EntryPath, kind: &Kind<C>) -> bool {
        let is_one = match kind {
            Kind::File(content) => {
                canaries.is_one(path, content) && {
                    self.first_names.insert(path.clone());
                    true
                }
            }
            Kind::Hardlink(first) => self.first_names.contains(first),
            _ => false,
        };
        self.count += u64::from(is_one);
        is_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).expect("a path")
    }

    fn file(content: &[u8]) -> Kind<()> {
        let bytes = content.len() as u64;
        Kind::File(Content { bytes, digest: digest_of(content), spans: Vec::new(), unstable: false })
    }

    #[test]
    fn a_canary_is_one_under_any_name_and_other_content_is_none_under_its_name() {
        let (data, other): (JobName, JobName) = ("data".parse().expect("a name"), "other".parse().expect("a name"));
        let canaries = Canaries::new([&data], [path("srv/.offsite-canary")]);
        let mut flock = Flock::default();
        let whole = canary(&data);
        for name in ["srv/.offsite-canary", "srv/a.locked", ".offsite-canary.tmp-data"] {
            assert!(flock.takes(&canaries, &path(name), &file(whole.as_bytes())), "{name}");
        }
        for content in ["", "mine", &whole[1..], &canary(&other)] {
            assert!(!flock.takes(&canaries, &path("srv/.offsite-canary"), &file(content.as_bytes())), "{content}");
        }
        assert_eq!(flock.count, 3);
        assert!(canaries.is_spot(&path("srv/.offsite-canary")) && !canaries.is_spot(&path(".offsite-canary")));
    }

    #[test]
    fn one_that_was_not_finished_is_one_under_its_own_name_only() {
        let data: JobName = "data".parse().expect("a name");
        let (canaries, whole) = (Canaries::default(), canary(&data));
        let mut flock = Flock::default();
        for length in [0, 1, 200, whole.len()] {
            let begun = file(&whole.as_bytes()[..length]);
            assert!(flock.takes(&canaries, &path("srv/.offsite-canary.tmp-data"), &begun), "{length}");
            assert!(!flock.takes(&canaries, &path("srv/data"), &begun), "{length}");
            let other = flock.takes(&canaries, &path("srv/.offsite-canary.tmp-other"), &begun);
            assert_eq!(other, length < 2, "{length}: it may be either's");
        }
        let longer = file(format!("{whole}\n").as_bytes());
        assert!(!flock.takes(&canaries, &path("srv/.offsite-canary.tmp-data"), &longer));
    }

    #[test]
    fn further_names_of_a_canary_are_canaries() {
        let data: JobName = "data".parse().expect("a name");
        let (canaries, mut flock) = (Canaries::new([&data], []), Flock::default());
        assert!(!flock.takes(&canaries, &path("b"), &Kind::<()>::Hardlink(path("a"))));
        assert!(flock.takes(&canaries, &path("a"), &file(canary(&data).as_bytes())));
        assert!(flock.takes(&canaries, &path("c"), &Kind::<()>::Hardlink(path("a"))));
        assert!(!flock.takes(&canaries, &path("d"), &Kind::<()>::Folder));
        assert_eq!(flock.count, 2);
    }
}
