//! `engine pin`, `engine unpin` and `engine alarm clear`.

use serde::Serialize;

use super::{Page, Report};

use super::text::as_text;

use crate::model::{JobName, PointId};

/// A point that may, or may not, be removed from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinReport {
    /// The point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// Whose data.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// Is it pinned now?
    pub pinned: bool,
    /// Was it otherwise before?
    pub changed: bool,
}

/// An alarm that was cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmReport {
    /// The job.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// The alarm that was raised; none if there was none.
    pub cleared: Option<String>,
}

impl Report for PinReport {
    fn people(&self, page: &mut Page) {
        let (job, point) = (&self.job, self.point);
        let already = if self.changed { "" } else { " (as before)" };
        match self.pinned {
            true => page.line(format_args!("{job} {point} is pinned{already}: it is never removed")),
            false => {
                page.line(format_args!("{job} {point} is not pinned{already}: the rules decide how long it stays"))
            }
        }
    }
}

impl Report for AlarmReport {
    fn people(&self, page: &mut Page) {
        match &self.cleared {
            Some(alarm) => {
                page.line(format_args!("The alarm of {} is cleared: {alarm}", self.job));
                page.line("  eviction and retention go on");
            }
            None => page.line(format_args!("{} raised no alarm", self.job)),
        }
    }
}
