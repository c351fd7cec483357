//! What is remembered of the last scheduled drill: one line in the catalog.

use std::fmt;
use std::str::FromStr;

use crate::model::Time;

/// The last scheduled drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillMark {
    /// When it began.
    pub began: Time,
    /// When it ended and with which exit code; none while it runs, or if its process was lost.
    pub ended: Option<(Time, u8)>,
}

impl DrillMark {
    /// The name under which the catalog keeps it.
    pub const MEMO: &str = "drill-last";
}

impl fmt::Display for DrillMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ended {
            None => write!(f, "{}", self.began.seconds),
            Some((at, code)) => write!(f, "{} {} {code}", self.began.seconds, at.seconds),
        }
    }
}

/// Not `BEGAN`, or `BEGAN ENDED CODE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the mark of a drill: {0:?}")]
pub struct DrillMarkError(String);

impl FromStr for DrillMark {
    type Err = DrillMarkError;

    fn from_str(text: &str) -> Result<Self, DrillMarkError> {
        let wrong = || DrillMarkError(text.to_owned());
        let parts: Vec<&str> = text.split(' ').collect();
        let time = |text: &str| text.parse().map(Time::from_seconds).map_err(|_| wrong());
        match parts[..] {
            [began] => Ok(Self { began: time(began)?, ended: None }),
            [began, ended, code] => {
                let ended = (time(ended)?, code.parse().map_err(|_| wrong())?);
                Ok(Self { began: time(began)?, ended: Some(ended) })
            }
            _ => Err(wrong()),
        }
    }
}
