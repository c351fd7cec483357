//! Warnings, what is being done, and progress, on standard error.

use std::time::Instant;

use engine::command::Voice;
use engine::report::Colour;

use super::Detail;
use super::bars::{Bars, Lines};
use super::output::complain;

/// This process's standard error.
pub struct Terminal {
    detail: Detail,
    colour: Colour,
    progress: Progress,
}

enum Progress {
    /// Moving bars, on a terminal.
    Bars(Bars),
    /// A line now and then.
    Lines(Lines),
    /// None.
    Off,
}

impl Terminal {
    /// Colours come with a terminal, and so do bars; `NO_COLOR` takes the colours only.
    pub fn new(detail: Detail, colour: Colour) -> Self {
        let progress = match detail {
            Detail::Quiet => Progress::Off,
            _ if std::io::IsTerminal::is_terminal(&std::io::stderr()) => Progress::Bars(Bars::default()),
            _ => Progress::Lines(Lines::default()),
        };
        Self { detail, colour, progress }
    }

    /// Takes all bars away, before something else is printed for good.
    pub fn clear(&self) {
        if let Progress::Bars(bars) = &self.progress {
            bars.clear();
        }
    }

    fn print(&self, text: &str) {
        match &self.progress {
            Progress::Bars(bars) => bars.aside(|| complain(text)),
            Progress::Lines(_) | Progress::Off => complain(text),
        }
    }
}

impl Voice for Terminal {
    fn warn(&self, text: &str) {
        let label = match self.colour {
            Colour::Terminal => "\x1b[33mwarning:\x1b[0m",
            Colour::Plain => "warning:",
        };
        self.print(&format!("{label} {text}"));
    }

    fn say(&self, text: &str) {
        if self.detail == Detail::Verbose {
            self.print(text);
        }
    }

    fn progress(&self, what: &str, done: u64, total: u64) {
        match &self.progress {
            Progress::Bars(bars) => bars.progress(what, done, total),
            Progress::Lines(lines) => {
                if let Some(line) = lines.progress(what, done, total, Instant::now()) {
                    complain(&line);
                }
            }
            Progress::Off => {}
        }
    }

    fn progress_done(&self, what: &str) {
        match &self.progress {
            Progress::Bars(bars) => bars.done(what),
            Progress::Lines(lines) => lines.done(what),
            Progress::Off => {}
        }
    }
}
