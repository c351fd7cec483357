//! Points on their way to one medium: their packs over as many lanes as the place takes, each point's manifest behind
//! its packs.
//!
//! In: points in the order of the plan, fetched when a lane is free. Out: how each landed, in that order.
//! Invariants: a manifest is sent when each pack that it names has its evidence and was looked at once more; an object
//! is on one lane at a time, also where two points need it; lanes record damage that they meet, and only this thread moves
//! a point's copy on. Where a place has one lane, or only one is wanted, there is no other thread, and one point at a time.
//! Deliberately absent: which points, from where and why (`execute`); one object's way (`send`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::error::{CopyError, chain};
use super::mirrored::digest_of;
use super::point::{Wanted, last_look, left_there, send_from_any};
use super::progress::Progress;
use super::send::{Lane, LiesThere, Load, Passed};
use super::session::{Lanes, Session, WhenFull};
use crate::catalog::{Evidence, Leftover, NewCopy, PackNo, PackRow, PackState};
use crate::model::{ObjectName, State};
use crate::plan::ON_SEED;

/// A pack that was seen there so lately is not looked at again for the next point: at a server a look is a round trip.
const SEEN_LATELY: Duration = Duration::from_secs(300);

/// How a point landed.
pub(super) enum Landed {
    /// There, in this state, with so many bytes sent.
    There(State, u64),
    /// Not there: its placement is as [`Leftover`] says, checkpoints stay.
    Failed(CopyError),
    /// Broken off, or not begun, because another one's failure ended the session.
    Untried,
}

/// A point's landing, and how long it took.
pub(super) type Flown = (Landed, Duration);

/// Copies the points that `next` gives, until it gives no more or the session can't go on.
pub(super) fn copy_points<'o>(
    session: &Session<'_>,
    next: &mut dyn FnMut() -> Option<Result<Wanted<'o>, CopyError>>,
) -> Vec<Flown> {
    let (halt, asked) = (AtomicBool::new(false), session.tools.stop);
    let stop = || halt.load(Ordering::Relaxed) || asked();
    let lane = session.lane().stopped_by(&stop);
    let mut flight = Flight {
        session,
        lane,
        halt: &halt,
        next,
        queue: VecDeque::new(),
        aboard: BTreeMap::new(),
        waiting: BTreeMap::new(),
        seen: BTreeMap::new(),
        flown: Vec::new(),
        ended: None,
        is_full: false,
    };
    match (session.lanes, session.store.lanes_max()) {
        (Lanes::One, _) | (_, 0 | 1) => flight.alone(),
        (Lanes::AsManyAsThePlaceTakes, lanes) => flight.together(lanes),
    }
    flight.flown.into_iter().map(|flown| flown.unwrap_or((Landed::Untried, Duration::ZERO))).collect()
}

/// What a lane does for a point.
struct Task<'o> {
    point: usize,
    wanted: Arc<Wanted<'o>>,
    work: Work,
}

enum Work {
    Pack(PackNo, PackRow, LiesThere),
    Look(Vec<(PackNo, PackRow)>),
    Manifest,
}

/// What a task brought.
enum Brought {
    Evidence(Evidence),
    Looked,
}

enum Event<'o> {
    Passed(usize, Passed),
    Done(Task<'o>, std::thread::Result<Result<Brought, CopyError>>),
}

/// One lane: a task after the other, until there are no more.
fn work<'o>(lane: Lane<'_>, tasks: &Receiver<Task<'o>>, events: &Sender<Event<'o>>) {
    for task in tasks {
        let mut passed = |passed| drop(events.send(Event::Passed(task.point, passed)));
        // Our own bug on a lane must end the process as one on its main thread does, and not leave that one waiting.
        let done = catch_unwind(AssertUnwindSafe(|| carry_out(lane, &task, &mut passed)));
        if events.send(Event::Done(task, done)).is_err() {
            return;
        }
    }
}

fn carry_out(lane: Lane<'_>, task: &Task<'_>, passed: &mut dyn FnMut(Passed)) -> Result<Brought, CopyError> {
    let wanted = &*task.wanted;
    match &task.work {
        Work::Pack(_, row, there) => {
            let (object, digest) = (ObjectName::Pack(row.id), digest_of(lane.store, &row.id));
            let load = Load { object: &object, digest: &digest, bytes: row.bytes, lies_there: *there };
            send_from_any(lane, wanted, load, passed).map(Brought::Evidence)
        }
        Work::Look(rows) => last_look(lane, rows).map(|()| Brought::Looked),
        Work::Manifest => {
            let (object, point) = (wanted.object(), &wanted.point);
            let load = Load {
                object: &object,
                digest: &point.manifest_digest,
                bytes: point.manifest_bytes,
                lies_there: LiesThere::Perhaps,
            };
            send_from_any(lane, wanted, load, passed).map(Brought::Evidence)
        }
    }
}

/// A point on its way.
struct Aboard<'f, 'o> {
    wanted: Arc<Wanted<'o>>,
    rows: BTreeMap<PackNo, PackRow>,
    progress: Progress<'f>,
    began: Duration,
    /// What lies there of the point, if its copy ends now.
    left: Leftover,
    /// Packs that have to come first.
    missing: usize,
    /// Tasks of it that are on a lane.
    aloft: usize,
    failed: Option<CopyError>,
    /// Packs of it travel there on a seed's drive: its manifest waits for them.
    travels: bool,
}

struct Flight<'f, 'o> {
    session: &'f Session<'f>,
    lane: Lane<'f>,
    /// Told to the lanes once the session can't go on.
    halt: &'f AtomicBool,
    next: &'f mut dyn FnMut() -> Option<Result<Wanted<'o>, CopyError>>,
    queue: VecDeque<Task<'o>>,
    aboard: BTreeMap<usize, Aboard<'f, 'o>>,
    /// Packs that are queued or on a lane, just as long as they are, and the points that wait for them.
    waiting: BTreeMap<PackNo, BTreeSet<usize>>,
    seen: BTreeMap<PackNo, Duration>,
    flown: Vec<Option<Flown>>,
    /// Why the session can't go on.
    ended: Option<String>,
    /// The place is full, no plan knew, and nothing more is to begin then.
    is_full: bool,
}

impl<'f, 'o> Flight<'f, 'o> {
    fn alone(&mut self) {
        while let Some(task) = self.take() {
            let (lane, aboard) = (self.lane, &mut self.aboard);
            let mut passed = |bytes| aboard.get_mut(&task.point).into_iter().for_each(|it| it.progress.more(bytes));
            let brought = carry_out(lane, &task, &mut passed);
            self.done(task, brought);
        }
    }

    fn together(&mut self, lanes: usize) {
        let (lane, (tell, events)) = (self.lane, unbounded());
        std::thread::scope(|scope| {
            let (give, tasks) = unbounded();
            for _ in 0..lanes {
                let (tasks, tell) = (tasks.clone(), tell.clone());
                scope.spawn(move || work(lane, &tasks, &tell));
            }
            let mut busy = 0;
            loop {
                while busy < lanes && (busy == 0 || self.is_room_beside(busy)) {
                    let Some(task) = self.take() else { break };
                    busy += usize::from(give.send(task).is_ok());
                }
                if busy == 0 {
                    return;
                }
                match events.recv().expect("we hold a sender") {
                    Event::Passed(point, bytes) => {
                        self.aboard.get_mut(&point).into_iter().for_each(|it| it.progress.more(bytes));
                    }
                    Event::Done(task, brought) => {
                        busy -= 1;
                        self.done(task, brought.unwrap_or_else(|panic| resume_unwind(panic)));
                    }
                }
            }
        });
    }

    fn now(&self) -> Duration {
        self.lane.tools.clock.monotonic()
    }

    /// The next task for a lane; points are fetched when there is none else.
    fn take(&mut self) -> Option<Task<'o>> {
        loop {
            if self.ended.is_none() && (self.lane.tools.stop)() {
                self.end(CopyError::Stopped);
            }
            while self.ended.is_none() && !self.is_full && self.queue.is_empty() && self.board() {}
            let task = self.queue.pop_front()?;
            match &task.work {
                Work::Pack(pack, ..) if self.left_by_post(*pack) => self.leave_to_post(*pack),
                _ => {
                    self.point(task.point).aloft += 1;
                    return Some(task);
                }
            }
        }
    }

    /// Was it put onto a seed's drive since its point was begun? Then nobody sends it too.
    fn left_by_post(&self, pack: PackNo) -> bool {
        let Lane { tools, medium, .. } = self.lane;
        // Whoever can't be asked now is asked again by what comes next.
        self.ended.is_none() && tools.catalog.travels(medium, pack).unwrap_or(false)
    }

    fn leave_to_post(&mut self, pack: PackNo) {
        for point in self.waiting.remove(&pack).unwrap_or_default() {
            let Some(waiting) = self.aboard.get_mut(&point) else { continue };
            waiting.travels = true;
            waiting.missing -= 1;
            if waiting.missing == 0 {
                self.queue_look(point);
            }
        }
    }

    /// Is there more to do, and a lane for it? How many there are is asked while the first one is at work: that may take
    /// as long as a login, and there may be fewer later.
    fn is_room_beside(&mut self, busy: usize) -> bool {
        while self.ended.is_none() && !self.is_full && self.queue.is_empty() && self.board() {}
        !self.queue.is_empty() && busy < self.session.store.lanes()
    }

    fn point(&mut self, point: usize) -> &mut Aboard<'f, 'o> {
        self.aboard.get_mut(&point).expect("a task's point stays aboard until the task is done")
    }

    /// Fetches a point; tells whether there was one.
    fn board(&mut self) -> bool {
        let began = self.now();
        let Some(wanted) = (self.next)() else { return false };
        let point = self.flown.len();
        self.flown.push(None);
        if let Err(error) = wanted.and_then(|wanted| self.begin(point, wanted, began)) {
            self.note_end(&error);
            self.flown[point] = Some((Landed::Failed(error), self.now().saturating_sub(began)));
        }
        true
    }

    fn begin(&mut self, point: usize, wanted: Wanted<'o>, began: Duration) -> Result<(), CopyError> {
        let Lane { tools, medium, .. } = self.lane;
        let rows: BTreeMap<PackNo, PackRow> =
            wanted.packs.iter().copied().zip(tools.catalog.packs(&wanted.packs)?).collect();
        let work = tools.catalog.begin_copy(&NewCopy {
            from: wanted.origins.first().map_or(medium, |origin| origin.medium),
            to: medium,
            point: wanted.point.order,
            packs: &wanted.packs,
            expected: None,
            now: tools.clock.now(),
        })?;
        let total = work.absent.iter().map(|pack| rows[pack].bytes).sum::<u64>() + wanted.point.manifest_bytes;
        let wanted = Arc::new(wanted);
        let absent = work.absent.iter().map(|pack| Ok::<_, CopyError>((pack, self.lies_there(*pack)?)));
        let absent = absent.collect::<Result<Vec<_>, _>>()?.into_iter();
        let missing: Vec<(&PackNo, LiesThere)> =
            absent.chain(work.unproven.iter().map(|pack| (pack, LiesThere::Perhaps))).collect();
        for (pack, there) in &missing {
            if !self.waiting.contains_key(*pack) {
                let work = Work::Pack(**pack, rows[*pack].clone(), *there);
                self.queue.push_back(Task { point, wanted: Arc::clone(&wanted), work });
            }
            self.waiting.entry(**pack).or_default().insert(point);
        }
        let progress = Progress::new(self.session, wanted.point.order, total);
        let (left, missing) = (work.before, missing.len());
        let travels = !work.travelling.is_empty();
        let boarded = Aboard { wanted, rows, progress, began, left, missing, aloft: 0, failed: None, travels };
        self.aboard.insert(point, boarded);
        if missing == 0 {
            self.queue_look(point);
        }
        Ok(())
    }

    /// A file of a mirror that is damaged there is ours; what else may lie under its name is not.
    fn lies_there(&self, pack: PackNo) -> Result<LiesThere, CopyError> {
        let Lane { tools, medium, store, .. } = self.lane;
        let known = if store.mirror().is_some() { tools.catalog.pack_at(medium, pack)? } else { None };
        let is_damaged = known.is_some_and(|known| known.state == PackState::Damaged);
        Ok(if is_damaged { LiesThere::Perhaps } else { LiesThere::No })
    }

    /// All packs are there: one more look, before everything else that waits.
    fn queue_look(&mut self, point: usize) {
        let (now, is_near) = (self.now(), self.session.store.lanes() <= 1);
        let Some(aboard) = self.aboard.get(&point) else { return };
        if aboard.travels {
            return self.land_before_its_manifest(point);
        }
        let lately = |pack: &PackNo| self.seen.get(pack).is_some_and(|at| now.saturating_sub(*at) < SEEN_LATELY);
        let unseen = aboard.rows.iter().filter(|(pack, _)| is_near || !lately(pack));
        let work = Work::Look(unseen.map(|(pack, row)| (*pack, row.clone())).collect());
        self.queue.push_front(Task { point, wanted: Arc::clone(&aboard.wanted), work });
    }

    /// What does not travel there on a seed's drive is there now. As long as any of it is, the point stays `copying`: that
    /// keeps its packs (D-1).
    fn land_before_its_manifest(&mut self, point: usize) {
        let Some(aboard) = self.aboard.get(&point) else { return };
        let (Lane { tools, medium, .. }, order) = (self.lane, aboard.wanted.point.order);
        let sent = aboard.progress.sent();
        let left = if sent == 0 { aboard.left } else { Leftover::Unknown };
        let ended = tools.catalog.fail_copy(medium, order, left, (ON_SEED, tools.clock.now()));
        let state = match left {
            Leftover::NoManifest => State::Pending,
            Leftover::Damaged => State::Damaged,
            Leftover::Unknown => State::Copying,
        };
        let landed = ended.map_or_else(|error| Landed::Failed(error.into()), |()| Landed::There(state, sent));
        self.land(point, landed);
    }

    fn done(&mut self, task: Task<'o>, brought: Result<Brought, CopyError>) {
        let point = task.point;
        self.point(point).aloft -= 1;
        let outcome = match (brought, &task.work) {
            (Ok(Brought::Evidence(evidence)), Work::Pack(pack, ..)) => self.pack_arrived(*pack, evidence),
            (Ok(Brought::Evidence(evidence)), _) => self.manifest_arrived(point, evidence),
            (Ok(Brought::Looked), _) => self.looked(point, &task.work),
            (Err(error), _) => Err(error),
        };
        if let Err(error) = outcome {
            // Something is not as it was seen.
            self.seen.clear();
            self.fail(point, error);
            self.hand_on(task);
        }
        self.land_what_is_over();
    }

    fn pack_arrived(&mut self, pack: PackNo, evidence: Evidence) -> Result<(), CopyError> {
        self.lane.tools.catalog.pack_arrived(self.lane.medium, pack, Some(evidence))?;
        for point in self.waiting.remove(&pack).unwrap_or_default() {
            // One that landed when the session ended waits no more.
            let Some(waiting) = self.aboard.get_mut(&point) else { continue };
            waiting.missing -= 1;
            if waiting.missing == 0 && self.ended.is_none() {
                self.queue_look(point);
            }
        }
        Ok(())
    }

    /// Nobody else has begun to write there: the manifest is next.
    fn looked(&mut self, point: usize, looked: &Work) -> Result<(), CopyError> {
        let now = self.now();
        if let Work::Look(rows) = looked {
            self.seen.extend(rows.iter().map(|(pack, _)| (*pack, now)));
        }
        if self.ended.is_some() {
            return Ok(());
        }
        self.session.look_again_if_due()?;
        let aboard = self.point(point);
        if aboard.left == Leftover::NoManifest {
            aboard.left = Leftover::Unknown;
        }
        let wanted = Arc::clone(&aboard.wanted);
        self.queue.push_front(Task { point, wanted, work: Work::Manifest });
        Ok(())
    }

    fn manifest_arrived(&mut self, point: usize, evidence: Evidence) -> Result<(), CopyError> {
        self.lane.store.still_there()?;
        let (Lane { tools, medium, .. }, aboard) = (self.lane, &self.aboard[&point]);
        let Wanted { point: row, packs, .. } = &*aboard.wanted;
        let state = tools.catalog.settle_point(medium, row.order, packs, Some(evidence), tools.clock.now())?;
        self.land(point, Landed::There(state, aboard.progress.sent()));
        Ok(())
    }

    /// A point that will not get there: what of it waits goes to the others that need it, and what is on a lane is
    /// waited for.
    fn fail(&mut self, point: usize, error: CopyError) {
        // Told to stop because of another one's failure, which is told instead.
        let is_echo = self.ended.is_some() && matches!(error, CopyError::Stopped);
        self.is_full |= self.session.when_full == WhenFull::Stop && self.lane.is_unforeseen(&error);
        self.note_end(&error);
        let aboard = self.point(point);
        // What ends the session is told rather than what came before it.
        if !is_echo && (aboard.failed.is_none() || error.ends_session()) {
            aboard.failed = Some(error);
        }
        for waiting in self.waiting.values_mut() {
            waiting.remove(&point);
        }
        let queue = std::mem::take(&mut self.queue).into_iter();
        let (own, others): (Vec<Task<'o>>, Vec<Task<'o>>) = queue.partition(|task| task.point == point);
        self.queue = others.into();
        own.into_iter().for_each(|task| self.hand_on(task));
    }

    /// A pack that its point does not bring: the next one that waits for it does.
    fn hand_on(&mut self, task: Task<'o>) {
        let Work::Pack(pack, ..) = &task.work else { return };
        let next = self.waiting.get(pack).and_then(BTreeSet::first).copied();
        match next.and_then(|point| self.aboard.get(&point).map(|aboard| (point, Arc::clone(&aboard.wanted)))) {
            Some((point, wanted)) if self.ended.is_none() => self.queue.push_back(Task { point, wanted, ..task }),
            _ => drop(self.waiting.remove(pack)),
        }
    }

    fn note_end(&mut self, error: &CopyError) {
        if error.ends_session() && self.ended.is_none() {
            self.ended = Some(chain(error));
            self.halt.store(true, Ordering::Relaxed);
            self.queue.clear();
        }
    }

    /// It was asked to stop: so every point that is aboard was.
    fn end(&mut self, error: CopyError) {
        self.note_end(&error);
        if let Some(first) = self.aboard.values_mut().next() {
            first.failed.get_or_insert(error);
        }
        self.land_what_is_over();
    }

    /// Lands what failed, or all once the session has ended, as soon as none of it is on a lane.
    fn land_what_is_over(&mut self) {
        let ended = self.ended.is_some();
        let is_over = |aboard: &Aboard<'_, '_>| (ended || aboard.failed.is_some()) && aboard.aloft == 0;
        let over: Vec<usize> = self.aboard.iter().filter(|(_, it)| is_over(it)).map(|(point, _)| *point).collect();
        for point in over {
            let aboard = self.point(point);
            let (error, left, wanted) = (aboard.failed.take(), aboard.left, Arc::clone(&aboard.wanted));
            let reason = error.as_ref().map(|error| chain(error)).or_else(|| self.ended.clone()).unwrap_or_default();
            let (Lane { tools, medium, .. }, order) = (self.lane, wanted.point.order);
            let left = left_there(self.lane, &wanted, left);
            // What failed is what matters; a placement left `copying` is taken up again by the next session.
            let _ = tools.catalog.fail_copy(medium, order, left, (&reason, tools.clock.now()));
            self.land(point, error.map_or(Landed::Untried, Landed::Failed));
        }
    }

    fn land(&mut self, point: usize, landed: Landed) {
        if let Some(aboard) = self.aboard.remove(&point) {
            self.flown[point] = Some((landed, self.now().saturating_sub(aboard.began)));
        }
    }
}
