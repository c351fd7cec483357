//! Golden catalogs: one file for each schema that was ever committed, `fixtures/catalog/schema-N.redb.zst`, never
//! edited, each opened by this program and found to say what it said when it was written.

use std::fs;
use std::path::PathBuf;

use super::*;

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
    let hint = CheckpointRow { done_bytes: 5, temporary: ".tmp-x".to_owned(), blocks: vec![1, 2], time: at(9) };
    catalog.checkpoint(OFFICE, &pack_object(3), &hint)?;
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
