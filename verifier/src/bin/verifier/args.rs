//! What was typed, parsed; nothing is looked at here.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use engine::command::{Login, Wait};
use engine::config::Keys;
use engine::model::{DestinationName, HOME, JobName, Name};
use verifier::audit;
use verifier::choose::Wish;
use verifier::drill::Leaving;
use verifier::run::{Asked, Extent, Warmth};
use verifier::verdict::Strictness;

const EXAMPLES: &str = "Examples:
  verifier restore-drill                              the newest point of each job from each destination
  verifier restore-drill --destination usb --all      every point on that drive
  verifier restore-drill --point documents~1          the point before the newest, from wherever it is
  verifier restore-drill --json --strict              for scripts: a skipped probe is exit 3
  verifier restore-drill --cold --sheet /mnt/sheet    each point by a process that has the address and the sheet only
  verifier restore-drill --cold --from sftp://ann@backup.example/srv/offsite --sheet /mnt/sheet
                                                      the same on a computer that has no configuration

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
    RestoreDrill(Box<RestoreDrill>),
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
    /// Every point, the most doubtful first, as far as `[drill] budget` goes
    #[arg(long, conflicts_with_all = ["all", "point", "from"])]
    budget: bool,
    /// The folder to restore into; else `[drill] scratch`
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Leave what was restored
    #[arg(long)]
    keep_scratch: bool,
    /// A skipped probe changes the exit code
    #[arg(long)]
    strict: bool,
    /// By a process that has an address and one secret: no environment, no configuration, no catalog
    #[arg(long)]
    cold: bool,
    /// This recovery sheet opens the vaults, as after a fire: no passphrase is looked for
    #[arg(long, value_name = "F", conflicts_with = "passphrase_file")]
    sheet: Option<PathBuf>,
    #[command(flatten)]
    bare: Bare,
}

/// On a computer that has no configuration.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "With --cold, on a computer that has no configuration")]
pub struct Bare {
    /// The destination's URL
    #[arg(long, value_name = "URL", requires = "cold")]
    from: Option<String>,
    /// The file that holds the passphrase, in the place of a sheet
    #[arg(long, value_name = "F", requires = "from")]
    passphrase_file: Option<PathBuf>,
    /// Where reports are written, in a new folder [default: offsite-reports]
    #[arg(long, value_name = "DIR", requires = "from")]
    reports: Option<PathBuf>,
    #[command(flatten)]
    login: Login,
}

/// A cold drill without any configuration; its secret is not read yet.
pub struct Cold {
    pub from: String,
    pub keys: Keys,
    pub sheet: Option<PathBuf>,
    pub passphrase_file: Option<PathBuf>,
    pub reports: Option<PathBuf>,
    pub asked: Asked,
}

/// Who is to drill.
pub enum Drilling {
    /// An installation.
    Installation(Asked),
    /// A process that knows nothing.
    Alone(Cold),
}

fn destination(text: &str) -> Result<DestinationName, String> {
    if text == HOME {
        Ok(Name::home())
    } else {
        text.parse().map_err(|error: engine::model::NameError| error.to_string())
    }
}

impl RestoreDrill {
    /// Who is to drill, and what.
    pub fn drilling(self, wait: Wait) -> Drilling {
        let Bare { from, passphrase_file, reports, login } = self.bare;
        let (sheet, keys) = (self.sheet.clone(), login.keys());
        let asked = Self { bare: Bare::default(), ..self }.asked(wait);
        match from {
            None => Drilling::Installation(asked),
            Some(from) => Drilling::Alone(Cold { from, keys, sheet, passphrase_file, reports, asked }),
        }
    }

    fn asked(self, wait: Wait) -> Asked {
        let wish = match (self.point, self.all || self.budget) {
            (Some(point), _) => Wish::Named(point),
            (None, true) => Wish::All,
            (None, false) => Wish::Newest,
        };
        Asked {
            job: self.job,
            destination: self.destination,
            wish,
            scratch: self.scratch,
            leaving: if self.keep_scratch { Leaving::Everything } else { Leaving::Nothing },
            strictness: if self.strict { Strictness::Counted } else { Strictness::Told },
            extent: if self.budget { Extent::Budget } else { Extent::Wish },
            warmth: if self.cold { Warmth::Cold } else { Warmth::Warm },
            sheet: self.sheet,
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
