//! What is printed where: one document or text on standard output, everything else on standard error.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use engine::command::{Exit, Failure, Voice};
use engine::report::{Colour, ErrorReport, Page, Report, size};
use jiff::tz::TimeZone;
use serde::Serialize;
use verifier::audit::Answer;
use verifier::report::Summary;
use verifier::run::Outcome;

/// How much is told beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Only what is wrong.
    Quiet,
    /// Progress too, on a terminal.
    Usual,
    /// Each step too.
    Verbose,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Progress is shown at most so often.
const EVERY: Duration = Duration::from_millis(250);

/// Standard error.
pub struct Terminal {
    loudness: Loudness,
    /// When the line of progress was shown last, if one stands there.
    line: Mutex<Option<Instant>>,
    is_terminal: bool,
}

impl Terminal {
    pub fn new(loudness: Loudness) -> Self {
        Self { loudness, line: Mutex::new(None), is_terminal: std::io::stderr().is_terminal() }
    }

    fn print(&self, text: &str) {
        self.progress_done("");
        // Nobody may be listening; the work goes on.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

impl Voice for Terminal {
    fn warn(&self, text: &str) {
        self.print(&format!("warning: {text}"));
    }

    fn say(&self, text: &str) {
        if self.loudness == Loudness::Verbose {
            self.print(text);
        }
    }

    fn progress(&self, what: &str, done: u64, total: u64) {
        if !self.is_terminal || self.loudness == Loudness::Quiet {
            return;
        }
        let mut line = self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if line.is_none_or(|shown| shown.elapsed() >= EVERY) {
            *line = Some(Instant::now());
            let far = match (done, total) {
                (0, _) => String::new(),
                (done, 0) => format!(", {}", size(done)),
                (done, total) => format!(", {} of {}", size(done), size(total)),
            };
            let _ = write!(std::io::stderr(), "\r\x1b[K{what}{far}");
        }
    }

    fn progress_done(&self, _: &str) {
        let mut line = self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if line.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Prints what was drilled.
pub fn outcome(outcome: &Outcome, form: Form, loudness: Loudness) {
    match (form, &outcome.failure) {
        (Form::Json, failure) => json(&Document { summary: &outcome.summary, failed: failure.as_ref().map(told) }),
        (Form::Text, _) if loudness == Loudness::Quiet && outcome.exit.code() == 0 => {}
        (Form::Text, failure) => {
            text(&outcome.summary);
            failure.iter().for_each(people);
        }
    }
}

/// Prints what lies in the ledger.
pub fn answer(answer: &Answer, exit: Exit, form: Form, loudness: Loudness) {
    match (form, answer) {
        // The file as it is, for whoever wants to verify it.
        (Form::Json, Answer::Show(_, file)) => drop(std::io::stdout().write_all(file)),
        (Form::Json, Answer::List(list)) => json(list),
        (Form::Json, Answer::Check(check)) => json(check),
        (Form::Text, _) if loudness == Loudness::Quiet && exit == Exit::Done => {}
        (Form::Text, Answer::List(list)) => text(list),
        (Form::Text, Answer::Show(report, _)) => text(&**report),
        (Form::Text, Answer::Check(check)) => text(check),
    }
}

/// Prints why nothing was drilled.
pub fn failure(failure: &Failure, form: Form) {
    if form == Form::Json {
        json(&told(failure));
    }
    people(failure);
}

/// The drills, and beside them the error where every one was refused.
#[derive(Serialize)]
struct Document<'d> {
    #[serde(flatten)]
    summary: &'d Summary,
    #[serde(flatten)]
    failed: Option<ErrorReport>,
}

fn told(failure: &Failure) -> ErrorReport {
    ErrorReport::new(&failure.what, &failure.why, &failure.advice)
}

fn people(failure: &Failure) {
    let advice = if failure.advice.is_empty() { String::new() } else { format!("\n  {}", failure.advice) };
    let _ = writeln!(std::io::stderr(), "verifier: {failure}{advice}");
}

fn json(value: &impl Serialize) {
    let document = serde_json::to_string_pretty(value).expect("reports have text keys only");
    let _ = writeln!(std::io::stdout(), "{document}");
}

fn text(summary: &impl Report) {
    let plain = !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut page = Page::new(TimeZone::system(), if plain { Colour::Plain } else { Colour::Terminal });
    summary.people(&mut page);
    let _ = write!(std::io::stdout(), "{}", page.text());
}
