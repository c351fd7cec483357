//! Golden vaults: `fixtures/vault/<version>-<name>/`, made by a release and never edited. Every one of them must be read
//! as long as there are releases.
//!
//! In a golden folder: `vault/`, its `passphrase` and `sheet.txt`, and `points.json` with what was in it when it was
//! made. Judged: both secrets open it; every point lists as it did, restores without a problem that its kinds do not
//! explain, and holds the same bytes. `cargo test -p engine --test golden -- --ignored` makes one of this format version
//! where there is none of that name yet: `GOLDEN=v1-odd`.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "golden/make.rs"]
mod make;
#[path = "golden/told.rs"]
mod told;

use std::fs;
use std::path::{Path, PathBuf};

use engine::destination::{FileStore, Privacy};
use engine::format::SlotKind;
use engine::model::{DestinationName, EntryPath, ObjectName};
use engine::restore::{Doing, Existing, Owners, Place, Request, TreeOptions, restore};
use engine::seal::{Keyring, sheet_text_parse};
use engine::vault::{VaultReader, identity_of, keys_of, list_heads, unlock};
use told::{ToldPoint, points_of};

/// Golden folders that are tested, one test each below.
const TESTED: [&str; 1] = ["v1-odd"];

fn all() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vault")
}

#[test]
fn v1_odd_is_read() {
    Golden::open("v1-odd").judge();
}

#[test]
fn every_golden_vault_is_tested() {
    let mut found: Vec<String> = fs::read_dir(all())
        .expect("golden vaults")
        .map(|entry| entry.expect("listed").path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, TESTED);
}

/// One golden folder, opened with its passphrase.
struct Golden {
    folder: PathBuf,
    store: FileStore,
    keyring: Keyring,
}

impl Golden {
    fn open(name: &str) -> Self {
        let folder = all().join(name);
        let store = FileStore::open(&folder.join("vault"), Privacy::Umask).expect("the vault's folder");
        let identity = identity_of(&store).expect("its identity");
        let keys = keys_of(&store, identity.family).expect("its key slots");
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("a secret");
        let keyring = unlock(&keys, SlotKind::Passphrase, read("passphrase").trim_end().as_bytes());
        let sheet = sheet_text_parse(&read("sheet.txt")).expect("as it was typed");
        let by_sheet = unlock(&keys, SlotKind::Sheet, &sheet).expect("the sheet opens it");
        let keyring = keyring.expect("the passphrase opens it");
        assert_eq!(keyring.identity(), by_sheet.identity());
        for head in list_heads(&store, identity.vault, &keyring).expect("heads") {
            head.body.expect("a head opens");
        }
        Self { folder, store, keyring }
    }

    fn judge(&self) {
        let expected = fs::read_to_string(self.folder.join("points.json")).expect("what was in it");
        let points = points_of(&self.store, &self.keyring);
        assert_eq!(told::json(&points), expected, "its points do not list as they did");
        assert!(points.iter().any(|point| point.manifest.entries.len() > 2), "a stream of several chunks");
        for point in &points {
            self.every_object_is_whole(point);
            self.restores(point);
        }
    }

    fn every_object_is_whole(&self, point: &ToldPoint) {
        let reader = VaultReader::new(&self.store, &self.keyring);
        for pack in &point.packs {
            let file = fs::read(self.folder.join("vault").join(ObjectName::Pack(*pack).path().as_str()));
            let file = file.expect("the pack");
            assert_eq!(blake3::hash(&file).as_bytes(), &pack.0);
            if let Some(bytes) = point.names.bytes(pack) {
                assert_eq!(file.len(), bytes as usize, "the pack list's length of {pack}");
            }
            reader.footer(point.manifest.group, pack).expect("its footer");
        }
    }

    fn restores(&self, point: &ToldPoint) {
        let held = tempfile::tempdir().expect("a temporary folder");
        let target = held.path().join("target");
        let done = restore(&Request {
            keyring: &self.keyring,
            job: point.manifest.job,
            point: point.manifest.name,
            places: &[Place { name: DestinationName::home(), store: &self.store }],
            target: &target,
            paths: &[],
            options: TreeOptions { existing: Existing::Keep, owners: Owners::Recorded },
            doing: Doing::Write,
            stop: &|| false,
            progress: &|_| {},
        })
        .expect("restores");
        assert_eq!((&done.lost[..], &done.gaps[..], &done.damage[..]), (&[][..], &[][..], &[][..]));
        // Devices, owners and some attributes need root's rights, or a file system that has them.
        assert!(matches!(done.exit(), 0 | 3), "{:?}", done.problems);
        for (path, digest) in point.files() {
            let file = target.join(as_path(path));
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs::File::open(&file).expect("restored")).expect("readable");
            assert_eq!(hasher.finalize().as_bytes(), &digest.0, "{path}");
        }
        for (path, leads) in point.links() {
            assert_eq!(fs::read_link(target.join(as_path(path))).expect("a link"), as_path_bytes(leads), "{path}");
        }
    }
}

fn as_path(path: &EntryPath) -> PathBuf {
    as_path_bytes(path.as_bytes())
}

fn as_path_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[test]
#[ignore = "makes a new golden vault, named by GOLDEN"]
fn make_a_golden_vault() {
    let name = std::env::var("GOLDEN").expect("GOLDEN names the new folder");
    let folder = all().join(&name);
    assert!(!folder.exists(), "{name} is there: golden vaults are never made again");
    make::make(&folder);
    let golden = Golden::open(&name);
    let points = told::json(&points_of(&golden.store, &golden.keyring));
    fs::write(folder.join("points.json"), points).expect("written");
    golden.judge();
}
