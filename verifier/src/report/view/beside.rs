//! What stands in a page beside the drill itself: the live source, what no job has, and the ledger.

use super::html::Html;
use crate::report::record::ReportFile;
use crate::report::summary::number;

/// The live source beside the point, and what no job has.
pub(super) fn sources(page: &mut Html, report: &ReportFile) {
    let drill = &report.drill;
    page.raw("<h2>The source now, beside the point</h2>\n");
    match (&drill.live_source, &drill.live_source_reason) {
        (Some(source), _) => page.list(source.lines()),
        (None, Some(why)) => page.raw("<p>Not looked at: ").text(why).raw("</p>\n"),
        (None, None) => page.raw("<p>Not looked at.</p>\n"),
    };
    page.raw("<h2>What no job has</h2>\n");
    let sentences = report.outside.sentences();
    if sentences.is_empty() {
        page.raw("<p>No folder in people's homes that changed lately and is large enough to be told of.</p>\n");
    } else {
        page.list(sentences);
    }
}

/// The ledger as it was found.
pub(super) fn ledger(page: &mut Html, report: &ReportFile) {
    let before = &report.ledger_before;
    page.raw("<h2>The ledger before this report</h2>\n");
    if before.findings.is_empty() {
        page.raw(
            "<p>As it was written, as far as the reports that are here and the heads that could be read tell.</p>\n",
        );
    } else {
        page.raw("<p>Not as it was written: ").data(before.finding_count, number(before.finding_count, "finding"));
        page.raw(". The verdict is about the data, and does not hang on it.</p>\n").list(&before.findings);
    }
    if !before.not_compared.is_empty() {
        page.raw("<p>Heads that were not compared:</p>\n").list(&before.not_compared);
    }
}
