//! What the world is after a plan was carried out without any failure.

use crate::model::{PointOrder, Proof, State as PlacementState, VaultId};
use crate::plan::{Medium, PackThere, Placement, Plan, RemoveReason, State, Step, Unwanted};

pub(super) fn apply(state: &State, plan: &Plan) -> State {
    let mut after = state.clone();
    after.generation += 1;
    let is_home = |id: &VaultId| state.media[id].is_home();
    let (home, others): (Vec<_>, Vec<_>) = plan.media.iter().partition(|(id, _)| is_home(id));
    for (id, steps) in others.into_iter().chain(home) {
        steps.iter().for_each(|step| apply_step(&mut after, *id, step));
    }
    after
}

fn apply_step(state: &mut State, id: VaultId, step: &Step) {
    let points = &mut state.points;
    let medium = state.media.get_mut(&id).expect("a medium of the state");
    match step {
        Step::Finish { points, packs, bytes } => {
            points.iter().for_each(|point| leave(medium, *point, PlacementState::NotWanted, Some(Unwanted::Removed)));
            medium.removing.clear();
            delete(medium, packs, *bytes);
        }
        Step::Decline { point, reason } => leave(medium, *point, PlacementState::NotWanted, Some(*reason)),
        Step::Owe { point } => leave(medium, *point, PlacementState::Pending, None),
        Step::Remove { point, reason: RemoveReason::Eviction { .. }, packs, bytes, .. } => {
            leave(medium, *point, PlacementState::Evicted, None);
            let newest = medium.newest_evicted.entry(points[point].job).or_insert(*point);
            *newest = (*newest).max(*point);
            delete(medium, packs, *bytes);
        }
        Step::Remove { point, reason: RemoveReason::Overflow(_), packs, bytes, .. } => {
            leave(medium, *point, PlacementState::Evicted, None);
            delete(medium, packs, *bytes);
        }
        Step::Remove { point, packs, bytes, .. } => {
            leave(medium, *point, PlacementState::NotWanted, Some(Unwanted::Removed));
            delete(medium, packs, *bytes);
        }
        Step::Sweep { packs, bytes } => delete(medium, packs, *bytes),
        Step::VerifyOrigin { point } => points.get_mut(point).expect("known").origin_verified = true,
        // A copy reads of its origin only what it sends, so it is no evidence for the whole point there.
        Step::Copy { point, packs, bytes, replaces, .. } => {
            packs.iter().for_each(|pack| _ = medium.packs.insert(*pack, PackThere::Proved));
            medium.used += bytes - replaces;
            medium.free = medium.free.map(|free| free - (bytes - replaces));
            complete(medium, *point);
        }
        Step::Verify { point } => {
            complete(medium, *point);
            points.get_mut(point).expect("known").origin_verified |= medium.is_home();
        }
    }
}

fn leave(medium: &mut Medium, point: PointOrder, state: PlacementState, unwanted: Option<Unwanted>) {
    medium.placements.insert(point, Placement { state, proof: Proof::None, verified: None, unwanted });
}

fn complete(medium: &mut Medium, point: PointOrder) {
    let proof = medium.placements.get(&point).map_or(Proof::BytesRead, |it| it.proof.max(Proof::BytesRead));
    let row = Placement { state: PlacementState::Complete, proof, verified: None, unwanted: None };
    medium.placements.insert(point, row);
}

fn delete(medium: &mut Medium, packs: &[crate::plan::PackNumber], bytes: u64) {
    packs.iter().for_each(|pack| _ = medium.packs.remove(pack));
    medium.used -= bytes;
    medium.free = medium.free.map(|free| free + bytes);
}
