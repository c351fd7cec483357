//! The commands of the user's around a job's run: each with a time limit, the end of its output kept in `state/hooks`.
//!
//! Invariants: what is done after a run is done however the run ended, as long as this process lives; a command that takes
//! too long is ended with all that it started in its own group; none gets a variable that the configuration names as a
//! secret's.

mod output;

use std::io::{self, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use self::output::Output;
use crate::command::{Context, Failure};
use crate::config::{Config, Hook, Job, SecretSource};
use crate::platform;

/// So often a command that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Of its output so much is told.
const TOLD_MAX: usize = 2_000;
/// So many of its lines.
const LINES_TOLD: usize = 5;

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
    OnFailure,
}

impl When {
    /// Its key in the configuration.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::OnFailure => "on-failure",
        }
    }

    fn of(self, job: &Job) -> Option<&Hook> {
        match self {
            Self::Before => job.hooks.before.as_ref(),
            Self::After => job.hooks.after.as_ref(),
            Self::OnFailure => job.hooks.on_failure.as_ref(),
        }
    }
}

/// Runs a job's command, if it has one; `told` is what its environment says beside the job's name.
///
/// # Errors
/// Why it did not end well, with the last lines that it printed.
pub(super) fn run(context: &Context, job: &Job, when: When, told: &[(&str, String)]) -> Result<(), String> {
    let Some(Hook(words)) = when.of(job) else { return Ok(()) };
    context.call.voice.say(&format!("{}: runs its `{}` command", job.name, when.key()));
    let failed = |why: String| format!("its `{}` command {why}", when.key());
    let (output, pipe) = Output::begin().map_err(|error| failed(format!("can't be listened to: {error}")))?;
    let begun = start(command(&context.installation.config, words, job, told), pipe);
    let mut child = begun.map_err(|error| failed(format!("can't be started: {}: {error}", words[0])))?;
    // A run that was told to stop still does what comes after it.
    let stop = || when == When::Before && (context.call.stop)();
    let ended = wait(&mut child, job.hooks.time_limit, &stop);
    let printed = output.end();
    let kept = kept_at(&context.installation.config.state, job, when);
    if let Err(error) = output::keep(&printed, &kept) {
        context.call.voice.warn(&failed(format!("printed what can't be kept in {}: {error}", kept.display())));
    }
    match ended {
        Ok(Ended::Itself(status)) if status.success() => Ok(()),
        Ok(Ended::Itself(status)) => Err(failed(format!("ended with {}{}", how(status), last_words(&printed)))),
        Ok(Ended::TooLate) => {
            let limit = job.hooks.time_limit.as_secs();
            Err(failed(format!("took longer than {limit} s and was ended{}", last_words(&printed))))
        }
        Ok(Ended::Stopped) => Err(failed("was stopped".to_owned())),
        Err(error) => Err(failed(format!("can't be waited for: {error}"))),
    }
}

/// The same for what stands in the way of a point.
///
/// # Errors
/// Exit 1.
pub(super) fn before(context: &Context, job: &Job) -> Result<(), Failure> {
    run(context, job, When::Before, &[]).map_err(|why| {
        Failure::new(format!("no recovery point of {}", job.name), why, "see to it; the last good point stays")
    })
}

fn kept_at(state: &Path, job: &Job, when: When) -> PathBuf {
    state.join("hooks").join(format!("{}-{}.log", job.name, when.key()))
}

/// What is run, in an environment without our secrets.
fn command(config: &Config, words: &[String], job: &Job, told: &[(&str, String)]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for secret in config.secrets() {
        if let SecretSource::Env(name) = secret {
            command.env_remove(name);
        }
    }
    command.env("OFFSITE_JOB", job.name.as_str()).envs(told.iter().map(|(name, value)| (name, value)));
    command
}

/// Our own ends of the pipe are closed when this returns.
fn start(mut command: Command, pipe: PipeWriter) -> io::Result<Child> {
    command.stdin(Stdio::null()).stdout(pipe.try_clone()?).stderr(pipe);
    platform::lead_group(&mut command);
    command.spawn()
}

enum Ended {
    Itself(ExitStatus),
    TooLate,
    Stopped,
}

fn wait(child: &mut Child, limit: Duration, stop: &dyn Fn() -> bool) -> io::Result<Ended> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Itself(status));
        }
        let is_late = begun.elapsed() >= limit;
        if is_late || stop() {
            platform::kill_group(child);
            let _ = child.kill();
            child.wait()?;
            return Ok(if is_late { Ended::TooLate } else { Ended::Stopped });
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn how(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"))
}

/// The last lines of what was printed, behind a colon; nothing if there are none.
fn last_words(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(&printed[printed.len().saturating_sub(TOLD_MAX)..]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join("; ");
    let last: String = last.chars().filter(|one| !one.is_control()).collect();
    if last.is_empty() { last } else { format!(": {last}") }
}
