//! What was typed, parsed purely: no file is looked at, nothing is decided.
//!
//! In: the words of a command line. Out: [`Arguments`], or clap's answer (a usage error, help, the version).
//! Deliberately absent: what any of it does; names of jobs and points that do not exist are the command's to find.

mod examples;
mod seed;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use engine::command::Login;
use engine::config::parse_duration;
use engine::doubt::Share;
use engine::model::{DestinationName, JobName};
use examples as example;
pub use seed::{Seed, SeedAbsorb, SeedExport};
pub use words::PathBytes;
use words::{bytes, place_name};

/// Makes recovery points of what matters, copies them offsite, and restores them.
#[derive(Debug, Parser)]
#[command(name = "engine", version, arg_required_else_help = true, after_help = example::ENGINE)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The configuration [default: $OFFSITE_CONFIG, ./offsite.toml, the user's, /etc/offsite/offsite.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Prints one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress, and no result of init, backup, copy, run --once and verify: only warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tells what is being done
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Fails at once where it would wait for another engine's work
    #[arg(long, global = true)]
    pub no_wait: bool,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a starter configuration, or makes the vaults that the configuration names
    #[command(after_help = example::INIT)]
    Init,
    /// Makes the drive or place that is there now one more medium of a destination
    #[command(after_help = example::ENROL)]
    Enrol(Enrol),
    /// Owes nothing to a destination or one of its media any more
    #[command(after_help = example::RETIRE)]
    Retire(Retire),
    /// Makes a recovery point of each job now
    #[command(after_help = example::BACKUP)]
    Backup(Backup),
    /// Copies offsite what is owed, now
    #[command(after_help = example::COPY)]
    Copy(Copy),
    /// Makes points on schedule and copies whenever a destination is there, until it is stopped
    #[command(after_help = example::RUN)]
    Run(Run),
    /// Tells what is protected and what is not, and why
    #[command(after_help = example::STATUS)]
    Status,
    /// Lists the recovery points and where each one is
    #[command(after_help = example::POINTS)]
    Points(Points),
    /// Tells why a point is, or is not, where it is, and what would be lost with a destination
    #[command(after_help = example::EXPLAIN)]
    Explain(Explain),
    /// Lists what is in a point
    #[command(after_help = example::LS)]
    Ls(Ls),
    /// Finds files in all points
    #[command(after_help = example::FIND)]
    Find(Find),
    /// Tells what is different between two points
    #[command(after_help = example::DIFF)]
    Diff(Diff),
    /// Writes one file of a point to standard output
    #[command(after_help = example::DUMP)]
    Dump(Dump),
    /// Restores a point, or a part of it, into a folder
    #[command(after_help = example::RESTORE)]
    Restore(Restore),
    /// Reads every object back and checks it
    #[command(after_help = example::VERIFY)]
    Verify(Verify),
    /// Removes what the keep rules do not keep, or one point
    #[command(after_help = example::FORGET)]
    Forget(Forget),
    /// Keeps a point for ever
    #[command(after_help = example::PIN)]
    Pin(Point),
    /// Lets the keep rules decide about a point again
    #[command(after_help = example::UNPIN)]
    Unpin(Point),
    /// What a job's alarm stopped
    #[command(subcommand, arg_required_else_help = true)]
    Alarm(Alarm),
    /// Who opens the vaults: passphrases and recovery sheets
    #[command(subcommand, arg_required_else_help = true)]
    Key(Key),
    /// The record of what is where
    #[command(subcommand, arg_required_else_help = true)]
    Catalog(Catalog),
    /// The first copy on drives by post
    #[command(subcommand, arg_required_else_help = true)]
    Seed(Seed),
    /// Lists, restores or takes over what a destination holds, on a computer that has nothing
    #[command(after_help = example::RECOVER)]
    Recover(Box<Recover>),
}

#[derive(Debug, Args)]
pub struct Enrol {
    /// The destination
    pub name: DestinationName,
    /// Accepts a known vault where it is now
    #[arg(long)]
    pub moved: bool,
}

#[derive(Debug, Args)]
pub struct Retire {
    /// The destination
    pub name: DestinationName,
    /// Only this one of its media: its id, or 4 digits of its beginning or more
    #[arg(long, value_name = "ID")]
    pub medium: Option<String>,
}

#[derive(Debug, Args)]
pub struct Backup {
    /// Which jobs [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// Reads every file, even one that seems unchanged
    #[arg(long)]
    pub paranoid: bool,
    /// Only tells what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Copy {
    /// Which jobs [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// Only to this destination
    #[arg(long, value_name = "NAME")]
    pub destination: Option<DestinationName>,
    /// Only tells what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Run {
    /// Does all that is due, then ends
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Args)]
pub struct Points {
    /// Only of this job
    #[arg(long)]
    pub job: Option<JobName>,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// A point, a job or a destination [default: what would be done now]
    #[arg(value_name = "POINT or NAME")]
    pub what: Option<String>,
}

#[derive(Debug, Args)]
pub struct Ls {
    /// A job's name for its newest point, JOB~1 for the one before, or an id's first digits
    pub point: String,
    /// Only this and what is below it
    #[arg(value_parser = bytes())]
    pub path: Option<PathBytes>,
}

#[derive(Debug, Args)]
pub struct Find {
    /// As in `*.odt`; with a slash compared with whole paths, else with names
    pub pattern: OsString,
}

#[derive(Debug, Args)]
pub struct Diff {
    /// The first point
    #[arg(value_name = "POINT")]
    pub from: String,
    /// The second one
    #[arg(value_name = "POINT")]
    pub to: String,
}

#[derive(Debug, Args)]
pub struct Dump {
    /// A job's name for its newest point, JOB~1 for the one before, or an id's first digits
    pub point: String,
    /// The file
    #[arg(value_parser = bytes())]
    pub path: PathBytes,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// A job's name for its newest point, JOB~1 for the one before, or an id's first digits
    pub point: String,
    /// Into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR", required_unless_present = "to_device")]
    pub to: Option<PathBuf>,
    /// The image of a drive onto this device, of the same or a larger size; all that is on it is lost
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["to", "overwrite", "no_owner"])]
    pub to_device: Option<PathBuf>,
    /// The device once more: nobody is asked then
    #[arg(long, value_name = "DEVICE", requires = "to_device")]
    pub confirm: Option<PathBuf>,
    /// Only from this destination, or from `home`
    #[arg(long, value_name = "NAME", value_parser = place_name)]
    pub from: Option<DestinationName>,
    /// Only this and what is below it
    #[arg(long = "path", value_name = "P", value_parser = bytes())]
    pub paths: Vec<PathBytes>,
    /// Replaces what is in the way
    #[arg(long)]
    pub overwrite: bool,
    /// What is restored belongs to whoever restores it
    #[arg(long)]
    pub no_owner: bool,
    /// Only tells what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Which destinations, or `home` [default: all that are there]
    #[arg(value_name = "NAME", value_parser = place_name)]
    pub names: Vec<DestinationName>,
    /// Replaces what is damaged or missing from a good placement
    #[arg(long)]
    pub repair: bool,
    /// Reads a random part of the bytes, and tells how much can be bad if nothing in it is
    #[arg(long, value_name = "SHARE")]
    pub sample: Option<Share>,
    /// Begins no object later than so long after the start; what was read longest ago comes first
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_duration: Option<Duration>,
    /// Reads only what was last read back longer ago, or never
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub older_than: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Forget {
    /// Which jobs [default: all]
    #[arg(value_name = "JOB", conflicts_with = "point")]
    pub jobs: Vec<JobName>,
    /// Removes this point, everywhere
    #[arg(long)]
    pub point: Option<String>,
    /// Only tells what would be done
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub struct Point {
    /// A job's name for its newest point, JOB~1 for the one before, or an id's first digits
    pub point: String,
}

#[derive(Debug, Subcommand)]
pub enum Alarm {
    /// Lets eviction and retention go on after a person looked
    #[command(after_help = example::ALARM)]
    Clear {
        /// The job that raised it
        job: JobName,
    },
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Lists what opens the vaults, and which media still accept what was removed
    #[command(after_help = example::KEY_LIST)]
    List,
    /// Makes one more passphrase open the vaults
    #[command(after_help = example::KEY_ADD)]
    Add {
        /// The file that holds it
        #[arg(long, value_name = "F")]
        new_passphrase_file: PathBuf,
        /// What it is called in lists
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        #[command(flatten)]
        opener: KeyOpener,
    },
    /// Makes a passphrase or a sheet open nothing any more
    #[command(after_help = example::KEY_REMOVE)]
    Remove {
        /// Its id from `key list`, or 4 digits of its beginning or more
        slot: String,
        #[command(flatten)]
        opener: KeyOpener,
    },
    /// Puts another passphrase in the place of one
    #[command(after_help = example::KEY_CHANGE)]
    Change {
        /// The file that holds the new one
        #[arg(long, value_name = "F")]
        new_passphrase_file: PathBuf,
        #[command(flatten)]
        opener: KeyOpener,
    },
    /// Makes one more recovery sheet
    #[command(after_help = example::KEY_SHEET)]
    Sheet {
        #[command(flatten)]
        opener: KeyOpener,
    },
    /// Begins a new key epoch for all that is written from now on
    #[command(hide = true, after_help = example::KEY_ROTATE)]
    Rotate {
        /// Goes on referring to what is stored already, which stays open to who holds an old master key
        #[arg(long)]
        reuse_old: bool,
        /// Says yes: nobody is asked
        #[arg(long)]
        yes: bool,
        /// Only tells what would be done, and what it costs
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        opener: KeyOpener,
    },
}

/// What opens the keys for a change.
#[derive(Debug, Args)]
pub struct KeyOpener {
    /// Opens the keys with this passphrase, not with the configured one
    #[arg(long, value_name = "F", conflicts_with = "sheet")]
    pub passphrase_file: Option<PathBuf>,
    /// Opens the keys with the recovery sheet
    #[arg(long, value_name = "F")]
    pub sheet: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Makes the catalog anew from what is really there
    #[command(after_help = example::REBUILD)]
    Rebuild {
        /// Only from this destination, or from `home`
        #[arg(long, value_name = "NAME", value_parser = place_name)]
        from: Option<DestinationName>,
    },
}

#[derive(Debug, Args)]
pub struct Recover {
    /// The destination, as in `file:///media/ann/BACKUP/offsite`
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The file that holds the passphrase
    #[arg(long, value_name = "F", conflicts_with = "sheet")]
    pub passphrase_file: Option<PathBuf>,
    /// The recovery sheet
    #[arg(long, value_name = "F")]
    pub sheet: Option<PathBuf>,
    /// With --take-over and --sheet: the file that holds the passphrase for this computer
    #[arg(long, value_name = "F", requires = "take_over")]
    pub new_passphrase_file: Option<PathBuf>,
    /// This point [default: the newest of each job]
    #[arg(long, requires = "to")]
    pub point: Option<String>,
    /// Only this and what is below it
    #[arg(long = "path", value_name = "P", value_parser = bytes(), requires = "to")]
    pub paths: Vec<PathBytes>,
    /// Restores into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "take_over")]
    pub to: Option<PathBuf>,
    /// What is restored belongs to whoever restores it
    #[arg(long, requires = "to")]
    pub no_owner: bool,
    /// Makes this computer the one that writes there from now on
    #[arg(long)]
    pub take_over: bool,
    #[command(flatten)]
    pub login: Login,
}

#[cfg(test)]
mod tests;
