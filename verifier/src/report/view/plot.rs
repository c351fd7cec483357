//! Small plots of past drills of one job from one destination, as inline SVG: restore time, the point's age, coverage.
//! Pure. Each drill is a mark, whose colour and shape say how it came out; one without a figure stands on the base
//! line.

use jiff::Timestamp;

use super::html::Html;
use super::verdict_word;
use crate::report::entry::Brief;
use crate::verdict::Verdict;

/// Drills of one plot; older ones are left out.
const DRILLS_MAX: usize = 60;
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 96.0;
const LEFT: f64 = 6.0;
const RIGHT: f64 = 234.0;
const TOP: f64 = 20.0;
const BASE: f64 = 80.0;

/// One thing that is plotted.
struct Measure {
    title: &'static str,
    value: fn(&Brief) -> Option<f64>,
    text: fn(f64) -> String,
    /// What the top of the plot is at least.
    top_min: f64,
}

const MEASURES: [Measure; 3] = [
    Measure {
        title: "Restore time",
        value: |brief| brief.restore_seconds,
        text: |value| format!("{value:.1} s"),
        top_min: 0.1,
    },
    Measure { title: "Age of the point", value: |brief| brief.point_age_seconds.map(figure), text: age, top_min: 1.0 },
    Measure {
        title: "Coverage",
        value: |brief| brief.coverage.thousandths().map(|share| figure(share) / 10.0),
        text: |value| format!("{value:.1} %"),
        top_min: 100.0,
    },
];

/// Exact as far as a plot shows it.
fn figure(value: u64) -> f64 {
    value as f64
}

/// As `summary::span` says it.
fn age(seconds: f64) -> String {
    let (unit, word) = match seconds {
        ..120.0 => (1.0, "s"),
        ..7200.0 => (60.0, "min"),
        ..172_800.0 => (3600.0, "h"),
        _ => (86_400.0, "days"),
    };
    format!("{:.0} {word}", (seconds / unit).floor())
}

/// One drill in a plot.
struct Mark {
    x: f64,
    y: Option<f64>,
    verdict: Verdict,
    title: String,
}

/// The plots of these drills, the oldest first, side by side.
pub(super) fn plots(page: &mut Html, drills: &[&Brief]) {
    let drills = &drills[drills.len().saturating_sub(DRILLS_MAX)..];
    page.raw("<div class=\"plots\">\n");
    MEASURES.iter().for_each(|measure| plot(page, measure, drills));
    page.raw("</div>\n");
}

fn plot(page: &mut Html, measure: &Measure, drills: &[&Brief]) {
    let finite = |brief: &&Brief| (measure.value)(brief).filter(|value| value.is_finite() && *value >= 0.0);
    let top = drills.iter().filter_map(finite).fold(measure.top_min, f64::max);
    let last = drills.last().and_then(finite).map_or_else(|| "no figure".to_owned(), measure.text);
    let across = across(drills);
    let mark = |(brief, x): (&&Brief, f64)| {
        let value = finite(brief);
        let figure = value.map_or_else(|| "no figure".to_owned(), measure.text);
        let title = format!("{}: {figure}, {}, report {}", brief.started, verdict_word(brief.verdict), brief.sequence);
        Mark { x, y: value.map(|value| BASE - value / top * (BASE - TOP)), verdict: brief.verdict, title }
    };
    let marks: Vec<Mark> = drills.iter().zip(across).map(mark).collect();
    page.raw("<figure><figcaption>").raw(measure.title).raw(" <b>").text(&last).raw("</b></figcaption>");
    page.raw("<svg viewBox=\"0 0 ").text(WIDTH).raw(" ").text(HEIGHT).raw("\" role=\"img\" aria-label=\"");
    page.raw(measure.title).raw("\">");
    page.raw("<line class=\"grid\"").at("x1", LEFT).at("y1", TOP).at("x2", RIGHT).at("y2", TOP).raw("/>");
    page.raw("<line class=\"axis\"").at("x1", LEFT).at("y1", BASE).at("x2", RIGHT).at("y2", BASE).raw("/>");
    page.raw("<text").at("x", LEFT).at("y", TOP - 8.0).raw(">").text((measure.text)(top)).raw("</text>");
    days(page, drills);
    lines(page, &marks);
    marks.iter().for_each(|mark| draw(page, mark));
    page.raw("</svg></figure>\n");
}

/// The days of the first and the last drill.
fn days(page: &mut Html, drills: &[&Brief]) {
    let day = |brief: &&Brief| brief.started.chars().take(10).collect::<String>();
    let (first, last) = (drills.first().map(day), drills.last().map(day));
    page.raw("<text").at("x", LEFT).at("y", HEIGHT - 3.0).raw(">").text(first.as_deref().unwrap_or("")).raw("</text>");
    if last != first {
        page.raw("<text class=\"end\"").at("x", RIGHT).at("y", HEIGHT - 3.0).raw(">");
        page.text(last.unwrap_or_default()).raw("</text>");
    }
}

/// Where each drill stands from left to right: by time, or one after the other where the times do not tell.
fn across(drills: &[&Brief]) -> Vec<f64> {
    let times: Option<Vec<i64>> =
        drills.iter().map(|brief| brief.started.parse::<Timestamp>().ok().map(Timestamp::as_second)).collect();
    let steps = || (0_i64..).take(drills.len()).collect();
    let places = times.filter(|times| times.is_sorted() && times.first() < times.last()).unwrap_or_else(steps);
    let (first, last) = (places.first().copied().unwrap_or(0), places.last().copied().unwrap_or(0));
    let (from, to) = (LEFT + 4.0, RIGHT - 4.0);
    let share = |at: i64| if last > first { (at - first) as f64 / (last - first) as f64 } else { 0.5 };
    places.into_iter().map(|at| from + share(at) * (to - from)).collect()
}

/// Lines between drills that follow each other and have figures.
fn lines(page: &mut Html, marks: &[Mark]) {
    for pair in marks.windows(2) {
        if let (Some(from), Some(to)) = (pair[0].y, pair[1].y) {
            page.raw("<line class=\"run\"").at("x1", pair[0].x).at("y1", from).at("x2", pair[1].x).at("y2", to);
            page.raw("/>");
        }
    }
}

fn draw(page: &mut Html, mark: &Mark) {
    let (x, y) = (mark.x, mark.y.unwrap_or(BASE));
    page.raw("<g class=\"").raw(verdict_word(mark.verdict)).raw("\"><title>").text(&mark.title).raw("</title>");
    if mark.verdict == Verdict::Pass {
        page.raw("<circle").at("cx", x).at("cy", y).raw(" r=\"2.6\"/>");
    } else {
        for (left, right) in [(-3.0, 3.0), (3.0, -3.0)] {
            page.raw("<line").at("x1", x + left).at("y1", y - 3.0).at("x2", x + right).at("y2", y + 3.0).raw("/>");
        }
    }
    page.raw("</g>");
}

impl Html {
    /// An attribute that is a coordinate.
    fn at(&mut self, name: &'static str, value: f64) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").number(value).raw("\"")
    }
}
