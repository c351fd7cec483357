//! What clap answers: help and version on standard output, a wrong command line on standard error and exit 2.

use std::ffi::OsString;
use std::io::ErrorKind;

use clap::Error;

use super::output::{complain, give};
use engine::command::Exit;
use engine::report::ErrorReport;

/// Prints it. `words` are what was typed: whether a wrong command line asked for JSON only they tell.
pub fn tell(answer: &Error, words: &[OsString]) -> Exit {
    if !answer.use_stderr() {
        return printed(answer);
    }
    let text = answer.render();
    complain(text.to_string().trim_end());
    if asks_for_json(words) {
        let (what, why) = ("the command line is wrong", reason(&text.to_string()));
        let report = ErrorReport::new(what, &why, "`engine COMMAND --help` tells what is allowed");
        let _ = serde_json::to_string_pretty(&report).map(|text| give((text + "\n").as_bytes()));
    }
    Exit::Usage
}

fn printed(answer: &Error) -> Exit {
    match answer.print() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Exit::Failed,
        _ => Exit::Done,
    }
}

fn asks_for_json(words: &[OsString]) -> bool {
    words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json")
}

/// The first paragraph, in one line.
fn reason(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let lines: Vec<_> = paragraph.trim_start_matches("error: ").lines().map(str::trim).collect();
    lines.join(" ")
}
