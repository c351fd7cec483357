//! The control itself, given checks that lie: each lie must be told, in words. Sound checks are none, whatever
//! the data.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use engine::config::{Databases, QueryProbe, Reply};
use engine::model::{Content, Digest, EntryPath, Kind, Meta, Seen, Time};
use engine::port::{SystemClock, SystemEntropy};

use super::*;
use crate::compare::Wanted;
use crate::drill::Drill;
use crate::objects::ObjectProblem;
use crate::probe::question::Response;
use crate::probe::{Outcome as Probing, samples};
use crate::survey::{Opener, Survey, survey};
use crate::test_vault::{Always, Installation, JOB};
use crate::tree::{Found, FoundKind, Unseen};
use crate::verdict::{ProbeVerdict, of_drill};

const SECRET: [u8; 32] = *b"a passphrase of just 32 letters.";
const FILE: &str = "folder/a file";

/// Files that came back, and a vault to try keys on.
struct Scene {
    made: Installation,
    survey: Survey,
    point: PointName,
    files: Vec<Entry>,
    probed: Vec<(ProbeKind, Vec<u8>)>,
    probes: Vec<JobProbe>,
    clock: Arc<dyn Clock>,
}

impl Scene {
    fn new() -> Self {
        let made = Installation::locked_by(&SECRET, &Always(SECRET));
        let point = made.point().name;
        for folder in ["tree", "tree/folder", "work", "ability"] {
            fs::create_dir(made.path(folder)).expect("writable");
        }
        fs::write(made.path("tree").join(FILE), "its content").expect("writable");
        let survey = survey(&made.store(), "usb", Opener { kind: SlotKind::Passphrase, secret: &SECRET });
        let survey = survey.unwrap_or_else(|closed| panic!("{closed:?}"));
        let files = vec![entry(&made.path("tree"), FILE)];
        Self { made, survey, point, files, probed: Vec::new(), probes: Vec::new(), clock: Arc::new(SystemClock) }
    }

    /// A file whose probe passed.
    fn probed(&mut self, kind: ProbeKind, name: &str, bytes: &[u8]) {
        fs::write(self.made.path("tree").join(name), bytes).expect("writable");
        self.probed.push((kind, name.into()));
    }

    fn run(&self, checks: Checks<'_>) -> Outcome {
        self.run_by(checks, &Everything, &SystemEntropy)
    }

    fn run_by(&self, checks: Checks<'_>, abilities: &dyn Abilities, entropy: &dyn Entropy) -> Outcome {
        let folder = self.made.path("control");
        fs::create_dir(&folder).expect("writable");
        let outcome = run(&Control {
            checks,
            tree: &self.made.path("tree"),
            files: &self.files,
            probed: &self.probed,
            probes: &self.probes,
            created: Time::from_seconds(100),
            folder: &folder,
            work: &self.made.path("work"),
            abilities,
            store: &self.made.store(),
            keys: &self.survey.keys,
            opened_by: SlotKind::Passphrase,
            job: JOB,
            point: self.point,
            entropy,
            clock: &self.clock,
        });
        fs::remove_dir_all(&folder).expect("ours");
        outcome
    }
}

/// As the point would have it.
fn entry(tree: &Path, name: &str) -> Entry {
    use std::os::unix::fs::MetadataExt as _;
    let file = tree.join(name);
    let (meta, bytes) = (file.symlink_metadata().expect("there"), fs::read(&file).expect("there"));
    let modified = Time { seconds: meta.mtime(), nanos: u32::try_from(meta.mtime_nsec()).expect("nanoseconds") };
    let content = Content {
        bytes: bytes.len() as u64,
        digest: Digest(*blake3::hash(&bytes).as_bytes()),
        spans: Vec::new(),
        unstable: false,
    };
    let meta = Meta { mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid(), modified, xattrs: Vec::new() };
    let path = EntryPath::parse(name.as_bytes()).expect("a path");
    Entry { path, meta, seen: Seen::default(), kind: Kind::File(content) }
}

/// Can hold everything, so that nothing is excused.
struct Everything;

impl Abilities for Everything {
    fn holds(&self, _: &FoundKind, _: Wanted<'_>) -> bool {
        true
    }
}

/// Says that no time can be held.
struct Timeless;

impl Abilities for Timeless {
    fn holds(&self, _: &FoundKind, wanted: Wanted<'_>) -> bool {
        !matches!(wanted, Wanted::Time(_))
    }
}

/// What a tree hides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    Byte,
    Time,
    TooMany,
    Missing,
}

/// A tree as it was, as far as one thing goes.
struct Lying {
    inner: DiskTree<'static>,
    lie: Lie,
    was: Entry,
    /// The file was, or was said to be, there.
    seen: bool,
    last: Vec<u8>,
}

impl Lying {
    fn open(folder: &Path, lie: Lie, was: &Entry) -> io::Result<Box<dyn Tree>> {
        let inner = DiskTree::open(folder, &|| false)?;
        Ok(Box::new(Self { inner, lie, was: was.clone(), seen: false, last: Vec::new() }))
    }

    fn as_it_was(&self) -> Found {
        let (meta, Kind::File(content)) = (&self.was.meta, &self.was.kind) else { panic!("a file") };
        Found {
            path: self.was.path.clone(),
            kind: FoundKind::File,
            bytes: content.bytes,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            modified: meta.modified,
            inode: (0, 0),
            links: 1,
            xattrs: Vec::new(),
        }
    }
}

impl Tree for Lying {
    fn next(&mut self) -> Option<Result<Found, Unseen>> {
        loop {
            let mut found = match self.inner.next() {
                None if self.lie == Lie::Missing && !std::mem::replace(&mut self.seen, true) => {
                    self.last = self.was.path.as_bytes().to_vec();
                    return Some(Ok(self.as_it_was()));
                }
                Some(Ok(found)) => found,
                other => return other,
            };
            let is_ours = found.path == self.was.path;
            self.seen |= is_ours;
            if self.lie == Lie::TooMany && found.kind == FoundKind::File && !is_ours {
                continue;
            }
            if self.lie == Lie::Time && is_ours {
                found.modified = self.was.meta.modified;
            }
            self.last = found.path.as_bytes().to_vec();
            return Some(Ok(found));
        }
    }

    fn digest(&mut self) -> io::Result<Digest> {
        let hides = matches!(self.lie, Lie::Byte | Lie::Missing) && self.last == self.was.path.as_bytes();
        match &self.was.kind {
            Kind::File(content) if hides => Ok(content.digest),
            _ => self.inner.digest(),
        }
    }
}

fn said(verdict: ProbeVerdict) -> Probing {
    Probing { verdict, detail: "as the test wanted".into(), words: Vec::new() }
}

fn failed(outcome: Outcome) -> Vec<String> {
    assert_eq!(outcome.verdict, ControlVerdict::Fail, "{:?}", outcome.missed);
    assert_eq!(of_drill(0, [ProbeVerdict::Pass], outcome.verdict), crate::verdict::Verdict::Fail);
    outcome.missed
}

#[test]
fn sound_checks_miss_nothing_with_and_without_files() {
    let mut scene = Scene::new();
    let sound = Outcome { verdict: ControlVerdict::Pass, missed: Vec::new() };
    assert_eq!(scene.run(Checks::ours()), sound);
    let was = scene.files[0].clone();
    let tree = |folder: &Path| Lying::open(folder, Lie::None, &was);
    assert_eq!(scene.run(Checks { tree: &tree, ..Checks::ours() }), sound, "what lies in these tests is the lie alone");
    scene.files.clear();
    assert_eq!(scene.run(Checks::ours()), sound);
}

#[test]
fn a_tree_that_hides_what_was_broken_is_told() {
    let scene = Scene::new();
    let was = scene.files[0].clone();
    for (lie, told) in [
        (Lie::Byte, "files: a flipped byte was not noticed"),
        (Lie::Time, "files: a changed time was not noticed"),
        (Lie::TooMany, "files: a file too many was not noticed"),
    ] {
        let tree = |folder: &Path| Lying::open(folder, lie, &was);
        assert_eq!(failed(scene.run(Checks { tree: &tree, ..Checks::ours() })), [told]);
    }
    let tree = |folder: &Path| Lying::open(folder, Lie::Missing, &was);
    let missed = failed(scene.run(Checks { tree: &tree, ..Checks::ours() }));
    assert!(missed.contains(&"files: a missing file was not noticed".to_owned()), "{missed:?}");
}

#[test]
fn what_is_excused_for_no_reason_is_told() {
    let scene = Scene::new();
    let missed = failed(scene.run_by(Checks::ours(), &Timeless, &SystemEntropy));
    assert_eq!(missed, ["files: a changed time was not noticed"]);
}

#[test]
fn files_that_did_not_come_back_right_are_told() {
    let scene = Scene::new();
    fs::write(scene.made.path("tree").join(FILE), "other content").expect("writable");
    let missed = failed(scene.run(Checks::ours()));
    assert!(missed[0].starts_with("files: a good copy does not compare: "), "{missed:?}");
}

#[test]
fn a_control_that_can_not_be_made_fails() {
    let scene = Scene::new();
    let tree = |_: &Path| Err(io::Error::other("as the test wanted"));
    let missed = failed(scene.run(Checks { tree: &tree, ..Checks::ours() }));
    assert_eq!(missed, ["files: the control could not be made: as the test wanted"]);
}

#[test]
fn a_vault_that_any_key_opens_is_told() {
    let scene = Scene::new();
    let missed = failed(scene.run_by(Checks::ours(), &Everything, &Always(SECRET)));
    assert_eq!(
        missed,
        [
            "keys and objects: a wrong passphrase or recovery sheet was not refused",
            "keys and objects: a manifest opened with a wrong key",
        ]
    );
}

#[test]
fn objects_that_are_always_or_never_good_are_told() {
    let scene = Scene::new();
    let always = Checks { object: &|_, _| Ok(()), ..Checks::ours() };
    assert_eq!(
        failed(scene.run(always)),
        [
            "keys and objects: a flipped byte in an object was not noticed",
            "keys and objects: a missing object was not noticed",
        ]
    );
    let never = Checks { object: &|_, _| Err(ObjectProblem::Missing), ..Checks::ours() };
    assert_eq!(
        failed(scene.run(never)),
        [
            "keys and objects: a good object does not compare",
            "keys and objects: a flipped byte in an object was not noticed",
        ]
    );
}

#[test]
fn a_probe_that_passes_fails_or_skips_everything_is_told_for_each_kind() {
    let mut scene = Scene::new();
    scene.probed(ProbeKind::Gzip, "packed", &samples::gzip(b"something").expect("in memory"));
    for verdict in [ProbeVerdict::Pass, ProbeVerdict::Fail, ProbeVerdict::Skipped] {
        let probe = |_: ProbeKind, _: &Path, _: &Path, _: &Budget| said(verdict);
        let missed = failed(scene.run(Checks { probe: &probe, ..Checks::ours() }));
        let of = |text: String| missed.contains(&text);
        for kind in ProbeKind::SAMPLED {
            let (good, broken) = (verdict != ProbeVerdict::Pass, verdict != ProbeVerdict::Fail);
            assert_eq!(of(format!("probes: a good {kind} does not pass")), good, "{verdict:?}: {missed:?}");
            assert_eq!(of(format!("probes: a broken {kind} was not noticed")), broken, "{verdict:?}: {missed:?}");
        }
        let real = of("probes: a broken copy of packed was not noticed".to_owned());
        assert_eq!(real, verdict != ProbeVerdict::Fail, "{verdict:?}: {missed:?}");
    }
}

#[test]
fn a_probe_that_looks_at_the_first_bytes_only_is_told() {
    let mut scene = Scene::new();
    scene.probed(ProbeKind::Gzip, "packed", &samples::gzip(&[7; 10_000]).expect("in memory"));
    let probe = |kind: ProbeKind, file: &Path, _: &Path, _: &Budget| match probe::kind_of(file) {
        Ok(Some(found)) if found == kind => said(ProbeVerdict::Pass),
        _ => said(ProbeVerdict::Fail),
    };
    let missed = failed(scene.run(Checks { probe: &probe, ..Checks::ours() }));
    for kind in ProbeKind::SAMPLED {
        assert!(missed.contains(&format!("probes: a broken {kind} was not noticed")), "{missed:?}");
    }
    assert!(missed.contains(&"probes: a broken copy of packed was not noticed".to_owned()), "{missed:?}");
}

#[test]
fn a_probe_of_one_kind_that_passes_everything_is_told_for_that_kind() {
    let scene = Scene::new();
    let ours = Checks::ours();
    let probe = |kind: ProbeKind, file: &Path, work: &Path, budget: &Budget| match kind {
        ProbeKind::Pdf => said(ProbeVerdict::Pass),
        other => (ours.probe)(other, file, work, budget),
    };
    assert_eq!(failed(scene.run(Checks { probe: &probe, ..ours })), ["probes: a broken pdf was not noticed"]);
}

#[test]
fn answers_that_always_pass_fail_or_skip_are_told_and_so_is_a_database_that_does_not_open() {
    let scene = Scene::new();
    for verdict in [ProbeVerdict::Pass, ProbeVerdict::Fail, ProbeVerdict::Skipped] {
        let response = || Response { number: 0, kind: ProbeKind::Newest, outcome: said(verdict) };
        let ask = |_: &Questions<'_>, _: ProbeKind, _: &Path, _: &Path, _: &Budget| {
            (said(ProbeVerdict::Pass), vec![response()])
        };
        let missed = failed(scene.run(Checks { ask: &ask, ..Checks::ours() }));
        let of = |text: &str| missed.iter().any(|it| it == text);
        for good in ["newest", "query", "number of rows"] {
            let told = of(&format!("questions: a good {good} does not pass"));
            assert_eq!(told, verdict != ProbeVerdict::Pass, "{verdict:?}: {missed:?}");
        }
        for bad in [
            "a stale newest row",
            "a missing table",
            "a missing column",
            "a query that is not true",
            "a missing row",
            "a query of a missing table",
            "a query that writes",
        ] {
            let told = of(&format!("questions: {bad} was not noticed"));
            assert_eq!(told, verdict != ProbeVerdict::Fail, "{bad}: {verdict:?}: {missed:?}");
        }
        assert!(!missed.iter().any(|it| it.contains("a missing database")), "nobody was asked: {missed:?}");
    }
    let ask = |_: &Questions<'_>, _: ProbeKind, _: &Path, _: &Path, _: &Budget| (said(ProbeVerdict::Pass), Vec::new());
    let missed = failed(scene.run(Checks { ask: &ask, ..Checks::ours() }));
    assert_eq!(missed.len(), 3, "none of the good ones passes: {missed:?}");
}

#[test]
fn what_a_job_asks_is_asked_of_a_broken_copy_of_what_answered() {
    let mut scene = Scene::new();
    let (query, expect) = ("select count(*) = 200 from parent".to_owned(), Reply::True);
    let (of, time_limit) = (Databases::In("app.db".to_owned()), Duration::from_secs(600));
    scene.probes = vec![JobProbe::Query(QueryProbe { query, expect, of, time_limit })];
    let database = sample(&scene, ProbeKind::Sqlite);
    scene.probed(ProbeKind::Query, "app.db", &database);
    assert_eq!(scene.run(Checks::ours()).missed, Vec::<String>::new());
    let ours = Checks::ours();
    let ask = |questions: &Questions<'_>, kind: ProbeKind, file: &Path, work: &Path, budget: &Budget| {
        let (outcome, mut answers) = (ours.ask)(questions, kind, file, work, budget);
        if questions.path == b"app.db" {
            answers = vec![Response { number: 0, kind: ProbeKind::Query, outcome: said(ProbeVerdict::Pass) }];
        }
        (outcome, answers)
    };
    let missed = failed(scene.run(Checks { ask: &ask, ..Checks::ours() }));
    assert_eq!(missed, ["probes: a broken copy of app.db, asked by its job, was not noticed"]);
}

/// A sample of that kind.
fn sample(scene: &Scene, kind: ProbeKind) -> Vec<u8> {
    let path = scene.made.path("sample");
    samples::write(kind, &path).expect("a sample");
    let bytes = fs::read(&path).expect("there");
    fs::remove_file(path).expect("ours");
    bytes
}

#[test]
fn data_that_are_followed_by_much_that_is_no_part_of_them_are_no_false_alarm() {
    let mut scene = Scene::new();
    let photo = sample(&scene, ProbeKind::Jpeg);
    let film = [photo, vec![0x55; 100_000]].concat();
    scene.probed(ProbeKind::Jpeg, "photo with a film", &film);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    tar.append_data(&mut header, "a", &b"hello"[..]).expect("in memory");
    let mut blocked = tar.into_inner().expect("in memory");
    blocked.resize(10_240, 0);
    scene.probed(ProbeKind::Tar, "as GNU tar blocks it", &blocked);
    let zeros = [samples::gzip(b"one").expect("in memory"), vec![0; 4000]].concat();
    scene.probed(ProbeKind::Gzip, "zeros follow", &zeros);
    for (kind, name) in &scene.probed {
        let file = scene.made.path("tree").join(std::str::from_utf8(name).expect("UTF-8"));
        let budget = Budget::start(&scene.clock, crate::probe::Limits::default());
        assert_eq!(probe(*kind, &file, &scene.made.path("work"), &budget).verdict, ProbeVerdict::Pass, "{kind}");
    }
    assert_eq!(scene.run(Checks::ours()).missed, Vec::<String>::new());
}

#[test]
fn the_smallest_data_of_a_kind_are_no_false_alarm() {
    let mut scene = Scene::new();
    scene.probed(ProbeKind::Gzip, "gzip", &samples::gzip(b"").expect("in memory"));
    scene.probed(ProbeKind::Xz, "xz", &samples::xz(b"").expect("in memory"));
    scene.probed(ProbeKind::Zstd, "zstd", &zstd::encode_all(&b""[..], 3).expect("in memory"));
    scene.probed(ProbeKind::Zip, "zip", &[&b"PK\x05\x06"[..], &[0; 18]].concat());
    assert_eq!(scene.run(Checks::ours()).missed, Vec::<String>::new());
}

#[test]
fn a_whole_drill_whose_control_is_missed_fails_with_the_exit_code_of_damage_and_says_why() {
    let made = Installation::locked_by(&SECRET, &Always(SECRET));
    let mut file = fs::File::create_new(made.path("source/a")).expect("writable");
    file.write_all(b"something").expect("writable");
    made.point();
    let good = made.run(&crate::test_vault::newest()).expect("told");
    assert_eq!(good.exit.code(), 0, "{:#?}", good.summary);
    let outcome = made.run_by(&crate::test_vault::newest(), &Always(SECRET)).expect("told");
    assert_eq!(outcome.exit.code(), 4, "{:#?}", outcome.summary);
    let drill = &serde_json::to_value(&outcome.summary).expect("serializes")["drills"][0];
    assert_eq!((&drill["verdict"], &drill["negative-control"]), (&"fail".into(), &"fail".into()), "{drill:#}");
    assert_eq!(drill["mismatches"], serde_json::json!([]), "nothing else is wrong");
    let written = fs::read_to_string(made.path(drill["report"].as_str().expect("a report"))).expect("there");
    for words in ["a wrong passphrase or recovery sheet was not refused", "a manifest opened with a wrong key"] {
        assert!(drill["control-missed"].to_string().contains(words), "{drill:#}");
        assert!(written.contains(words), "{written}");
    }
    assert!(written.contains("the negative control was not noticed, so the checks prove nothing"), "{written}");
}

#[test]
fn all_that_is_copied_is_64_mib_and_half_of_it_for_the_comparison() {
    assert_eq!((BYTES_MAX, COMPARED_BYTES_MAX), (67_108_864, 33_554_432));
}

#[test]
fn a_whole_drill_breaks_copies_of_what_it_probed() {
    let made = Installation::new();
    fs::write(made.path("source/packed.gz"), samples::gzip(b"something").expect("in memory")).expect("writable");
    made.point();
    let outcome = made.run(&crate::test_vault::newest()).expect("told");
    let drill = &serde_json::to_value(&outcome.summary).expect("serializes")["drills"][0];
    assert_eq!((&drill["verdict"], &drill["probes"][0]["verdict"]), (&"pass".into(), &"pass".into()), "{drill:#}");
    assert!(!drill["not-tested"].to_string().contains("can fail on what came back"), "{drill:#}");
}

#[test]
fn kinds_without_a_control_are_named_as_not_tested() {
    let mut drill = Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(0));
    drill.control = ControlVerdict::Pass;
    drill.control_without = vec![ProbeKind::Zip, ProbeKind::Image, ProbeKind::Command];
    let path = b"disk".to_vec();
    let passed =
        crate::drill::Probed { path, kind: ProbeKind::Image, verdict: ProbeVerdict::Pass, detail: "ok".into() };
    drill.add_probe(passed);
    let told = serde_json::to_value(crate::report::DrillReport::of(&drill)).expect("serializes");
    let untested: Vec<String> =
        told["not-tested"].as_array().expect("a list").iter().map(ToString::to_string).collect();
    for part in ["zip can fail", "only a sample of it was broken", "disk-image can fail", "command can fail"] {
        assert!(untested.iter().any(|line| line.contains(part)), "{part}: {untested:?}");
    }
    assert!(untested.iter().any(|line| line.contains("disk-image") && line.contains("\"count\":1")), "{untested:?}");
}
