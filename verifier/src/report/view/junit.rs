//! JUnit XML: one suite for a drill, one case for its verdict, each check and each probe. A drill that is incomplete
//! is an error, so that nobody's pipeline takes it for a pass.

use std::io;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{Seen, probe_word, shown, verdict_word};
use crate::report::live::LiveReport;
use crate::verdict::{ProbeVerdict, Verdict};

/// One case.
struct Case {
    class: String,
    name: String,
    seconds: f64,
    outcome: Outcome,
}

enum Outcome {
    Passed(String),
    Skipped(String),
    Failed { message: String, text: String },
    Error { message: String, text: String },
}

/// The document.
///
/// # Errors
/// Of formatting.
pub(super) fn junit(seen: &Seen<'_>) -> io::Result<String> {
    let report = seen.report;
    let cases = cases(seen);
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count().to_string();
    let counts = [
        ("tests", cases.len().to_string()),
        ("failures", count(|it| matches!(it, Outcome::Failed { .. }))),
        ("errors", count(|it| matches!(it, Outcome::Error { .. }))),
        ("skipped", count(|it| matches!(it, Outcome::Skipped(_)))),
        ("time", seconds(report.measured.drill_seconds.unwrap_or_default())),
    ];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let name = shown(&format!("{} from {}", report.drill.job, report.drill.destination));
    let mut writer = Writer::new_with_indent(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec(), b' ', 2);
    let suites = writer.create_element("testsuites").with_attribute(("name", "restore drill"));
    suites.with_attributes(counts.iter().copied()).write_inner_content(|writer| {
        let suite = writer.create_element("testsuite").with_attribute(("name", name.as_str()));
        let suite = suite.with_attribute(("timestamp", report.started.as_str()));
        suite.with_attributes(counts.iter().copied()).write_inner_content(|writer| {
            properties(writer, seen)?;
            cases.iter().try_for_each(|case| write(writer, case))?;
            beside(writer, seen)
        })?;
        Ok(())
    })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3}")
}

fn properties(writer: &mut Writer<Vec<u8>>, seen: &Seen<'_>) -> io::Result<()> {
    let report = seen.report;
    let digest = seen.digest.to_string();
    let properties = [
        ("report-digest-blake3", digest),
        ("report", report.sequence.to_string()),
        ("verifier", report.verifier.clone()),
        ("point", report.drill.point.clone().unwrap_or_default()),
        ("address", report.address.clone()),
        ("verdict", verdict_word(report.drill.verdict).to_owned()),
        ("cold", report.drill.cold.is_some().to_string()),
        ("proof", report.drill.proof.clone().unwrap_or_default()),
    ];
    writer.create_element("properties").write_inner_content(|writer| {
        for (name, value) in &properties {
            let value = shown(value);
            let property = writer.create_element("property").with_attribute(("name", *name));
            property.with_attribute(("value", value.as_str())).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// What changes no verdict: the live source, what no job has, and the ledger, if that is not as it was written.
fn beside(writer: &mut Writer<Vec<u8>>, seen: &Seen<'_>) -> io::Result<()> {
    let (report, drill) = (seen.report, &seen.report.drill);
    let source = drill.live_source.iter().flat_map(LiveReport::lines);
    let not_looked = drill.live_source_reason.iter().map(|why| format!("not looked at: {why}"));
    let source = source.chain(not_looked).map(|line| format!("source: {line}"));
    let out: Vec<String> = source.chain(report.outside.sentences()).collect();
    let before = &report.ledger_before;
    let ledger = before.findings.iter().map(ToString::to_string).chain(before.more());
    let err: Vec<String> = ledger.map(|line| format!("the ledger before: {line}")).collect();
    for (element, lines) in [("system-out", out), ("system-err", err)] {
        if !lines.is_empty() {
            let text = shown(&lines.join("\n"));
            writer.create_element(element).write_text_content(BytesText::new(&text))?;
        }
    }
    Ok(())
}

fn cases(seen: &Seen<'_>) -> Vec<Case> {
    let report = seen.report;
    let class = format!("restore-drill.{}.{}", report.drill.job, report.drill.destination);
    let mut cases = vec![Case {
        class: class.clone(),
        name: "verdict".to_owned(),
        seconds: report.measured.restore_seconds.unwrap_or_default(),
        outcome: of_verdict(seen),
    }];
    for check in &report.checks {
        let text = format!("expected: {}\nfound: {}", check.expected, check.found);
        let outcome = match check.verdict {
            ProbeVerdict::Pass => Outcome::Passed(text),
            ProbeVerdict::Skipped => Outcome::Skipped(check.found.clone()),
            ProbeVerdict::Fail => Outcome::Failed { message: check.found.clone(), text },
        };
        cases.push(Case { class: class.clone(), name: check.check.clone(), seconds: 0.0, outcome });
    }
    for probe in &report.drill.probes {
        let detail = probe.detail.clone();
        let outcome = match probe.verdict {
            ProbeVerdict::Pass => Outcome::Passed(detail),
            ProbeVerdict::Skipped => Outcome::Skipped(detail),
            ProbeVerdict::Fail => Outcome::Failed { message: probe_word(probe.verdict).to_owned(), text: detail },
        };
        let name = if probe.path.is_empty() { "all that came back".to_owned() } else { probe.path.to_string() };
        cases.push(Case { class: format!("{class}.{}", probe.probe), name, seconds: 0.0, outcome });
    }
    cases
}

fn of_verdict(seen: &Seen<'_>) -> Outcome {
    let (report, drill) = (seen.report, &seen.report.drill);
    let findings = drill.mismatches.iter().map(|found| match found.path.to_string() {
        path if path.is_empty() => found.problem.clone(),
        path => format!("{path}: {}", found.problem),
    });
    let more = drill.mismatch_count.saturating_sub(drill.mismatches.len() as u64);
    let more = (more > 0).then(|| format!("and {more} more"));
    let text = findings.chain(drill.control_missed.iter().cloned()).chain(more).collect::<Vec<_>>().join("\n");
    let message = report.verdict_rule.clone();
    match drill.verdict {
        Verdict::Pass => Outcome::Passed(message),
        Verdict::Incomplete => Outcome::Error { message, text },
        Verdict::Fail => Outcome::Failed { message, text },
    }
}

fn write(writer: &mut Writer<Vec<u8>>, case: &Case) -> io::Result<()> {
    let (class, name, time) = (shown(&case.class), shown(&case.name), seconds(case.seconds));
    let element = writer.create_element("testcase").with_attribute(("classname", class.as_str()));
    let element = element.with_attributes([("name", name.as_str()), ("time", time.as_str())]);
    element.write_inner_content(|writer| {
        let told = |writer: &mut Writer<Vec<u8>>, element: &str, message: Option<&str>, text: &str| {
            let (message, text) = (message.map(shown), shown(text));
            let element = writer.create_element(element);
            let element = element.with_attributes(message.as_deref().map(|message| ("message", message)));
            element.write_text_content(BytesText::new(&text)).map(drop)
        };
        match &case.outcome {
            Outcome::Passed(text) => told(writer, "system-out", None, text),
            Outcome::Skipped(why) => told(writer, "skipped", Some(why), ""),
            Outcome::Failed { message, text } => told(writer, "failure", Some(message), text),
            Outcome::Error { message, text } => told(writer, "error", Some(message), text),
        }
    })?;
    Ok(())
}
