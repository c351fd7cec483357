//! The engine's command line: parse, call, print. No logic.

mod args;
mod dispatch;
mod show;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use args::{Arguments, Command, Global};
use engine::command::{Call, Exit, Failure, Wait};
use engine::platform::StopSignal;
use engine::port::{SystemClock, SystemEntropy};
use show::{Detail, Form, Show};

fn main() -> ExitCode {
    show::panics::tell();
    let words: Vec<OsString> = std::env::args_os().collect();
    // A panic anywhere below ends in a message, told by its hook, and exit 1.
    let exit = std::panic::catch_unwind(|| match Arguments::try_parse_from(&words) {
        Ok(arguments) => perform(arguments),
        Err(answer) => show::usage::tell(&answer, form_of(&words)),
    });
    let exit = exit.unwrap_or_else(|_| Show::new(form_of(&words), Detail::Quiet).failure(&show::panics::failure()));
    ExitCode::from(exit.code())
}

fn perform(arguments: Arguments) -> Exit {
    let form = if arguments.global.json { Form::Json } else { Form::People };
    let show = Show::new(form, detail_of(&arguments));
    match call(&arguments.global, &show) {
        Ok(call) => dispatch::perform(arguments.command, &call, &show),
        Err(failure) => show.failure(&failure),
    }
}

fn call(global: &Global, show: &Show) -> Result<Call, Failure> {
    let signal = StopSignal::listen()
        .map_err(|error| Failure::of("can't listen for signals", &error, "see that files can be opened"))?;
    Ok(Call {
        config: global.config.clone(),
        wait: if global.no_wait { Wait::No } else { Wait::Yes },
        voice: show.voice(),
        stop: Arc::new(|| signal.is_set()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    })
}

/// For words that can't be parsed, or were not to the end.
fn form_of(words: &[OsString]) -> Form {
    let asks = words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    if asks { Form::Json } else { Form::People }
}

/// The service tells what it does without being asked: that is its log.
fn detail_of(arguments: &Arguments) -> Detail {
    let is_service = matches!(&arguments.command, Command::Run(run) if !run.once);
    match (arguments.global.quiet, arguments.global.verbose || is_service) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    }
}
