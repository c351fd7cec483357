//! What a vault says of its points, as it stands in `points.json`.

use engine::browse::list;
use engine::destination::ReadStore;
use engine::format::Manifest;
use engine::model::{Digest, Entry, EntryPath, Kind, ObjectName, PackId, VaultPath};
use engine::report::EntryReport;
use engine::seal::Keyring;
use engine::vault::{PackNames, VaultReader};
use serde_json::json;

/// A point, read whole.
pub struct ToldPoint {
    pub manifest: Manifest,
    pub names: PackNames,
    pub packs: Vec<PackId>,
    entries: Vec<Entry>,
}

impl ToldPoint {
    /// Regular files and their digests; further names are their first names'.
    pub fn files(&self) -> impl Iterator<Item = (&EntryPath, &Digest)> {
        self.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::File(content) => Some((&entry.path, &content.digest)),
            _ => None,
        })
    }

    /// Symbolic links and where they lead.
    pub fn links(&self) -> impl Iterator<Item = (&EntryPath, &[u8])> {
        self.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::Symlink(target) => Some((&entry.path, &target[..])),
            _ => None,
        })
    }
}

/// All points at a store, oldest first.
pub fn points_of(store: &dyn ReadStore, keyring: &Keyring) -> Vec<ToldPoint> {
    let folder = VaultPath::parse("points").expect("a constant");
    let jobs = store.list(&folder).expect("jobs");
    let files = jobs.iter().flat_map(|job| store.list(&job.path).expect("points"));
    let mut points: Vec<ToldPoint> = files
        .filter_map(|file| match ObjectName::at(&file.path) {
            Some(ObjectName::Point(job, name)) => {
                let reader = VaultReader::new(store, keyring);
                let (manifest, ..) = reader.manifest(job, name).expect("a manifest");
                let names = PackNames::of(&manifest, &reader).expect("its pack list");
                let entries = list(&reader, &manifest, None).map(|entry| entry.expect("an entry")).collect();
                Some(ToldPoint { packs: names.all().to_vec(), manifest, names, entries })
            }
            _ => None,
        })
        .collect();
    points.sort_by_key(|point| point.manifest.name);
    points
}

/// `points.json`: a line for each point and each of its entries.
pub fn json(points: &[ToldPoint]) -> String {
    let points: Vec<String> = points.iter().map(told).collect();
    format!("[\n{}\n]\n", points.join(",\n"))
}

fn told(point: &ToldPoint) -> String {
    let Manifest { name, job, job_name, created, source, stats, .. } = &point.manifest;
    let about = json!({
        "id": name.id.to_string(), "epoch": name.order.epoch, "sequence": name.order.sequence,
        "job": job.to_string(), "job-name": job_name.to_string(), "created": created.seconds, "source": source,
        "files": stats.files, "bytes": stats.bytes, "problems": stats.problems,
        "packs": point.packs.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    let line = |entry: &Entry| {
        let line = serde_json::to_string(&EntryReport::from(entry)).expect("plain values");
        // Here only files have a size.
        if matches!(entry.kind, Kind::File(_)) { line } else { line.replacen("\"bytes\":0,", "", 1) }
    };
    let entries: Vec<String> = point.entries.iter().map(line).collect();
    format!("{{\"point\": {about},\n\"entries\": [\n{}\n]}}", entries.join(",\n"))
}
