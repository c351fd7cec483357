//! The end of a capture: pack list, a last look, manifest, catalog.

use std::collections::{BTreeMap, BTreeSet};

use super::alarm::{Beside, Counts};
use super::error::CaptureError;
use super::packer::Context;
use super::queue::Tree;
use super::visit::Walk;
use super::{Adopts, Captured, Ports};
use crate::catalog::{AdoptedRow, Finding, Found, Naming, NewPoint, PackNo, PackState, PointRow, with_reasons};
use crate::format::{Manifest, NamedPack, Stats};
use crate::model::{ChunkRef, Digest, ObjectName, PackId, PointName, Problem, ShortPack, Time, VaultPath};
use crate::vault::{VaultError, put, seal_manifest};

/// From so many packs on, folders are listed instead of asking for each pack.
const LIST_FROM: usize = 512;

/// Is the pack there and not withdrawn, as far as the catalog knows?
pub(super) fn is_healthy(ports: &Ports<'_>, pack: &PackId) -> Result<bool, CaptureError> {
    let Some((number, _)) = ports.catalog.pack_by_id(pack)? else { return Ok(false) };
    Ok(ports.catalog.pack_at(ports.home_id, number)?.is_some_and(|at| at.state == PackState::Present))
}

/// Makes the point of what was read.
pub(super) fn commit(
    walk: Walk<'_>,
    context: &Context<'_>,
    name: PointName,
    created: Time,
) -> Result<Captured, CaptureError> {
    let (ports, job) = (context.ports, context.job);
    let mut content: Vec<NamedPack> = Vec::new();
    let (tree, packs) = walk.queue.finish(&mut |used| {
        content = name_packs(ports, used)?;
        Ok(content.iter().flat_map(NamedPack::encode).collect())
    })?;
    let roots = roots(ports, &tree, &packs)?;
    let all: BTreeSet<PackId> = content.iter().map(|pack| pack.id).chain(roots.iter().copied()).collect();
    let numbers = last_look(ports, &all)?;
    let stored_bytes = tree.content.stored_bytes + tree.packer.stored_bytes;
    let problems = walk.problems.len() as u64 + walk.problems_dropped;
    let stats = Stats { files: walk.files, bytes: walk.bytes, entries: tree.count, stored_bytes, problems };
    let manifest = Manifest {
        family: ports.keyring.family(),
        job: job.id,
        group: job.group,
        name,
        writer: ports.catalog.meta()?.writer,
        key_epoch: ports.keyring.epoch(),
        created,
        base: job.adopts.as_ref().and_then(|adopts| adopts.base),
        job_name: job.name.clone(),
        source: job.source.clone(),
        stats,
        roots,
        entries: tree.entries,
        packs,
    };
    if (ports.stop)() {
        return Err(CaptureError::Stopped);
    }
    let file = seal_manifest(&manifest, ports.keyring, ports.entropy)?;
    // Before the point, so that no crash in between lets it count as any other.
    let (canaries, content_files) = (walk.beside.are.count, walk.beside.now);
    let counts = Counts { known: known(context, &walk.beside)?, stiffened: tree.stiffened };
    let mut whys = job.suspicions.clone();
    // What another program's points hold says nothing of one another.
    if job.adopts.is_none() {
        whys.extend(walk.beside.alarm(counts));
    }
    ports.catalog.raise_alarm(job.id, &whys)?;
    let path = ObjectName::Point(job.id, name).path();
    let point = crate::copy::point_row(&manifest, Digest(*blake3::hash(&file).as_bytes()), file.len() as u64);
    let row = |adopts: &Adopts| AdoptedRow {
        point: Some(name.order),
        files: adopts.files.clone(),
        base: adopts.base,
        series: adopts.series.clone(),
        gone: false,
    };
    let new = NewPoint {
        point,
        canaries,
        packs: numbers,
        owed: job.owed.clone(),
        declined: Vec::new(),
        adopted: job.adopts.as_ref().map(|adopts| (adopts.name.clone(), row(adopts))),
        now: ports.clock.now(),
    };
    if let Err(error) = place(context, &path, &file, &new) {
        // A manifest without a point must not stay: its packs are about to go.
        ports.home.delete(&path).map_err(VaultError::from)?;
        return Err(error);
    }
    Ok(Captured {
        name,
        created,
        stats: Stats { stored_bytes: stored_bytes + file.len() as u64, ..stats },
        content_files,
        new_bytes: tree.content.new_bytes,
        read_files: walk.read_files,
        problems: all_problems(walk.problems, walk.problems_dropped),
        left_out: walk.left_out.into_iter().collect(),
        warnings: walk.warnings,
        alarm: with_reasons(None, &whys),
    })
}

fn all_problems(mut problems: Vec<Problem>, dropped: u64) -> Vec<Problem> {
    if dropped > 0 {
        problems.push(Problem::new(b"", format!("and {dropped} more problems of this kind")));
    }
    problems
}

/// Files of the point that the next is compared with. A point that was read in is counted with its canaries until it is
/// gone by.
fn known(context: &Context<'_>, beside: &Beside<'_>) -> Result<u64, CaptureError> {
    let catalog = context.ports.catalog;
    let Some(row) = catalog.job_named(&context.job.name)? else { return Ok(0) };
    let before = context.job.previous.map(|(order, _)| catalog.point(order)).transpose()?.flatten();
    let is_of_all = |point: &PointRow| (point.files, Some(point.created)) == (row.last_files, row.newest_created);
    let canaries =
        if row.alarm.is_none() && before.is_some_and(|point| is_of_all(&point)) { beside.were.count } else { 0 };
    Ok(row.last_files.saturating_sub(canaries))
}

/// The manifest, then the catalog.
fn place(context: &Context<'_>, path: &VaultPath, file: &[u8], new: &NewPoint) -> Result<(), CaptureError> {
    let ports = context.ports;
    put(ports.home, path, file)?;
    ports.home.still_there().map_err(VaultError::from)?;
    Ok(ports.catalog.commit_point(context.reservation, new)?)
}

/// The full names of packs and how long they are; of several with one prefix all, so that a reader finds the right one
/// by identity.
fn name_packs(ports: &Ports<'_>, used: &BTreeSet<ShortPack>) -> Result<Vec<NamedPack>, CaptureError> {
    let mut named = Vec::new();
    for short in used {
        for (_, row) in ports.catalog.packs_by_short(*short)? {
            let bytes = u32::try_from(row.bytes).map_err(|_| CaptureError::PackVanished(row.id.to_string()))?;
            named.push(NamedPack { id: row.id, bytes });
        }
    }
    named.sort_unstable();
    Ok(named)
}

fn roots(ports: &Ports<'_>, tree: &Tree, packs: &[ChunkRef]) -> Result<Vec<PackId>, CaptureError> {
    let used: BTreeSet<ShortPack> = tree.entries.iter().chain(packs).map(|chunk| chunk.pack).collect();
    Ok(name_packs(ports, &used)?.into_iter().map(|pack| pack.id).collect())
}

/// DESIGN 5.2: every pack that the manifest names is there with its length.
fn last_look(ports: &Ports<'_>, packs: &BTreeSet<PackId>) -> Result<Vec<PackNo>, CaptureError> {
    let listed = if packs.len() < LIST_FROM { None } else { Some(list_packs(ports)?) };
    let mut numbers = Vec::with_capacity(packs.len());
    let mut lost = None;
    for pack in packs {
        let vanished = || CaptureError::PackVanished(pack.to_string());
        let (number, row) = ports.catalog.pack_by_id(pack)?.ok_or_else(vanished)?;
        let there = match &listed {
            Some(listed) => listed.get(pack).copied(),
            None => ports.home.stat(&ObjectName::Pack(*pack).path()).map_err(VaultError::from)?,
        };
        if there == Some(row.bytes) {
            numbers.push(number);
        } else {
            withdraw(ports, pack)?;
            lost = Some(vanished());
        }
    }
    lost.map_or(Ok(numbers), Err)
}

/// The next capture stores the chunks of a lost pack again.
fn withdraw(ports: &Ports<'_>, pack: &PackId) -> Result<(), CaptureError> {
    ports.home.still_there().map_err(VaultError::from)?;
    let object = ObjectName::Pack(*pack);
    ports.catalog.found_damaged(&Found {
        medium: ports.home_id,
        object: &object,
        finding: Finding::Missing,
        naming: &Naming::All,
        now: ports.clock.now(),
    })?;
    Ok(())
}

fn list_packs(ports: &Ports<'_>) -> Result<BTreeMap<PackId, u64>, CaptureError> {
    let mut found = BTreeMap::new();
    for byte in 0..=u8::MAX {
        let folder = VaultPath::parse(&format!("packs/{byte:02x}")).expect("a name of ours");
        for listed in ports.home.list(&folder).map_err(VaultError::from)? {
            if let (Some(ObjectName::Pack(id)), Some(bytes)) = (ObjectName::at(&listed.path), listed.bytes) {
                found.insert(id, bytes);
            }
        }
    }
    Ok(found)
}
