//! How far a session's copies came, all its points as one piece of work: what is planned counts from the first byte on,
//! so that the time that is left is not that of the point in hand.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::voice::Voice;
use crate::copy::Told;
use crate::model::PointOrder;
use crate::plan::Step;

/// Bytes that are done of each point, and of how many.
#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<BTreeMap<PointOrder, (u64, u64)>>);

impl Sent {
    /// These steps are carried out now.
    pub fn plan(&self, steps: &[(Step, String)]) {
        for (step, _) in steps {
            if let Step::Copy { point, bytes, .. } = step {
                self.points().insert(*point, (0, *bytes));
            }
        }
    }

    /// Tells a person what a session tells.
    pub fn tell(&self, voice: &dyn Voice, told: &Told) {
        match told {
            Told::Note(text) => voice.warn(text),
            Told::Progress { destination, point, done, total } => {
                let (done, total) = self.came(*point, *done, *total);
                voice.progress(&format!("{destination}: copying"), done, total);
            }
        }
    }

    fn came(&self, point: PointOrder, done: u64, total: u64) -> (u64, u64) {
        let mut points = self.points();
        points.insert(point, (done, total));
        points.values().fold((0, 0), |(all, of), (done, total)| (all + (*done).min(*total), of + total))
    }

    fn points(&self) -> MutexGuard<'_, BTreeMap<PointOrder, (u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_come_one_after_the_other_are_one_piece_of_work() {
        let order = |sequence| PointOrder { epoch: 1, sequence };
        let copy = |sequence| {
            let reason = crate::plan::CopyReason::Owed;
            let (point, sources, packs) = (order(sequence), Vec::new(), Vec::new());
            (Step::Copy { point, sources, packs, bytes: 100, replaces: 0, peak: 100, reason }, String::new())
        };
        let sent = Sent::default();
        sent.plan(&[copy(1), copy(2), copy(3)]);
        let came = [(3, 50, 100), (3, 90, 90), (2, 10, 100), (1, 0, 100)];
        let told = came.map(|(point, done, total)| sent.came(order(point), done, total));
        assert_eq!(told, [(50, 300), (90, 290), (100, 290), (100, 290)]);
    }
}
