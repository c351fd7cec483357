//! The engine's command line: parse, call, print. No logic.

mod args;
mod dispatch;
mod later;
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
    let exit = match Arguments::try_parse_from(&words) {
        Ok(arguments) => perform(arguments),
        Err(answer) => show::usage::tell(&answer, &words),
    };
    ExitCode::from(exit.code())
}

/// A panic anywhere below ends in a message, told by its hook, and exit 1.
fn perform(arguments: Arguments) -> Exit {
    let show = Show::new(form_of(&arguments.global), detail_of(&arguments));
    let caught = std::panic::catch_unwind(|| match call(&arguments.global, &show) {
        Ok(call) => dispatch::perform(arguments.command, &call, &show),
        Err(failure) => show.failure(&failure),
    });
    caught.unwrap_or_else(|_| show.failure(&show::panics::failure()))
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

fn form_of(global: &Global) -> Form {
    if global.json { Form::Json } else { Form::People }
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
