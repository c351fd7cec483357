//! What the planner would do with a point now, medium by medium, in words.

use super::explain::Facts;
use crate::catalog::PointRow;
use crate::command::round::preview;
use crate::model::VaultId;
use crate::plan::{self, Explanation, ON_SEED, PackThere, Step, blocker_text, unwanted_text};

/// The planner's words; none where it could not be asked, without a passphrase say.
pub(super) struct Outlooks {
    by_medium: Vec<(VaultId, Vec<String>)>,
}

impl Outlooks {
    /// Asks for a plan as of now, and carries nothing out.
    pub fn of(facts: &Facts<'_>, point: &PointRow) -> Self {
        let Ok((state, _)) = preview(facts.context) else { return Self { by_medium: Vec::new() } };
        if !state.points.contains_key(&point.order) {
            return Self { by_medium: Vec::new() };
        }
        let explained = plan::explain(&state, point.order);
        let told = |it: &Explanation| words(it).into_iter().chain(in_the_post(&state, it, point)).collect();
        Self { by_medium: explained.iter().map(|it| (it.medium, told(it))).collect() }
    }

    /// What it says of a medium.
    pub fn at(&self, medium: VaultId) -> Vec<String> {
        self.by_medium.iter().find(|(id, _)| *id == medium).map(|(_, words)| words.clone()).unwrap_or_default()
    }
}

/// It lacks packs there that travel there.
fn in_the_post(state: &plan::State, it: &Explanation, point: &PointRow) -> Option<String> {
    let (medium, row) = (state.media.get(&it.medium)?, state.points.get(&point.order)?);
    let travels = |pack| medium.packs.get(pack) == Some(&PackThere::Travelling);
    let waits = !it.state.is_there() && medium.objects_of(row).iter().any(travels);
    waits.then(|| format!("packs of it are {ON_SEED}: it waits for these (`engine seed status`)"))
}

fn words(it: &Explanation) -> Vec<String> {
    let away = it.away.as_ref().map(|why| format!("not there now: {why}"));
    let unwanted = it.unwanted.map(|unwanted| format!("not wanted: {}", unwanted_text(unwanted)));
    let steps = it.steps.iter().filter_map(|step| step_words(step)).map(str::to_owned);
    let only = it.only_copy.then(|| "its only copy offsite".to_owned());
    let held = it.held_by.map(|blocker| format!("would not be removed: {}", blocker_text(blocker)));
    away.into_iter().chain(unwanted).chain(steps).chain(only).chain(held).collect()
}

const fn step_words(step: &Step) -> Option<&'static str> {
    match step {
        Step::Copy { .. } => Some("would be copied there now"),
        Step::Remove { .. } => Some("would be removed there now"),
        Step::Decline { .. } => Some("would be declined there now"),
        Step::Owe { .. } => Some("would be owed there again"),
        Step::Verify { .. } => Some("would be read back there now"),
        Step::VerifyOrigin { .. } => Some("would be read back there first, before anything is removed for it"),
        Step::Finish { .. } | Step::Sweep { .. } => None,
    }
}
