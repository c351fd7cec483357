//! What `verifier report` prints: one JSON document, or some lines for people.

use std::fmt::Write;

use engine::report::{Align, Cell, Page, Report, Table, Tone};
use serde::Serialize;

use super::views::ViewsReport;
use crate::report::entry::{Entry, Seal};
use crate::report::{Finding, Objective, ReportFile, moment, number, ranges, shown, span};
use crate::verdict::Verdict;

/// Room for the names of values, the longest of a check's among them.
const WIDTH: usize = 16;

/// `verifier report list`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListReport {
    /// The oldest first.
    pub reports: Vec<ListedReport>,
    /// What is not as it was written, by the reports alone; where there is none, by what heads say that there should be.
    pub findings: Vec<Finding>,
    /// Where there is none: ledgers of other verifiers that heads tell of.
    pub others: Vec<String>,
}

/// One report in a list; what can't be read of it is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListedReport {
    /// The number in its name.
    pub number: u64,
    /// Its file's name.
    pub file: String,
    /// BLAKE3 of its file.
    pub digest: Option<String>,
    /// `good`, `none` (the first format) or `broken`.
    pub signature: &'static str,
    /// When the drill began.
    pub started: Option<String>,
    /// Whose point.
    pub job: Option<String>,
    /// From where.
    pub destination: Option<String>,
    /// Which point.
    pub point: Option<String>,
    /// How it came out.
    pub verdict: Option<Verdict>,
    /// By a process that had nothing but an address and a secret?
    pub cold: bool,
}

impl ListedReport {
    /// Of an entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let brief = entry.brief.as_ref().ok();
        Self {
            number: entry.number,
            file: entry.file(),
            digest: entry.digest.map(|digest| digest.to_string()),
            signature: match entry.seal {
                Seal::Signed(_) => "good",
                Seal::Unsigned => "none",
                Seal::Broken(_) => "broken",
            },
            started: brief.map(|brief| brief.started.clone()),
            job: brief.map(|brief| brief.job.clone()),
            destination: brief.map(|brief| brief.destination.clone()),
            point: brief.and_then(|brief| brief.point.clone()),
            verdict: brief.map(|brief| brief.verdict),
            cold: brief.is_some_and(|brief| brief.cold.is_some()),
        }
    }
}

fn word(verdict: Option<Verdict>) -> (&'static str, Tone) {
    match verdict {
        Some(Verdict::Pass) => ("pass", Tone::Good),
        Some(Verdict::Incomplete) => ("incomplete", Tone::Waiting),
        Some(Verdict::Fail) => ("FAIL", Tone::Bad),
        None => ("can't be read", Tone::Bad),
    }
}

/// On one line, and nothing that drives a terminal.
fn harmless(text: &str) -> String {
    shown(text).replace(['\n', '\t'], " ")
}

impl Report for ListReport {
    fn people(&self, page: &mut Page) {
        if self.reports.is_empty() {
            let gone = if self.findings.is_empty() { "no drill was reported yet" } else { "no report is here" };
            page.line(gone);
            findings(page, &self.findings);
            self.others.iter().for_each(|other| page.line(format!("  {}", harmless(other))));
            return;
        }
        let columns = ["report", "begun", "job", "destination", "point", "verdict", "signature"];
        let align = |name| if name == "report" { Align::Right } else { Align::Left };
        let mut table = Table::new(columns.map(|name| (name, align(name))));
        for report in &self.reports {
            let text = |text: &Option<String>| Cell::from(harmless(text.as_deref().unwrap_or("")));
            let (verdict, tone) = word(report.verdict);
            let verdict = if report.cold { format!("{verdict}, cold") } else { verdict.to_owned() };
            let signature = if report.signature == "broken" { Tone::Bad } else { Tone::Plain };
            table.row([
                report.number.to_string().into(),
                Cell::from(harmless(&report.started.as_deref().map(moment).unwrap_or_default())),
                text(&report.job),
                text(&report.destination),
                text(&report.point),
                Cell::toned(&verdict, tone),
                Cell::toned(report.signature, signature),
            ]);
        }
        table.write(page, 0);
        findings(page, &self.findings);
        if !self.findings.is_empty() {
            page.line("  -> `verifier report check` asks the heads, too");
        }
    }
}

/// `verifier report show`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownReport {
    /// The document.
    #[serde(flatten)]
    pub report: ReportFile,
    /// BLAKE3 of its file.
    #[serde(skip)]
    pub digest: String,
    /// What is wrong with it.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

impl Report for ShownReport {
    fn people(&self, page: &mut Page) {
        let report = &self.report;
        let mut line = |name: &str, value: Option<&str>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                page.line(named(name, value));
            }
        };
        let time = |text: &str| Some(moment(text));
        line("report", Some(&report.sequence.to_string()));
        line("begun", time(&report.started).as_deref());
        line("ended", time(&report.finished).as_deref());
        line("program", Some(&report.tool));
        line("verifier", Some(&report.verifier));
        line("signed by", report.public_key.as_deref());
        line("digest", Some(&self.digest));
        line("address", Some(&report.address));
        line("medium", report.vault.as_deref());
        line("point as of", report.point_created.as_deref().and_then(time).as_deref());
        line("manifest", report.manifest.as_deref());
        line("restored to", report.restored_to.as_deref());
        line("clean-up", Some(&report.clean_up));
        line("rule", Some(&report.verdict_rule));
        for check in &report.checks {
            line(&check.check, Some(&format!("expected: {}", check.expected)));
            line("", Some(&format!("found: {}", check.found)));
        }
        for not in &report.drill.not_tested {
            line("not tested", Some(&format!("{}: {}", not.what, not.count)));
        }
        for objective in &report.objectives {
            let met = objective.met.map_or("not known", |met| if met { "met" } else { "not met" });
            let Objective { objective, seconds_max, .. } = objective;
            line("objective", Some(&format!("{objective}: at most {}, {met}", span(*seconds_max))));
        }
        report.follow_up.iter().for_each(|advice| line("follow-up", Some(advice)));
        line("source", report.drill.live_source_reason.as_ref().map(|why| format!("not looked at: {why}")).as_deref());
        report.outside.sentences().iter().for_each(|sentence| line("no job has", Some(sentence)));
        report.ledger_before.findings.iter().for_each(|found| line("ledger", Some(&found.to_string())));
        line("ledger", report.ledger_before.more().as_deref());
        line("left out", Some(&ranges(&report.left_out)));
        report.drill.people(page);
        findings(page, &self.findings);
    }
}

/// A line with its name in front.
fn named(name: &str, value: &str) -> String {
    harmless(&format!("{name:<WIDTH$} {value}"))
}

/// `verifier report check`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckReport {
    /// `sound` or `damaged`.
    pub verdict: &'static str,
    /// How many reports were checked.
    pub reports: u64,
    /// Of which so many are signed.
    pub signed: u64,
    /// The lowest number.
    pub first: Option<u64>,
    /// The highest number.
    pub newest: Option<u64>,
    /// Verifiers that reports name, in the order of their first ones.
    pub verifiers: Vec<String>,
    /// Keys that signed, in the order of their first reports.
    pub keys: Vec<String>,
    /// Where heads were looked for.
    pub destinations: Vec<HeadsReport>,
    /// Views beside the reports.
    pub views: ViewsReport,
    /// What is not as it was written.
    pub findings: Vec<Finding>,
    /// What was not checked, and why.
    pub not_checked: Vec<String>,
}

/// Heads at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeadsReport {
    /// Its name.
    pub destination: String,
    /// Could it be asked?
    pub compared: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Heads of this ledger there.
    pub heads: u64,
    /// The newest report that they name.
    pub newest: Option<u64>,
    /// Other verifiers with heads there, and the newest report that their names tell.
    pub others: Vec<OtherLedger>,
}

/// A ledger of another verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OtherLedger {
    /// Whose.
    pub verifier: String,
    /// The newest report.
    pub newest: u64,
}

impl Report for CheckReport {
    fn people(&self, page: &mut Page) {
        let mut line = number(self.reports, "report");
        if let (Some(first), Some(newest)) = (self.first, self.newest) {
            let _ = write!(line, ", {first} to {newest}; {} signed", self.signed);
        }
        page.line(line);
        self.verifiers.iter().for_each(|id| page.line(format!("  verifier {}", harmless(id))));
        self.keys.iter().for_each(|key| page.line(format!("  key {key}")));
        let ViewsReport { sound, not_there, .. } = self.views;
        page.line(format!("  {} as made, {not_there} not there", number(sound, "view")));
        self.destinations.iter().for_each(|place| place.people(page));
        self.not_checked.iter().for_each(|what| page.line(format!("  not checked: {}", harmless(what))));
        findings(page, &self.findings);
        page.gap();
        let (word, tone) = if self.findings.is_empty() { ("sound", Tone::Good) } else { ("DAMAGED", Tone::Bad) };
        let word = page.toned(word, tone);
        page.line(format!("{word}: {}", number(self.findings.len() as u64, "finding")));
    }
}

impl HeadsReport {
    fn people(&self, page: &mut Page) {
        let name = &self.destination;
        match (&self.reason, self.newest) {
            (Some(why), _) => page.line(format!("  {name}: not compared: {}", harmless(why))),
            (None, Some(newest)) => {
                page.line(format!("  {name}: {}, up to report {newest}", number(self.heads, "head")));
            }
            (None, None) => page.line(format!("  {name}: no head of this ledger")),
        }
        for OtherLedger { verifier, newest } in &self.others {
            let text = "no report of it is here: it is another installation's, or was erased";
            page.line(format!("  {name}: also heads of the verifier {verifier}, up to report {newest}; {text}"));
        }
    }
}

fn findings(page: &mut Page, findings: &[Finding]) {
    for finding in findings {
        let mut line = page.toned("wrong", Tone::Bad);
        let place = [&finding.destination, &finding.file].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        if !place.is_empty() {
            let _ = write!(line, " {}", harmless(&place));
        }
        page.line(format!("{line}: {}", harmless(&finding.problem)));
    }
}
