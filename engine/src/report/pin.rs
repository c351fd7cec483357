//! `engine pin`, `engine unpin` and `engine alarm clear`.

use serde::Serialize;

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
