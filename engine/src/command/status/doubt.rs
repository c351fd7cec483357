//! What a medium's heads say against the catalog: it was set back, this computer was, or another one writes there now.
//! Only names are looked at, so no key is needed. Deliberately absent: judging what they mean (`copy`'s fence).

use super::{Facts, problem};
use crate::catalog::locks::{LockName, is_held};
use crate::catalog::{MediumRow, MetaRow};
use crate::copy::{Fence, HeadSeen, judge, known};
use crate::format::HeadName;
use crate::installation::{Look, Opened, Sight};
use crate::model::VaultId;
use crate::report::StatusProblem;

/// A medium that is not as the catalog has it.
pub(super) struct Doubt {
    pub medium: VaultId,
    pub problem: StatusProblem,
}

/// Of every medium that is there. `before` are the media as they were when the look began: one that a session is at work
/// at, or was since, is as it should be.
pub(super) fn doubts(facts: &Facts<'_>, before: &[MediumRow], meta: &MetaRow) -> Vec<Doubt> {
    let here = facts.looks.iter().filter_map(|(_, look)| match look {
        Look::Here(Opened { medium, sight: Some(sight), .. }) => Some((*medium, sight)),
        _ => None,
    });
    let doubt = |(medium, sight): (VaultId, &Sight)| {
        let row = facts.placed.media.iter().find(|row| row.vault == medium)?;
        let earlier = before.iter().find(|row| row.vault == medium)?;
        let is_at_rest = row.head == earlier.head
            && row.marks == earlier.marks
            && !is_held(&facts.context.locks(), &LockName::Medium(medium).to_string());
        let names = sight.heads.as_ref().ok().filter(|_| is_at_rest)?;
        Some(Doubt { medium, problem: judged(names, row, meta)? })
    };
    here.filter_map(doubt).chain(emptied(facts)).collect()
}

/// Media that should be where a server answers and has no vault: what the catalog says of them does not count now.
fn emptied<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = Doubt> + 'f {
    let emptied = facts.looks.iter().filter_map(|(name, look)| match look {
        Look::Emptied(why) => Some((name, why)),
        _ => None,
    });
    emptied.flat_map(|(name, why)| {
        facts.placed.in_use(name).map(move |row| {
            let advice = format!(
                "put its folder back, or check its address; if it is lost, `engine enrol {name}` makes a new vault there, and \
                 `engine retire {name} --medium {}` gives the old one up",
                row.vault
            );
            Doubt { medium: row.vault, problem: problem(format!("what it held is not there now: {why}"), advice) }
        })
    })
}

fn judged(names: &[HeadName], row: &MediumRow, meta: &MetaRow) -> Option<StatusProblem> {
    let seen = |name: &HeadName| HeadSeen {
        epoch: name.epoch,
        session: name.session,
        digest: name.digest,
        writer: None,
        newest: None,
    };
    let seen: Vec<HeadSeen> = names.iter().map(seen).collect();
    let known = known(row, meta);
    let last = seen.iter().filter(|head| head.epoch == meta.epoch).map(|head| head.session).max().unwrap_or(0);
    match judge(&seen, &known) {
        Fence::Free { .. } => None,
        Fence::Fenced { why } => Some(problem(
            format!("{why}: this computer is fenced off there, nothing more is written or removed there"),
            "if this computer is to go on writing there, and no other one: `engine catalog rebuild`",
        )),
        Fence::Distrust { why, .. } if last == 0 && known.session == 0 => Some(problem(
            format!("{why}; what it holds does not count now"),
            "is it the right drive? The next copy looks at everything there anew",
        )),
        Fence::Distrust { .. } if last < known.session => Some(problem(
            format!(
                "its state is older than what was last written here: its last session is {last}, session {} was there; \
                 what it holds does not count now",
                known.session
            ),
            "is it the right drive? The next copy looks at everything there anew",
        )),
        Fence::SetBack { .. } | Fence::Distrust { .. } => Some(problem(
            format!(
                "its state is newer than this computer's catalog: its last session is {last}, the catalog knows of {}; \
                 what it holds does not count now",
                known.session
            ),
            "was this computer set back, or does it run twice? The next copy looks at everything there anew",
        )),
    }
}
