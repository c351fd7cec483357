//! The power goes at every step of a story, the disk loses and tears what was not flushed, and the catalog is opened
//! again: all that was reported done is there, and of what was under way all or nothing.

use super::*;

type Step = fn(&Catalog) -> Result<()>;

/// Each is one transaction, or a few of which the test may see any.
const STORY: &[Step] = &[
    |catalog| catalog.enrol(&medium(HOME, Name::home())).map(|_| ()),
    |catalog| catalog.enrol(&medium(USB, name("usb"))).map(|_| ()),
    |catalog| catalog.enrol(&medium(OFFICE, name("office"))).map(|_| ()),
    |catalog| {
        let ids = NewJobIds { job: JOB, group: GROUP };
        catalog.ensure_job(&name("documents"), None, &ids).map(|_| ())
    },
    |catalog| catalog.begin_capture("capture-1").map(|_| ()),
    |catalog| catalog.take_order().map(|_| ()),
    |catalog| catalog.add_pack(ReservationId(1), &new_pack(1), at(5)).map(|_| ()),
    |catalog| catalog.add_pack(ReservationId(1), &new_pack(2), at(5)).map(|_| ()),
    |catalog| catalog.commit_point(ReservationId(1), &new_point()),
    |catalog| catalog.begin_copy(&new_copy()).map(|_| ()),
    |catalog| catalog.pack_arrived(USB, PackNo(1), Some(read_back(8))),
    |catalog| catalog.pack_arrived(USB, PackNo(2), Some(read_back(8))),
    |catalog| catalog.settle_point(USB, FIRST, PACKS, Some(read_back(9)), at(9)).map(|_| ()),
    |catalog| catalog.mark_deleting(&removal(USB, &[FIRST])).map(|_| ()),
    |catalog| catalog.point_gone(USB, FIRST),
    |catalog| catalog.pack_gone(USB, PackNo(1)),
    |catalog| catalog.pack_gone(USB, PackNo(2)),
    |catalog| catalog.set_memo("drill", "done"),
];

const FIRST: PointOrder = PointOrder { epoch: 1, sequence: 1 };
const PACKS: &[PackNo] = &[PackNo(1), PackNo(2)];

fn new_point() -> NewPoint {
    let point = point_row(FIRST, None);
    NewPoint {
        point,
        canaries: 0,
        packs: PACKS.to_vec(),
        owed: vec![USB],
        declined: Vec::new(),
        adopted: None,
        now: at(6),
    }
}

fn new_copy() -> NewCopy<'static> {
    NewCopy { from: HOME, to: USB, point: FIRST, packs: PACKS, expected: None, now: at(7) }
}

/// Everything that can be read.
type All = (Snapshot, Vec<EventRow>, Option<String>, Vec<Option<ChunkAt>>);

fn all(catalog: &Catalog) -> Result<All> {
    let snapshot = catalog.snapshot()?;
    let ids = [chunk_id(1, 0), chunk_id(1, 1), chunk_id(2, 0), chunk_id(2, 1)];
    let chunks = if snapshot.meta.home.is_some() { catalog.find_chunks(GROUP, &ids)? } else { Vec::new() };
    Ok((snapshot, catalog.events()?, catalog.memo("drill")?, chunks))
}

fn quick() -> OpenOptions {
    OpenOptions { deadline: Duration::ZERO, cache_bytes: 1 << 20 }
}

/// How many steps of the story were reported done before the disk failed.
fn play(disk: &Arc<dyn CatalogDisk>) -> Option<usize> {
    let catalog = Catalog::create_on(Arc::clone(disk), &founding(), quick()).ok()?;
    Some(STORY.iter().take_while(|step| step(&catalog).is_ok()).count())
}

/// What can be read after each step, and how many steps of the disk it all took.
fn told_whole() -> (Vec<All>, u64) {
    let disk = SimDisk::new();
    let port: Arc<dyn CatalogDisk> = Arc::new(disk.clone());
    let catalog = Catalog::create_on(Arc::clone(&port), &founding(), quick()).expect("made");
    let mut after = vec![all(&catalog).expect("read")];
    for step in STORY {
        step(&catalog).expect("no fault yet");
        after.push(all(&catalog).expect("read"));
    }
    drop(catalog);
    let disk = SimDisk::new();
    let port: Arc<dyn CatalogDisk> = Arc::new(disk.clone());
    assert_eq!(play(&port), Some(STORY.len()));
    (after, disk.steps())
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_reported_and_keeps_nothing_half() {
    let (after, steps) = told_whole();
    assert!(steps > 100, "{steps} steps");
    for step in 0..steps {
        let disk = SimDisk::new();
        let port: Arc<dyn CatalogDisk> = Arc::new(disk.clone());
        disk.fail_from(step);
        let done = play(&port);
        disk.crash(step);
        match (done, Catalog::open_on(port, quick())) {
            (None, Err(CatalogError::Missing { .. })) => {}
            (done, Ok(catalog)) => {
                let done = done.unwrap_or(0);
                let found = all(&catalog).unwrap_or_else(|error| panic!("step {step}: {error}"));
                let under_way = after.get(done + 1);
                assert!(found == after[done] || Some(&found) == under_way, "step {step}, {done} steps done");
                catalog.check().unwrap_or_else(|error| panic!("step {step}: {error}"));
                go_on(&catalog, if found == after[done] { done } else { done + 1 });
                assert_eq!(all(&catalog).expect("read"), after[STORY.len()], "step {step}");
            }
            (done, Err(error)) => panic!("step {step}, {done:?} steps done: {error}"),
        }
    }
}

fn go_on(catalog: &Catalog, from: usize) {
    for step in &STORY[from..] {
        step(catalog).expect("no fault any more");
    }
}

#[test]
fn after_an_io_error_the_handle_is_opened_again_and_goes_on() {
    let (after, steps) = told_whole();
    for step in (20..steps).step_by(7) {
        let disk = SimDisk::new();
        let port: Arc<dyn CatalogDisk> = Arc::new(disk.clone());
        disk.fail_from(step);
        let Ok(catalog) = Catalog::create_on(port, &founding(), quick()) else { continue };
        let done = STORY.iter().take_while(|step| step(&catalog).is_ok()).count();
        disk.reconnect();
        let found = all(&catalog).unwrap_or_else(|error| panic!("step {step}: {error}"));
        assert!(found == after[done] || Some(&found) == after.get(done + 1), "step {step}, {done} steps done");
        go_on(&catalog, if found == after[done] { done } else { done + 1 });
        assert_eq!(all(&catalog).expect("read"), after[STORY.len()], "step {step}");
    }
}

#[test]
fn a_crash_while_the_file_is_migrated_leaves_the_older_or_the_newer_one() {
    let older = super::golden::bytes(1);
    let count = || {
        let disk = SimDisk::with_bytes(&older);
        Catalog::open_on(Arc::new(disk.clone()), quick()).expect("migrated");
        disk.steps()
    };
    for step in 0..count() {
        let disk = SimDisk::with_bytes(&older);
        disk.fail_from(step);
        let _ = Catalog::open_on(Arc::new(disk.clone()), quick());
        disk.crash(step);
        let catalog = Catalog::open_on(Arc::new(disk), quick()).unwrap_or_else(|error| panic!("step {step}: {error}"));
        super::golden::is_told(&catalog);
    }
}

#[test]
fn a_crash_while_a_catalog_is_rebuilt_leaves_the_old_or_the_new_one_whole() {
    let newer = Founding { epoch: 2, ..founding() };
    let rebuild = |disk: &SimDisk| -> Result<Catalog> {
        let rebuild = Catalog::rebuild_on(Arc::new(disk.clone()), &newer, quick())?;
        furnish(rebuild.catalog())?;
        rebuild.finish()
    };
    let begin = || {
        let disk = SimDisk::new();
        let catalog = Catalog::create_on(Arc::new(disk.clone()), &founding(), quick()).expect("made");
        furnish(&catalog).expect("furnished");
        drop(catalog);
        disk
    };
    let (first, last) = {
        let disk = begin();
        let first = disk.steps();
        rebuild(&disk).expect("rebuilt");
        (first, disk.steps())
    };
    for step in first..last {
        let disk = begin();
        disk.fail_from(step);
        let done = rebuild(&disk).is_ok();
        disk.crash(step);
        let catalog = Catalog::open_on(Arc::new(disk), quick()).unwrap_or_else(|error| panic!("step {step}: {error}"));
        let epoch = catalog.meta().expect("read").epoch;
        assert!(epoch == 2 || !done && epoch == 1, "step {step}");
        assert_eq!(catalog.media().expect("read").len(), 3, "step {step}");
    }
}

#[test]
fn after_an_unclean_end_the_file_is_checked_before_it_is_used() {
    let disk = SimDisk::new();
    let catalog = Catalog::create_on(Arc::new(disk.clone()), &founding(), quick()).expect("made");
    go_on(&catalog, 0);
    disk.crash(1);
    drop(catalog);
    let unclean = disk.bytes();
    let (mut refused, mut sound) = (0, 0);
    let used = |block: &usize| unclean[block * 64..][..64].iter().any(|&byte| byte != 0);
    for block in (0..unclean.len() / 64).filter(used).step_by(3) {
        let disk = SimDisk::with_bytes(&unclean);
        disk.flip(block * 64 + block % 64, 4);
        match Catalog::open_on(Arc::new(disk), quick()) {
            Ok(catalog) => {
                catalog.check().unwrap_or_else(|error| panic!("block {block}: opened, but {error}"));
                sound += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20 && sound > 0, "{refused} refused, {sound} sound");
}
