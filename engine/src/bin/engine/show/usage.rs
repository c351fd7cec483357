//! What clap answers: help and version on standard output, a wrong command line on standard error and exit 2.

use std::io::ErrorKind;

use clap::Error;

use super::Form;
use super::output::{complain, give};
use engine::command::Exit;
use engine::report::ErrorReport;

/// Prints it.
pub fn tell(answer: &Error, form: Form) -> Exit {
    if !answer.use_stderr() {
        return printed(answer);
    }
    let text = answer.render();
    complain(text.to_string().trim_end());
    if form == Form::Json {
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

/// The first paragraph, in one line.
fn reason(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let lines: Vec<_> = paragraph.trim_start_matches("error: ").lines().map(str::trim).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_without_the_advice_below_it() {
        let text = "error: the following are missing:\n  --to <DIR>\n\nUsage: engine restore\n";
        assert_eq!(reason(text), "the following are missing: --to <DIR>");
    }
}
