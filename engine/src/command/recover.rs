//! `engine recover`: a vault read on a computer that has nothing: no configuration, no catalog.
//!
//! In: where it is, and the passphrase or the recovery sheet. Out: what is there, or the files. Nothing is written at
//! the vault, unless it is taken over.

mod choose;
mod secret;
mod take_over;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use choose::{Found, chosen, found};
pub(super) use secret::passphrase;
pub use secret::{VaultSecret, vault_secret};

use super::restored::{Told, exit_of, failure_of, report_of, request_paths};
use super::{Call, DryRun, Exit, Failure};
use crate::config::{Given, place_given};
use crate::destination::{ErrorKind, ReadStore, WriteStore};
use crate::installation::{InstallationError, as_it_lies, is_absent, open_place, patient, place_text};
use crate::model::{DestinationName, EntryPath, chain};
use crate::report::{RecoverReport, RecoverablePoint, RestoreReport};
use crate::restore::{self, Doing, Existing, Owners, Place, Progress, Request, RestoreError, TreeOptions};
use crate::seal::Keyring;
use crate::vault::{VaultError, identity_of, keys_of, unlock};

/// Whether this computer becomes the one that writes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeOver {
    /// `--take-over`
    Yes,
    /// It only reads.
    No,
}

/// What `recover` is asked for.
#[derive(Debug, Clone)]
pub struct RecoverOptions {
    /// The vault's URL.
    pub from: String,
    /// The further keys of its destination: who logs in how.
    pub keys: Vec<(&'static str, Given)>,
    /// The passphrase's file.
    pub passphrase_file: Option<PathBuf>,
    /// The recovery sheet, as a file. With neither, one of them is asked for on the terminal.
    pub sheet: Option<PathBuf>,
    /// With `take_over` and the sheet: the passphrase that this computer is to use.
    pub new_passphrase_file: Option<PathBuf>,
    /// Which point; the newest of each job if none.
    pub point: Option<String>,
    /// Only these paths, as bytes; everything if none.
    pub paths: Vec<Vec<u8>>,
    /// Below which folder; it is only listed if none.
    pub to: Option<PathBuf>,
    /// Whose the entries become.
    pub owners: Owners,
    /// Take it over?
    pub take_over: TakeOver,
}

/// Lists what is there, or restores.
///
/// # Errors
/// Exit 2 for a URL, point or path that names nothing, or no way to ask for the passphrase; exit 1 if there is no vault,
/// a newer release wrote it, or the secret does not open it.
pub fn recover(call: &Call, options: &RecoverOptions) -> Result<(RecoverReport, Exit), Failure> {
    let paths = request_paths(&options.paths)?;
    let store = open(call, &options.from, &options.keys)?;
    let store = &*store;
    let identity = identity_of(store).map_err(|error| no_vault(&options.from, &error))?;
    let keys = keys_of(store, identity.family).map_err(|error| no_vault(&options.from, &error))?;
    keys.damaged.iter().for_each(|damaged| call.voice.warn(damaged));
    let (kind, secret) = vault_secret(&*call.voice, options.passphrase_file.as_deref(), options.sheet.as_deref())?;
    let keyring = unlock(&keys, kind, &secret).map_err(|error| wrong_secret(options, error))?;
    let found = found(store, identity.vault, &keyring)
        .map_err(|error| Failure::of("what is there can't be listed", &error, "check the drive"))?;
    let mut report = RecoverReport {
        from: options.from.clone(),
        medium: identity.vault,
        family: identity.family,
        points: found.iter().filter_map(listed).collect(),
        restored: Vec::new(),
        taken_over: None,
        problems: found.iter().filter_map(Found::problem).collect(),
    };
    let mut exit = if report.problems.is_empty() { Exit::Done } else { Exit::Damage };
    if let Some(to) = &options.to {
        let work = Work { call, keyring: &keyring, store, to, paths: &paths, owners: options.owners };
        exit = work.restore(&chosen(&found, options.point.as_deref())?, &found, &mut report)?;
    } else if options.take_over == TakeOver::Yes {
        let slots = &keys.set;
        let vault = take_over::Vault { store, id: identity.vault, keyring: &keyring, slots, secret: &secret, kind };
        let (taken, problems, ended) = take_over::take_over(call, options, &vault)?;
        report.taken_over = Some(taken);
        report.problems.extend(problems);
        exit = exit.and(ended);
    } else if let Some(point) = &options.point {
        let wanted = chosen(&found, Some(point))?;
        report.points.retain(|listed| wanted.iter().any(|point| point.name.id == listed.id));
    }
    report.problems.iter().for_each(|problem| call.voice.warn(problem));
    Ok((report, exit))
}

fn open(call: &Call, url: &str, keys: &[(&str, Given)]) -> Result<Arc<dyn WriteStore>, Failure> {
    let place = place_given(url, keys).map_err(|why| {
        Failure::usage("can't recover from what --from names", why, "give --from URL, as in `--help`")
    })?;
    place.secret_notes().iter().for_each(|note| call.voice.warn(note));
    let opened = open_place(&place).and_then(as_it_lies).map_err(|error| {
        let what = format!("no vault at {}", place_text(&place));
        match error.kind {
            ErrorKind::NotFound if place.scheme() != "file" => Failure::new(what, "there is no such folder there", ""),
            _ if place.scheme() == "file" && is_absent(&error) => {
                Failure::new(what, "there is no such folder", "is the drive connected and mounted?")
            }
            _ => Failure::new(what, chain(&error), "check the address and the credentials, and try again"),
        }
    })?;
    Ok(patient(&place, opened, &call.clock, &call.entropy))
}

fn no_vault(from: &str, error: &VaultError) -> Failure {
    let advice = match error {
        VaultError::Format(crate::format::FormatError::Newer { .. }) => "use the newer release of this program",
        VaultError::Missing { .. } => "give the folder that holds the file VAULT",
        _ => "another place that has this backup may be whole",
    };
    Failure::of(format!("the vault at {from} can't be opened"), error, advice)
}

fn wrong_secret(options: &RecoverOptions, error: crate::seal::SlotError) -> Failure {
    let advice = if options.sheet.is_some() {
        "type the sheet's letters once more; is it the sheet of this vault's family?"
    } else {
        "try again, or use the recovery sheet: --sheet FILE"
    };
    let error = InstallationError::Slot(error);
    Failure::new(format!("the vault at {} stays closed", options.from), chain(&error), advice)
}

fn listed(found: &Found) -> Option<RecoverablePoint> {
    let manifest = found.manifest.as_ref().ok()?;
    Some(RecoverablePoint {
        id: found.name.id,
        job: found.job.clone(),
        job_id: found.job_id,
        sequence: found.name.order.sequence,
        created: manifest.created,
        files: manifest.stats.files,
        bytes: manifest.stats.bytes,
    })
}

/// Restores from one vault into one folder.
struct Work<'w> {
    call: &'w Call,
    keyring: &'w Keyring,
    store: &'w dyn ReadStore,
    to: &'w Path,
    paths: &'w [EntryPath],
    owners: Owners,
}

impl Work<'_> {
    /// All points, the oldest first, so that of a path that two of them hold the newer one stays.
    fn restore(&self, points: &[&Found], all: &[Found], report: &mut RecoverReport) -> Result<Exit, Failure> {
        if points.is_empty() {
            return Err(Failure::new("there is nothing to restore", "no recovery point is there", ""));
        }
        let (mut exit, mut unmatched, mut begun) = (Exit::Done, None, Existing::Keep);
        let (points, absent) = choose::with_bases(points, all);
        for (point, base) in absent {
            exit = exit.and(Exit::Damage);
            report.problems.push(format!("what the point {} is built on is not there: {base}", point.name.id));
        }
        for point in &points {
            let outcome = match self.one(point, begun) {
                Ok(Some(restored)) => Ok(restored),
                Ok(None) => {
                    unmatched = Some(point.name.id);
                    continue;
                }
                Err(failure) => Err(failure),
            };
            let ended = outcome.as_ref().map_or_else(|failure| failure.exit, |(_, exit)| *exit);
            exit = exit.and(ended);
            if ended == Exit::Damage {
                report.problems.push(self.lost(point, all));
            }
            match outcome {
                Ok((restored, _)) => {
                    report.restored.push(restored);
                    begun = Existing::Replace;
                }
                Err(failure) if points.len() == 1 && failure.exit != Exit::Damage => return Err(failure),
                Err(failure) if failure.exit != Exit::Damage && begun == Existing::Keep => return Err(failure),
                Err(failure) => report.problems.push(failure.to_string()),
            }
        }
        match unmatched {
            Some(point) if report.restored.is_empty() && report.problems.is_empty() => {
                let advice = "paths are the absolute source paths; restore without --path to see all";
                Err(Failure::new(format!("nothing of that path is in {point}"), "no path matched", advice))
            }
            _ => Ok(exit),
        }
    }

    /// One point; none if it holds no path that was asked for.
    fn one(&self, point: &Found, existing: Existing) -> Result<Option<(RestoreReport, Exit)>, Failure> {
        // The vault's own name is not known here; it is what was given.
        let name: DestinationName = "vault".parse().expect("a name");
        let places = [Place { name, store: self.store }];
        let job = point.job_text();
        let what = format!("{job}: restoring");
        let progress = |p: &Progress| self.call.voice.progress(&what, p.bytes, p.bytes_total);
        let stop = || (self.call.stop)();
        let request = Request {
            keyring: self.keyring,
            job: point.job_id,
            point: point.name,
            places: &places,
            target: self.to,
            paths: self.paths,
            options: TreeOptions { existing, owners: self.owners },
            doing: Doing::Write,
            stop: &stop,
            progress: &progress,
        };
        let begun = self.call.clock.monotonic();
        let outcome = restore::restore(&request);
        self.call.voice.progress_done(&what);
        let told = Told {
            point: point.name.id,
            job,
            created: point.created(),
            to: self.to,
            dry_run: DryRun::No,
            seconds: self.call.clock.monotonic().saturating_sub(begun).as_secs_f64(),
        };
        match outcome {
            Ok(restored) => {
                let exit = exit_of(restored.exit());
                Ok(Some((report_of(restored, &told), exit)))
            }
            Err(RestoreError::NothingMatched(_)) => Ok(None),
            Err(error) => failure_of(error, &told).map(Some),
        }
    }

    fn lost(&self, point: &Found, all: &[Found]) -> String {
        let older = |other: &&Found| other.job_id == point.job_id && other.name.order < point.name.order;
        let before = all.iter().find(older);
        let before = before.map_or_else(
            || "no older one is there".to_owned(),
            |before| format!("the one before it is {} (--point {0})", before.name.id),
        );
        format!("the point {} of {} can't be restored whole; {before}", point.name.id, point.job_text())
    }
}
