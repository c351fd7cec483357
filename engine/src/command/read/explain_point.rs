//! Why one point is, or is not, where it is.

use super::explain::Facts;
use super::outlook::Outlooks;
use super::placements::Placed;
use super::points::point_report;
use crate::catalog::{EvidenceKind, PlacementRow, PointRow};
use crate::command::Failure;
use crate::model::State;
use crate::report::{ExplainedPlacement, ExplainedPoint};

/// All that is known of a point.
pub(super) fn explain_point(facts: &Facts<'_>, point: &PointRow) -> Result<ExplainedPoint, Failure> {
    let job = facts.names.job(point.job)?;
    let outlooks = Outlooks::of(facts, point);
    let placed = facts.placements.placed(point, &job);
    let dependents = facts.names.points().filter(|other| other.base == Some(point.order));
    let events = facts.events.iter().filter(|event| event.point == Some(point.order));
    Ok(ExplainedPoint {
        point: point_report(point, &facts.names, &facts.placements)?,
        removed: point.removed.clone(),
        media: placed.into_iter().map(|placed| leaving(point, explained(placed, &outlooks))).collect(),
        dependents: dependents.map(|dependent| dependent.id).collect(),
        events: events.map(|event| facts.event(event)).collect(),
    })
}

/// Where a point that was removed for good still lies, it goes; unless a person pinned it since.
fn leaving(point: &PointRow, mut placement: ExplainedPlacement) -> ExplainedPlacement {
    if point.removed.is_some() && !point.pinned && placement.placement.state.is_there() {
        placement.outlook = vec!["it was removed: it goes with the next session there".to_owned()];
    }
    placement
}

fn explained(placed: Placed<'_>, outlooks: &Outlooks) -> ExplainedPlacement {
    let outlook = placed.report.medium.map(|medium| outlooks.at(medium)).unwrap_or_default();
    ExplainedPlacement {
        since: placed.row.map(|row| row.changed),
        reason: placed.row.map_or_else(|| never_there(placed.report.state), |row| row.reason.clone()),
        evidence: placed.row.and_then(evidence),
        outlook,
        placement: placed.report,
    }
}

fn never_there(state: State) -> String {
    let words = match state {
        State::Pending => "it waits for the destination, which was never there; `engine init` prepares it when it is",
        State::NotWanted => "nothing is known of it there",
        _ => "",
    };
    words.to_owned()
}

fn evidence(row: &PlacementRow) -> Option<String> {
    let kind = row.manifest.filter(|_| row.state.is_there())?.kind;
    if row.state == State::Present {
        return Some("its manifest was read back, not all of its packs".to_owned());
    }
    let words = match kind {
        EvidenceKind::Written => "written and flushed",
        EvidenceKind::ServerChecksum => "the server's own checksum",
        EvidenceKind::ReadBack => "read back whole",
    };
    Some(words.to_owned())
}
