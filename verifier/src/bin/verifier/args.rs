//! What was typed, parsed; nothing is looked at here.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use engine::command::Wait;
use engine::model::{DestinationName, HOME, JobName, Name};
use verifier::audit;
use verifier::choose::Wish;
use verifier::drill::Leaving;
use verifier::run::Asked;
use verifier::verdict::Strictness;

const EXAMPLES: &str = "Examples:
  verifier restore-drill                              the newest point of each job from each destination
  verifier restore-drill --destination usb --all      every point on that drive
  verifier restore-drill --point documents~1          the point before the newest, from wherever it is
  verifier restore-drill --json --strict              for scripts: a skipped probe is exit 3

Exit codes: 0 all came back; 1 nothing was tried; 2 wrong command line or configuration; 3 a drill was
incomplete or stopped, or with --strict a probe was skipped; 4 something does not come back.";

const REPORT_EXAMPLES: &str = "Examples:
  verifier report list                   every drill, and how it came out
  verifier report show 12                one report; --json prints its file as it is
  verifier report check                  signatures, views, the chain, gaps, and the heads at every destination that is there
  verifier report check /mnt/reports     a copy of the reports, for whoever audits them

Exit codes: 0 as it was written; 1 nothing could be checked; 2 wrong command line or configuration; 3 a list that is
empty while heads tell of other ledgers; 4 something was edited or replaced, or is missing.";

/// Proves that recovery points restore: a real test restore from a destination and the passphrase alone.
#[derive(Debug, Parser)]
#[command(name = "verifier", version, after_help = EXAMPLES)]
pub struct Line {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Common {
    /// The configuration; else $OFFSITE_CONFIG, ./offsite.toml, the user's, the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Only what failed
    #[arg(long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Each step
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Exit 1 instead of waiting for another drill that restores to the same disk
    #[arg(long, global = true)]
    pub no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Restores into scratch, checks all that came back, and writes a report
    #[command(after_help = EXAMPLES)]
    RestoreDrill(RestoreDrill),
    /// What drills found, as it was written down: the ledger of signed reports
    #[command(subcommand, after_help = REPORT_EXAMPLES)]
    Report(ReportCommand),
}

#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// All reports, the oldest first
    List,
    /// One report: the newest, by its number, or a file
    Show {
        /// A report's number, or its file
        #[arg(value_name = "NUMBER|FILE")]
        report: Option<String>,
    },
    /// Are the reports what was written, and all of them? Also against the heads at destinations
    Check {
        /// One report, or a folder of them, without any configuration
        #[arg(value_name = "FILE|FOLDER")]
        path: Option<PathBuf>,
    },
}

impl ReportCommand {
    /// What is asked.
    pub fn asked(self) -> audit::Asked {
        match self {
            Self::List => audit::Asked::List,
            Self::Show { report } => audit::Asked::Show(report),
            Self::Check { path } => audit::Asked::Check(path),
        }
    }
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("points").args(["point", "all"]))]
pub struct RestoreDrill {
    /// Only this job
    #[arg(long)]
    job: Option<JobName>,
    /// Only this destination (`home` for the home vault)
    #[arg(long, value_name = "NAME", value_parser = destination)]
    destination: Option<DestinationName>,
    /// One point: JOB, JOB~1, an id, or 4 digits or more of one
    #[arg(long)]
    point: Option<String>,
    /// Every point, not the newest only
    #[arg(long)]
    all: bool,
    /// Opens the destinations with this recovery sheet alone, as after a fire: no passphrase is needed
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// The folder to restore into; else `[drill] scratch`
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Leave what was restored
    #[arg(long)]
    keep_scratch: bool,
    /// A skipped probe changes the exit code
    #[arg(long)]
    strict: bool,
}

fn destination(text: &str) -> Result<DestinationName, String> {
    if text == HOME {
        Ok(Name::home())
    } else {
        text.parse().map_err(|error: engine::model::NameError| error.to_string())
    }
}

impl RestoreDrill {
    /// What is asked.
    pub fn asked(self, wait: Wait) -> Asked {
        let wish = match (self.point, self.all) {
            (Some(point), _) => Wish::Named(point),
            (None, true) => Wish::All,
            (None, false) => Wish::Newest,
        };
        Asked {
            job: self.job,
            destination: self.destination,
            wish,
            sheet: self.sheet,
            scratch: self.scratch,
            leaving: if self.keep_scratch { Leaving::Everything } else { Leaving::Nothing },
            strictness: if self.strict { Strictness::Counted } else { Strictness::Told },
            wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Result<Asked, String> {
        let words = ["verifier", "restore-drill"].iter().chain(words);
        match Line::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::RestoreDrill(drill) => Ok(drill.asked(Wait::Yes)),
            Command::Report(report) => Err(format!("{report:?}")),
        }
    }

    #[test]
    fn words_become_what_is_asked() {
        let plain = asked(&[]).expect("valid");
        assert_eq!((plain.wish, plain.leaving, plain.strictness), (Wish::Newest, Leaving::Nothing, Strictness::Told));
        assert_eq!(asked(&["--all", "--json"]).expect("valid").wish, Wish::All);
        assert_eq!(asked(&["--point", "ab12"]).expect("valid").wish, Wish::Named("ab12".into()));
        assert!(asked(&["--destination", "home"]).expect("valid").destination.is_some_and(|name| name.is_home()));
        for wrong in [&["--all", "--point", "a"][..], &["--job", "A B"], &["--quiet", "--verbose"], &["--nonsense"]] {
            assert!(asked(wrong).is_err(), "{wrong:?}");
        }
    }
    #[test]
    fn a_report_is_named_by_number_or_file() {
        let asked = |words: &[&str]| {
            let words = ["verifier", "report"].iter().chain(words);
            match Line::try_parse_from(words).expect("valid").command {
                Command::Report(report) => report.asked(),
                Command::RestoreDrill(_) => panic!("another command"),
            }
        };
        assert_eq!(asked(&["list"]), audit::Asked::List);
        assert_eq!(asked(&["show"]), audit::Asked::Show(None));
        assert_eq!(asked(&["show", "12", "--json"]), audit::Asked::Show(Some("12".into())));
        assert_eq!(asked(&["check", "a folder"]), audit::Asked::Check(Some("a folder".into())));
        assert!(Line::try_parse_from(["verifier", "report"]).is_err());
    }
}
