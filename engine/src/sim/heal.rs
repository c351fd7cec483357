//! After the trouble: every fault is taken away, everything is plugged in, and the engine works until nothing is left to
//! do. Then it has to have converged.
//!
//! - C-1 It comes to an end: within a bounded number of rounds nothing is left to do.
//! - C-2 What is owed is complete, or the plan says what is in the way.
//! - C-3 Nothing lies at a place that the catalog does not know or nothing needs, nor a temporary file.
//! - C-4 The catalog is whole.
//! - C-5 The newest head at each place tells of each job's newest point there (`telling`).

use std::collections::BTreeSet;

use super::oracle::Whose;
use super::source::lock;
use super::step::Work;
use super::visit::Retention;
use super::world::{Drive, World};
use crate::capture::Reading;
use crate::catalog::{PackState, Snapshot};
use crate::copy::expect_litter;
use crate::destination::TEMPORARY_PREFIX;
use crate::destination::memory::Lists;
use crate::model::{ObjectName, PointOrder, State, VaultId, VaultPath, chain};
use crate::plan::{Plan, Problem, Unwanted, forget, unwanted_text};
use crate::port::Clock as _;

/// Rounds within which it has to come to an end.
const ROUNDS_MAX: usize = 12;

impl World {
    /// Takes the trouble away and lets the engine come to an end.
    ///
    /// # Errors
    /// Everything that did not converge.
    pub fn heal(&mut self) -> Result<(), Vec<String>> {
        let one = |error: String| vec![error];
        self.say("healing");
        self.restart().map_err(one)?;
        self.take_trouble_away();
        self.list_promptly().map_err(|error| vec![chain(&error)])?;
        self.retire_fenced().map_err(|error| vec![chain(&error)])?;
        self.judged(|world| world.verify())?;
        self.catalog.confirm().map_err(|error| vec![chain(&error)])?;
        for job in 0..self.jobs.len() {
            lock(&self.jobs[job].tree).calm();
            self.judged(|world| world.work(Work::Capture(job, Reading::Changed)).map(|()| Whose::Engine))?;
        }
        let mut rounds = 0;
        loop {
            let mut steps = 0;
            self.judged(|world| {
                steps = world.rounds(Retention::Everywhere)?;
                Ok(Whose::Engine)
            })?;
            if steps == 0 {
                break;
            }
            rounds += 1;
            if rounds > ROUNDS_MAX {
                return Err(vec![format!("C-1 still {steps} steps after {ROUNDS_MAX} rounds")]);
            }
        }
        self.converged()
    }

    fn take_trouble_away(&mut self) {
        self.slots = (0..self.drives.len()).collect();
        for drive in self.all_drives_mut() {
            drive.place.set_capacity(None);
            if !drive.plugged {
                drive.place.replug();
                drive.plugged = true;
            }
            if let Some(intruder) = drive.intruder.take() {
                drive.fenced |= drive.place.contents().contains_key(&intruder.path);
            }
        }
    }

    /// What lists that were late did not show when a session looked for it, the next one that looks finds.
    fn list_promptly(&self) -> crate::catalog::Result<()> {
        let late = self.drives.iter().filter(|drive| drive.place.set_lists(Lists::Prompt) != Lists::Prompt);
        late.map(|drive| drive.vault).try_for_each(|vault| expect_litter(&self.catalog, vault))
    }

    /// A person gives up the drives that another writer has taken over: nothing is owed to them any more.
    fn retire_fenced(&mut self) -> crate::catalog::Result<()> {
        let now = self.clock.now();
        for drive in self.drives.iter().filter(|drive| drive.fenced) {
            self.catalog.update_medium(drive.vault, &|row| row.retired = Some(now))?;
            let placed = self.catalog.placements_at(drive.vault)?;
            let owed = |state| matches!(state, State::Pending | State::Copying | State::Missing);
            let owed: Vec<PointOrder> =
                placed.iter().filter(|(_, row)| owed(row.state)).map(|(order, _)| *order).collect();
            self.catalog.decline(drive.vault, &owed, unwanted_text(Unwanted::Retired), now)?;
        }
        Ok(())
    }

    /// Takes a step and judges the world after it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn judged(&mut self, step: impl FnOnce(&mut Self) -> Result<Whose, String>) -> Result<(), Vec<String>> {
        let before = self.before().map_err(|error| vec![error])?;
        let whose = step(self).map_err(|error| vec![error]);
        self.say_notes();
        let whose = whose?;
        self.judge(&before, whose)
    }

    fn converged(&mut self) -> Result<(), Vec<String>> {
        let (state, plan) = self.preview().map_err(|error| vec![error])?;
        let snapshot = self.catalog.snapshot().map_err(|error| vec![chain(&error)])?;
        let (_, held) = forget(&state, &BTreeSet::new());
        let held: BTreeSet<_> = held.into_iter().map(|it| (it.medium, it.point)).collect();
        let mut wrong = Vec::new();
        for drive in self.all_drives().filter(|drive| !drive.fenced && !is_blocked(drive, &snapshot)) {
            if plan.media.get(&drive.vault).is_some_and(|steps| !steps.is_empty()) {
                wrong.push(format!("C-1 {}: a plan has steps left: {:?}", drive.vault, plan.media[&drive.vault]));
            }
            // Home is repaired by hand only, from where a copy is good.
            if drive.vault != self.home.vault {
                is_settled(drive, &snapshot, (&plan, &held), &mut wrong);
            }
            is_tidy(drive, &snapshot, &mut wrong);
            self.tells_of_newest(drive.vault, &drive.place.contents(), &snapshot, &mut wrong);
        }
        if let Err(error) = self.catalog.check() {
            wrong.push(format!("C-4 {}", chain(&error)));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// C-2. What a rule holds back though nothing wants it is not owed.
fn is_settled(
    drive: &Drive,
    snapshot: &Snapshot,
    (plan, held): (&Plan, &BTreeSet<(VaultId, PointOrder)>),
    wrong: &mut Vec<String>,
) {
    for (order, row) in snapshot.placements.get(&drive.vault).into_iter().flatten() {
        let settled = matches!(row.state, State::Complete | State::NotWanted | State::Evicted);
        let waits = plan.waiting.iter().any(|it| it.medium == drive.vault && it.point >= *order);
        let told = plan.problems.iter().any(|problem| is_about(problem, drive.vault));
        if !settled && !waits && !told && !held.contains(&(drive.vault, *order)) {
            let text = format!("point {order} is {}, and nothing says why: {}", row.state, row.reason);
            wrong.push(format!("C-2 {}: {text}", drive.vault));
        }
    }
}

fn is_about(problem: &Problem, vault: VaultId) -> bool {
    match problem {
        Problem::Full { medium, .. }
        | Problem::NeverFits { medium, .. }
        | Problem::ChainOutgrows { medium, .. }
        | Problem::OverLimit { medium, .. }
        | Problem::Irreparable { medium, .. } => *medium == vault,
    }
}

/// Does a manifest lie there that could not be read in? Then nothing is deleted there until a person looks (D-3).
fn is_blocked(drive: &Drive, snapshot: &Snapshot) -> bool {
    let placements = &snapshot.placements[&drive.vault];
    let unknown = |path: &VaultPath| match ObjectName::at(path) {
        Some(ObjectName::Point(_, name)) => {
            let known = snapshot.points.get(&name.order).is_some_and(|point| point.id == name.id);
            !known || !placements.get(&name.order).is_some_and(|row| row.state.is_there())
        }
        _ => false,
    };
    drive.place.contents().keys().any(unknown)
}

/// C-3.
fn is_tidy(drive: &Drive, snapshot: &Snapshot, wrong: &mut Vec<String>) {
    let files = drive.place.contents();
    let placements = &snapshot.placements[&drive.vault];
    let known = |order| placements.get(&order).is_some_and(|row: &crate::catalog::PlacementRow| row.state.is_there());
    for path in files.keys() {
        if path.file_name().starts_with(TEMPORARY_PREFIX) {
            wrong.push(format!("C-3 {}: {path} was left", drive.vault));
        }
        match ObjectName::at(path) {
            Some(ObjectName::Point(_, name)) if !known(name.order) => {
                wrong.push(format!("C-3 {}: {path} is not known there", drive.vault));
            }
            Some(ObjectName::Pack(id)) => {
                let row = snapshot.packs.iter().find(|(_, row)| row.id == id);
                let at = row.and_then(|(number, _)| snapshot.pack_at[&drive.vault].get(number));
                let needed = row.and_then(|(_, row)| Some((row, row.used?))).is_some_and(|(row, used)| {
                    placements.iter().any(|(order, placed)| {
                        crate::catalog::keeps_packs(placed.state)
                            && used.holds(*order)
                            && snapshot.points.get(order).is_some_and(|point| point.group == row.group)
                    })
                });
                if at.is_none() || !needed {
                    wrong.push(format!("C-3 {}: nothing needs {path}, known {}", drive.vault, at.is_some()));
                }
            }
            _ => {}
        }
    }
    for (number, at) in &snapshot.pack_at[&drive.vault] {
        let path = ObjectName::Pack(snapshot.packs[number].id).path();
        if at.state == PackState::Present && !files.contains_key(&path) {
            wrong.push(format!("C-3 {}: {path} is not there, and the catalog says so", drive.vault));
        }
        if at.state == PackState::Deleting {
            wrong.push(format!("C-3 {}: {path} is still marked for deletion", drive.vault));
        }
    }
}
