//! How things are told: one report on standard output, all else on standard error.
//!
//! In: reports, failures, progress. Out: text or JSON, and the exit code. Colours only on a terminal without `NO_COLOR`.
//! A list that may be long is printed while it is found. What fails after its first row ends it: the rest of the JSON
//! document is then `error`, standard error says the same, and the exit code is 3 where it would have been 1.
//! Deliberately absent: what is told; that is the reports'.

mod bars;
mod output;
pub mod panics;
mod stream;
pub mod usage;
mod voice;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use jiff::tz::TimeZone;

use engine::command::read::Give;
use engine::command::{Exit, Failure, Voice};
use engine::report::{Colour, ErrorReport, Page, Report, Streamed};
use output::{complain, give};
use stream::Stream;
use voice::Terminal;

/// For whom standard output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text.
    People,
    /// One JSON document.
    Json,
}

/// How much is told beside the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Warnings.
    Quiet,
    /// Warnings and progress.
    Normal,
    /// What is being done, too.
    Verbose,
}

/// Prints.
pub struct Show {
    form: Form,
    detail: Detail,
    colour: Colour,
    voice: Arc<Terminal>,
}

impl Show {
    /// To this process's standard output and error.
    pub fn new(form: Form, detail: Detail) -> Self {
        let colour = colour_of(std::io::stdout().is_terminal());
        Self {
            form,
            detail,
            colour,
            voice: Arc::new(Terminal::new(detail, colour_of(std::io::stderr().is_terminal()))),
        }
    }

    /// Whom a command tells what it does.
    pub fn voice(&self) -> Arc<dyn Voice> {
        let voice: Arc<Terminal> = Arc::clone(&self.voice);
        voice
    }

    /// What a command came to.
    pub fn outcome<R: Report>(&self, outcome: Result<(R, Exit), Failure>) -> Exit {
        self.voice.clear();
        match outcome {
            Ok((report, exit)) => {
                self.report(&report).map_or_else(|failure| self.failure(&failure), |()| self.end(exit))
            }
            Err(failure) => self.failure(&failure),
        }
    }

    /// What a command did. Who wants quiet hears only of what was not done; a document is printed all the same.
    pub fn result<R: Report>(&self, outcome: Result<(R, Exit), Failure>) -> Exit {
        match outcome {
            Ok((report, exit)) if (self.form, self.detail) == (Form::People, Detail::Quiet) => {
                report.troubles().iter().for_each(|trouble| self.voice.warn(trouble));
                self.end(exit)
            }
            outcome => self.outcome(outcome),
        }
    }

    /// What a command finds, as it finds it.
    pub fn streamed<S: Streamed>(&self, command: impl FnOnce(Give<'_, S::Row>) -> Result<(S, Exit), Failure>) -> Exit {
        let mut stream = Stream::<S>::new(match self.form {
            Form::Json => stream::Form::Json,
            Form::People => stream::Form::People(Page::new(TimeZone::system(), self.colour), S::lines()),
        });
        let outcome = command(&mut |row| stream.row(row));
        self.voice.clear();
        let ended =
            outcome.and_then(|(rest, exit)| stream.end(&rest).map_err(|error| unwritten(&error)).map(|()| exit));
        match ended {
            Ok(exit) => self.end(exit),
            Err(_) if stream.closed => Exit::Done,
            Err(failure) if stream.is_begun() => {
                let report = ErrorReport::new(&failure.what, &failure.why, &failure.advice);
                // If it can't be written either, standard error says it.
                let _ = stream.broke_off(&report);
                drop(stream);
                self.complain_of(&failure);
                self.end(if failure.exit == Exit::Failed { Exit::Partial } else { failure.exit })
            }
            Err(failure) => {
                drop(stream);
                self.failure(&failure)
            }
        }
    }

    /// How a command that has no report ended.
    pub fn ended(&self, outcome: Result<Exit, Failure>) -> Exit {
        self.voice.clear();
        outcome.map_or_else(|failure| self.failure(&failure), |exit| self.end(exit))
    }

    /// A command that could do nothing.
    pub fn failure(&self, failure: &Failure) -> Exit {
        self.voice.clear();
        self.complain_of(failure);
        let (what, why, advice) = (&failure.what, &failure.why, &failure.advice);
        if self.form == Form::Json {
            // Standard error has said it too; there is nowhere left to complain to.
            let _ = json(&ErrorReport::new(what, why, advice)).and_then(|text| give(text.as_bytes()));
        }
        failure.exit
    }

    fn complain_of(&self, failure: &Failure) {
        for (label, text) in [("error", &failure.what), ("  why", &failure.why), ("   do", &failure.advice)] {
            if !text.is_empty() {
                complain(&format!("{label}: {}", text.trim_end().replace('\n', "\n       ")));
            }
        }
    }

    /// Standard output for bytes that are nobody's text.
    pub fn raw(&self) -> impl Write + use<> {
        std::io::stdout().lock()
    }

    fn report<R: Report>(&self, report: &R) -> Result<(), Failure> {
        let text = match self.form {
            Form::Json => json(report),
            Form::People => {
                let mut page = Page::new(TimeZone::system(), self.colour);
                report.people(&mut page);
                Ok(page.text().to_owned())
            }
        };
        let given = text.and_then(|text| give(text.as_bytes()));
        given.map_err(|error| unwritten(&error))
    }

    fn end(&self, exit: Exit) -> Exit {
        match exit {
            Exit::Partial => complain("done in part: some of what was asked could not be done"),
            Exit::Damage => complain("damage: something that should restore does not, and was not healed"),
            Exit::Failed => complain("failed: nothing that was asked could be done"),
            Exit::Done | Exit::Usage => {}
        }
        exit
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    let advice = "what was asked for may be done: `engine status` tells";
    Failure::of("can't write to standard output", error, advice)
}

fn json(document: &impl serde::Serialize) -> std::io::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

fn colour_of(is_terminal: bool) -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_terminal && !refused { Colour::Terminal } else { Colour::Plain }
}
