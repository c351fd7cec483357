//! Several handles and several processes on one catalog.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::*;

#[test]
fn a_write_that_waits_too_long_for_another_is_busy_and_later_works() {
    let (folder, catalog) = on_disk();
    let short = OpenOptions { deadline: Duration::from_millis(30), ..options() };
    let other = Catalog::open(folder.path(), short).expect("opened");
    let (began, is_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let holder = catalog.clone();
    let held = thread::spawn(move || {
        let may_go_on = std::sync::Mutex::new(may_go_on);
        holder.handle.write(|tables| {
            began.send(()).expect("heard");
            may_go_on.lock().expect("whole").recv().expect("told");
            tables.update_meta(|meta| meta.next_sequence += 1)
        })
    });
    is_begun.recv().expect("begun");
    assert!(matches!(other.take_order(), Err(CatalogError::Busy { .. })));
    assert_eq!(other.meta().expect("readers do not wait").next_sequence, 1);
    let late = Catalog::open(folder.path(), short);
    assert!(matches!(late, Err(CatalogError::Busy { .. })), "opening waits for the writer, but not without end");
    go_on.send(()).expect("heard");
    held.join().expect("joined").expect("committed");
    assert_eq!(other.take_order().expect("given").sequence, 2);
}

#[test]
fn a_handle_notices_that_the_file_was_replaced() {
    let (folder, catalog) = on_disk();
    let newer = Founding { epoch: 2, ..founding() };
    let rebuild = Catalog::rebuild(folder.path(), &newer, options()).expect("begun");
    furnish(rebuild.catalog()).expect("furnished");
    let short = OpenOptions { deadline: Duration::from_millis(30), ..options() };
    let late = Catalog::open(folder.path(), short);
    assert!(matches!(late, Err(CatalogError::Busy { .. })), "nobody is let in meanwhile");
    rebuild.finish().expect("in place");
    assert_eq!(catalog.take_order().expect("given").epoch, 2);
    assert_eq!(catalog.meta().expect("read").epoch, 2);
}

#[test]
fn a_rebuild_that_is_dropped_leaves_the_old_catalog() {
    let (folder, catalog) = on_disk();
    drop(Catalog::rebuild(folder.path(), &Founding { epoch: 2, ..founding() }, options()).expect("begun"));
    assert_eq!(catalog.meta().expect("read").epoch, 1);
    assert!(!folder.path().join(".tmp-catalog.redb").exists());
}

#[test]
fn nothing_is_made_over_a_catalog_that_is_there() {
    let (folder, _catalog) = on_disk();
    let again = Catalog::create(folder.path(), &founding(), options());
    assert!(matches!(again, Err(CatalogError::Exists { .. })));
}

#[cfg(unix)]
#[test]
fn the_files_are_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, catalog) = on_disk();
    catalog.take_order().expect("given");
    let mode = |path: &str| folder.path().join(path).metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!([mode("catalog.redb"), mode("locks/catalog"), mode("locks")], [0o600, 0o600, 0o700]);
}

/// Removal and capture at once, on two handles: whatever comes first, no committed point lacks a pack.
#[test]
fn a_removal_racing_captures_never_takes_a_pack_of_a_committed_point() {
    let (folder, catalog) = on_disk();
    capture(&catalog, &[0], &[], None).expect("made");
    let remover = Catalog::open(folder.path(), options()).expect("opened");
    let (stop, stopped) = mpsc::channel::<()>();
    let removing = thread::spawn(move || {
        let mut removed = 0;
        while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let placed = remover.placements_at(HOME).expect("read");
            let oldest = placed.iter().find(|(_, row)| row.state == State::Complete).map(|(order, _)| *order);
            removed += oldest.map_or(0, |order| remove(&remover, HOME, &[order]).expect("removed").points.len());
        }
        removed
    });
    for n in 1..40 {
        reuse_or_store(&catalog, n);
    }
    stop.send(()).expect("heard");
    assert!(removing.join().expect("joined") > 0, "there was a race");
    catalog.check().expect("sound");
}

/// A point of the pack before, if it can still be had, and a new one.
fn reuse_or_store(catalog: &Catalog, n: u64) {
    let capture = catalog.begin_capture("capture-1").expect("begun");
    let order = catalog.take_order().expect("given");
    let mut packs = vec![catalog.add_pack(capture, &new_pack(n), at(5)).expect("stored")];
    let chunk = catalog.find_chunk(GROUP, &chunk_id(n - 1, 0)).expect("read");
    let reserved = |chunk: &ChunkAt| catalog.reserve_packs(capture, &[chunk.pack]).expect("asked").is_empty();
    packs.extend(chunk.filter(reserved).map(|chunk| chunk.pack));
    let new = NewPoint {
        point: point_row(order, None),
        canaries: 0,
        packs: packs.clone(),
        owed: Vec::new(),
        declined: Vec::new(),
        adopted: None,
        now: at(6),
    };
    catalog.commit_point(capture, &new).expect("each pack was reserved");
    let snapshot = catalog.snapshot().expect("read");
    let is_there = snapshot.placements[&HOME][&order].state.is_there();
    let whole = packs.iter().all(|pack| snapshot.pack_at[&HOME][pack].state == PackState::Present);
    assert!(!is_there || whole, "point {order} lacks a pack");
}

const CHILD_STATE: &str = "CATALOG_TEST_STATE";

/// Not a test of its own: what the other processes of the next ones do, until they are killed.
#[test]
#[ignore = "runs as a child of another test"]
fn child_that_writes_without_end() {
    let Some(state) = std::env::var_os(CHILD_STATE) else { return };
    let catalog = Catalog::open(std::path::Path::new(&state), options()).expect("opened");
    loop {
        catalog.take_order().expect("given");
    }
}

fn child(folder: &tempfile::TempDir) -> std::process::Child {
    let this = std::env::current_exe().expect("known");
    let test = "catalog::tests::races::child_that_writes_without_end";
    Command::new(this)
        .args([test, "--exact", "--ignored"])
        .env(CHILD_STATE, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("spawned")
}

#[test]
fn processes_share_the_catalog_and_a_killed_one_is_in_nobodys_way() {
    let (folder, catalog) = on_disk();
    for round in 0..4 {
        let mut children = [child(&folder), child(&folder)];
        let before = catalog.meta().expect("read").next_sequence;
        let mut given = Vec::new();
        while given.len() < 20 || catalog.meta().expect("read").next_sequence < before + 60 {
            given.push(catalog.take_order().expect("given"));
        }
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("reaped");
        }
        assert!(given.windows(2).all(|pair| pair[0] < pair[1]), "round {round}");
        catalog.take_order().expect("nobody holds anything any more");
    }
    catalog.check().expect("sound");
}
