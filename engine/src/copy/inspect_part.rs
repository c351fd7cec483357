//! Reads back a part of what lies at a medium: the most doubtful first or a random sample (`doubt`), while there is time.
//!
//! In: as `inspect`, and what is asked for. Out: as `inspect`, and what the part shows of the whole. Invariant: what was not
//! read keeps the evidence that it had. Something bad, known before or found now, ends sampling and choosing: everything is
//! read then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::error::CopyError;
use super::inspect::{Extent, Inspected, Inspection, Look, PackSeen, There, packs, points};
use crate::catalog::{Evidence, EvidenceKind, PackState};
use crate::doubt::{CONFIDENCE, Coverage, Object, Sample, Wish, most_bad};
use crate::model::State;

/// A part of what lies at a medium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Which objects.
    pub wish: Wish,
    /// What a sample is drawn from: fresh entropy.
    pub seed: [u8; 32],
    /// No object is begun later, by the monotonic clock.
    pub until: Option<Duration>,
}

/// What a sample shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// What the draws were made from.
    pub seed: [u8; 32],
    /// Bytes that were drawn from.
    pub of: u64,
    /// Bytes that were drawn; the objects in which they lie were read whole.
    pub draws: u64,
    /// Draws that met an object that is bad, or could not be read.
    pub bad: u64,
    /// Objects that were drawn from.
    pub of_objects: u64,
    /// Of those, objects that were read and are good.
    pub good_objects: u64,
    /// With the confidence of [`CONFIDENCE`], at most so many of the bytes lie in such objects; never more than those of
    /// objects that were not read and found good, which is certain.
    pub at_most: u64,
}

/// Reads a part back; what was not come to, and what a sample shows, is in `found`.
///
/// # Errors
/// If the place can't be asked any more, or it was told to stop; what was found until then is in `found`.
pub fn inspect_part(at: &Inspected<'_>, part: &Part, found: &mut Inspection) -> Result<(), CopyError> {
    let there = There::of(at, found)?;
    let objects = objects_of(&there);
    let wanted = part.wish.of(&objects, at.tools.clock.now());
    let sizes: Vec<u64> = wanted.iter().map(|object| objects[*object].bytes).collect();
    let share = part.wish.sample.filter(|share| !share.is_all() && !sizes.is_empty());
    let sample = share.map(|share| Sample::draw(&sizes, share, part.seed));
    let order: Vec<usize> = match &sample {
        // What is bad beside packs and manifests is a reason, too.
        _ if !found.flaws.is_empty() => Wish::default().of(&objects, at.tools.clock.now()),
        Some(sample) => {
            let mut met = BTreeSet::new();
            let bad = wanted.iter().copied().filter(|object| objects[*object].bad);
            bad.chain(sample.objects().map(|drawn| wanted[drawn])).filter(|object| met.insert(*object)).collect()
        }
        None => wanted.clone(),
    };
    let asked = order.len();
    let look = there.look(at, found, Extent::Part)?;
    let mut reading = Reading { look, there: &there, until: part.until, tried: BTreeMap::new() };
    let read = reading.all_of(order, &objects);
    let tried = std::mem::take(&mut reading.tried);
    let marked = reading.mark();
    // What was read counts, even if it ended early.
    found.left = match &read {
        Ok(left) => left.len() as u64,
        Err(_) => asked.saturating_sub(tried.len()) as u64,
    };
    found.sample = sample.map(|sample| shown(&sample, &wanted, &sizes, &tried));
    read?;
    marked
}

/// What reading showed of those that were drawn from.
fn shown(sample: &Sample, wanted: &[usize], sizes: &[u64], tried: &BTreeMap<usize, Came>) -> Drawn {
    let is_good = |drawn: usize| tried.get(&wanted[drawn]) == Some(&Came::Good);
    let unread = sample.objects().find(|drawn| !tried.contains_key(&wanted[*drawn]));
    let (draws, bad) = sample.until(unread, |drawn| !is_good(drawn));
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
    let of = sum(&mut sizes.iter().copied());
    let good = || (0..sizes.len()).filter(|drawn| is_good(*drawn));
    let unknown = of - sum(&mut good().map(|drawn| sizes[drawn]));
    let at_most = most_bad(of, draws, bad, CONFIDENCE).min(unknown);
    let (of_objects, good_objects) = (sizes.len() as u64, good().count() as u64);
    Drawn { seed: sample.seed, of, draws, bad, of_objects, good_objects, at_most }
}

/// How long ago any byte that should lie there was read, by what is known now.
///
/// # Errors
/// If the catalog can't be read.
pub fn coverage(at: &Inspected<'_>) -> Result<Coverage, CopyError> {
    let now = There { packs: packs(at)?, points: points(at)?, twins: Vec::new() };
    Ok(Coverage::of(&objects_of(&now)))
}

/// Packs, then manifests.
fn objects_of(there: &There) -> Vec<Object> {
    let read = |evidence: Option<Evidence>| {
        evidence.filter(|evidence| evidence.kind == EvidenceKind::ReadBack).map(|evidence| evidence.time)
    };
    let packs = there.packs.iter().map(|(_, row, known)| {
        let bad = matches!(known.state, PackState::Missing | PackState::Damaged);
        Object { bytes: row.bytes, read: read(known.evidence).filter(|_| !bad), bad }
    });
    let points = there.points.iter().map(|(point, placement)| {
        let bad = placement.state == State::Missing;
        Object { bytes: point.manifest_bytes, read: read(placement.manifest).filter(|_| !bad), bad }
    });
    packs.chain(points).collect()
}

struct Reading<'r> {
    look: Look<'r>,
    there: &'r There,
    until: Option<Duration>,
    tried: BTreeMap<usize, Came>,
}

/// What reading an object came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Good,
    Bad,
    Refused,
}

impl Reading<'_> {
    /// Reads them in that order, and everything else once one is bad. Gives what there was no time for.
    fn all_of(&mut self, order: Vec<usize>, objects: &[Object]) -> Result<Vec<usize>, CopyError> {
        let mut left = self.some(order)?;
        if !self.is_bad() {
            return Ok(left);
        }
        let mut known: BTreeSet<usize> = self.tried.keys().chain(&left).copied().collect();
        let all = Wish::default().of(objects, self.look.at.tools.clock.now());
        left.extend(all.into_iter().filter(|object| known.insert(*object)));
        let left = self.some(left)?;
        if left.is_empty() {
            self.look.twins(&self.there.twins)?;
        }
        Ok(left)
    }

    fn is_bad(&self) -> bool {
        self.tried.values().any(|came| *came == Came::Bad)
    }

    /// Stops at the first bad one too.
    fn some(&mut self, order: Vec<usize>) -> Result<Vec<usize>, CopyError> {
        let clock = self.look.at.tools.clock;
        let had = self.is_bad();
        for (place, object) in order.iter().enumerate() {
            let late = self.until.is_some_and(|until| clock.monotonic() >= until);
            if late {
                return Ok(order[place..].to_vec());
            }
            let came = self.one(*object)?;
            self.tried.insert(*object, came);
            if came == Came::Bad && !had {
                return Ok(order[place + 1..].to_vec());
            }
        }
        Ok(Vec::new())
    }

    fn one(&mut self, object: usize) -> Result<Came, CopyError> {
        let (flaws, unread) = (self.look.found.flaws.len(), self.look.found.unread.len());
        if let Some((number, row, known)) = self.there.packs.get(object) {
            self.look.pack(*number, row, known)?;
            return Ok(match self.look.packs.get(&row.id) {
                Some(PackSeen::Good) => Came::Good,
                Some(PackSeen::Bad(_)) => Came::Bad,
                Some(PackSeen::Unread) | None => Came::Refused,
            });
        }
        let (point, placement) = &self.there.points[object - self.there.packs.len()];
        self.look.point(point, placement)?;
        Ok(match &self.look.found {
            found if found.flaws.len() > flaws => Came::Bad,
            found if found.unread.len() > unread => Came::Refused,
            _ => Came::Good,
        })
    }

    /// Bad packs become known as such, with every point that names one, whether it was read or not.
    fn mark(mut self) -> Result<(), CopyError> {
        let bad = self.look.packs.values().any(|seen| matches!(seen, PackSeen::Bad(_)));
        for (point, _) in self.there.points.iter().filter(|_| bad) {
            let (_, packs) = self.look.listed(point)?;
            for pack in packs.bad {
                self.look.named.entry(pack).or_default().insert(point.order);
                self.look.found.unsettled.entry(point.order).or_insert(None);
            }
        }
        self.look.mark()
    }
}
