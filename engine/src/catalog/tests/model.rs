//! Random operations against a model that knows which point names which pack, and works everything out anew each time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Capture { new: u64, known: Vec<prop::sample::Index> },
    Hold { packs: Vec<prop::sample::Index> },
    LetGo,
    BeginCopy { to: bool, point: prop::sample::Index },
    Settle,
    Fail,
    Mark { at: u8, points: Vec<prop::sample::Index>, incoming: Option<prop::sample::Index> },
    Finish { at: u8 },
    Withdraw { at: u8 },
    Clean { at: u8 },
    Reopen,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let index = any::<prop::sample::Index>;
    let some = move || prop::collection::vec(index(), 0..4);
    let op = prop_oneof![
        4 => (0..3u64, some()).prop_map(|(new, known)| Op::Capture { new, known }),
        1 => some().prop_map(|packs| Op::Hold { packs }),
        1 => Just(Op::LetGo),
        4 => (any::<bool>(), index()).prop_map(|(to, point)| Op::BeginCopy { to, point }),
        4 => Just(Op::Settle),
        1 => Just(Op::Fail),
        4 => (0..3u8, some(), prop::option::of(index()))
            .prop_map(|(at, points, incoming)| Op::Mark { at, points, incoming }),
        3 => (0..3u8).prop_map(|at| Op::Finish { at }),
        1 => (0..3u8).prop_map(|at| Op::Withdraw { at }),
        1 => (0..3u8).prop_map(|at| Op::Clean { at }),
        1 => Just(Op::Reopen),
    ];
    prop::collection::vec(op, 1..40)
}

const MEDIA: [VaultId; 3] = [HOME, USB, OFFICE];

/// What should be, kept as simply as can be.
#[derive(Default)]
struct Model {
    /// Exactly what each manifest names.
    names: BTreeMap<PointOrder, BTreeSet<PackNo>>,
    placed: BTreeMap<(VaultId, PointOrder), State>,
    present: BTreeSet<(VaultId, PackNo)>,
    deleting: BTreeSet<(VaultId, PackNo)>,
    marked: BTreeMap<(VaultId, PointOrder), State>,
    held: BTreeSet<PackNo>,
    hold: Option<ReservationId>,
    copy: Option<(VaultId, PointOrder)>,
    packs: u64,
}

impl Model {
    fn users(&self, pack: PackNo) -> Option<(PointOrder, PointOrder)> {
        let users: Vec<_> = self.names.iter().filter(|(_, names)| names.contains(&pack)).map(|(o, _)| *o).collect();
        Some((*users.first()?, *users.last()?))
    }

    /// The rule, from the definition.
    fn needed(&self, at: VaultId, pack: PackNo, leaving: &[PointOrder], incoming: Option<PointOrder>) -> bool {
        let within = |order: PointOrder| self.users(pack).is_some_and(|(first, last)| first <= order && order <= last);
        let kept = |order: PointOrder| {
            let placed = self.placed.get(&(at, order)).is_some_and(|state| keeps_packs(*state));
            placed && !leaving.contains(&order)
        };
        let copied_from = at == HOME && self.copy.is_some_and(|(_, point)| within(point));
        let held = at == HOME && self.held.contains(&pack);
        self.names.keys().any(|&order| within(order) && kept(order))
            || incoming.is_some_and(within)
            || held
            || copied_from
    }

    fn usable(&self, at: VaultId) -> Vec<PackNo> {
        self.present.iter().filter(|(medium, _)| *medium == at).map(|(_, pack)| *pack).collect()
    }

    fn removable(&self, at: VaultId) -> Vec<PointOrder> {
        let there = |(key, state): (&(VaultId, PointOrder), &State)| (key.0 == at && state.is_there()).then_some(key.1);
        let free = |point: &PointOrder| at != HOME || self.copy.is_none_or(|(_, copied)| copied != *point);
        self.placed.iter().filter_map(there).filter(free).collect()
    }
}

struct World {
    disk: SimDisk,
    catalog: Catalog,
    model: Model,
}

impl World {
    fn new() -> Self {
        let disk = SimDisk::new();
        let catalog = Catalog::create_on(Arc::new(disk.clone()), &founding(), options()).expect("made");
        furnish(&catalog).expect("furnished");
        Self { disk, catalog, model: Model::default() }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Capture { new, known } => self.capture(*new, known),
            Op::Hold { packs } => self.hold(packs),
            Op::LetGo => self.let_go(),
            Op::BeginCopy { to, point } => self.begin_copy(if *to { USB } else { OFFICE }, point),
            Op::Settle => self.settle(),
            Op::Fail => self.fail(),
            Op::Mark { at, points, incoming } => self.mark(MEDIA[usize::from(*at)], points, incoming.as_ref()),
            Op::Finish { at } => self.finish(MEDIA[usize::from(*at)]),
            Op::Withdraw { at } => self.withdraw(MEDIA[usize::from(*at)]),
            Op::Clean { at } => self.clean(MEDIA[usize::from(*at)]),
            Op::Reopen => self.catalog = Catalog::open_on(Arc::new(self.disk.clone()), options()).expect("opened"),
        }
    }

    fn capture(&mut self, new: u64, known: &[prop::sample::Index]) {
        let usable = self.model.usable(HOME);
        let known: BTreeSet<_> = known.iter().filter(|_| !usable.is_empty()).map(|at| *at.get(&usable)).collect();
        let names: Vec<_> = self.catalog.packs(&known.iter().copied().collect::<Vec<_>>()).expect("known");
        let fresh: Vec<_> = (self.model.packs..self.model.packs + new).collect();
        let capture = self.catalog.begin_capture("capture-1").expect("begun");
        let order = self.catalog.take_order().expect("given");
        let mut packs = known.clone();
        assert_eq!(self.catalog.reserve_packs(capture, &known.into_iter().collect::<Vec<_>>()).expect("asked"), []);
        for n in fresh {
            packs.insert(self.catalog.add_pack(capture, &new_pack(n), at(5)).expect("stored"));
        }
        assert!(names.iter().all(|pack| pack.bytes == 100));
        let owed = vec![USB, OFFICE];
        let list = packs.iter().copied().collect();
        let new_point = NewPoint {
            point: point_row(order, None),
            canaries: 0,
            packs: list,
            owed,
            declined: Vec::new(),
            adopted: None,
            now: at(6),
        };
        self.catalog.commit_point(capture, &new_point).expect("committed");
        self.model.packs += new;
        self.model.present.extend(packs.iter().map(|&pack| (HOME, pack)));
        self.model.names.insert(order, packs);
        for (medium, state) in [(HOME, State::Complete), (USB, State::Pending), (OFFICE, State::Pending)] {
            self.model.placed.insert((medium, order), state);
        }
    }

    fn hold(&mut self, packs: &[prop::sample::Index]) {
        let all: Vec<_> = (1..=self.model.packs).map(PackNo).collect();
        let asked: Vec<_> = packs.iter().filter(|_| !all.is_empty()).map(|at| *at.get(&all)).collect();
        if self.model.hold.is_none() {
            self.model.hold = Some(self.catalog.begin_capture("capture-2").expect("begun"));
        }
        let refused = self.catalog.reserve_packs(self.model.hold.expect("begun"), &asked).expect("asked");
        for pack in asked {
            assert_eq!(refused.contains(&pack), !self.model.present.contains(&(HOME, pack)), "{pack:?}");
            if !refused.contains(&pack) {
                self.model.held.insert(pack);
            }
        }
    }

    fn let_go(&mut self) {
        if let Some(hold) = self.model.hold.take() {
            self.catalog.abandon_capture(hold).expect("ended");
            self.model.held.clear();
        }
    }

    fn begin_copy(&mut self, to: VaultId, point: &prop::sample::Index) {
        let at_home = self.model.removable(HOME);
        if self.model.copy.is_some() || at_home.is_empty() {
            return;
        }
        let point = *point.get(&at_home);
        let names: Vec<_> = self.model.names[&point].iter().copied().collect();
        let new = NewCopy { from: HOME, to, point, packs: &names, expected: None, now: at(7) };
        let there = self.model.placed[&(to, point)].is_there() || self.model.marked.contains_key(&(to, point));
        let blocked = names.iter().any(|&pack| self.model.deleting.contains(&(to, pack)));
        let begun = self.catalog.begin_copy(&new);
        assert_eq!(begun.is_err(), there || blocked, "{begun:?}");
        if let Ok(work) = begun {
            let absent = names.iter().filter(|&&pack| !self.model.present.contains(&(to, pack)));
            assert_eq!(work.absent, absent.copied().collect::<Vec<_>>());
            self.model.copy = Some((to, point));
            self.model.placed.insert((to, point), State::Copying);
            for pack in work.absent {
                self.catalog.pack_arrived(to, pack, Some(read_back(8))).expect("noted");
                self.model.present.insert((to, pack));
            }
        }
    }

    fn settle(&mut self) {
        let Some((to, point)) = self.model.copy.take() else { return };
        let names: Vec<_> = self.model.names[&point].iter().copied().collect();
        let state = self.catalog.settle_point(to, point, &names, Some(read_back(9)), at(9)).expect("settled");
        assert_eq!(state, State::Complete);
        self.model.placed.insert((to, point), state);
    }

    fn fail(&mut self) {
        let Some((to, point)) = self.model.copy.take() else { return };
        self.catalog.fail_copy(to, point, Leftover::NoManifest, ("pulled", at(9))).expect("noted");
        self.model.placed.insert((to, point), State::Pending);
    }

    fn mark(&mut self, at: VaultId, points: &[prop::sample::Index], incoming: Option<&prop::sample::Index>) {
        let removable = self.model.removable(at);
        if removable.is_empty() {
            return;
        }
        let points: Vec<_> =
            points.iter().map(|index| *index.get(&removable)).collect::<BTreeSet<_>>().into_iter().collect();
        let all: Vec<_> = self.model.names.keys().copied().filter(|order| !points.contains(order)).collect();
        let incoming = incoming.filter(|_| !all.is_empty()).map(|index| *index.get(&all));
        let leaves = |pack: PackNo| {
            let within = |(first, last)| points.iter().any(|&order| first <= order && order <= last);
            self.model.users(pack).is_some_and(within) && !self.model.needed(at, pack, &points, incoming)
        };
        let predicted: Vec<_> = self.model.usable(at).into_iter().filter(|&pack| leaves(pack)).collect();
        let counted = self.catalog.freed_bytes(at, &points, incoming).expect("counted");
        let marked = mark(&self.catalog, &NewRemoval { incoming, ..removal(at, &points) });
        assert_eq!(marked.packs, predicted);
        assert_eq!(marked.bytes, counted);
        assert_eq!(counted, predicted.len() as u64 * 100 + points.len() as u64 * 10);
        for point in points {
            let was = self.model.placed.insert((at, point), State::Evicted).expect("placed");
            self.model.marked.insert((at, point), was);
        }
        for pack in predicted {
            self.model.present.remove(&(at, pack));
            self.model.deleting.insert((at, pack));
        }
    }

    fn finish(&mut self, at: VaultId) {
        let before = self.catalog.usage(at).expect("known").bytes();
        let marked = self.catalog.unfinished_removals(at).expect("read");
        for &point in &marked.points {
            self.catalog.point_gone(at, point).expect("gone");
            self.model.marked.remove(&(at, point)).expect("marked");
        }
        for &pack in &marked.packs {
            self.catalog.pack_gone(at, pack).expect("gone");
            assert!(self.model.deleting.remove(&(at, pack)));
        }
        assert!(!self.model.deleting.iter().any(|(medium, _)| *medium == at));
        assert_eq!(self.catalog.usage(at).expect("known").bytes(), before - marked.bytes);
    }

    fn withdraw(&mut self, medium: VaultId) {
        let back = self.catalog.withdraw_deletion(medium, Untouched::Unknown, at(30)).expect("withdrawn");
        for point in back {
            let was = self.model.marked.remove(&(medium, point)).expect("marked");
            assert!(matches!(was, State::Complete | State::Present));
            self.model.placed.insert((medium, point), State::Present);
        }
        assert!(!self.model.marked.keys().any(|(at, _)| *at == medium));
        let deleting: Vec<_> = self.model.deleting.iter().copied().filter(|(at, _)| *at == medium).collect();
        for (at, pack) in deleting {
            if self.model.needed(at, pack, &[], None) {
                self.model.deleting.remove(&(at, pack));
                self.model.present.insert((at, pack));
                let row = self.catalog.pack_at(at, pack).expect("read").expect("known");
                assert_eq!(row.evidence, None, "nothing is known of it");
                let usable = self.catalog.find_chunk(GROUP, &chunk_of(pack)).expect("read");
                assert!(at != HOME || usable.is_none(), "nothing builds on it");
                self.catalog.pack_arrived(at, pack, Some(read_back(31))).expect("looked at");
            }
        }
    }

    fn clean(&mut self, at: VaultId) {
        let needless = |pack: &PackNo| !self.model.needed(at, *pack, &[], None);
        let predicted: Vec<_> = self.model.usable(at).into_iter().filter(needless).collect();
        assert_eq!(self.catalog.mark_unreferenced(at).expect("marked").packs, predicted);
        for pack in predicted {
            self.model.present.remove(&(at, pack));
            self.model.deleting.insert((at, pack));
        }
    }

    /// The catalog says what the model says, and what is called complete has all its packs.
    fn compare(&self) {
        let snapshot = self.catalog.snapshot().expect("read");
        for medium in MEDIA {
            let placed: BTreeMap<_, _> = snapshot.placements[&medium].iter().map(|(o, row)| (*o, row.state)).collect();
            let wanted: BTreeMap<_, _> = self
                .model
                .placed
                .iter()
                .filter(|(key, _)| key.0 == medium)
                .map(|(key, state)| (key.1, *state))
                .collect();
            assert_eq!(placed, wanted);
            let in_state = |state| {
                let rows = snapshot.pack_at[&medium].iter().filter(move |(_, row)| row.state == state);
                rows.map(|(pack, _)| (medium, *pack)).collect::<Vec<_>>()
            };
            let of = |set: &BTreeSet<(VaultId, PackNo)>| {
                set.iter().copied().filter(|(at, _)| *at == medium).collect::<Vec<_>>()
            };
            assert_eq!(in_state(PackState::Present), of(&self.model.present));
            assert_eq!(in_state(PackState::Deleting), of(&self.model.deleting));
            for (order, state) in &placed {
                let whole = |pack| self.model.present.contains(&(medium, pack));
                assert!(*state != State::Complete || self.model.names[order].iter().all(|&pack| whole(pack)));
            }
            let manifests = placed.values().filter(|state| state.is_there()).count()
                + self.model.marked.keys().filter(|(at, _)| *at == medium).count();
            let usage = snapshot.usage[&medium];
            assert_eq!(usage.packs, snapshot.pack_at[&medium].len() as u64);
            assert_eq!((usage.pack_bytes, usage.manifests), (usage.packs * 100, manifests as u64));
        }
    }
}

/// The model numbers packs from 0, the catalog from 1.
fn chunk_of(pack: PackNo) -> crate::model::ChunkId {
    chunk_id(pack.0 - 1, 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_catalog_does_what_the_model_does(ops in ops()) {
        let mut world = World::new();
        for op in &ops {
            world.apply(op);
            world.compare();
        }
        world.catalog.check().expect("sound");
    }
}
