//! All drills of one call: one JSON document, or some lines for people.

use engine::report::{Page, PathText, Report, Tone, size};
use serde::Serialize;

use super::facts::Coverage;
use super::finding::LedgerBefore;
use super::live::NotBackedUp;
use super::record::DrillReport;
use crate::probe::ProbeKind;
use crate::verdict::{ControlVerdict, ProbeVerdict, Verdict};

/// Probes that are no file, which opens or not.
const OWN: [ProbeKind; 3] = [ProbeKind::Command, ProbeKind::Newest, ProbeKind::Query];
/// Mismatches, and probes, that people are shown of one drill.
const SHOWN_MAX: usize = 20;

/// What was drilled, and how it came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// Of all.
    pub verdict: Verdict,
    /// Each.
    pub drills: Vec<DrillReport>,
    /// Points that a budget left for another call.
    pub left: u64,
    /// Folders that no job has.
    #[serde(flatten)]
    pub outside: NotBackedUp,
    /// The ledger of reports as it was found.
    pub ledger_before: LedgerBefore,
}

impl Report for Summary {
    fn people(&self, page: &mut Page) {
        for drill in &self.drills {
            drill.people(page);
        }
        page.gap();
        // Who asks for a part knows that it is one.
        let outside = Some(&self.outside).filter(|outside| outside.not_backed_up.is_some());
        for sentence in outside.into_iter().flat_map(NotBackedUp::sentences) {
            let sentence = page.toned(&sentence, Tone::Waiting);
            page.line(sentence);
        }
        if self.left > 0 {
            page.line(format!("{} left for another call, by `[drill] budget`", number(self.left, "point")));
        }
        let verdict = toned(page, self.verdict);
        page.line(format!("{verdict}: {} of {} passed", self.passed(), number(self.drills.len() as u64, "drill")));
    }
}

impl Summary {
    fn passed(&self) -> usize {
        self.drills.iter().filter(|drill| drill.verdict == Verdict::Pass).count()
    }
}

const fn word(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Pass => ("pass", Tone::Good),
        Verdict::Incomplete => ("incomplete", Tone::Waiting),
        Verdict::Fail => ("FAIL", Tone::Bad),
    }
}

fn toned(page: &Page, verdict: Verdict) -> String {
    let (text, tone) = word(verdict);
    page.toned(text, tone)
}

impl DrillReport {
    pub(crate) fn people(&self, page: &mut Page) {
        page.gap();
        let verdict = toned(page, self.verdict);
        let point = self.point.as_deref().unwrap_or("no point");
        page.line(format!("{verdict}  {} ({point}) from {}", self.job, self.destination));
        if let (Some(age), Some(seconds)) = (self.point_age_seconds, self.restore_seconds) {
            let (files, bytes, part) = (number(self.files, "file"), size(self.bytes), self.part());
            page.line(format!(
                "  {files}, {bytes}{part}, compared; the restore took {seconds:.1} s; the point is {} old",
                span(age)
            ));
        }
        self.proof.iter().for_each(|proof| page.line(format!("  proof reached: {proof}")));
        self.cold.iter().for_each(|cold| page.line(format!("  {}", cold.sentence())));
        if self.opened_by.as_deref() == Some("sheet") {
            page.line("  opened by the recovery sheet alone");
        }
        self.findings(page);
        if !self.probes.is_empty() {
            let count = |verdict| self.probes.iter().filter(|probe| probe.verdict == verdict).count();
            let passed = count(ProbeVerdict::Pass) as u64 + self.more_probes;
            let (skipped, failed) = (count(ProbeVerdict::Skipped), count(ProbeVerdict::Fail));
            page.line(format!("  probes: {passed} passed, {skipped} skipped, {failed} failed"));
        }
        match self.negative_control {
            ControlVerdict::Pass => page.line("  negative control: the checks noticed all that was broken on purpose"),
            ControlVerdict::Skipped => page.line("  negative control: not made, the drill did not come so far"),
            ControlVerdict::Fail => page.line("  negative control: FAILED, this drill proves nothing"),
        }
        self.control_missed.iter().for_each(|missed| page.line(format!("    {missed}")));
        if let Some(source) = &self.live_source {
            source.people(page);
        }
        self.notes.iter().for_each(|note| page.line(format!("  note: {note}")));
        let places = [("report", &self.report), ("kept in scratch", &self.kept)];
        for (what, place) in places.into_iter().filter_map(|(what, place)| Some((what, place.as_ref()?))) {
            page.line(format!("  {what}: {place}"));
        }
    }

    /// Of how much, where it was not all.
    fn part(&self) -> String {
        match self.coverage {
            Coverage { bytes_expected, .. } if bytes_expected > self.bytes => format!(" of {}", size(bytes_expected)),
            Coverage { entries_expected, entries_compared, .. } if entries_expected > entries_compared => {
                format!(", {entries_compared} of {entries_expected} entries")
            }
            _ => String::new(),
        }
    }

    fn findings(&self, page: &mut Page) {
        for mismatch in self.mismatches.iter().take(SHOWN_MAX) {
            page.line(line(&mismatch.path, &mismatch.problem));
        }
        if self.mismatch_count > SHOWN_MAX as u64 {
            page.line(format!("  and {} more, see the report", self.mismatch_count - SHOWN_MAX as u64));
        }
        let told = self.probes.iter().filter(|probe| probe.verdict != ProbeVerdict::Pass);
        for probe in told.take(SHOWN_MAX) {
            let verdict = match probe.verdict {
                ProbeVerdict::Fail if OWN.iter().any(|own| probe.probe == own.as_str()) => "fails",
                ProbeVerdict::Fail => "does not open",
                _ => "skipped",
            };
            page.line(line(&probe.path, &format!("{} {verdict}: {}", probe.probe, probe.detail)));
        }
    }
}

fn line(path: &PathText, problem: &str) -> String {
    match path.to_string() {
        path if path.is_empty() => format!("  {problem}"),
        path => format!("  {path}: {problem}"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn number(count: u64, of: &str) -> String {
    if count == 1 { format!("1 {of}") } else { format!("{count} {of}s") }
}

/// A moment to the second; a report's details have it whole.
pub(crate) fn moment(text: &str) -> String {
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.chars().take(8).collect::<String>()),
        None => text.to_owned(),
    }
}

/// A span of time, for people.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
