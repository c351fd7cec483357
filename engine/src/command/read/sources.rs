//! The places that a point can be looked into from: home, then the destinations in the configuration's order; each point
//! reserved there as long as it is looked into (D-2).

use crate::catalog::PointRow;
use crate::command::places::{Here, Places};
use crate::command::reading::{Reserved, record};
use crate::command::{Context, Exit, Failure};
use crate::model::{DestinationName, PointName};
use crate::restore::{Fallover, Opened, Place};

/// What is there now, and what is not.
pub(super) struct Sources<'s> {
    context: &'s Context,
    all: Places,
}

/// Points that may be looked into.
pub(super) struct Looking<'s> {
    sources: &'s Sources<'s>,
    reserved: Reserved<'s>,
}

impl<'s> Sources<'s> {
    /// Looks at home and all destinations, each at most ten seconds. A missing home vault is one that is away.
    ///
    /// # Errors
    /// If the catalog can't be read.
    pub(super) fn look(context: &'s Context) -> Result<Self, Failure> {
        Ok(Self { context, all: Places::look(context)? })
    }

    /// Places that are away, and why.
    pub(super) fn away(&self) -> &[(DestinationName, String)] {
        &self.all.away
    }

    /// Reserves points wherever they are.
    ///
    /// # Errors
    /// If the catalog can't be read or written.
    pub(super) fn begin(&'s self, points: &[&PointRow]) -> Result<Looking<'s>, Failure> {
        let here: Vec<&Here> = self.all.here.iter().collect();
        Ok(Looking { sources: self, reserved: Reserved::take(self.context, &here, points)? })
    }
}

impl<'s> Looking<'s> {
    /// Of what is there, the places that should have the point.
    fn chosen(&self, point: &PointRow) -> Result<Vec<&'s Here>, Failure> {
        let placements = self.sources.context.installation.catalog.placements_of(point.order)?;
        let has = |here: &&Here| {
            placements.iter().any(|(medium, row)| medium.vault == here.medium && row.state.is_there())
                && self.reserved.may_read(here, point)
        };
        Ok(self.sources.all.here.iter().filter(has).collect())
    }

    /// A source of the point's chunks.
    ///
    /// # Errors
    /// If the catalog can't be read, or the keys can't be had.
    pub(super) fn source(&self, point: &PointRow) -> Result<Fallover<'s>, Failure> {
        let here = self.chosen(point)?.into_iter();
        let places: Vec<Place<'s>> = here.map(|here| Place { name: here.name.clone(), store: &*here.store }).collect();
        Ok(Fallover::new(&places, self.sources.context.installation.keyring()?))
    }

    /// The point's manifest from the first place that has it whole. What is damaged is recorded if none has.
    ///
    /// # Errors
    /// Exit 4 if damage keeps it from being read, exit 1 if no place that has it is there.
    pub(super) fn open(&self, fallover: &Fallover<'_>, point: &PointRow) -> Result<Opened, Failure> {
        let name = PointName { order: point.order, id: point.id };
        fallover.manifest(point.job, name).map_err(|tried| {
            let tried = tried.iter().map(|absent| format!("{}: {}", absent.place, absent.why));
            let away = self.sources.away().iter().map(|(name, why)| format!("{name}: {why}"));
            let why: Vec<_> = tried.chain(away).collect();
            let exit = if fallover.damage().is_empty() { Exit::Failed } else { Exit::Damage };
            let why = if why.is_empty() { "no place has it any more".to_owned() } else { why.join("\n") };
            let advice = format!("`engine explain {}` tells where it is", point.id);
            if let Err(failure) = self.end(fallover, point) {
                self.sources.context.call.voice.warn(&failure.to_string());
            }
            Failure::new(format!("can't read the point {}", point.id), why, advice).with_exit(exit)
        })
    }

    /// Tells of what was met on the way, and routed around. Damage is recorded, once it was read back and found so.
    ///
    /// # Errors
    /// If damage can't be recorded.
    pub(super) fn end(&self, fallover: &Fallover<'_>, point: &PointRow) -> Result<(), Failure> {
        let (context, damage) = (self.sources.context, fallover.damage());
        record(context, &self.sources.all, &self.chosen(point)?, &damage)?;
        for place in damage.iter().map(|damage| &damage.place).collect::<std::collections::BTreeSet<_>>() {
            context.call.voice.warn(&format!("`engine verify {place} --repair` heals what can be healed"));
        }
        for absent in fallover.absent() {
            context.call.voice.warn(&format!("{} could not be read to the end: {}", absent.place, absent.why));
        }
        Ok(())
    }
}
