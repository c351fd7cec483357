//! A job's alarm: why nothing of it may be removed until a person has looked. A later reason is added to the one that
//! stands, so that a person who looks sees all of them.

use super::error::Result;
use super::open::Catalog;
use super::rows::JobRow;
use crate::model::JobId;

/// Reasons beyond so many bytes are not kept; the first one is, however long.
const BYTES_MAX: usize = 8 << 10;
/// What then stands at the end.
const MORE: &str = "and more";
const BETWEEN: &str = "; ";

impl Catalog {
    /// Raises the alarm of a job for these reasons, or adds them to the one that stands.
    ///
    /// # Errors
    /// [`super::CatalogError::Unknown`].
    pub fn raise_alarm(&self, job: JobId, whys: &[String]) -> Result<()> {
        let add = |row: &mut JobRow| row.alarm = with_reasons(row.alarm.take(), whys);
        if whys.is_empty() { Ok(()) } else { self.update_job(job, &add).map(|_| ()) }
    }
}

/// An alarm with more reasons: each once, in the order in which they came.
#[must_use]
pub fn with_reasons(standing: Option<String>, whys: &[String]) -> Option<String> {
    whys.iter().fold(standing, |standing, why| Some(standing.map_or_else(|| why.clone(), |text| added(text, why))))
}

fn added(text: String, why: &str) -> String {
    let is_told = text.split(BETWEEN).any(|told| loss(told) == loss(why)) || holds(&text, why);
    if is_told || text.ends_with(&format!("{BETWEEN}{MORE}")) {
        return text;
    }
    let fits = text.len() + BETWEEN.len() + why.len() <= BYTES_MAX;
    format!("{text}{BETWEEN}{}", if fits { why } else { MORE })
}

/// A reason may have the words between reasons in it: a name of a folder can.
fn holds(text: &str, why: &str) -> bool {
    format!("{BETWEEN}{text}{BETWEEN}").contains(&format!("{BETWEEN}{why}{BETWEEN}"))
}

/// What is said of a loss once, however the rest changes while it lasts.
fn loss(why: &str) -> &str {
    let count = why.split_once(" files became ").map(|(count, _)| count);
    count.filter(|count| count.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(whys: &[&str]) -> String {
        let whys: Vec<String> = whys.iter().map(ToString::to_string).collect();
        let at_once = with_reasons(None, &whys);
        let one_by_one = whys.iter().fold(None, |standing, why| with_reasons(standing, std::slice::from_ref(why)));
        assert_eq!(at_once, one_by_one);
        at_once.unwrap_or_default()
    }

    #[test]
    fn each_reason_is_told_once() {
        assert_eq!(with_reasons(None, &[]), None);
        assert_eq!(with_reasons(Some("a".to_owned()), &[]).as_deref(), Some("a"));
        assert_eq!(told(&["all 3 files are gone", "b", "all 3 files are gone", "b"]), "all 3 files are gone; b");
        assert_eq!(told(&["x; y", "z", "x; y"]), "x; y; z");
        assert_eq!(told(&["51 of 100 files are gone", "1 of 100 files are gone"]).matches("gone").count(), 2);
    }

    #[test]
    fn a_loss_that_lasts_is_told_once() {
        let text = told(&["1000 files became 40", "1000 files became 41", "2000 files became 41"]);
        assert_eq!(text, "1000 files became 40; 2000 files became 41");
    }

    #[test]
    fn there_is_an_end_to_reasons() {
        let long = "x".repeat(BYTES_MAX);
        assert_eq!(told(&[&long, "a", "b"]), format!("{long}; and more"));
        let many: Vec<String> = (0..5000).map(|at| format!("reason {at}")).collect();
        let text = with_reasons(None, &many).expect("some");
        assert!(text.starts_with("reason 0; ") && text.ends_with("; and more") && text.len() < BYTES_MAX + 20);
    }
}
