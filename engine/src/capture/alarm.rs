//! DESIGN 5.6: what is so different from the job's point before that nothing of the job may be removed until a person
//! has looked: of at least 100 files more than half are gone, or no longer compress (as if somebody had encrypted them);
//! all are gone; a folder that lay on another file system is empty now (its drive is not mounted); one that held files is not
//! there or can't be read.
//!
//! A file is gone if nothing of that path is a file any more: renamed files are gone too, so that renaming what was
//! encrypted hides nothing. Where the point before can't be read, counts are compared, with those of the last point from
//! before any alarm that still stands. Canaries are ours, and count as nothing; one that holds something else now is an
//! alarm, wherever it lies and whether the job plants any, and what it became counts as nothing yet. Pure. Deliberately
//! absent: who is told, and what is stopped.

use super::canaries::{Canaries, Flock};
use crate::model::{Content, Entry, EntryPath, Kind, Span};

/// From so many files on, half of them are remarkable.
const FEW: u64 = 100;
/// Of more that can't be read, each is a problem, and no alarm by itself.
const UNREAD_MAX: usize = 16;
/// So many canaries that were rewritten are named; one is an alarm.
const REWRITTEN_MAX: usize = 16;
/// Of ten parts, a file that compresses takes no more than these.
const SOFT_TENTHS: u64 = 9;

/// The walk beside the point before.
#[derive(Debug)]
pub(super) struct Beside<'c> {
    canaries: &'c Canaries,
    /// Files of the point before that were gone by.
    before: u64,
    /// Of those, the ones that are files now too.
    still: u64,
    /// Of those that were, the ones that stood where a canary is planted.
    displaced: u64,
    /// Files now. In none of these are canaries.
    pub now: u64,
    /// Canaries of the point before that were gone by.
    pub were: Flock,
    /// Canaries now.
    pub are: Flock,
    /// What was a canary and is another file now.
    rewritten: Vec<EntryPath>,
    /// Folders that lie on another file system than before, while the walk is in them, outermost first.
    moved: Vec<Moved>,
    /// Such folders that held files and hold none.
    emptied: Vec<Moved>,
    /// What should be there and can't be read, in no order; no more than [`UNREAD_MAX`].
    unread: Vec<Unread>,
}

/// What can't be read.
#[derive(Debug)]
struct Unread {
    path: EntryPath,
    /// Files below it in the point before, as far as they are gone by.
    before: u64,
    /// Entries below it that were met all the same.
    now: u64,
}

/// A folder that lies on another file system than before.
#[derive(Debug)]
struct Moved {
    path: EntryPath,
    /// From which device to which: what lies below with the same two was not moved by itself.
    devices: (u64, u64),
    before: u64,
    now: u64,
}

/// What else is compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Files as the catalog remembers them: of the last point from before an alarm that stands.
    pub known: u64,
    /// Files that compressed in the point before and do not now.
    pub stiffened: u64,
}

/// What an entry was in the point before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Was {
    /// A file that took clearly less room than its bytes.
    Compressible,
    /// Any other file.
    File,
    /// A file of ours.
    Canary,
    /// No file, or not there.
    Other,
}

impl Was {
    /// Of a file of the point before that is no canary.
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::File(content) if compresses(content) == Some(true) => Self::Compressible,
            _ => Self::File,
        }
    }

    /// Did it compress, and does not any more?
    pub(super) fn stiffened(self, now: &Content) -> bool {
        self == Self::Compressible && compresses(now) == Some(false)
    }
}

/// Do the file's chunks take clearly less room than their bytes? None for a file without data.
fn compresses(content: &Content) -> Option<bool> {
    let sizes = content.spans.iter().filter_map(|span| match span {
        Span::Data(chunk) => Some((u64::from(chunk.stored), u64::from(chunk.plain))),
        Span::Hole(_) => None,
    });
    let (stored, plain) = sizes.fold((0, 0), |(stored, plain), (s, p)| (stored + s, plain + p));
    (plain > 0).then(|| stored.saturating_mul(10) <= plain.saturating_mul(SOFT_TENTHS))
}

/// Names of files: hard links count each.
const fn is_file<C>(kind: &Kind<C>) -> bool {
    matches!(kind, Kind::File(_) | Kind::Hardlink(_))
}

impl<'c> Beside<'c> {
    pub(super) fn new(canaries: &'c Canaries) -> Self {
        Self {
            canaries,
            before: 0,
            still: 0,
            displaced: 0,
            now: 0,
            were: Flock::default(),
            are: Flock::default(),
            rewritten: Vec::new(),
            moved: Vec::new(),
            emptied: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// An entry of the point before was gone by, or met.
    pub(super) fn passed(&mut self, entry: &Entry) -> Was {
        if !is_file(&entry.kind) {
            return Was::Other;
        }
        if self.were.takes(self.canaries, &entry.path, &entry.kind) {
            return Was::Canary;
        }
        self.before += 1;
        self.displaced += u64::from(self.canaries.is_spot(&entry.path));
        let within = self.moved.iter_mut().filter(|moved| entry.path.is_within(&moved.path));
        within.for_each(|moved| moved.before += 1);
        let below = self.unread.iter_mut().filter(|unread| is_below(&entry.path, &unread.path));
        below.for_each(|unread| unread.before += 1);
        Was::of(&entry.kind)
    }

    /// The walk is at that path; all entries of the point before it were passed.
    pub(super) fn at(&mut self, path: &EntryPath) {
        while self.moved.last().is_some_and(|moved| !path.is_within(&moved.path)) {
            self.close();
        }
    }

    /// Something is there that is no canary, whether it can be read or not.
    pub(super) fn met(&mut self, path: &EntryPath) {
        self.unread.iter_mut().filter(|unread| is_below(path, &unread.path)).for_each(|unread| unread.now += 1);
    }

    /// The walk is at a folder, and the point before has one of that path.
    pub(super) fn folder(&mut self, before: &Entry, device: u64) {
        let devices = (before.seen.device, device);
        let alone = self.moved.last().is_none_or(|around| around.devices != devices);
        if alone && matches!(before.kind, Kind::Folder) && devices.0 != devices.1 {
            self.moved.push(Moved { path: before.path.clone(), devices, before: 0, now: 0 });
        }
    }

    /// Something should be there, and can't be read; the walk may be elsewhere.
    pub(super) fn unread(&mut self, path: &EntryPath) {
        if self.unread.len() < UNREAD_MAX {
            self.unread.push(Unread { path: path.clone(), before: 0, now: 0 });
        }
    }

    /// An entry is in the new point.
    pub(super) fn kept<C>(&mut self, path: &EntryPath, kind: &Kind<C>, was: Was) {
        if is_file(kind) {
            if self.are.takes(self.canaries, path, kind) {
                return;
            }
            if was == Was::Canary || self.canaries.is_spot(path) {
                return self.rewrote(path, was);
            }
            self.now += 1;
            self.still += u64::from(was != Was::Other);
            self.moved.iter_mut().for_each(|moved| moved.now += 1);
        }
        self.met(path);
    }

    fn rewrote(&mut self, path: &EntryPath, was: Was) {
        if was == Was::Canary && self.rewritten.len() < REWRITTEN_MAX {
            self.rewritten.push(path.clone());
        }
    }

    fn close(&mut self) {
        self.emptied.extend(self.moved.pop().filter(|moved| moved.before > 0 && moved.now == 0));
    }

    /// The walk is over, and all entries of the point before were passed: what a person must look at, if anything.
    pub(super) fn alarm(mut self, counts: Counts) -> Vec<String> {
        while !self.moved.is_empty() {
            self.close();
        }
        let Counts { known, stiffened } = counts;
        let (now, before, most) = (self.now, self.before, self.before.max(known));
        let gone = before.saturating_sub(self.still);
        let mut whys: Vec<String> = self.rewritten.iter().map(rewritten).collect();
        if now == 0 && most > 0 {
            whys.push(format!("all {most} files are gone"));
        } else if before >= FEW && gone > before / 2 {
            whys.push(format!("{gone} of {before} files are gone"));
        } else if known >= FEW && now < known.div_ceil(2) {
            whys.push(format!("{known} files became {now}"));
        }
        if before >= FEW && stiffened > (before - self.displaced) / 2 {
            whys.push(format!("{stiffened} of {before} files no longer compress, as if somebody had encrypted them"));
        }
        whys.extend(self.emptied.iter().map(Moved::told));
        whys.extend(self.unread.iter().filter(|unread| unread.before > 0 && unread.now == 0).map(Unread::told));
        whys
    }
}

/// The reason for an alarm that a canary which something rewrote is, of that path.
#[must_use]
pub fn rewritten(path: &EntryPath) -> String {
    format!(
        "the canary /{} is not as it was planted: did something rewrite the files beside it? Once that is clear, \
         remove it, and a new one is planted",
        path.to_string().escape_debug()
    )
}

impl Moved {
    fn told(&self) -> String {
        let (path, files) = (self.path.to_string(), self.before);
        let path = path.escape_debug();
        format!("{path} held {files} files on another file system and is empty now: is a drive not mounted there?")
    }
}

impl Unread {
    fn told(&self) -> String {
        let (path, files) = (self.path.to_string(), self.before);
        format!("{} held {files} files and is not there now, or can't be read", path.escape_debug())
    }
}

/// Below it, and not it: a file that can't be read is a problem, and no alarm.
fn is_below(path: &EntryPath, above: &EntryPath) -> bool {
    path.is_within(above) && path != above
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::model::{ChunkId, ChunkRef, Digest, JobName, Meta, Seen, ShortPack, Time, canary};

    fn path(text: &str) -> EntryPath {
        EntryPath::parse(text.as_bytes()).expect("a path")
    }

    fn content(stored: u32, plain: u32) -> Content {
        let chunk = ChunkRef { pack: ShortPack([0; 8]), offset: 0, stored, plain, id: ChunkId([0; 32]) };
        let spans = if plain == 0 { vec![Span::Hole(7)] } else { vec![Span::Data(chunk)] };
        Content { bytes: u64::from(plain), digest: Digest([0; 32]), spans, unstable: false }
    }

    fn entry(at: &str, kind: Kind, device: u64) -> Entry {
        let meta = Meta { mode: 0o644, uid: 0, gid: 0, modified: Time::default(), xattrs: Vec::new() };
        let seen = Seen { changed: Time::default(), inode: 1, device, read: Time::default() };
        Entry { path: path(at), meta, seen, kind }
    }

    fn file(at: &str) -> Entry {
        entry(at, Kind::File(content(10, 100)), 1)
    }

    static NONE: LazyLock<Canaries> = LazyLock::new(Canaries::default);
    static OURS: LazyLock<Canaries> = LazyLock::new(|| Canaries::new([&job()], []));

    fn job() -> JobName {
        "data".parse().expect("a name")
    }

    fn planted(at: &str) -> Entry {
        let Entry { kind: Kind::File(content), .. } = file(at) else { unreachable!() };
        let digest = Digest(*blake3::hash(canary(&job()).as_bytes()).as_bytes());
        entry(at, Kind::File(Content { digest, ..content }), 1)
    }

    fn joined(whys: Vec<String>) -> Option<String> {
        (!whys.is_empty()).then(|| whys.join("; "))
    }

    /// Of `before` files, `still` are there, and `now` in all.
    fn alarm(before: u64, still: u64, now: u64, known: u64, stiffened: u64) -> Option<String> {
        let mut beside = Beside::new(&NONE);
        (0..before).for_each(|at| _ = beside.passed(&file(&format!("f{at}"))));
        (0..still).for_each(|_| beside.kept(&path("x"), &file("x").kind, Was::File));
        (still..now).for_each(|_| beside.kept(&path("x"), &file("x").kind, Was::Other));
        joined(beside.alarm(Counts { known, stiffened }))
    }

    #[test]
    fn more_than_half_of_a_hundred_gone_is_an_alarm_and_half_is_none() {
        assert_eq!(alarm(100, 49, 49, 100, 0).as_deref(), Some("51 of 100 files are gone"));
        assert_eq!(alarm(101, 50, 50, 101, 0).as_deref(), Some("51 of 101 files are gone"));
        assert_eq!(alarm(100, 50, 50, 100, 0), None);
        assert_eq!(alarm(99, 1, 1, 99, 0), None);
    }

    #[test]
    fn renamed_files_are_gone_however_many_there_are_now() {
        assert_eq!(alarm(100, 0, 100, 100, 0).as_deref(), Some("100 of 100 files are gone"));
    }

    #[test]
    fn where_the_point_before_is_not_known_counts_are_compared() {
        assert_eq!(alarm(0, 0, 49, 100, 0).as_deref(), Some("100 files became 49"));
        assert_eq!(alarm(40, 40, 40, 1000, 0).as_deref(), Some("1000 files became 40"));
        assert_eq!(alarm(0, 0, 50, 100, 0), None);
    }

    #[test]
    fn canaries_are_no_files_and_a_users_own_file_of_the_name_is_one() {
        let mut beside = Beside::new(&OURS);
        for at in ["srv/.offsite-canary", "srv/renamed"] {
            assert_eq!(beside.passed(&planted(at)), Was::Canary);
            beside.kept(&path(at), &planted(at).kind, Was::Canary);
        }
        assert_eq!((beside.before, beside.now, beside.were.count, beside.are.count), (0, 0, 2, 2));
        assert_ne!(beside.passed(&file("srv/mine/.offsite-canary")), Was::Canary);
        assert_eq!(joined(beside.alarm(Counts::default())).as_deref(), Some("all 1 files are gone"));
    }

    #[test]
    fn a_canary_that_holds_something_else_is_an_alarm_and_no_file() {
        let mut beside = Beside::new(&OURS);
        beside.passed(&file("a"));
        let was = beside.passed(&planted("b/.offsite-canary"));
        beside.kept(&path("b/.offsite-canary"), &file("x").kind, was);
        let whys = beside.alarm(Counts { known: 1, stiffened: 0 });
        assert_eq!(whys, [rewritten(&path("b/.offsite-canary")), "all 1 files are gone".to_owned()]);
    }

    #[test]
    fn what_stands_where_one_is_planted_is_no_file_and_was_one() {
        let spot = path("b/.offsite-canary");
        let canaries = Canaries::new([&job()], [spot.clone()]);
        let mut beside = Beside::new(&canaries);
        let was = beside.passed(&file("b/.offsite-canary"));
        beside.kept(&spot, &file("x").kind, was);
        assert_eq!(beside.alarm(Counts::default()), ["all 1 files are gone"]);
    }

    #[test]
    fn a_folder_that_can_not_be_read_and_shows_a_canary_is_not_there() {
        let mut beside = Beside::new(&OURS);
        beside.unread(&path("srv"));
        let was = beside.passed(&planted("srv/.offsite-canary"));
        beside.at(&path("srv/.offsite-canary"));
        beside.kept(&path("srv/.offsite-canary"), &planted("x").kind, was);
        beside.passed(&file("srv/a"));
        (0..5).for_each(|_| beside.kept(&path("x"), &file("x").kind, Was::Other));
        let why = joined(beside.alarm(Counts { known: 6, stiffened: 0 }));
        assert_eq!(why.as_deref(), Some("srv held 1 files and is not there now, or can't be read"));
    }

    #[test]
    fn an_empty_source_is_an_alarm_unless_it_was_empty() {
        assert_eq!(alarm(3, 0, 0, 3, 0).as_deref(), Some("all 3 files are gone"));
        assert_eq!(alarm(0, 0, 0, 0, 0), None);
    }

    #[test]
    fn files_that_no_longer_compress_are_an_alarm() {
        assert!(alarm(100, 100, 100, 100, 51).is_some_and(|why| why.starts_with("51 of 100 files no longer compress")));
        assert_eq!(alarm(100, 100, 100, 100, 50), None);
    }

    #[test]
    fn a_file_stiffens_only_if_it_took_less_room_and_does_not_now() {
        let was = Was::of(&Kind::File(content(40, 100)));
        assert!(
            was.stiffened(&content(133, 100)) && !was.stiffened(&content(90, 100)) && !was.stiffened(&content(0, 0))
        );
        assert!(!Was::of(&Kind::File(content(99, 100))).stiffened(&content(133, 100)));
        assert!(!Was::Other.stiffened(&content(133, 100)));
    }

    /// A walk over `r/m`, which held three files, on a device; `now` of them are there.
    fn mounted(device: u64, now: &[&str]) -> Option<String> {
        let mut beside = Beside::new(&NONE);
        // Above it all numbers are new, as after a reboot.
        for (folder, device) in [(entry("r", Kind::Folder, 7), 8), (entry("r/m", Kind::Folder, 1), device)] {
            beside.passed(&folder);
            beside.at(&folder.path);
            beside.folder(&folder, device);
        }
        for name in ["r/m/a", "r/m/b", "r/m/c"] {
            beside.passed(&file(name));
            if now.contains(&name) {
                beside.at(&path(name));
                beside.kept(&path(name), &file("x").kind, Was::File);
            }
        }
        beside.passed(&file("r/n"));
        beside.at(&path("r/n"));
        beside.kept(&path("r/n"), &file("x").kind, Was::File);
        joined(beside.alarm(Counts { known: 4, stiffened: 0 }))
    }

    /// A walk over `a`, then `r`, which held three files and is not there, then `z`; `r/b` may be read all the same.
    fn unread(now: &[&str], problem: &str) -> Option<String> {
        let mut beside = Beside::new(&NONE);
        // The walk tells it before it is there.
        beside.unread(&path(problem));
        beside.passed(&file("a"));
        beside.at(&path("a"));
        beside.kept(&path("a"), &file("x").kind, Was::File);
        for name in ["r/a", "r/b", "r/c", "z"] {
            beside.passed(&file(name));
            if now.contains(&name) {
                beside.at(&path(name));
                beside.kept(&path(name), &file("x").kind, Was::File);
            }
        }
        joined(beside.alarm(Counts { known: 5, stiffened: 0 }))
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_alarm_however_few_files_it_held_and_a_file_is_none() {
        assert_eq!(unread(&["z"], "r").as_deref(), Some("r held 3 files and is not there now, or can't be read"));
        assert_eq!(unread(&["r/b", "z"], "r"), None, "some of it was read");
        assert_eq!(unread(&["r/a", "r/c", "z"], "r/b"), None, "one file");
    }

    #[test]
    fn a_folder_whose_drive_is_not_mounted_is_an_alarm_however_few_files_it_held() {
        assert!(mounted(2, &[]).is_some_and(|why| why.starts_with("r/m held 3 files")));
        assert_eq!(mounted(1, &[]), None, "somebody emptied it");
        assert_eq!(mounted(2, &["r/m/b"]), None, "another drive");
    }
}
