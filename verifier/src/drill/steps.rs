//! The steps of a drill, in order.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::format::Manifest;
use engine::model::{Content, Entry, Kind, ObjectName, Span, chain};
use engine::vault::{EntryStream, PackNames, VaultError, VaultReader};

use super::{Bench, Drill, Leaving, Probed, Stop};
use crate::ability::Tried;
use crate::choose::Chosen;
use crate::compare::{Comparison, compare};
use crate::control::{self, Control};
use crate::mismatch::Mismatch;
use crate::objects;
use crate::probe::{self, Budget, ProbeKind};
use crate::restore::{Restoring, Told, restore};
use crate::scratch::Fresh;
use crate::tree::DiskTree;
use crate::verdict::ProbeVerdict;

/// What a folder entry and the rest of a block may take for each entry.
const ENTRY_BYTES: u64 = 4096;

pub(super) fn all(bench: &Bench<'_>, chosen: &Chosen, drill: &mut Drill) -> Result<(), Stop> {
    bench.go_on()?;
    let reader = VaultReader::new(bench.store, &bench.survey.keyring);
    let manifest = open_manifest(chosen, &reader, drill)?;
    drill.age = Some(drill.started.since(manifest.created));
    check_room(bench, &manifest, &reader)?;
    let mut fresh = bench.scratch.fresh(bench.entropy).map_err(|error| Stop::Refused(chain(&error)))?;
    if bench.leaving == Leaving::Everything {
        fresh.keep();
        drill.kept = Some(fresh.path().to_owned());
    }
    let outcome = in_scratch(bench, chosen, &manifest, &reader, &fresh, drill);
    (bench.tell)("cleaning up", 0, 0);
    drill.notes.extend(fresh.clean().err());
    outcome
}

fn open_manifest(chosen: &Chosen, reader: &VaultReader<'_>, drill: &mut Drill) -> Result<Manifest, Stop> {
    let object = ObjectName::Point(chosen.job, chosen.point);
    let failed = |why: String| Stop::Failed(Mismatch::new(object.path().as_str().as_bytes(), why));
    let opened = reader.manifest(chosen.job, chosen.point);
    if opened.as_ref().err().and_then(objects::finding_of).is_some() {
        drill.damaged.push(object);
    }
    match opened {
        Ok((manifest, digest, bytes)) => {
            (drill.created, drill.manifest) = (Some(manifest.created), Some(digest));
            (drill.objects, drill.object_bytes) = (1, bytes);
            Ok(manifest)
        }
        Err(VaultError::Store(error)) if objects::is_unasked(&error) => Err(Stop::Incomplete(chain(&error))),
        Err(VaultError::Missing { .. }) => Err(failed("the point is missing: it should be here".into())),
        Err(VaultError::Format(error @ engine::format::FormatError::Newer { .. })) => Err(Stop::Refused(chain(&error))),
        Err(error) => Err(failed(chain(&error))),
    }
}

/// Refuses before anything is written where it can't fit.
fn check_room(bench: &Bench<'_>, manifest: &Manifest, reader: &VaultReader<'_>) -> Result<(), Stop> {
    let free = bench.scratch.free().map_err(|error| Stop::Refused(chain(&error)))?;
    let stats = manifest.stats;
    let room = |data: u64| {
        let margin = data.min(control::BYTES_MAX).saturating_add(1 << 20);
        data.saturating_add(stats.entries.saturating_mul(ENTRY_BYTES)).saturating_add(margin)
    };
    if room(stats.bytes) <= free {
        return Ok(());
    }
    // Holes take no room: what is really to be written is told by the entries.
    let data = data_bytes(manifest, reader).unwrap_or(stats.bytes);
    if room(data) <= free {
        return Ok(());
    }
    Err(Stop::Refused(format!("scratch is too small: {} bytes are needed, {free} are free", room(data))))
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
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    fresh: &Fresh,
    drill: &mut Drill,
) -> Result<(), Stop> {
    check_objects(bench, manifest, reader, drill)?;
    let told = restore_tree(bench, chosen, fresh, drill);
    if let Some(why) = told.stopped {
        return Err(Stop::Incomplete(why));
    }
    let mut small = Small::default();
    compare_tree(bench, manifest, reader, (fresh, &mut small), &told, drill)?;
    probe_tree(bench, manifest, reader, fresh, drill)?;
    (bench.tell)("negative control", 0, 0);
    let probed = passed(&drill.probes);
    let outcome = control::run(&Control {
        tree: &fresh.tree(),
        files: &small.right(drill),
        probed: &probed,
        folder: &fresh.control(),
        work: &fresh.work(),
        abilities: &Tried::in_folder(fresh.ability()),
        store: bench.store,
        keys: &bench.survey.keys,
        job: chosen.job,
        point: chosen.point,
        entropy: bench.entropy,
        clock: bench.clock,
    });
    // A probe that was told to stop says nothing of whether it can fail.
    bench.go_on()?;
    (drill.control, drill.control_missed) = (outcome.verdict, outcome.missed);
    Ok(())
}

fn check_objects(
    bench: &Bench<'_>,
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    drill: &mut Drill,
) -> Result<(), Stop> {
    let mut packs = manifest.roots.clone();
    match PackNames::of(manifest, reader) {
        Ok(names) => packs = names.all().to_vec(),
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

fn restore_tree(bench: &Bench<'_>, chosen: &Chosen, fresh: &Fresh, drill: &mut Drill) -> Told {
    let what = Restoring {
        name: bench.name,
        store: bench.store,
        keyring: &bench.survey.keyring,
        job: chosen.job,
        point: chosen.point,
    };
    let progress = |at: &engine::restore::Progress| (bench.tell)("restoring", at.bytes, at.bytes_total);
    let told = restore(&what, &fresh.tree(), &**bench.clock, &**bench.stop, &progress);
    drill.restore = Some(told.took);
    told
}

fn compare_tree(
    bench: &Bench<'_>,
    manifest: &Manifest,
    reader: &VaultReader<'_>,
    (fresh, small): (&Fresh, &mut Small),
    told: &Told,
    drill: &mut Drill,
) -> Result<(), Stop> {
    // A restore that could not even begin has made no folder.
    crate::private::folder(&fresh.tree()).map_err(|error| Stop::Incomplete(error.to_string()))?;
    let mut tree = DiskTree::open(&fresh.tree(), &**bench.stop).map_err(|error| Stop::Incomplete(error.to_string()))?;
    let (mut bytes, mut unsteady) = (0_u64, 0_u64);
    let stream = EntryStream::new(manifest, reader).take_while(|_| !(bench.stop)());
    let entries = stream.map(|entry| {
        let entry = entry.map_err(|error| chain(&error))?;
        if let Kind::File(content) = &entry.kind {
            bytes = bytes.saturating_add(content.bytes);
            (bench.tell)("comparing", bytes, manifest.stats.bytes);
            small.see(&entry, content.bytes);
            unsteady += u64::from(content.unstable);
        }
        Ok::<_, String>(entry)
    });
    let mut compared = compare(entries, &mut tree, &Tried::in_folder(fresh.ability()));
    // What was not reached is not missing.
    bench.go_on()?;
    for (path, why) in &told.problems {
        compared.mismatches.explain(path, why);
    }
    check_counts(manifest, &mut compared);
    (drill.entries, drill.files, drill.bytes) = (compared.entries, compared.files, compared.bytes);
    if compared.files == 0 {
        drill.notes.push("this point holds no file at all: is that what should be protected?".to_owned());
    }
    if unsteady > 0 {
        drill.notes.push(format!("{unsteady} files would not hold still while they were read at the source"));
    }
    drill.mismatches.append(compared.mismatches);
    Ok(())
}

/// What the manifest says of the point as a whole.
fn check_counts(manifest: &Manifest, compared: &mut Comparison) {
    let stats = manifest.stats;
    let pairs = [
        ("number of entries", stats.entries, compared.entries),
        ("number of files", stats.files, compared.files),
        ("number of bytes", stats.bytes, compared.bytes),
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
    fresh: &Fresh,
    drill: &mut Drill,
) -> Result<(), Stop> {
    let tree = fresh.tree();
    // Where entries can't be read, the comparison has told so; those behind are probed all the same.
    for entry in EntryStream::new(manifest, reader).filter_map(Result::ok) {
        bench.go_on()?;
        if let Kind::File(content) = &entry.kind
            && content.bytes > 0
        {
            (bench.tell)("probing", 0, 0);
            probe_file(bench, &tree, fresh, &entry, drill);
        }
    }
    bench.go_on()
}

fn probe_file(bench: &Bench<'_>, tree: &Path, fresh: &Fresh, entry: &Entry, drill: &mut Drill) {
    let path = entry.path.as_bytes();
    let file = tree.join(OsStr::from_bytes(path));
    let kind = match probe::kind_of(&file) {
        Ok(Some(kind)) => kind,
        Ok(None) => return,
        Err(error) => return drill.mismatches.untested(path, format!("what a file is: {}", error.kind())),
    };
    let budget = Budget::start(bench.clock, bench.limits).until(bench.stop);
    let probe::Outcome { verdict, mut detail } = probe::probe(kind, &file, &fresh.work(), &budget);
    if verdict == ProbeVerdict::Fail && !drill.mismatches.names(path) {
        detail.push_str(" (as it was at the source: its content came back exactly)");
    }
    drill.add_probe(Probed { path: path.to_vec(), kind, verdict, detail });
}

/// One file of each kind that opens.
fn passed(probes: &[Probed]) -> Vec<(ProbeKind, Vec<u8>)> {
    let passed = probes.iter().filter(|probed| probed.verdict == ProbeVerdict::Pass);
    let by_kind: BTreeMap<ProbeKind, Vec<u8>> = passed.map(|probed| (probed.kind, probed.path.clone())).collect();
    by_kind.into_iter().collect()
}

/// The smallest files that are not empty.
#[derive(Default)]
struct Small(Vec<(u64, Entry)>);

impl Small {
    fn see(&mut self, entry: &Entry, bytes: u64) {
        let is_smaller = self.0.len() < control::FILES_MAX || self.0.last().is_some_and(|(most, _)| bytes < *most);
        if (1..=control::BYTES_MAX).contains(&bytes) && is_smaller {
            let at = self.0.partition_point(|(less, _)| *less <= bytes);
            self.0.insert(at, (bytes, entry.clone()));
            self.0.truncate(control::FILES_MAX);
        }
    }

    /// Those that came back right, as many as may be copied, in the order of entries.
    fn right(self, drill: &Drill) -> Vec<Entry> {
        let mut left = control::BYTES_MAX;
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
