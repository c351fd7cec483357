//! The HTML page of a report: a page of summary with plots, then all details. One file, no script, nothing from
//! elsewhere; light, dark, and on paper.

use std::collections::BTreeMap;

use engine::report::size;

use super::beside;
use super::html::Html;
use super::plot::plots;
use super::{Seen, control_word, probe_word, verdict_word};
use crate::report::entry::Brief;
use crate::report::facts::{Objective, RESTORE_TIME};
use crate::report::past::ranges;
use crate::report::record::{KeyKind, ReportFile};
use crate::report::summary::{moment, number, span};
use crate::report::{Cold, Forecast};
use crate::verdict::ProbeVerdict;

const STYLE: &str = include_str!("page.css");
/// Passed probes that are shown one by one; the document has more.
const PASSED_MAX: usize = 200;
/// Jobs and destinations beside the report's own whose plots are shown.
const OTHERS_MAX: usize = 24;

/// The page.
pub(super) fn page(seen: &Seen<'_>) -> String {
    let mut page = Html::default();
    head(&mut page, seen.report);
    page.raw("<body>\n<main>\n<section class=\"summary\">\n");
    title(&mut page, seen);
    cards(&mut page, seen.report);
    own_plots(&mut page, seen);
    footing(&mut page, seen);
    page.raw("</section>\n<section class=\"details\">\n");
    checks(&mut page, seen.report);
    findings(&mut page, seen.report);
    probes(&mut page, seen.report);
    untested(&mut page, seen.report);
    beside::sources(&mut page, seen.report);
    beside::ledger(&mut page, seen.report);
    about(&mut page, seen);
    other_plots(&mut page, seen);
    page.raw("</section>\n</main>\n</body>\n</html>\n");
    page.finish()
}

fn head(page: &mut Html, report: &ReportFile) {
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Restore drill ");
    page.text(report.sequence).raw(": ").text(verdict_word(report.drill.verdict)).raw(", ").text(&report.drill.job);
    page.raw(" from ").text(&report.drill.destination).raw("</title>\n<style>\n").raw(STYLE);
    page.raw("</style>\n</head>\n");
}

fn title(page: &mut Html, seen: &Seen<'_>) {
    let (report, drill) = (seen.report, &seen.report.drill);
    page.raw("<header><h1>Restore drill <span class=\"dim\">no. ").text(report.sequence).raw("</span> ");
    page.badge(verdict_word(drill.verdict)).raw("</h1>\n<p class=\"lead\"><b>").text(job(&drill.job));
    page.raw("</b> from <b>")
        .text(&drill.destination)
        .raw("</b>, ")
        .text(&report.address)
        .raw(if drill.cold.is_some() { ", cold<br>" } else { "<br>" });
    page.text(moment(&report.started)).raw(" to ").text(moment(&report.finished)).raw("</p>\n<p class=\"rule\">");
    page.text(&report.verdict_rule).raw("</p></header>\n");
}

fn job(name: &str) -> &str {
    if name.is_empty() { "no job" } else { name }
}

fn card(page: &mut Html, title: &'static str, tell: impl FnOnce(&mut Html)) {
    page.raw("<div class=\"card\"><h2>").raw(title).raw("</h2>");
    tell(page);
    page.raw("</div>\n");
}

fn cards(page: &mut Html, report: &ReportFile) {
    let (drill, coverage) = (&report.drill, &report.drill.coverage);
    page.raw("<div class=\"cards\">\n");
    card(page, "What was compared", |page| {
        page.raw("<p class=\"figure\">").data(drill.files, number(drill.files, "file")).raw("</p><p>");
        page.data(drill.bytes, size(drill.bytes)).raw(" of the point, ");
        page.data(report.objects, number(report.objects, "object")).raw(" read whole</p>");
    });
    card(page, "How much of it", |page| {
        let share = coverage.thousandths().map(|share| format!("{}.{} %", share / 10, share % 10));
        page.raw("<p class=\"figure\">").text(share.as_deref().unwrap_or("nothing")).raw("</p><p>");
        page.data(coverage.entries_compared, coverage.entries_compared).raw(" of ");
        page.data(coverage.entries_expected, coverage.entries_expected).raw(" entries; ");
        page.data(coverage.probes_run, number(coverage.probes_run, "probe")).raw(" run, ");
        page.data(coverage.probes_skipped, coverage.probes_skipped).raw(" skipped</p>");
    });
    card(page, "How old", |page| {
        match drill.point_age_seconds {
            Some(age) => page.raw("<p class=\"figure\">").data(age, span(age)).raw("</p><p>the point is as of "),
            None => page.raw("<p class=\"figure\">no point</p><p>"),
        };
        let created = report.point_created.as_deref().map(moment);
        page.text(created.as_deref().unwrap_or("nothing could be restored")).raw("</p>");
        report.objectives.iter().filter(|it| it.objective != RESTORE_TIME).for_each(|it| tell_objective(page, it));
    });
    card(page, "How fast", |page| {
        match drill.restore_seconds {
            Some(took) => page.raw("<p class=\"figure\">").data(took, format!("{took:.1} s")).raw("</p><p>"),
            None => page.raw("<p class=\"figure\">not restored</p><p>"),
        };
        if let Some(speed) = report.measured.restore_bytes_per_second {
            page.data(speed, size(speed)).raw(" each second");
        }
        if let Some(first) = report.measured.first_content_seconds {
            page.raw(", the first content after ").data(first, format!("{first:.1} s"));
        }
        page.raw("</p>");
        report.objectives.iter().filter(|it| it.objective == RESTORE_TIME).for_each(|it| tell_objective(page, it));
        report.forecast.iter().for_each(|forecast| tell_forecast(page, forecast));
    });
    card(page, "Can the checks fail?", |page| {
        page.raw("<p class=\"figure\">").badge(control_word(drill.negative_control)).raw("</p>");
        page.raw("<p>the negative control: what was broken on purpose was ");
        page.raw(match control_word(drill.negative_control) {
            "pass" => "noticed</p>",
            "fail" => "missed</p>",
            _ => "not tried</p>",
        });
    });
    card(page, "Findings", |page| {
        let failed = drill.probes.iter().filter(|probe| probe.verdict == ProbeVerdict::Fail).count() as u64;
        let all = drill.mismatch_count + failed;
        page.raw("<p class=\"figure\">").data(all, all).raw("</p><p>");
        page.data(drill.mismatch_count, drill.mismatch_count).raw(" beside probes, and ");
        page.data(failed, number(failed, "failed probe")).raw("</p>");
    });
    page.raw("</div>\n");
}

fn tell_forecast(page: &mut Html, forecast: &Forecast) {
    let Forecast { seconds_min, seconds_max, drills, .. } = *forecast;
    page.raw("<p>a full restore: ").data(seconds_min, format!("{seconds_min:.1}")).raw(" to ");
    page.data(seconds_max, format!("{seconds_max:.1} s")).raw(", by the rates of ");
    page.data(drills, number(drills, "drill")).raw("</p>");
    if let Some(more) = forecast.more_each_day {
        page.raw("<p>by their trend ").data(more, format!("{more:+.2} s")).raw(" each day</p>");
    }
    if let Some(day) = &forecast.too_slow_on {
        page.raw("<p>above the job's rto from ").text(moment(day)).raw(" on</p>");
    }
}

fn tell_objective(page: &mut Html, objective: &Objective) {
    let met = match objective.met {
        Some(true) => "met",
        Some(false) => "not met",
        None => "not known",
    };
    page.raw("<p>").text(&objective.objective).raw(": at most ").text(span(objective.seconds_max)).raw(", ");
    page.raw(met).raw("</p>");
}

/// Drills of each job and destination, the oldest first.
fn series<'s>(seen: &Seen<'s>) -> BTreeMap<(&'s str, &'s str), Vec<&'s Brief>> {
    let mut series = BTreeMap::<_, Vec<&Brief>>::new();
    for brief in seen.past {
        series.entry((brief.job.as_str(), brief.destination.as_str())).or_default().push(brief);
    }
    series
}

fn own_plots(page: &mut Html, seen: &Seen<'_>) {
    let drill = &seen.report.drill;
    if let Some(drills) = series(seen).get(&(drill.job.as_str(), drill.destination.as_str())) {
        page.raw("<h2>Drills of this job from this destination</h2>\n");
        plots(page, drills);
        page.raw("<p class=\"dim\">A dot is a drill that passed, a cross one that did not.</p>\n");
    }
    let left_out = &seen.report.left_out;
    if !left_out.is_empty() {
        page.raw("<p>Not in these plots: report ").text(ranges(left_out));
        page.raw(", not as written, or signed by another key.</p>\n");
    }
}

fn other_plots(page: &mut Html, seen: &Seen<'_>) {
    let drill = &seen.report.drill;
    let own = (drill.job.as_str(), drill.destination.as_str());
    let all = series(seen);
    let others: Vec<_> = all.iter().filter(|(name, _)| **name != own).collect();
    if others.is_empty() {
        return;
    }
    page.raw("<h2>Drills of other jobs and destinations</h2>\n");
    for ((name, destination), drills) in others.iter().take(OTHERS_MAX) {
        page.raw("<h3>").text(job(name)).raw(" from ").text(destination).raw("</h3>\n");
        plots(page, drills);
    }
    if others.len() > OTHERS_MAX {
        page.raw("<p>and ").text(others.len() - OTHERS_MAX).raw(" more</p>\n");
    }
}

fn footing(page: &mut Html, seen: &Seen<'_>) {
    page.raw("<p class=\"digest\">This page is a view of report ").text(seen.report.sequence);
    page.raw(", which is JSON and the truth. BLAKE3 of that file: <code>").text(seen.digest).raw("</code>. ");
    page.raw("<code>verifier report check</code> tells whether it is as it was written.</p>\n");
}

fn checks(page: &mut Html, report: &ReportFile) {
    page.raw("<h2>Checks</h2>\n").table(&["Check", "Expected", "Found", "Verdict"]);
    for check in &report.checks {
        page.raw("<tr><td>").text(&check.check).raw("</td><td>").text(&check.expected).raw("</td><td>");
        page.text(&check.found).raw("</td><td>").badge(probe_word(check.verdict)).raw("</td></tr>\n");
    }
    page.raw("</tbody></table>\n");
    let missed = &report.drill.control_missed;
    if !missed.is_empty() {
        page.raw("<p>The negative control was missed by:</p>").list(missed);
    }
}

fn findings(page: &mut Html, report: &ReportFile) {
    let drill = &report.drill;
    page.raw("<h2>Findings</h2>\n");
    if drill.mismatches.is_empty() {
        page.raw("<p>None beside probes.</p>\n");
    } else {
        page.table(&["Where", "Problem", "Expected", "Found"]);
        for found in &drill.mismatches {
            let place = if found.path.is_empty() { "the drill as a whole".to_owned() } else { found.path.to_string() };
            let cell = |text: &Option<String>| text.clone().unwrap_or_default();
            page.raw("<tr><td class=\"path\">").text(place).raw("</td><td>").text(&found.problem).raw("</td><td>");
            page.text(cell(&found.expected)).raw("</td><td>").text(cell(&found.found)).raw("</td></tr>\n");
        }
        page.raw("</tbody></table>\n");
    }
    let more = drill.mismatch_count.saturating_sub(drill.mismatches.len() as u64);
    if more > 0 {
        page.raw("<p>and ").data(more, more).raw(" more, which were only counted</p>\n");
    }
    if !report.follow_up.is_empty() {
        page.raw("<h3>Follow-up</h3>\n").list(&report.follow_up);
    }
}

fn probes(page: &mut Html, report: &ReportFile) {
    let probes = &report.drill.probes;
    page.raw("<h2>Probes</h2>\n");
    if probes.is_empty() {
        page.raw("<p>No file of a kind that is known came back.</p>\n");
        return;
    }
    page.table(&["File", "Probe", "What was run, and what it said", "Verdict"]);
    let of = |verdict| probes.iter().filter(move |probe| probe.verdict == verdict);
    let passed = of(ProbeVerdict::Pass).take(PASSED_MAX);
    for probe in of(ProbeVerdict::Fail).chain(of(ProbeVerdict::Skipped)).chain(passed) {
        let path = if probe.path.is_empty() { "all that came back".to_owned() } else { probe.path.to_string() };
        page.raw("<tr><td class=\"path\">").text(path).raw("</td><td>").text(&probe.probe).raw("</td><td>");
        page.text(&probe.detail).raw("</td><td>").badge(probe_word(probe.verdict)).raw("</td></tr>\n");
    }
    page.raw("</tbody></table>\n");
    let passed = of(ProbeVerdict::Pass).count();
    let more = passed.saturating_sub(PASSED_MAX) as u64 + report.drill.more_probes;
    if more > 0 {
        page.raw("<p>and ").data(more, more).raw(" more that passed</p>\n");
    }
}

fn untested(page: &mut Html, report: &ReportFile) {
    page.raw("<h2>What was not tested</h2>\n").table(&["What", "How many"]);
    for not in &report.drill.not_tested {
        page.raw("<tr><td>").text(&not.what).raw("</td><td>").data(not.count, not.count).raw("</td></tr>\n");
    }
    page.raw("</tbody></table>\n");
    if !report.drill.notes.is_empty() {
        page.raw("<h2>Notes</h2>\n").list(&report.drill.notes);
    }
    page.raw("<h2>Clean-up</h2>\n<p>").text(&report.clean_up);
    if let Some(kept) = &report.drill.kept {
        page.raw(": ").text(kept);
    }
    page.raw("</p>\n");
}

fn about(page: &mut Html, seen: &Seen<'_>) {
    let (report, drill) = (seen.report, &seen.report.drill);
    page.raw("<h2>Who, what, when, where</h2>\n<table class=\"pairs\"><tbody>\n");
    let built_on = (!report.built_on.is_empty()).then(|| report.built_on.join(", "));
    page.pair("Report", Some(report.sequence)).pair("Verifier", Some(&report.verifier));
    page.pair("Program", Some(&report.tool)).pair("System", report.system.as_ref());
    page.pair("With the rights of", Some(&report.restored_by));
    page.pair("Begun", Some(&report.started)).pair("Ended", Some(&report.finished));
    page.pair("Job", Some(&drill.job)).pair("Kind of source", report.method.as_ref());
    page.pair("Protected", report.source.as_ref()).pair("Point", drill.point.as_ref());
    page.pair("As of", report.point_created.as_ref()).pair("BLAKE3 of its manifest", report.manifest.as_ref());
    page.pair("Built on", built_on).pair("Destination", Some(&drill.destination));
    page.pair("Address", Some(&report.address)).pair("Medium", report.vault.as_ref());
    page.pair("Restored to", report.restored_to.as_ref());
    page.pair("Proof that this drill reached", drill.proof.as_ref());
    page.pair("Drilled", drill.cold.as_ref().map(Cold::sentence));
    page.pair("Signed by", report.public_key.as_ref()).pair("That key is", report.key_kind.map(key_kind));
    page.pair("BLAKE3 of the report before it", report.previous.as_ref());
    page.pair("BLAKE3 of this report", Some(seen.digest));
    page.raw("</tbody></table>\n");
    if let Some(before) = &report.before {
        page.raw("<p>The last drill of this job from this destination before it is report ").text(before.sequence);
        page.raw(", begun ").text(moment(&before.started)).raw(": ").badge(verdict_word(before.verdict)).raw("</p>\n");
    }
    if !report.controls.is_empty() {
        page.raw("<h2>Controls that this serves</h2>\n").list(&report.controls);
    }
}

const fn key_kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Installation => "this installation's, which signs all its reports",
        KeyKind::Ephemeral => "one that was made for this report and is gone",
    }
}
