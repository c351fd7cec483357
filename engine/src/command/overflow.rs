//! Home's overflow rule, carried out in a session that is open there: a capture's, that needs room.

use super::visit::{Visits, checked, reasoned};
use crate::copy::{Outcome, Session, execute};
use crate::destination::watch::Pulse;
use crate::observe::PointPacks;
use crate::plan::{Coming, State, propose};

impl Visits {
    /// Does at home what a plan wants done there that knows of the point that comes. The caller holds home's lock.
    pub(super) fn make_room_at_home(&self, session: &Session<'_>, coming: Coming) -> Outcome {
        let places = self.places(Some(session.medium), &Pulse::default());
        let planned = self
            .observed(&places, &mut PointPacks::default(), Some(session))
            .map_err(|failure| failure.to_string())
            .and_then(|state| {
                let state = State { coming: Some(coming), ..state };
                let steps = checked(&state, propose(&state), session.medium)?;
                Ok(reasoned(&state, steps, session.medium))
            });
        match planned {
            // Nothing is copied to home, so nothing comes from anywhere.
            Ok(Some((steps, rules))) => execute(session, &steps, &[], &rules),
            Ok(None) => Outcome::default(),
            Err(why) => Outcome { failures: vec![format!("no room can be made at home: {why}")], ..Outcome::default() },
        }
    }
}
