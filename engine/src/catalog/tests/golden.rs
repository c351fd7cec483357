//! Golden catalogs: one file for each schema that was ever committed, `fixtures/catalog/schema-N.redb.zst`, never
//! edited, each opened by this program and found to say what it said when it was written.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::model::SeedId;

fn golden(schema: u64) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/catalog").join(format!("schema-{schema}.redb.zst"))
}

/// The same story in every golden file.
fn tell(catalog: &Catalog) -> Result<()> {
    furnish(catalog)?;
    let first = capture(catalog, &[1, 2], &[], None)?;
    let second = capture(catalog, &[3], &[2], Some(first))?;
    copy(catalog, USB, first, &[1, 2])?;
    copy(catalog, USB, second, &[2, 3])?;
    copy(catalog, OFFICE, first, &[1, 2])?;
    remove(catalog, OFFICE, &[first])?;
    catalog.pin(second)?;
    catalog.update_job(JOB, &|job| job.alarm = Some("half of it is gone".to_owned()))?;
    catalog.begin_restore("restore-1", USB, &[second])?;
    let hint = CheckpointRow { done_bytes: 5, token: ".tmp-x".to_owned(), blocks: vec![1, 2], time: at(9) };
    catalog.checkpoint(OFFICE, &pack_object(3), &hint)?;
    let file = AdoptedFile { path: b"a.v2i".to_vec(), bytes: 7, modified: at(3) };
    catalog.note_adopted(
        JOB,
        "a",
        &AdoptedRow { point: Some(first), files: vec![file], base: None, series: "a".to_owned(), gone: true },
    )?;
    catalog.begin_seed(SeedId([4; 8]), USB, at(12))?;
    catalog.close_seed(SeedId([4; 8]), at(13))?;
    catalog.set_memo("drill", "2026-11-21")
}

/// Run by hand when a schema is first committed: `cargo test -p engine --lib write_the_golden -- --ignored`.
#[test]
#[ignore = "writes a file that is never edited again"]
fn write_the_golden_file_of_this_schema() {
    let (folder, catalog) = {
        let folder = tempfile::tempdir().expect("a folder");
        let catalog = Catalog::create(folder.path(), &founding(), options()).expect("made");
        (folder, catalog)
    };
    tell(&catalog).expect("told");
    drop(catalog);
    assert!(!golden(SCHEMA).exists(), "golden files are never edited");
    let bytes = fs::read(folder.path().join("catalog.redb")).expect("read");
    fs::create_dir_all(golden(SCHEMA).parent().expect("a folder")).expect("made");
    fs::write(golden(SCHEMA), zstd::bulk::compress(&bytes, 19).expect("compressed")).expect("written");
}

/// The golden file of a schema.
pub fn bytes(schema: u64) -> Vec<u8> {
    zstd::decode_all(fs::File::open(golden(schema)).expect("there")).expect("whole")
}

fn unpacked(schema: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("catalog.redb"), bytes(schema)).expect("written");
    folder
}

/// That the catalog tells the story still.
pub fn is_told(catalog: &Catalog) {
    let snapshot = catalog.snapshot().expect("read");
    let orders: Vec<_> = snapshot.points.keys().copied().collect();
    let [first, second] = orders[..] else { panic!("{orders:?}") };
    assert_eq!(snapshot.points[&second], PointRow { pinned: true, ..point_row(second, Some(first)) });
    assert_eq!(snapshot.jobs[&JOB].alarm.as_deref(), Some("half of it is gone"));
    assert_eq!(snapshot.jobs[&JOB].clock_jump, None);
    let states = |point| [HOME, USB, OFFICE].map(|medium| snapshot.placements[&medium][&point].state);
    assert_eq!(states(first), [State::Complete, State::Complete, State::Evicted]);
    assert_eq!(states(second), [State::Complete, State::Complete, State::Pending]);
    assert_eq!([HOME, USB, OFFICE].map(|medium| snapshot.usage[&medium].bytes()), [320, 320, 0]);
    assert_eq!(snapshot.reservations.len(), 1);
    assert_eq!(catalog.checkpoints(OFFICE).expect("read").len(), 1);
    assert_eq!(catalog.memo("drill").expect("read").as_deref(), Some("2026-11-21"));
    assert!(catalog.find_chunk(GROUP, &chunk_id(3, 1)).expect("read").is_some());
    let events = catalog.events().expect("read");
    assert_eq!(events.iter().map(|event| event.job).collect::<Vec<_>>(), [Some(JOB); 6]);
    catalog.check().expect("sound");
}

#[test]
fn every_schema_ever_committed_has_a_golden_file_and_opens() {
    for schema in 1..=SCHEMA {
        let folder = unpacked(schema);
        is_told(&Catalog::open(folder.path(), options()).expect("opened"));
        let catalog = Catalog::open(folder.path(), options()).expect("opened again");
        is_told(&catalog);
        let adopted = catalog.adopted(JOB).expect("read");
        assert_eq!(adopted.len(), usize::from(schema >= 3), "{adopted:?}");
        assert_eq!(catalog.seeds().expect("read").len(), usize::from(schema >= 4));
        assert!(!folder.path().join(".tmp-catalog.redb").exists());
    }
}

#[test]
fn a_migrated_catalog_goes_on() {
    let folder = unpacked(1);
    let catalog = Catalog::open(folder.path(), options()).expect("opened");
    let third = capture(&catalog, &[4], &[1], None).expect("made");
    assert_eq!(third.sequence, 3);
    assert_eq!(copy(&catalog, OFFICE, third, &[1, 4]).expect("copied"), State::Complete);
}

#[test]
fn a_catalog_of_a_newer_schema_is_refused_and_left_as_it_is() {
    let (folder, catalog) = on_disk();
    catalog.handle.write_raw(|transaction| super::super::handle::set_schema(transaction, SCHEMA + 1)).expect("set");
    let newer = |result: Result<MetaRow>| matches!(result, Err(CatalogError::Newer { found, known }) if found == SCHEMA + 1 && known == SCHEMA);
    assert!(newer(catalog.meta()), "a handle that is open notices too");
    assert!(newer(catalog.take_order().map(|_| unreachable!())));
    assert!(newer(Catalog::open(folder.path(), options()).map(|_| unreachable!())));
    drop(catalog);
    let handle = super::super::handle::Handle::new(disk_of(&folder), Which::Current, options());
    assert_eq!(handle.schema().expect("read"), SCHEMA + 1);
}
