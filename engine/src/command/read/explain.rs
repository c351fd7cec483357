//! `engine explain`.

use std::sync::Arc;

use super::explain_name::explain_name;
use super::explain_point::explain_point;
use super::names::Names;
use super::placements::Placements;
use super::resolve::resolve;
use crate::catalog::{EventKind, EventRow, MediumRow};
use crate::command::round::preview;
use crate::command::{Call, Context, Exit, Failure};
use crate::model::{HOME, Name};
use crate::plan::render;
use crate::report::{ExplainReport, ExplainedEvent, ExplainedPlan};

/// All that an explanation looks at.
pub(super) struct Facts<'c> {
    pub context: &'c Arc<Context>,
    pub names: Names,
    pub placements: Placements<'c>,
    pub events: Vec<EventRow>,
}

/// Why a point is, or is not, where it is; what happened at a destination or to a job; or what would be done now.
///
/// # Errors
/// Exit 2 if `what` names nothing; exit 1 if the catalog can't be read.
pub fn explain(call: &Call, what: Option<&str>) -> Result<(ExplainReport, Exit), Failure> {
    let context = Context::open(call)?;
    let Some(text) = what else { return Ok((ExplainReport::Plan(plan(&context)?), Exit::Done)) };
    let facts = Facts::of(&context)?;
    let report = match facts.name(text) {
        Some(name) => ExplainReport::Name(Box::new(explain_name(&facts, &name)?)),
        None => {
            let point = resolve(&context.installation.catalog, text)?;
            ExplainReport::Point(Box::new(explain_point(&facts, &point)?))
        }
    };
    Ok((report, Exit::Done))
}

fn plan(context: &Arc<Context>) -> Result<ExplainedPlan, Failure> {
    let (state, plan) = preview(context)?;
    Ok(ExplainedPlan { lines: render(&state, &plan).lines().map(str::to_owned).collect() })
}

impl<'c> Facts<'c> {
    fn of(context: &'c Arc<Context>) -> Result<Self, Failure> {
        let (catalog, config) = (&context.installation.catalog, &context.installation.config);
        let (names, placements) = (Names::of(catalog)?, Placements::of(catalog, config)?);
        Ok(Self { context, names, placements, events: catalog.events()? })
    }

    /// The job or destination that is called so, now or ever.
    fn name(&self, text: &str) -> Option<Name> {
        let name = if text == HOME { Name::home() } else { text.parse().ok()? };
        let config = &self.context.installation.config;
        let known = self.is_job(&name) || config.destination(&name).is_some();
        (known || self.media_of(&name).next().is_some()).then_some(name)
    }

    /// Is it a job's name?
    pub fn is_job(&self, name: &Name) -> bool {
        let installation = &self.context.installation;
        installation.config.job(name).is_some() || matches!(installation.catalog.job_named(name), Ok(Some(_)))
    }

    /// All media ever of a destination.
    pub fn media_of<'f>(&'f self, name: &'f Name) -> impl Iterator<Item = &'f MediumRow> {
        self.placements.media().iter().filter(move |medium| medium.destination == *name)
    }

    /// A line of the log with names instead of numbers.
    pub fn event(&self, event: &EventRow) -> ExplainedEvent {
        let medium = self.placements.media().iter().find(|medium| Some(medium.vault) == event.medium);
        ExplainedEvent {
            time: event.time,
            event: word(event.kind),
            point: event.point.and_then(|point| self.names.id(point)),
            destination: medium.map(|medium| medium.destination.clone()),
            medium: event.medium,
            bytes: event.bytes,
            reason: event.reason.clone(),
        }
    }
}

const fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Made => "made",
        EventKind::Copied => "copied",
        EventKind::Evicted => "evicted",
        EventKind::Removed => "removed",
        EventKind::Declined => "declined",
        EventKind::Damaged => "damaged",
        EventKind::Healed => "healed",
        EventKind::Noted => "noted",
    }
}
