//! The same history of a source, with canaries and without: what rings without them rings with them.
//!
//! Canaries are planted, rewritten, renamed, copied, linked and deleted in one of the two at any moment; what the
//! user does is the same in both. Each run is compared as a capture compares, and the job's row goes on as the
//! catalog has it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::alarm::{Beside, Counts, Was};
use super::canaries::Canaries;
use crate::catalog::{JobRow, with_reasons};
use crate::model::{
    ChunkId, ChunkRef, Content, Digest, Entry, EntryPath, GroupId, JobId, JobName, Kind, Meta, Seen, ShortPack, Span,
    Time, canary,
};

/// The folders of the job; each is a mount point.
const FOLDERS: [&str; 2] = ["a", "b"];

/// What a canary is at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Whole,
    Rewritten,
    /// A further name of the first that is whole.
    Linked,
}

#[derive(Debug, Clone)]
enum Step {
    /// So many files are in the folder.
    Files(usize, u64),
    /// So many of each folder's files do not compress.
    Stiff(u64),
    /// All are called something else, canaries too.
    Rename,
    /// Is the folder's drive there?
    Mount(usize, bool),
    /// The folder can't be read, or can.
    Unread(usize, bool),
    /// A file of the user's where canaries are planted, if none stands there.
    Own(usize, bool),
    Planted(usize, Option<Ours>),
    /// A copy of the canary, or a link to it, below the folder.
    Copied(usize, Option<Ours>),
    /// A run; can the point before be read?
    Run(bool),
    Clear,
    /// The catalog is rebuilt: the point before is counted whole.
    Rebuild,
}

/// What there is of one folder.
#[derive(Debug, Clone, Default)]
struct Folder {
    files: u64,
    own: bool,
    away: bool,
    unread: bool,
    planted: Option<Ours>,
    copied: Option<Ours>,
}

struct World {
    has_canaries: bool,
    canaries: Canaries,
    folders: [Folder; 2],
    stiff: u64,
    names: u64,
    before: Vec<Entry>,
    gross: u64,
    row: JobRow,
}

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text.as_bytes()).expect("a path")
}

fn job() -> JobName {
    "data".parse().expect("a name")
}

fn entry(at: &str, kind: Kind, device: u64) -> Entry {
    let meta = Meta { mode: 0o644, uid: 0, gid: 0, modified: Time::default(), xattrs: Vec::new() };
    let seen = Seen { changed: Time::default(), inode: 1, device, read: Time::default() };
    Entry { path: path(at), meta, seen, kind }
}

fn file(digest: [u8; 32], stored: u32) -> Kind {
    let chunk = ChunkRef { pack: ShortPack([0; 8]), offset: 0, stored, plain: 100, id: ChunkId([0; 32]) };
    Kind::File(Content { bytes: 100, digest: Digest(digest), spans: vec![Span::Data(chunk)], unstable: false })
}

fn row() -> JobRow {
    JobRow {
        id: JobId([1; 8]),
        name: job(),
        group: GroupId([1; 8]),
        newest_created: None,
        last_run: None,
        last_files: 0,
        last_bytes: 0,
        alarm: None,
        clock_jump: None,
    }
}

impl World {
    fn new(has_canaries: bool) -> Self {
        let spots = FOLDERS.iter().map(|folder| path(&format!("{folder}/.offsite-canary")));
        let spots: Vec<EntryPath> = if has_canaries { spots.collect() } else { Vec::new() };
        let canaries = Canaries::new([&job()], spots);
        let folders = [Folder::default(), Folder::default()];
        Self { has_canaries, canaries, folders, stiff: 0, names: 0, before: Vec::new(), gross: 0, row: row() }
    }

    /// The source as it is, sorted.
    fn entries(&self) -> Vec<Entry> {
        let whole = *blake3::hash(canary(&job()).as_bytes()).as_bytes();
        let mut all = BTreeMap::new();
        for (name, folder) in FOLDERS.iter().zip(&self.folders) {
            let device = if folder.away { 1 } else { 2 };
            let mut add = |at: String, kind| _ = all.insert(path(&at), entry(&at, kind, device));
            add((*name).to_owned(), Kind::Folder);
            if folder.away || folder.unread {
                continue;
            }
            for at in 0..folder.files {
                let stored = if at < self.stiff { 100 } else { 10 };
                add(format!("{name}/{at:03}-{}", self.names), file([7; 32], stored));
            }
            if folder.own {
                add(format!("{name}/.offsite-canary"), file([8; 32], 10));
            }
            let first = path(&format!("{name}/.offsite-canary"));
            let ours = |ours: Ours| match ours {
                Ours::Whole => file(whole, 10),
                Ours::Rewritten => file([9; 32], 100),
                Ours::Linked => Kind::Hardlink(first.clone()),
            };
            if let Some(planted) = folder.planted {
                add(format!("{name}/.offsite-canary"), ours(planted));
            }
            if let Some(copied) = folder.copied {
                add(format!("{name}/copy-{}", self.names), ours(copied));
            }
        }
        all.into_values().collect()
    }

    /// Compares as a capture does, in the order in which it goes by; then what there is, and how many canaries.
    fn walked(&self, readable: bool) -> (Vec<String>, Vec<Entry>, u64) {
        let now = self.entries();
        let mut beside = Beside::new(&self.canaries);
        let none = Vec::new();
        let mut before = if readable { &self.before } else { &none }.iter().peekable();
        let mut stiffened = 0;
        for (name, folder) in FOLDERS.iter().zip(&self.folders) {
            if folder.unread {
                beside.unread(&path(name));
            }
        }
        for entry in &now {
            while let Some(passed) = before.next_if(|before| before.path < entry.path) {
                beside.passed(passed);
            }
            let met = before.next_if(|before| before.path == entry.path);
            let was = met.map_or(Was::Other, |met| beside.passed(met));
            beside.at(&entry.path);
            if let (Some(met), Kind::Folder) = (met, &entry.kind) {
                beside.folder(met, entry.seen.device);
            }
            beside.kept(&entry.path, &entry.kind, was);
            stiffened += u64::from(matches!(&entry.kind, Kind::File(content) if was.stiffened(content)));
        }
        before.for_each(|passed| _ = beside.passed(passed));
        let canaries = beside.are.count;
        (beside.alarm(Counts { known: self.row.last_files, stiffened }), now, canaries)
    }

    fn run(&mut self, readable: bool) -> Vec<String> {
        let (whys, now, canaries) = self.walked(readable);
        self.row.alarm = with_reasons(self.row.alarm.take(), &whys);
        self.gross = now.iter().filter(|entry| matches!(entry.kind, Kind::File(_) | Kind::Hardlink(_))).count() as u64;
        (self.row.last_files, _) = self.row.remembers(self.gross - canaries, 0);
        self.before = now;
        whys
    }

    fn clear(&mut self) {
        let mut beside = Beside::new(&self.canaries);
        self.before.iter().for_each(|entry| _ = beside.passed(entry));
        (self.row.alarm, self.row.last_files) = (None, self.gross - beside.were.count);
    }

    fn step(&mut self, step: &Step) -> Option<Vec<String>> {
        match *step {
            Step::Files(at, files) => self.folders[at].files = files,
            Step::Stiff(stiff) => self.stiff = stiff,
            Step::Rename => {
                self.names += 1;
                for folder in &mut self.folders {
                    folder.own = false;
                    if folder.planted.take() == Some(Ours::Whole) {
                        folder.copied = Some(Ours::Whole);
                    }
                }
            }
            Step::Mount(at, there) => self.folders[at].away = !there,
            Step::Unread(at, unread) => self.folders[at].unread = unread,
            Step::Own(at, own) => self.folders[at].own = own,
            Step::Planted(at, planted) if self.has_canaries => self.folders[at].planted = planted,
            Step::Copied(at, copied) if self.has_canaries => self.folders[at].copied = copied,
            Step::Planted(..) | Step::Copied(..) => {}
            Step::Run(readable) => return Some(self.run(readable)),
            Step::Clear => self.clear(),
            Step::Rebuild => self.row.last_files = self.gross,
        }
        for folder in &mut self.folders {
            // The user's own file is there first, and a link needs what it leads to.
            folder.planted = folder.planted.filter(|_| !folder.own);
            let is_link = folder.copied == Some(Ours::Linked) && folder.planted != Some(Ours::Whole);
            folder.copied = folder.copied.filter(|_| !is_link);
        }
        None
    }
}

/// What kinds of loss these reasons tell of: how much is lost may differ by what stands in a canary's place.
fn kinds(whys: &[String]) -> BTreeSet<String> {
    let plain = |why: &String| why.replace(|at: char| at.is_ascii_digit(), "");
    let is_loss = |why: &str| ["all  files are gone", " of  files are gone", " files became "].contains(&why);
    whys.iter().map(plain).map(|why| if is_loss(&why) { "loss".to_owned() } else { why }).collect()
}

fn told(row: &JobRow) -> BTreeSet<String> {
    kinds(&row.alarm.iter().flat_map(|text| text.split("; ")).map(str::to_owned).collect::<Vec<_>>())
}

fn compare(steps: &[Step]) {
    let (mut without, mut with) = (World::new(false), World::new(true));
    for step in steps {
        let (silent, rings) = (without.step(step), with.step(step));
        if let (Some(without), Some(with)) = (silent, rings) {
            assert!(kinds(&without).is_subset(&kinds(&with)), "{step:?}: {without:?} and with canaries {with:?}");
        }
        assert!(told(&without.row).is_subset(&told(&with.row)), "{step:?}: {:?}, {:?}", without.row, with.row);
        assert!(without.row.last_files <= with.row.last_files, "{step:?}: {:?}, {:?}", without.row, with.row);
    }
}

fn ours() -> impl Strategy<Value = Option<Ours>> {
    prop_oneof![Just(None), Just(Some(Ours::Whole)), Just(Some(Ours::Rewritten))]
}

fn step() -> impl Strategy<Value = Step> {
    let files = prop_oneof![0..4_u64, 45..56_u64, 95..106_u64];
    let copied = prop_oneof![Just(None), Just(Some(Ours::Whole)), Just(Some(Ours::Linked))];
    prop_oneof![
        4 => (0..2_usize, files).prop_map(|(at, files)| Step::Files(at, files)),
        2 => prop_oneof![Just(0), 45..56_u64, 95..106_u64].prop_map(Step::Stiff),
        1 => Just(Step::Rename),
        2 => (0..2_usize, any::<bool>()).prop_map(|(at, there)| Step::Mount(at, there)),
        1 => (0..2_usize, any::<bool>()).prop_map(|(at, unread)| Step::Unread(at, unread)),
        1 => (0..2_usize, any::<bool>()).prop_map(|(at, own)| Step::Own(at, own)),
        4 => (0..2_usize, ours()).prop_map(|(at, ours)| Step::Planted(at, ours)),
        2 => (0..2_usize, copied).prop_map(|(at, ours)| Step::Copied(at, ours)),
        8 => any::<bool>().prop_map(Step::Run),
        2 => Just(Step::Clear),
        1 => Just(Step::Rebuild),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_rings_without_canaries_rings_with_them(steps in prop::collection::vec(step(), 4..40)) {
        compare(&steps);
    }
}

/// Histories in which an earlier form of canaries was silent, or might have been.
#[test]
fn known_histories_ring_with_canaries_too() {
    use Step::*;
    let planted = |at| Planted(at, Some(Ours::Whole));
    let rewritten = |at| Planted(at, Some(Ours::Rewritten));
    let histories: &[&[Step]] = &[
        &[Files(0, 3), planted(0), Run(true), Files(0, 0), Run(true), Clear, Run(true)],
        &[Files(0, 3), Run(true), planted(0), Run(true), Clear, Files(0, 0), Run(false)],
        &[Files(0, 3), planted(0), Run(true), Mount(0, false), Run(true), Clear, Run(true), Mount(0, true), Run(true)],
        &[Files(0, 100), planted(0), Run(true), Files(0, 49), Run(false), Run(true), Clear, Files(0, 24), Run(false)],
        &[Files(0, 3), planted(0), Run(true), rewritten(0), Run(true), Files(0, 0), Run(true), Clear, Run(true)],
        &[
            Files(0, 9),
            planted(0),
            Run(true),
            rewritten(0),
            Run(true),
            Files(0, 100),
            Run(true),
            Files(0, 49),
            Run(false),
        ],
        &[Files(0, 100), rewritten(0), rewritten(1), Run(true), Stiff(51), Run(true)],
        &[Files(0, 3), planted(0), Run(true), Rename, Run(true), Files(0, 0), Run(true), Clear, Run(true)],
        &[Files(0, 99), planted(0), planted(1), Run(true), Clear, Files(0, 100), Run(true), Files(0, 49), Run(false)],
        &[Own(0, true), Run(true), Clear, Own(0, false), Run(true)],
        &[Files(0, 2), planted(0), Copied(0, Some(Ours::Linked)), Run(true), Files(0, 0), Run(true)],
        &[Files(0, 2), planted(0), Run(true), Rebuild, Files(0, 0), Run(false)],
    ];
    for history in histories {
        compare(history);
    }
}
