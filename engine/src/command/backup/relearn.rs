//! What a rebuilt catalog no longer knows of adopted points: read from the points themselves, wherever they lie.
//!
//! Deliberately absent: what is adopted now (`adopt`).

use std::collections::{BTreeMap, BTreeSet};

use super::adopt::{Found, files_of};
use crate::catalog::{AdoptedFile, AdoptedRow};
use crate::command::places::{Here, Places};
use crate::command::{Context, Failure};
use crate::model::{JobId, Kind, PointName, PointOrder, Time};
use crate::vault::{EntryStream, VaultReader};

/// After a rebuild of the catalog: which of the job's points, wherever they lie, hold just these files, so that they are
/// not adopted once more. What was written before the newest of them was adopted before too, and removed: it is passed over.
pub(super) fn relearned(context: &Context, job: JobId, found: &Found) -> Result<BTreeMap<String, AdoptedRow>, Failure> {
    let catalog = &context.installation.catalog;
    let points: Vec<_> = catalog.points()?.into_iter().filter(|point| point.job == job).collect();
    let mut known = BTreeMap::new();
    if points.is_empty() {
        return Ok(known);
    }
    let places = Places::look(context)?;
    let keyring = context.installation.keyring()?;
    let mut held: BTreeMap<Vec<u8>, (AdoptedFile, PointOrder)> = BTreeMap::new();
    let mut bases = BTreeMap::new();
    for point in &points {
        bases.insert(point.order, point.base);
        let name = PointName { order: point.order, id: point.id };
        let read = |here: &Here| held_by(&VaultReader::new(&*here.store, keyring), job, name).ok();
        let mut there = Vec::new();
        for here in &places.here {
            let placed = catalog.placement(here.medium, point.order)?;
            there.extend(placed.filter(|row| row.state.is_there()).map(|_| here));
        }
        match there.into_iter().find_map(read) {
            Some(files) => held.extend(files.into_iter().map(|file| (file.path.clone(), (file, point.order)))),
            None => context
                .call
                .voice
                .warn(&format!("what the point {} holds can't be read now: it may be adopted again", point.id)),
        }
    }
    let mut newest: BTreeMap<&str, Time> = BTreeMap::new();
    for (name, foreign) in &found.points {
        let files = files_of(foreign);
        let holds =
            |file: &AdoptedFile| held.get(&file.path).filter(|(there, _)| there == file).map(|(_, order)| *order);
        let orders: Option<BTreeSet<PointOrder>> = files.iter().map(holds).collect();
        if let Some([point]) = orders.map(Vec::from_iter).as_deref() {
            let written = newest.entry(&foreign.series).or_default();
            *written = (*written).max(foreign.written());
            let base = bases.get(point).copied().flatten();
            known.insert(
                name.clone(),
                AdoptedRow { point: Some(*point), files, base, series: foreign.series.clone(), gone: false },
            );
        }
    }
    let mut passed = 0;
    for (name, foreign) in &found.points {
        let is_older = newest.get(foreign.series.as_str()).is_some_and(|newest| foreign.written() < *newest);
        if is_older && !known.contains_key(name) {
            passed += 1;
            let (files, series) = (files_of(foreign), foreign.series.clone());
            known.insert(name.clone(), AdoptedRow { point: None, files, base: None, series, gone: false });
        }
    }
    if passed > 0 {
        let text = format!(
            "the catalog was made anew: {passed} recovery points older than the newest one that is known are passed over"
        );
        context.call.voice.warn(&text);
    }
    for (name, row) in &known {
        catalog.note_adopted(job, name, row)?;
    }
    Ok(known)
}

fn held_by(
    reader: &VaultReader<'_>,
    job: JobId,
    name: PointName,
) -> Result<Vec<AdoptedFile>, crate::vault::VaultError> {
    let (manifest, ..) = reader.manifest(job, name)?;
    let mut files: Vec<AdoptedFile> = Vec::new();
    for entry in EntryStream::new(&manifest, reader) {
        let entry = entry?;
        let path = entry.path.as_bytes().to_vec();
        match &entry.kind {
            Kind::File(content) => {
                files.push(AdoptedFile { path, bytes: content.bytes, modified: entry.meta.modified });
            }
            Kind::Hardlink(first) => {
                let first = files.iter().find(|file| file.path == first.as_bytes()).cloned();
                files.extend(first.map(|first| AdoptedFile { path, ..first }));
            }
            _ => {}
        }
    }
    Ok(files)
}
