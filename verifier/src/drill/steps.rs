//! The steps of a drill, in order.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::format::Manifest;
use engine::model::{Content, Digest, Entry, JobId, Kind, ObjectName, PointName, Span, chain};
use engine::report::PathText;
use engine::vault::{EntryStream, VaultError, VaultReader};

use super::canaries;
use super::chain::{Link, open};
use super::own;
use super::{Bench, CleanUp, Drill, Leaving, Probed, Stop};
use crate::ability::Tried;
use crate::choose::Chosen;
use crate::compare::{Comparison, compare};
use crate::control::{self, Candidate, Checks, Control, Picked};
use crate::mismatch::Mismatch;
use crate::objects;
use crate::probe::question::{Looked, Tally};
use crate::probe::{self, Budget, ProbeKind, canary};
use crate::report::number;
use crate::restore::{Restoring, Told, restore};
use crate::scratch::Fresh;
use crate::tree::DiskTree;
use crate::verdict::ProbeVerdict;

/// What a folder entry and the rest of a block may take for each entry.
const ENTRY_BYTES: u64 = 4096;

pub(super) fn all(bench: &Bench<'_>, chosen: &Chosen, drill: &mut Drill) -> Result<(), Stop> {
    bench.go_on()?;
    let reader = VaultReader::new(bench.store, &bench.survey.keyring);
    let links = open(bench, chosen, &reader, drill)?;
    drill.age = drill.created.map(|created| drill.started.since(created));
    check_room(bench, &links, &reader)?;
    let mut fresh = bench.scratch.fresh(bench.entropy).map_err(|error| Stop::Refused(chain(&error)))?;
    // Until it is known: a defect of ours may end the drill first.
    drill.clean_up = CleanUp::Left(format!("{} may be there still", fresh.path().display()));
    if bench.leaving == Leaving::Everything {
        fresh.keep();
        drill.kept = Some(fresh.path().to_owned());
    }
    let outcome = in_scratch(bench, chosen, &links, &reader, &fresh, drill);
    (bench.tell)("cleaning up", 0, 0);
    let left = fresh.clean();
    drill.clean_up = match &left {
        Err(why) => CleanUp::Left(why.clone()),
        Ok(()) if drill.kept.is_some() => CleanUp::Kept,
        Ok(()) => CleanUp::Removed,
    };
    drill.notes.extend(left.err());
    outcome
}

pub(super) fn open_manifest(
    (job, point): (JobId, PointName),
    reader: &VaultReader<'_>,
    drill: &mut Drill,
) -> Result<(Manifest, Digest), Stop> {
    let object = ObjectName::Point(job, point);
    let failed = |why: String| Stop::Failed(Mismatch::new(object.path().as_str().as_bytes(), why));
    let opened = reader.manifest(job, point);
    if opened.as_ref().err().and_then(objects::finding_of).is_some() {
        drill.damaged.push(object);
    }
    match opened {
        Ok((manifest, digest, bytes)) => {
            drill.objects += 1;
            drill.object_bytes = drill.object_bytes.saturating_add(bytes);
            Ok((manifest, digest))
        }
        Err(VaultError::Store(error)) if objects::is_unasked(&error) => Err(Stop::Incomplete(chain(&error))),
        Err(VaultError::Missing { .. }) => Err(failed("the point is missing: it should be here".into())),
        Err(VaultError::Format(error @ engine::format::FormatError::Newer { .. })) => Err(Stop::Refused(chain(&error))),
        Err(error) => Err(failed(chain(&error))),
    }
}

/// Refuses before anything is written where it can't fit.
fn check_room(bench: &Bench<'_>, links: &[Link], reader: &VaultReader<'_>) -> Result<(), Stop> {
    let free = bench.scratch.free().map_err(|error| Stop::Refused(chain(&error)))?;
    let room = |data: &dyn Fn(&Manifest) -> u64| {
        let rooms = links.iter().map(|link| {
            let entries = link.manifest.stats.entries.saturating_mul(ENTRY_BYTES);
            let data = data(&link.manifest);
            data.saturating_add(entries).saturating_add(data.min(control::BYTES_MAX))
        });
        rooms.fold(1 << 20, u64::saturating_add)
    };
    if room(&|manifest| manifest.stats.bytes) <= free {
        return Ok(());
    }
    // Holes take no room: what is really to be written is told by the entries.
    let needed = room(&|manifest| data_bytes(manifest, reader).unwrap_or(manifest.stats.bytes));
    if needed <= free {
        return Ok(());
    }
    Err(Stop::Refused(format!("scratch is too small: {needed} bytes are needed, {free} are free")))
}

fn data_bytes(manifest: &Manifest, reader: &VaultReader<'_>) -> Option<u64> {
    let mut total = 0_u64;
    for entry in EntryStream::new(manifest, reader) {
        if let Kind::File(Content { spans, .. }) = entry.ok()?.kind {
            let data = |span: &Span| if let Span::Data(chunk) = span { u64::from(chunk.plain) } else { 0 };
            total = total.saturating_add(spans.iter().map(data).sum());
        }
    }
    Some(total)
}

fn in_scratch(
    bench: &Bench<'_>,
    chosen: &Chosen,
    links: &[Link],
    reader: &VaultReader<'_>,
    fresh: &Fresh,
    drill: &mut Drill,
) -> Result<(), Stop> {
    let (mut small, mut probed) = (Small::default(), 0);
    let tally = RefCell::new(Tally::new(bench.probes));
    for (number, link) in links.iter().enumerate() {
        let is_base = link.name != chosen.point;
        let tree = if is_base { fresh.base(number + 1) } else { fresh.tree() };
        let tree = Tree { fresh, path: &tree, tally: (!is_base).then_some(&tally) };
        let before = drill.mismatches.count();
        (small, probed) = (Small::default(), drill.probes.len());
        restored(bench, (chosen, link), reader, (&tree, &mut small), drill)?;
        if is_base && drill.mismatches.count() > before {
            let path = ObjectName::Point(chosen.job, link.name).path();
            let why = "this point, which the one that is drilled is built on, does not come back whole";
            drill.mismatches.add(Mismatch::new(path.as_str().as_bytes(), why));
        }
    }
    canaries::missing(bench, &fresh.tree(), drill);
    own::rest(bench, chosen, tally, fresh, drill);
    bench.go_on()?;
    (bench.tell)("negative control", 0, 0);
    let files = small.right(drill);
    let picked = picked(&drill.probes, probed, &fresh.tree(), control::BYTES_MAX - bytes_of(&files));
    let outcome = control::run(&Control {
        checks: Checks::ours(),
        tree: &fresh.tree(),
        files: &files,
        probed: &picked.files,
        probes: bench.probes,
        created: drill.created.unwrap_or(drill.started),
        folder: &fresh.control(),
        work: &fresh.work(),
        abilities: &Tried::in_folder(fresh.ability()),
        store: bench.store,
        keys: &bench.survey.keys,
        opened_by: bench.survey.opened_by,
        job: chosen.job,
        point: chosen.point,
        entropy: bench.entropy,
        clock: bench.clock,
    });
    // A probe that was told to stop says nothing of whether it can fail.
    bench.go_on()?;
    (drill.control, drill.control_missed, drill.control_without) = (outcome.verdict, outcome.missed, picked.without);
    Ok(())
}

/// One point of a chain: its objects, its restore, and what came back.
fn restored(
    bench: &Bench<'_>,
    (chosen, link): (&Chosen, &Link),
    reader: &VaultReader<'_>,
    (tree, small): (&Tree<'_, '_>, &mut Small),
    drill: &mut Drill,
) -> Result<(), Stop> {
    check_objects(bench, &link.manifest, reader, drill)?;
    let told = restore_tree(bench, (chosen.job, link.name), tree, drill);
    if let Some(why) = told.stopped {
        return Err(Stop::Incomplete(why));
    }
    compare_tree(bench, &link.manifest, reader, (tree, small), &told, drill)?;
    probe_tree(bench, &link.manifest, reader, tree, drill)
}

/// Where a point of a chain is restored to.
struct Tree<'t, 'q> {
    fresh: &'t Fresh,
    path: &'t Path,
    /// Of what the job asks of the point itself, and not of those that it is built on.
    tally: Option<&'t RefCell<Tally<'q>>>,
}

fn check_objects(
    bench: &Bench<'_>,
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    drill: &mut Drill,
) -> Result<(), Stop> {
    let mut packs = manifest.roots.clone();
    match objects::named(bench.store, manifest, reader) {
        Ok(names) => packs = names,
        Err(VaultError::Store(error)) if objects::is_unasked(&error) => return Err(Stop::Incomplete(chain(&error))),
        Err(error) => {
            let why = format!("the point's list of objects can't be read: {}", chain(&error));
            drill.mismatches.add(Mismatch::new(b"", why));
        }
    }
    let tell = |bytes| (bench.tell)("reading every object", bytes, 0);
    let checked = objects::check(bench.store, &packs, &**bench.stop, &tell);
    drill.objects += checked.count;
    drill.object_bytes = drill.object_bytes.saturating_add(checked.bytes);
    drill.mismatches.append(checked.mismatches);
    drill.damaged.extend(checked.damaged);
    bench.go_on()?;
    checked.unasked.map_or(Ok(()), |why| Err(Stop::Incomplete(why)))
}

fn restore_tree(bench: &Bench<'_>, (job, point): (JobId, PointName), tree: &Tree<'_, '_>, drill: &mut Drill) -> Told {
    let what = Restoring { name: bench.name, store: bench.store, keyring: &bench.survey.keyring, job, point };
    let progress = |at: &engine::restore::Progress| (bench.tell)("restoring", at.bytes, at.bytes_total);
    let told = restore(&what, tree.path, &**bench.clock, &**bench.stop, &progress);
    let earlier = drill.restore.unwrap_or_default();
    drill.first = drill.first.or_else(|| told.first.map(|first| earlier.saturating_add(first)));
    drill.restore = Some(earlier.saturating_add(told.took));
    told
}

fn compare_tree(
    bench: &Bench<'_>,
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    (tree, small): (&Tree<'_, '_>, &mut Small),
    told: &Told,
    drill: &mut Drill,
) -> Result<(), Stop> {
    // A restore that could not even begin has made no folder.
    crate::private::folder(tree.path).map_err(|error| Stop::Incomplete(error.to_string()))?;
    let mut found = DiskTree::open(tree.path, &**bench.stop).map_err(|error| Stop::Incomplete(error.to_string()))?;
    let (mut bytes, mut unsteady, mut canaries) = (0_u64, 0_u64, 0_u64);
    let stream = EntryStream::new(manifest, reader).take_while(|_| !(bench.stop)());
    let entries = stream.map(|entry| {
        let entry = entry.map_err(|error| chain(&error))?;
        if matches!(entry.kind, Kind::File(_) | Kind::Hardlink(_)) {
            canaries += u64::from(canary::is_one(&tree.path.join(OsStr::from_bytes(entry.path.as_bytes()))));
        }
        if let Kind::File(content) = &entry.kind {
            bytes = bytes.saturating_add(content.bytes);
            (bench.tell)("comparing", bytes, manifest.stats.bytes);
            small.see(&entry, content.bytes);
            unsteady += u64::from(content.unstable);
        }
        Ok::<_, String>(entry)
    });
    let mut compared = compare(entries, &mut found, &Tried::in_folder(tree.fresh.ability()));
    drill.entries = drill.entries.saturating_add(compared.compared.entries);
    drill.files = drill.files.saturating_add(compared.compared.files);
    drill.bytes = drill.bytes.saturating_add(compared.compared.bytes);
    // What was not reached is not missing.
    bench.go_on()?;
    for (path, why) in &told.problems {
        compared.mismatches.explain(path, why);
    }
    check_counts(manifest, &mut compared);
    if compared.listed.files == canaries {
        drill.notes.push("this point holds no file at all: is that what should be protected?".to_owned());
    }
    if unsteady > 0 {
        drill.notes.push(format!("{} would not hold still when read at the source", number(unsteady, "file")));
    }
    drill.mismatches.append(compared.mismatches);
    Ok(())
}

/// What the manifest says of the point as a whole.
fn check_counts(manifest: &Manifest, compared: &mut Comparison) {
    let stats = manifest.stats;
    let pairs = [
        ("number of entries", stats.entries, compared.listed.entries),
        ("number of files", stats.files, compared.listed.files),
        ("number of bytes", stats.bytes, compared.listed.bytes),
    ];
    for (what, expected, found) in pairs {
        if expected != found {
            compared.mismatches.add(Mismatch::differs(b"", what, expected, found));
        }
    }
}

fn probe_tree(
    bench: &Bench<'_>,
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    tree: &Tree<'_, '_>,
    drill: &mut Drill,
) -> Result<(), Stop> {
    // Where entries can't be read, the comparison has told so; those behind are probed all the same.
    for entry in EntryStream::new(manifest, reader).filter_map(Result::ok) {
        bench.go_on()?;
        let is_probed = match &entry.kind {
            Kind::File(content) => content.bytes > 0 || canaries::is_one(bench, &entry),
            Kind::Hardlink(_) => canaries::is_one(bench, &entry),
            _ => false,
        };
        if is_probed {
            (bench.tell)("probing", 0, 0);
            probe_file(bench, tree, &entry, drill);
        }
    }
    bench.go_on()
}

fn probe_file(bench: &Bench<'_>, tree: &Tree<'_, '_>, entry: &Entry, drill: &mut Drill) {
    let path = entry.path.as_bytes();
    let file = tree.path.join(OsStr::from_bytes(path));
    let kind = match probe::kind_of(&file) {
        // The one kind that has a name: rewritten, it begins as anything.
        Ok(_) if canaries::is_one(bench, entry) => ProbeKind::Canary,
        Ok(Some(kind)) => kind,
        Ok(None) => return,
        // What did not come back is told already.
        Err(error) if error.kind() == io::ErrorKind::NotFound && drill.mismatches.names(path) => return,
        Err(error) => return drill.mismatches.untested(path, format!("what a file is: {}", error.kind())),
    };
    let budget = Budget::start(bench.clock, bench.limits).until(bench.stop);
    let (outcome, responses) = probed(tree, (kind, path, &file), drill, &budget);
    let probe::Outcome { verdict, mut detail, words } = outcome;
    tell_words(bench, path, verdict, &words);
    if verdict == ProbeVerdict::Fail && !drill.mismatches.names(path) {
        detail.push_str(" (as it was at the source: its content came back exactly)");
    }
    drill.add_probe(Probed { path: path.to_vec(), kind, verdict, detail });
    own::take(bench, path, responses, drill);
}

/// A file's probe, and what the job asks of it if it is a database.
fn probed(
    tree: &Tree<'_, '_>,
    (kind, path, file): (ProbeKind, &[u8], &Path),
    drill: &Drill,
    budget: &Budget,
) -> Looked {
    let work = tree.fresh.work();
    let Some((tally, created)) = tree.tally.zip(drill.created) else {
        return (probe::probe(kind, file, &work, budget), Vec::new());
    };
    let questions = tally.borrow().questions(path, created);
    let (outcome, responses) = probe::ask(&questions, kind, file, &work, budget);
    tally.borrow_mut().take(path, kind, outcome.verdict, &responses);
    (outcome, responses)
}

/// To the terminal alone: they may hold what lies in files.
pub(super) fn tell_words(bench: &Bench<'_>, of: &[u8], verdict: ProbeVerdict, words: &[String]) {
    let of = PathText::new(of);
    for words in words {
        match verdict {
            ProbeVerdict::Pass => bench.voice.say(&format!("{of}: {words}")),
            ProbeVerdict::Skipped | ProbeVerdict::Fail => bench.voice.warn(&format!("{of}: {words}")),
        }
    }
}

/// Of each kind that opens, the smallest file of the point itself, whose tree the control copies from.
fn picked(probes: &[Probed], own: usize, tree: &Path, bytes: u64) -> Picked {
    let passed = probes.iter().enumerate().filter(|(_, probed)| probed.verdict == ProbeVerdict::Pass);
    // What answered a question is a file of another kind, which is told before.
    let whole: BTreeSet<&[u8]> =
        probes.iter().filter(|it| !control::can_be_broken(it.kind)).map(|it| it.path.as_slice()).collect();
    let candidates = passed.map(|(at, Probed { path, kind, .. })| {
        let file = tree.join(OsStr::from_bytes(path));
        let is_there = at >= own && !whole.contains(path.as_slice());
        let bytes = file.symlink_metadata().ok().filter(|_| is_there).map(|meta| meta.len());
        Candidate { kind: *kind, path, bytes }
    });
    control::pick(candidates, bytes)
}

fn bytes_of(files: &[Entry]) -> u64 {
    let bytes = |entry: &Entry| if let Kind::File(content) = &entry.kind { content.bytes } else { 0 };
    files.iter().map(bytes).sum()
}

/// The smallest files that are not empty.
#[derive(Default)]
struct Small(Vec<(u64, Entry)>);

impl Small {
    fn see(&mut self, entry: &Entry, bytes: u64) {
        let is_smaller = self.0.len() < control::FILES_MAX || self.0.last().is_some_and(|(most, _)| bytes < *most);
        if (1..=control::COMPARED_BYTES_MAX).contains(&bytes) && is_smaller {
            let at = self.0.partition_point(|(less, _)| *less <= bytes);
            self.0.insert(at, (bytes, entry.clone()));
            self.0.truncate(control::FILES_MAX);
        }
    }

    /// Those that came back right, as many as may be copied, in the order of entries.
    fn right(self, drill: &Drill) -> Vec<Entry> {
        let mut left = control::COMPARED_BYTES_MAX;
        let right = self.0.into_iter().filter(|(_, entry)| !drill.mismatches.concerns(entry.path.as_bytes()));
        let fits = |(bytes, entry): (u64, Entry)| {
            left = left.checked_sub(bytes)?;
            Some(entry)
        };
        let mut files: Vec<Entry> = right.map_while(fits).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }
}
