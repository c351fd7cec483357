//! What heads say is heeded by a catalog that was set back, and no place in the order is given twice once it shows.

use std::collections::BTreeSet;

use super::*;
use crate::catalog::EvictedMark;
use crate::copy::{Inspected, Inspection, Lists, heed_head, inspect_files, inspect_objects, publish_head, refused_at};
use crate::model::{ObjectName, VaultPath};
use crate::plan::CopyReason;
use crate::vault::list_heads;

fn world(drives: usize) -> World {
    (1..).map(|seed| World::new(seed, Canary::None)).find(|world| world.drives.len() == drives).expect("one of many")
}

fn made(world: &mut World) -> PointName {
    world.capture(0, Reading::Everything).expect("made").name
}

/// A session at a drive, home is 0, that does nothing but begin and end.
fn publish(world: &World, at: usize) {
    let drive = if at == 0 { &world.home } else { &world.drives[at - 1] };
    let tell = |told: &Told| world.note(told);
    publish_head(world.tools(&tell), &world.wire(drive).expect("there"), drive.vault).expect("a head is left");
}

/// Copies a point to the first drive.
fn copied(world: &World, point: PointName) {
    let tell = |told: &Told| world.note(told);
    let (home, drive) = (world.wire(&world.home).expect("there"), world.wire(&world.drives[0]).expect("there"));
    let origins = [Origin { medium: world.home.vault, destination: DestinationName::home(), store: &home }];
    let session = Session::open(world.tools(&tell), &drive, world.drives[0].vault).expect("opened");
    let step = Step::Copy {
        point: point.order,
        sources: vec![world.home.vault],
        packs: Vec::new(),
        bytes: 0,
        replaces: 0,
        peak: 0,
        reason: CopyReason::Owed,
    };
    let planned = crate::catalog::Generation(u64::MAX);
    let rules = RemovalRules { keep_at_least: 0, last_copy: crate::catalog::LastCopy::MayGo, planned };
    let outcome = execute(&session, &[(step, "it is owed".to_owned())], &origins, &rules);
    assert_eq!((outcome.copied.len(), &outcome.failures[..]), (1, &[][..]));
    session.close().expect("closed");
}

fn told(world: &World) -> String {
    world.notes.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
}

#[test]
fn what_a_person_said_before_the_catalog_was_set_back_holds_again_before_anything_is_planned() {
    let mut world = world(2);
    let first = made(&mut world);
    (0..3).for_each(|at| publish(&world, at));
    world.save();
    let second = made(&mut world);
    let job = world.catalog.point(first.order).expect("read").expect("known").job;
    let (near, far) = (world.drives[0].vault, world.drives[1].vault);
    for point in [first, second] {
        world.catalog.pin(point.order).expect("pinned");
    }
    world.catalog.update_job(job, &|row| row.alarm = Some("half is gone".into())).expect("raised");
    let mark = EvictedMark { job, order: first.order };
    world.catalog.update_medium(near, &|row| row.evicted = vec![mark]).expect("evicted");
    let now = world.clock.now();
    world.catalog.update_medium(far, &|row| row.retired = Some(now)).expect("retired");
    publish(&world, 1);
    publish(&world, 0);
    world.roll_back_catalog().expect("set back");
    let pinned = |world: &World, point: PointName| world.catalog.point(point.order).expect("read").map(|it| it.pinned);
    assert_eq!(pinned(&world, first), Some(false), "the catalog does not know it");

    publish(&world, 1);
    assert_eq!(pinned(&world, first), Some(true));
    let row = world.catalog.jobs().expect("read").into_iter().find(|row| row.id == job).expect("known");
    assert_eq!(row.alarm.as_deref(), Some("half is gone"));
    let media = world.catalog.media().expect("read");
    let row = |vault| media.iter().find(|row| row.vault == vault).expect("known");
    assert_eq!((&row(near).evicted[..], row(far).retired.is_some()), (&[mark][..], true));
    assert_eq!(world.catalog.pinned_unseen().expect("read"), BTreeSet::from([second.id]), "it lies at home only");
    assert!(!world.catalog.meta().expect("read").unconfirmed, "a head as new as the newest point was read");
    publish(&world, 0);
    assert_eq!(pinned(&world, second), Some(true), "once it turns up");
    assert!(world.catalog.pinned_unseen().expect("read").is_empty());
    assert_eq!(world.catalog.meta().expect("read").epoch, 2);
    assert_eq!(made(&mut world).order, PointOrder { epoch: 2, sequence: 1 });
}

#[test]
fn removals_go_on_once_a_head_as_new_as_the_newest_point_was_read() {
    let mut world = world(1);
    made(&mut world);
    world.save();
    made(&mut world);
    world.roll_back_catalog().expect("set back");
    publish(&world, 0);
    let meta = world.catalog.meta().expect("read");
    assert_eq!((meta.epoch, meta.unconfirmed, world.catalog.points().expect("read").len()), (2, false, 2));
}

#[test]
fn a_head_that_later_ones_pushed_out_is_not_missed_by_a_catalog_that_was_set_back() {
    let mut world = world(1);
    publish(&world, 1);
    world.save();
    (0..6).for_each(|_| publish(&world, 1));
    world.roll_back_catalog().expect("set back");
    let (vault, wire) = (world.drives[0].vault, world.wire(&world.drives[0]).expect("there"));
    let tell = |told: &Told| world.note(told);
    let lists = Lists::new(&world.keyring, [(vault, &wire as &dyn ReadStore)]);
    let mut found = Inspection::default();
    inspect_files(&inspecting(&world, &tell, &wire, &lists), &mut found).expect("read back");
    let heads: Vec<_> = found.flaws.iter().filter(|flaw| flaw.path.as_str().starts_with("heads/")).collect();
    assert!(heads.is_empty(), "{heads:?}");
}

#[test]
fn what_a_newer_head_knew_of_is_not_heeded_again() {
    let mut world = world(1);
    let first = made(&mut world);
    world.catalog.pin(first.order).expect("pinned");
    publish(&world, 1);
    let wire = world.wire(&world.drives[0]).expect("there");
    let vault = world.drives[0].vault;
    let stale = list_heads(&wire, vault, &world.keyring).expect("listed").pop().expect("one").body.expect("readable");
    world.catalog.unpin(first.order).expect("unpinned");
    publish(&world, 0);
    let wire = world.wire(&world.home).expect("there");
    let fresh = list_heads(&wire, world.home.vault, &world.keyring).expect("listed");
    let fresh = fresh.into_iter().rev().find_map(|head| head.body.ok()).expect("one");
    let heads = [(vault, vec![stale.clone()]), (world.home.vault, vec![fresh])];
    let current: Vec<_> = crate::copy::current(&heads).into_iter().map(|(vault, _)| vault).collect();
    assert_eq!(current, [world.home.vault]);
    // Of one vault the last session counts, whatever the clock said.
    let later = crate::format::Head { session: 9, created: crate::model::Time::from_seconds(0), ..stale.clone() };
    let heads = [(vault, vec![stale, later.clone()])];
    assert_eq!(crate::copy::current(&heads), [(vault, &later)]);
    heed_head(&world.catalog, vault, &later, world.clock.now()).expect("heeded");
    assert!(world.catalog.point(first.order).expect("read").expect("known").pinned);
}

#[test]
fn two_points_in_one_place_both_stay_and_are_read_back_by_their_ids() {
    let mut world = world(1);
    let first = made(&mut world);
    copied(&world, first);
    world.save();
    world.live_a_while();
    let abandoned = made(&mut world);
    copied(&world, abandoned);
    world.roll_back_machine().expect("set back");
    world.live_a_while();
    let ours = made(&mut world);
    assert_eq!(ours.order, abandoned.order, "nothing that is there shows that it was set back");
    let vault = world.drives[0].vault;
    let before = world.drives[0].place.contents();
    publish(&world, 1);
    copied(&world, ours);
    let after = world.drives[0].place.contents();
    let gone: Vec<&VaultPath> = before.keys().filter(|path| !after.contains_key(*path)).collect();
    assert!(gone.is_empty(), "{gone:?} is deleted there");
    let row = world.catalog.medium(vault).expect("read").expect("known");
    let why = refused_at(&row).expect("it is told why").to_owned();
    assert!(why.contains(&abandoned.id.to_string()) && why.contains(&ours.id.to_string()), "{why}");
    assert!(world.catalog.meta().expect("read").unconfirmed, "until a person confirms");
    assert_eq!(made(&mut world).order, PointOrder { epoch: 2, sequence: 1 });

    assert_eq!(inspected(&world), (Vec::<String>::new(), true), "both are whole");
    let only_its = after.keys().find(|path| before.contains_key(*path) && is_of(&world, abandoned, path));
    world.drives[0].place.lose(only_its.expect("it has a pack of its own"));
    let (flaws, _) = inspected(&world);
    assert!(flaws.len() == 1 && flaws[0].contains(&abandoned.id.to_string()), "{flaws:?}");
}

/// A pack that the catalog does not know, for only that point needs it.
fn is_of(world: &World, _: PointName, path: &VaultPath) -> bool {
    match ObjectName::at(path) {
        Some(ObjectName::Pack(id)) => world.catalog.pack_by_id(&id).expect("read").is_none(),
        _ => false,
    }
}

fn inspecting<'i>(world: &'i World, tell: Tell<'i>, wire: &'i Wire, lists: &'i Lists<'i>) -> Inspected<'i> {
    Inspected {
        tools: world.tools(tell),
        medium: world.drives[0].vault,
        destination: world.config.destinations[0].name.clone(),
        store: wire,
        lists,
        keys: None,
        progress: &|_, _| {},
    }
}

/// What is wrong at the first drive, and whether its twins were told of.
fn inspected(world: &World) -> (Vec<String>, bool) {
    let (vault, wire) = (world.drives[0].vault, world.wire(&world.drives[0]).expect("there"));
    let tell = |told: &Told| world.note(told);
    let lists = Lists::new(&world.keyring, [(vault, &wire as &dyn ReadStore)]);
    let mut found = Inspection::default();
    inspect_objects(&inspecting(world, &tell, &wire, &lists), &mut found).expect("read back");
    let flaws = found.flaws.iter().map(|flaw| format!("{}: {}", flaw.path, flaw.problem)).collect();
    (flaws, told(world).contains("the same place in the order"))
}

#[test]
fn a_session_that_distrusts_leaves_its_head_before_it_waits_and_one_that_breaks_off_is_waited_for_again() {
    let mut world = world(1);
    publish(&world, 1);
    world.save();
    publish(&world, 1);
    world.roll_back_catalog().expect("set back");
    let heads = |world: &World| {
        world.drives[0].place.contents().keys().filter(|path| path.as_str().starts_with("heads/")).count()
    };
    let before = heads(&world);
    let tell = |told: &Told| world.note(told);
    let stopped = Tools { stop: &|| true, ..world.tools(&tell) };
    let wire = world.wire(&world.drives[0]).expect("there");
    let ended = publish_head(stopped, &wire, world.drives[0].vault);
    assert!(matches!(ended, Err(CopyError::Stopped)), "{ended:?}");
    assert_eq!(heads(&world), before + 1);
    let waited = |world: &World| told(world).matches("its last work is waited for").count();
    assert_eq!(waited(&world), 1);
    publish(&world, 1);
    assert_eq!(waited(&world), 2);
    publish(&world, 1);
    assert_eq!(waited(&world), 2);
}
