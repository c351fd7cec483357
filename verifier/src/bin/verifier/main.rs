//! The restore drill's command line: parse, call, print. No logic.

mod args;
mod show;

use std::os::unix::process::CommandExt as _;
use std::process::{self, ExitCode};
use std::sync::Arc;

use clap::Parser;
use engine::command::{Failure, Wait, vault_secret};
use engine::platform::StopSignal;
use engine::port::{Clock, SystemClock, SystemEntropy};
use verifier::audit;
use verifier::probe::Limits;
use verifier::run::{Alone, Asked, Outcome, Ports, StopAsked, alone, configuration, run};

use self::args::{Cold, Command, Common, Drilling, Line, RestoreDrill};
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
        Command::RestoreDrill(drill) => call_drill(*drill, &line.common, loudness).map(Done::Drilled),
        Command::Report(report) => {
            let asked = report.asked();
            let alone = audit::answer_alone(&asked);
            let config = || configuration(line.common.config.as_deref());
            alone.unwrap_or_else(|| audit::answer(&config()?, &asked)).map(Done::Looked)
        }
    }
}

fn call_drill(drill: RestoreDrill, common: &Common, loudness: Loudness) -> Result<Outcome, Failure> {
    let wait = if common.no_wait { Wait::No } else { Wait::Yes };
    let drilling = drill.drilling(wait);
    if matches!(drilling, Drilling::Alone(_)) {
        without_environment()?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let terminal = Terminal::new(loudness);
    let stop = stop_asked()?;
    let ports =
        Ports { clock: &clock, entropy: &SystemEntropy, voice: &terminal, limits: Limits::default(), stop: &stop };
    match drilling {
        Drilling::Installation(asked) => run(&configuration(common.config.as_deref())?, &asked, &ports),
        Drilling::Alone(cold) => alone(&bare(cold, &terminal)?, &ports),
    }
}

/// Begins once more without any environment: what a computer has that was just bought.
fn without_environment() -> Result<(), Failure> {
    if std::env::vars_os().next().is_none() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| Failure::of("this program is not found", &error, ""))?;
    let error = process::Command::new(program).args(std::env::args_os().skip(1)).env_clear().exec();
    Err(Failure::of("a process without environment can't be begun", &error, ""))
}

fn bare(cold: Cold, voice: &Terminal) -> Result<Alone, Failure> {
    let Cold { from, keys, sheet, passphrase_file, reports, asked } = cold;
    let secret = vault_secret(voice, passphrase_file.as_deref(), sheet.as_deref())?;
    let Asked { job, destination, wish, scratch, leaving, strictness, .. } = asked;
    let name = destination.unwrap_or_else(|| "vault".parse().expect("a name"));
    let scratch = scratch.unwrap_or_else(|| "/var/tmp".into());
    let reports = reports.unwrap_or_else(|| "offsite-reports".into());
    Ok(Alone { from, keys, secret, name, job, wish, scratch, reports, leaving, strictness })
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
