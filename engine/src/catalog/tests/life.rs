//! The life of an installation, from its first point to a removed one.

use std::collections::BTreeSet;

use super::*;
use crate::model::{EntryPath, Proof};

#[test]
fn a_point_is_made_copied_and_evicted_and_every_byte_is_counted() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1, 2], &[], None).expect("made");
    let second = capture(&catalog, &[3], &[2], None).expect("made");
    assert!(first < second);
    assert_eq!(copy(&catalog, USB, first, &[1, 2]).expect("copied"), State::Complete);
    assert_eq!(copy(&catalog, USB, second, &[2, 3]).expect("copied"), State::Complete);
    let usage = catalog.usage(USB).expect("known");
    assert_eq!((usage.packs, usage.manifests, usage.bytes()), (3, 2, 320));
    assert_eq!(catalog.freed_bytes(USB, &[first], None).expect("counted"), 110);
    let marked = remove(&catalog, USB, &[first]).expect("removed");
    assert_eq!((marked.bytes, marked.packs.len()), (110, 1));
    assert_eq!(catalog.usage(USB).expect("known").bytes(), 210);
    let placement = catalog.placement(USB, first).expect("read").expect("known");
    assert_eq!((placement.state, placement.reason.as_str()), (State::Evicted, "full"));
    let evicted = catalog.medium(USB).expect("read").expect("known").evicted;
    assert_eq!(evicted, [EvictedMark { job: JOB, order: first }]);
    assert_eq!(catalog.usage(HOME).expect("known").bytes(), 320);
    catalog.check().expect("sound");
}

#[test]
fn only_evidence_that_suffices_there_makes_a_copy_complete() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let packs = catalog.pack_numbers(&[pack_id(1)]).expect("known");
    let new = NewCopy { from: HOME, to: USB, point, packs: &packs, expected: None, now: at(7) };
    assert_eq!(catalog.begin_copy(&new).expect("begun").absent, packs);
    let settle = |manifest| catalog.settle_point(USB, point, &packs, manifest, at(9)).expect("settled");
    assert!(is_refused(&catalog.settle_point(USB, point, &packs, None, at(9)), "5.2"), "the pack is not there");
    let written = Evidence { kind: EvidenceKind::Written, time: at(8) };
    catalog.pack_arrived(USB, packs[0], Some(written)).expect("noted");
    assert_eq!(settle(Some(read_back(8))), State::Present);
    catalog.pack_arrived(USB, packs[0], Some(read_back(9))).expect("noted");
    assert_eq!(settle(None), State::Present);
    assert_eq!(settle(Some(Evidence { kind: EvidenceKind::ServerChecksum, time: at(10) })), State::Complete);
    let placement = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!((placement.proof, placement.verified), (Proof::Complete, Some(at(10))));
    assert_eq!(settle(Some(read_back(11))), State::Complete);
    let placement = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!((placement.proof, placement.verified), (Proof::BytesRead, Some(at(11))));
}

#[test]
fn the_order_of_points_is_never_given_twice_not_even_by_another_handle() {
    let (folder, catalog) = on_disk();
    let other = Catalog::open(folder.path(), options()).expect("opened");
    let mut given = vec![];
    for _ in 0..5 {
        given.push(catalog.take_order().expect("given"));
        given.push(other.take_order().expect("given"));
    }
    let sequences: Vec<_> = given.iter().map(|order| order.sequence).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<_>>());
}

#[test]
fn points_and_packs_are_found_by_prefixes() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let id = catalog.point(point).expect("read").expect("known").id;
    for digits in [0, 1, 4, 7, 16] {
        let found = catalog.points_by_prefix(&id.to_string()[..digits]).expect("read");
        assert_eq!(found.len(), 1, "{digits} digits");
    }
    assert!(catalog.points_by_prefix("ffff").expect("read").is_empty());
    assert!(catalog.points_by_prefix("nothex").expect("read").is_empty());
    assert_eq!(catalog.packs_by_short(pack_id(1).short()).expect("read").len(), 1);
    assert_eq!(catalog.point_by_id(id).expect("read").expect("known").order, point);
}

#[test]
fn a_plan_made_from_an_older_state_is_stale_and_hints_do_not_make_it_so() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    let before = catalog.snapshot().expect("read").generation;
    catalog.take_order().expect("given");
    catalog.set_memo("drill", "now").expect("kept");
    assert_eq!(catalog.generation().expect("read"), before);
    catalog.pin(point).expect("pinned");
    let points = [point];
    let late = NewRemoval { expected: Some(before), ..removal(HOME, &points) };
    assert!(matches!(catalog.mark_deleting(&late), Err(CatalogError::Stale { .. })));
}

#[test]
fn the_snapshot_is_the_state() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1, 2], &[], None).expect("made");
    let held = catalog.begin_capture("capture-9").expect("begun");
    catalog.reserve_packs(held, &[PackNo(1)]).expect("reserved");
    let snapshot = catalog.snapshot().expect("read");
    assert_eq!(snapshot.media.iter().map(|medium| medium.vault).collect::<Vec<_>>(), [HOME, USB, OFFICE]);
    assert_eq!(snapshot.points.keys().copied().collect::<Vec<_>>(), [point]);
    assert_eq!(snapshot.placements[&HOME][&point].state, State::Complete);
    assert_eq!(snapshot.placements[&USB][&point].state, State::Pending);
    assert_eq!(snapshot.pack_at[&HOME].len(), 2);
    assert_eq!(snapshot.reserved[&HOME].len(), 1);
    assert_eq!(snapshot.usage[&HOME].bytes(), 210);
    assert_eq!(snapshot.jobs[&JOB].newest_created, Some(at(1001)));
}

#[test]
fn jobs_keep_their_ids_and_share_groups_by_name() {
    let (_folder, catalog) = on_disk();
    let ids = |n: u8| NewJobIds { job: JobId([n; 8]), group: GroupId([n; 8]) };
    let again = catalog.ensure_job(&name("documents"), None, &ids(50)).expect("known");
    assert_eq!((again.id, again.group), (JOB, GROUP));
    let mail = catalog.ensure_job(&name("mail"), Some(&name("papers")), &ids(51)).expect("made");
    let scans = catalog.ensure_job(&name("scans"), Some(&name("papers")), &ids(52)).expect("made");
    assert_eq!((mail.group, scans.group, scans.id), (GroupId([51; 8]), GroupId([51; 8]), JobId([52; 8])));
    assert_eq!(catalog.jobs().expect("read").len(), 3);
    let changed = catalog.update_job(JOB, &|job| job.alarm = Some("half are gone".to_owned())).expect("changed");
    assert_eq!(catalog.job_named(&name("documents")).expect("read"), Some(changed));
}

#[test]
fn the_log_keeps_its_newest_lines_only() {
    let (_folder, catalog) = on_disk();
    let line = |n: u64| EventRow {
        time: at(1),
        kind: EventKind::Noted,
        job: None,
        point: None,
        medium: None,
        bytes: n,
        reason: String::new(),
    };
    let more = 3;
    catalog.handle.write(|tables| (1..=EVENTS_MAX + more).try_for_each(|n| tables.log(&line(n)))).expect("logged");
    let events = catalog.events().expect("read");
    assert_eq!(events.len() as u64, EVENTS_MAX);
    assert_eq!(events.first().map(|event| event.bytes), Some(more + 1));
}

#[test]
fn what_a_fenced_medium_holds_is_only_present() {
    let (_folder, catalog) = on_disk();
    let point = capture(&catalog, &[1], &[], None).expect("made");
    copy(&catalog, USB, point, &[1]).expect("copied");
    catalog.distrust(USB, "another session was there", at(30)).expect("distrusted");
    let placement = catalog.placement(USB, point).expect("read").expect("known");
    assert_eq!((placement.state, placement.proof, placement.verified), (State::Present, Proof::Present, None));
    assert_eq!(catalog.pack_at(USB, PackNo(1)).expect("read").expect("known").evidence, None);
}

/// The mark of eviction is of the newest that went; a list that is late shows less than there is.
#[test]
fn a_point_that_was_kept_while_a_newer_one_was_evicted_did_not_go_on_purpose() {
    let (_folder, catalog) = on_disk();
    let first = capture(&catalog, &[1], &[], None).expect("made");
    let second = capture(&catalog, &[2], &[], None).expect("made");
    copy(&catalog, USB, first, &[1]).expect("copied");
    copy(&catalog, USB, second, &[2]).expect("copied");
    remove(&catalog, USB, &[second]).expect("evicted");
    let manifest = |order| catalog.point(order).expect("read").expect("known").manifest();
    let (kept, gone) = (manifest(first), manifest(second));
    catalog.note_unsure(USB, &kept).expect("noted");
    catalog.note_unsure(USB, &gone).expect("noted");
    catalog.drop_unsure_gone(USB, &BTreeSet::new()).expect("looked");
    assert_eq!(catalog.unsure(USB).expect("read"), BTreeSet::from([kept]));
}

#[test]
fn what_is_remembered_of_canaries_is_of_the_newest_point_and_of_any_path() {
    let (_folder, catalog) = on_disk();
    assert_eq!(catalog.plots(JOB).expect("read"), None);
    let paths = [&b"srv/.offsite-canary"[..], b"a b\n\xff; c/.offsite-canary"];
    let paths = paths.map(|path| EntryPath::parse(path).expect("a path"));
    let mark = |whole| PlotMark { device: u64::MAX, whole };
    let plots: Plots = paths.into_iter().zip([mark(true), mark(false)]).collect();
    for plots in [Some(&plots), Some(&Plots::new()), None] {
        catalog.set_plots(JOB, plots).expect("kept");
        assert_eq!(catalog.plots(JOB).expect("read").as_ref(), plots);
    }

    let first = capture_with_canaries(&catalog, 1, 2);
    assert_eq!(catalog.canaries_in(JOB, first).expect("read"), 2);
    let second = capture_with_canaries(&catalog, 2, 1);
    let of = |order| catalog.canaries_in(JOB, order).expect("read");
    assert_eq!((of(first), of(second)), (0, 1));
    let third = capture_with_canaries(&catalog, 3, 0);
    assert_eq!((of(second), of(third)), (0, 0));
}

fn capture_with_canaries(catalog: &Catalog, pack: u64, canaries: u64) -> PointOrder {
    let capture = catalog.begin_capture("capture-1").expect("begun");
    let order = catalog.take_order().expect("taken");
    let packs = vec![catalog.add_pack(capture, &new_pack(pack), at(5)).expect("added")];
    let (point, owed, declined) = (point_row(order, None), Vec::new(), Vec::new());
    let new = NewPoint { point, canaries, packs, owed, declined, adopted: None, now: at(6) };
    catalog.commit_point(capture, &new).expect("made");
    order
}
