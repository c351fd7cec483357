//! The restore drill's command line: parse, call, print. No logic.

mod args;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use engine::command::{Failure, Wait};
use engine::platform::StopSignal;
use engine::port::{Clock, SystemClock, SystemEntropy};
use verifier::audit;
use verifier::probe::Limits;
use verifier::run::{Outcome, Ports, StopAsked, configuration, run};

use self::args::{Command, Common, Line, RestoreDrill};
use self::show::{Form, Loudness, Terminal};

fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    let form = if line.common.json { Form::Json } else { Form::Text };
    let loudness = loudness(&line.common);
    let exit = match call(line, loudness) {
        Ok(Done::Drilled(outcome)) => {
            show::outcome(&outcome, form, loudness);
            outcome.exit
        }
        Ok(Done::Looked((answer, exit))) => {
            show::answer(&answer, exit, form, loudness);
            exit
        }
        Err(failure) => {
            show::failure(&failure, form);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

/// What a command came to.
enum Done {
    Drilled(Outcome),
    Looked(audit::Told),
}

fn call(line: Line, loudness: Loudness) -> Result<Done, Failure> {
    match line.command {
        Command::RestoreDrill(drill) => call_drill(drill, &line.common, loudness).map(Done::Drilled),
        Command::Report(report) => {
            let asked = report.asked();
            let alone = audit::answer_alone(&asked);
            let config = || configuration(line.common.config.as_deref());
            alone.unwrap_or_else(|| audit::answer(&config()?, &asked)).map(Done::Looked)
        }
    }
}

fn call_drill(drill: RestoreDrill, common: &Common, loudness: Loudness) -> Result<Outcome, Failure> {
    let config = configuration(common.config.as_deref())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let terminal = Terminal::new(loudness);
    let stop = stop_asked()?;
    let ports =
        Ports { clock: &clock, entropy: &SystemEntropy, voice: &terminal, limits: Limits::default(), stop: &stop };
    let wait = if common.no_wait { Wait::No } else { Wait::Yes };
    run(&config, &drill.asked(wait), &ports)
}

/// SIGTERM and SIGINT; a second SIGINT ends the process at once.
fn stop_asked() -> Result<StopAsked, Failure> {
    let signal = StopSignal::listen().map_err(|error| Failure::of("can't listen for signals", &error, ""))?;
    Ok(Arc::new(|| signal.is_set()))
}

fn loudness(common: &Common) -> Loudness {
    match (common.quiet, common.verbose) {
        (true, _) => Loudness::Quiet,
        (_, true) => Loudness::Verbose,
        _ => Loudness::Usual,
    }
}

/// `--help` and `--version` are no errors; a wrong line is told as JSON too where it asks for that.
fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().any(|word| word == "--json") {
        let failure = Failure::usage("the command line is wrong", error.to_string().trim_end(), "verifier --help");
        show::failure(&failure, Form::Json);
        return ExitCode::from(failure.exit.code());
    }
    let _ = error.print();
    ExitCode::from(2)
}
