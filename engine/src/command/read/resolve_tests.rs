//! A catalog with a few points, and what names them.

use super::*;
use crate::catalog::{Founding, Guards, NewJobIds, NewMedium, NewPoint, NewRemoval, OpenOptions, Removal};
use crate::command::Exit;
use crate::model::{Digest, FamilyId, GroupId, KeyEpoch, Name, PointOrder, Time, VaultId, WriterId};

const HOME: VaultId = VaultId([1; 16]);
const DOCUMENTS: JobId = JobId([7; 8]);
const BEEF: JobId = JobId([9; 8]);

struct Fixture {
    catalog: Catalog,
    _folder: tempfile::TempDir,
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let created = Time::from_seconds(1);
        let founding = Founding { family: FamilyId([2; 16]), writer: WriterId([3; 16]), epoch: 1, created };
        let catalog = Catalog::create(folder.path(), &founding, OpenOptions::default()).expect("made");
        let medium = NewMedium {
            vault: HOME,
            destination: Name::home(),
            place: String::new(),
            file_system: String::new(),
            device: 0,
            same_disk: false,
            probe: Vec::new(),
            enrolled: created,
        };
        catalog.enrol(&medium).expect("enrolled");
        for (text, job) in [("documents", DOCUMENTS), ("beef", BEEF)] {
            catalog.ensure_job(&name(text), None, &NewJobIds { job, group: GroupId(job.0) }).expect("made");
        }
        Self { catalog, _folder: folder }
    }

    fn point(&self, job: JobId, id: [u8; 8]) -> PointOrder {
        let capture = self.catalog.begin_capture("capture").expect("begun");
        let order = self.catalog.take_order().expect("taken");
        let point = PointRow {
            order,
            id: PointId(id),
            job,
            group: GroupId(job.0),
            created: Time::from_seconds(10),
            files: 0,
            bytes: 0,
            stored_bytes: 0,
            entries: 0,
            base: None,
            pinned: false,
            manifest_bytes: 1,
            manifest_digest: Digest([0; 32]),
            key_epoch: KeyEpoch(1),
            removed: None,
        };
        let now = Time::from_seconds(10);
        let new = NewPoint {
            point,
            canaries: 0,
            packs: Vec::new(),
            owed: Vec::new(),
            declined: Vec::new(),
            adopted: None,
            now,
        };
        self.catalog.commit_point(capture, &new).expect("committed");
        order
    }

    fn remove(&self, point: PointOrder) {
        let removal = Removal::Evicted { reason: "full".to_owned() };
        let now = Time::from_seconds(20);
        let guards = Guards::ByHand;
        let new = NewRemoval { medium: HOME, points: &[point], removal, incoming: None, guards, expected: None, now };
        self.catalog.mark_deleting(&new).expect("marked");
        self.catalog.point_gone(HOME, point).expect("gone");
    }

    fn resolved(&self, text: &str) -> PointOrder {
        resolve(&self.catalog, text).unwrap_or_else(|failure| panic!("{text}: {failure}")).order
    }

    fn refused(&self, text: &str) -> Failure {
        resolve(&self.catalog, text).expect_err(text)
    }
}

#[test]
fn a_jobs_name_is_its_newest_point_that_should_be_there() {
    let fixture = Fixture::new();
    let first = fixture.point(DOCUMENTS, [1; 8]);
    let second = fixture.point(DOCUMENTS, [2; 8]);
    fixture.point(BEEF, [3; 8]);
    assert_eq!((fixture.resolved("documents"), fixture.resolved("documents~0")), (second, second));
    assert_eq!(fixture.resolved("documents~1"), first);
    let newest = resolve(&fixture.catalog, "documents").expect("there");
    assert_eq!(one_before(&fixture.catalog, &newest).expect("read").map(|point| point.order), Some(first));
    fixture.remove(second);
    assert_eq!(fixture.resolved("documents"), first, "an evicted point should not be there");
    assert_eq!(fixture.refused("documents~1").exit, Exit::Failed);
}

#[test]
fn an_id_needs_four_digits_and_a_jobs_name_wins_over_them() {
    let fixture = Fixture::new();
    let other = fixture.point(DOCUMENTS, [0xbe, 0xef, 0, 0, 0, 0, 0, 1]);
    let beef = fixture.point(BEEF, [0x12; 8]);
    assert_eq!(fixture.resolved("beef"), beef);
    assert_eq!((fixture.resolved("beef0"), fixture.resolved("BEEF0000")), (other, other));
    assert_eq!((fixture.resolved("1212"), fixture.resolved("1212121212121212")), (beef, beef));
    for text in
        ["121", "12121212121212121", "ffff", "", "~1", "nope", "nope~1", "beef~x", "beef~-1", "1212~1", "ümlaut"]
    {
        assert_eq!(fixture.refused(text).exit, Exit::Usage, "{text}");
    }
}

#[test]
fn digits_that_name_several_points_list_them_unless_only_one_is_there() {
    let fixture = Fixture::new();
    let first = fixture.point(DOCUMENTS, [0xaa, 0xbb, 1, 0, 0, 0, 0, 0]);
    let second = fixture.point(DOCUMENTS, [0xaa, 0xbb, 2, 0, 0, 0, 0, 0]);
    let failure = fixture.refused("aabb");
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.why.contains("aabb010000000000, aabb020000000000"), "{failure}");
    fixture.remove(second);
    assert_eq!(fixture.resolved("aabb"), first);
}
