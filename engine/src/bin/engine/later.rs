//! Commands whose bodies are not in the library yet: each says so and does nothing.

use std::path::PathBuf;

use engine::command::{Call, DryRun, Exit, Failure};
use engine::model::{DestinationName, JobName, VaultId};
use engine::report::{
    AlarmReport, ForgetReport, PinReport, RebuildReport, RecoverReport, RestoreReport, RetireReport, StatusReport,
    VerifyReport,
};
use engine::restore::{Existing, Owners};

type Outcome<R> = Result<(R, Exit), Failure>;

/// What `restore` is asked for.
#[derive(Debug)]
#[allow(dead_code, reason = "its command is not in the library yet")]
pub struct RestoreOptions {
    pub point: String,
    pub to: PathBuf,
    pub from: Option<DestinationName>,
    pub paths: Vec<Vec<u8>>,
    pub existing: Existing,
    pub owners: Owners,
    pub dry_run: DryRun,
}

/// Whether damage is repaired.
#[derive(Debug)]
pub enum Repair {
    Yes,
    No,
}

/// What `verify` is asked for.
#[derive(Debug)]
#[allow(dead_code, reason = "its command is not in the library yet")]
pub struct VerifyOptions {
    pub names: Vec<DestinationName>,
    pub repair: Repair,
}

/// What `forget` is asked for.
#[derive(Debug)]
#[allow(dead_code, reason = "its command is not in the library yet")]
pub struct ForgetOptions {
    pub jobs: Vec<JobName>,
    pub point: Option<String>,
    pub dry_run: DryRun,
}

/// What opens the vault.
#[derive(Debug)]
#[allow(dead_code, reason = "its command is not in the library yet")]
pub enum RecoverSecret {
    PassphraseFile(PathBuf),
    Sheet(PathBuf),
}

/// Whether this computer becomes the one that writes.
#[derive(Debug)]
pub enum TakeOver {
    Yes,
    No,
}

/// What `recover` is asked for.
#[derive(Debug)]
#[allow(dead_code, reason = "its command is not in the library yet")]
pub struct RecoverOptions {
    pub from: String,
    pub secret: Option<RecoverSecret>,
    pub point: Option<String>,
    pub paths: Vec<Vec<u8>>,
    pub to: Option<PathBuf>,
    pub take_over: TakeOver,
}

fn absent<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::new(format!("can't {what}"), "this build has no such command yet", ""))
}

pub fn retire(_: &Call, _: &DestinationName, _: Option<VaultId>) -> Outcome<RetireReport> {
    absent("retire")
}

pub fn run(_: &Call) -> Result<Exit, Failure> {
    absent("run")
}

pub fn status(_: &Call) -> Outcome<StatusReport> {
    absent("tell the status")
}

pub fn restore(_: &Call, _: &RestoreOptions) -> Outcome<RestoreReport> {
    absent("restore")
}

pub fn verify(_: &Call, _: &VerifyOptions) -> Outcome<VerifyReport> {
    absent("verify")
}

pub fn forget(_: &Call, _: &ForgetOptions) -> Outcome<ForgetReport> {
    absent("forget")
}

pub fn pin(_: &Call, _: &str) -> Outcome<PinReport> {
    absent("pin")
}

pub fn unpin(_: &Call, _: &str) -> Outcome<PinReport> {
    absent("unpin")
}

pub fn clear_alarm(_: &Call, _: &JobName) -> Outcome<AlarmReport> {
    absent("clear an alarm")
}

pub fn rebuild(_: &Call, _: Option<DestinationName>) -> Outcome<RebuildReport> {
    absent("rebuild the catalog")
}

pub fn recover(_: &Call, _: &RecoverOptions) -> Outcome<RecoverReport> {
    absent("recover")
}
