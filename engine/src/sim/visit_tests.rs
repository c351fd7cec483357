//! How a plan's steps are carried out once the world has moved on.

use super::*;
use crate::catalog::{Generation, LastCopy, Withheld};
use crate::destination::Operation;
use crate::destination::memory::Lists;
use crate::destination::record::{Recorded, Tally};
use crate::model::VaultPath;
use crate::plan::{CopyReason, Loss};

fn copy(point: PointOrder, from: VaultId) -> (Step, String) {
    let (packs, bytes, replaces, peak) = (Vec::new(), 0, 0, 0);
    let step = Step::Copy { point, sources: vec![from], packs, bytes, replaces, peak, reason: CopyReason::Owed };
    (step, "it is owed".to_owned())
}

fn evict(point: PointOrder, by: PointOrder) -> (Step, String) {
    let reason = RemoveReason::Eviction { by };
    (Step::Remove { point, reason, packs: Vec::new(), bytes: 0, after: Vec::new() }, "makes room".to_owned())
}

#[test]
fn once_a_removal_has_to_wait_nothing_more_is_copied_and_the_reason_is_told() {
    let mut world = World::new(1, Canary::None);
    let older = world.capture(0, Reading::Everything).expect("made").name.order;
    let newer = world.capture(0, Reading::Everything).expect("made").name.order;
    let (home, drive) = (world.home.vault, world.drives[0].vault);
    let (here, there) = (world.wire(&world.home).expect("there"), world.wire(&world.drives[0]).expect("there"));
    let tell = |told: &Told| world.note(told);
    let origins = [Origin { medium: home, destination: DestinationName::home(), store: &here }];
    let session = Session::open(world.tools(&tell), &there, drive).expect("opened");
    let planned = Generation(u64::MAX);
    let none = RemovalRules { keep_at_least: 0, last_copy: LastCopy::MayGo, planned };
    let outcome = execute(&session, &[copy(older, home)], &origins, &none);
    assert_eq!((outcome.copied.len(), &outcome.failures[..]), (1, &[][..]));
    let verified = (Step::VerifyOrigin { point: newer }, String::new());
    let steps = [verified, evict(older, newer), copy(newer, home)];
    let before = world.drives[0].place.contents();
    let outcome = execute(&session, &steps, &origins, &RemovalRules { keep_at_least: 1, ..none });
    let kept: Vec<_> = outcome.kept.iter().map(|kept| (kept.point, kept.why.clone())).collect();
    assert_eq!(kept, [(older, Withheld::KeepAtLeast)]);
    assert_eq!((outcome.copied.len(), outcome.removed.len(), outcome.failures.len()), (0, 0, 0), "no error, no copy");
    assert_eq!(world.drives[0].place.contents(), before);
    let notes = world.notes.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    assert!(notes.contains("keep-at-least"), "{notes}");
    let outcome = execute(&session, &steps, &origins, &none);
    assert_eq!((outcome.removed.len(), outcome.copied.len()), (1, 1), "{outcome:?}");
    session.close().expect("closed");
}

/// The second would go for nothing once the first has to stay.
#[test]
fn once_a_removal_has_to_wait_home_gives_up_nothing_more() {
    let mut world = World::new(1, Canary::None);
    let points: Vec<_> = (0..3).map(|_| world.capture(0, Reading::Everything).expect("made").name.order).collect();
    let here = world.wire(&world.home).expect("there");
    let tell = |told: &Told| world.note(told);
    let session = Session::open(world.tools(&tell), &here, world.home.vault).expect("opened");
    let rules = RemovalRules { keep_at_least: 1, last_copy: LastCopy::MayGo, planned: Generation(u64::MAX) };
    let (reason, packs) = (RemoveReason::Overflow(Loss::ThePoint), Vec::new());
    let gives = |point| Step::Remove { point, reason, packs: packs.clone(), bytes: 0, after: Vec::new() };
    let steps = [Step::Verify { point: points[2] }, gives(points[0]), gives(points[1])];
    let steps = steps.map(|step| (step, "home is full".to_owned()));
    world.catalog.pin(points[0]).expect("pinned");
    let outcome = execute(&session, &steps, &[], &rules);
    assert_eq!((outcome.removed.len(), outcome.kept.len(), outcome.failures.len()), (0, 1, 0), "{outcome:?}");
    world.catalog.unpin(points[0]).expect("not pinned");
    let outcome = execute(&session, &steps, &[], &rules);
    let lost: Vec<_> = outcome.removed.iter().map(|removed| (removed.point, removed.lost)).collect();
    assert_eq!(lost, [(points[0], Loss::ThePoint), (points[1], Loss::ThePoint)], "{outcome:?}");
    session.close().expect("closed");
}

#[test]
fn points_that_follow_one_another_share_lanes_looks_and_packs() {
    let mut world = World::new(1, Canary::None);
    world.lanes = 4;
    let mut points = Vec::new();
    for _ in 0..12 {
        let now = world.clock.now();
        lock(&world.jobs[0].tree).work(&mut world.chance, now, world.large);
        points.push(world.capture(0, Reading::Everything).expect("made").name.order);
    }
    let (home, drive) = (world.home.vault, world.drives[0].vault);
    let (here, there) = (world.wire(&world.home).expect("there"), world.wire(&world.drives[0]).expect("there"));
    let tally = Tally::default();
    let there = Recorded::new(there, tally.clone());
    let tell = |told: &Told| world.note(told);
    let origins = [Origin { medium: home, destination: DestinationName::home(), store: &here }];
    let session = Session::open(world.tools(&tell), &there, drive).expect("opened");
    let rules = RemovalRules { keep_at_least: 0, last_copy: LastCopy::MayGo, planned: Generation(u64::MAX) };
    tally.reset();
    let steps: Vec<_> = points.iter().rev().map(|point| copy(*point, home)).collect();
    let outcome = execute(&session, &steps, &origins, &rules);
    let copied: Vec<_> = outcome.copied.iter().map(|it| (it.point, it.state)).collect();
    let all: Vec<_> = points.iter().rev().map(|point| (*point, Placed::Complete)).collect();
    assert_eq!((copied, &outcome.failures[..]), (all, &[][..]), "in the plan's order");
    let is_object = |path: &&VaultPath| path.as_str().starts_with("packs/") || path.as_str().starts_with("points/");
    let objects = world.drives[0].place.contents().keys().filter(is_object).count();
    let of = |operation| tally.of(operation).requests;
    let told = format!("{objects} objects: {:?}", tally.all());
    assert_eq!(of(Operation::Finish), objects as u64, "each is sent once: {told}");
    assert!(of(Operation::List) <= 3, "one look at the heads stands for a batch of manifests: {told}");
    assert!(of(Operation::Stat) <= 2 * objects as u64, "{told}");
    session.close().expect("closed");
}

#[test]
fn a_place_that_only_let_us_add_when_it_was_enrolled_is_not_asked_to_delete_until_it_is_enrolled_again() {
    use crate::catalog::{DELETES, DELETIONS, Mark};
    let world = World::new(1, Canary::None);
    let drive = world.drives[0].vault;
    let answered = |value: &str| {
        let mark = Mark { name: DELETIONS.to_owned(), value: value.to_owned() };
        world.catalog.update_medium(drive, &|row| row.probe = vec![mark.clone()]).expect("known");
        let (store, tell) = (world.wire(&world.drives[0]).expect("there"), |told: &Told| world.note(told));
        Session::open(world.tools(&tell), &store, drive).expect("opened").deletions()
    };
    let Deletions::Refused(why) = answered("can't delete x: Permission denied") else { panic!("it may not delete") };
    assert!(why.contains("Permission denied") && why.contains("engine enrol"), "{why}");
    assert_eq!(answered(DELETES), Deletions::Allowed);
}

/// What a late list lacks is no sign that the place was set back, which costs a wait and all evidence there; what it still
/// shows keeps nothing from being deleted.
#[test]
fn a_late_list_ends_no_trust_and_stops_no_deletion() {
    let mut world = World::new(1, Canary::None);
    world.drives[0].place.set_lists(Lists::Late { page: 1000, per_mille: 1000 });
    for _ in 0..8 {
        world.capture(0, Reading::Everything).expect("made");
        for visited in world.round(Retention::Everywhere) {
            assert_eq!(visited.failures, Vec::<String>::new());
        }
    }
    let notes = world.notes.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    assert!(!notes.contains("set back") && !notes.contains("nothing is deleted there"), "{notes}");
}
