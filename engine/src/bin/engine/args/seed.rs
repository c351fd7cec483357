//! `engine seed`: the first copy on drives by post.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::model::{DestinationName, JobName};

use super::examples as example;
use engine::command::Login;

#[derive(Debug, Subcommand)]
pub enum Seed {
    /// Fills a drive with what a destination lacks, newest point first
    #[command(after_help = example::SEED_EXPORT)]
    Export(SeedExport),
    /// Takes over what is on a drive into the vault that it is for; needs no key and no configuration
    #[command(after_help = example::SEED_ABSORB)]
    Absorb(Box<SeedAbsorb>),
    /// Looks for receipts, checks what they say, and tells how far each seed is
    #[command(after_help = example::SEED_STATUS)]
    Status,
    /// Gives up a seed that never arrives: the upload goes on
    #[command(after_help = example::SEED_FORGET)]
    Forget {
        /// The destination that it goes to
        name: DestinationName,
    },
}

#[derive(Debug, Args)]
pub struct SeedExport {
    /// The destination that the drive is sent to
    #[arg(long, value_name = "NAME")]
    pub destination: DestinationName,
    /// A folder of the drive
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Only points of this job; may be given again [default: all]
    #[arg(long = "job", value_name = "JOB")]
    pub jobs: Vec<JobName>,
    /// One more drive of the seed that is under way
    #[arg(long = "continue")]
    pub go_on: bool,
}

#[derive(Debug, Args)]
pub struct SeedAbsorb {
    /// The folder of the drive that holds SEED.txt
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The vault that it is for, as in `sftp://user@server/folder`
    #[arg(long, value_name = "URL")]
    pub into: String,
    #[command(flatten)]
    pub login: Login,
}
