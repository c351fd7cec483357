//! `engine seed absorb`: what is on a drive into the vault that it is for, on a computer with no key and no
//! configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::command::{Call, Exit, Failure};
use crate::config::{Given, Place, place_given};
use crate::destination::{ErrorKind, FileStore, Privacy, WriteStore};
use crate::installation::{is_absent, open_place, patient, place_text};
use crate::model::{PackId, chain};
use crate::platform::{stat_path, user_and_group};
use crate::report::{SeedAbsorbReport, SeedProblem};
use crate::seed::{AbsorbError, Absorbed, Refused, Task, absorb as take_over};
use crate::vault::VaultError;

const AGAIN: &str = "see to that and repeat the command: what is there already is not sent again";

/// What `seed absorb` is asked for.
#[derive(Debug, Clone)]
pub struct AbsorbOptions {
    /// The drive.
    pub from: PathBuf,
    /// The vault's URL.
    pub into: String,
    /// The further keys of its destination: who logs in how.
    pub keys: Vec<(&'static str, Given)>,
}

/// Takes over what is on a drive.
///
/// # Errors
/// Exit 2 for a URL that names nothing; exit 4 for a drive that is damaged or foreign; exit 1 for all else.
pub fn absorb(call: &Call, options: &AbsorbOptions) -> Result<(SeedAbsorbReport, Exit), Failure> {
    let drive = open_drive(options)?;
    let vault = open_vault(call, options)?;
    may_write(options)?;
    let what = "absorbing";
    let told = AtomicU64::new(0);
    let progress = |done: u64, all: u64| {
        // Lanes may tell out of turn.
        if told.fetch_max(done, Ordering::Relaxed) <= done {
            call.voice.progress(what, done, all);
        }
    };
    let stop = || (call.stop)();
    let task = Task { drive: &drive, vault: &*vault, clock: &*call.clock, stop: &stop, progress: &progress };
    let outcome = take_over(&task);
    call.voice.progress_done(what);
    match outcome {
        Ok(absorbed) => Ok((report(options, Some(&absorbed), Vec::new(), None), Exit::Done)),
        Err(AbsorbError::Refused(Refused::Unfinished { drive })) => {
            let why = format!("the export to it was not finished (it is number {drive} of its seed)");
            let advice = "its owner goes on with it: `engine seed export` once more with this drive";
            Err(Failure::new(format!("nothing was taken over from {}", options.from.display()), why, advice))
        }
        Err(AbsorbError::Refused(refused)) => Ok(refusal(call, options, &refused)),
        Err(error) => Err(failed(options, &error)),
    }
}

fn open_drive(options: &AbsorbOptions) -> Result<FileStore, Failure> {
    FileStore::open(&options.from, Privacy::Umask).map_err(|error| {
        let what = format!("no drive at {}", options.from.display());
        match error.kind {
            ErrorKind::NotFound => Failure::new(what, "there is no such folder", "is it connected and mounted?"),
            _ => Failure::of(what, &error, "check the drive and its permissions"),
        }
    })
}

fn open_vault(call: &Call, options: &AbsorbOptions) -> Result<Arc<dyn WriteStore>, Failure> {
    let place = place_given(&options.into, &options.keys)
        .map_err(|why| Failure::usage("can't absorb into what --into names", why, "give --into URL, as in `--help`"))?;
    place.secret_notes().iter().for_each(|note| call.voice.warn(note));
    let opened = open_place(&place).map_err(|error| {
        let what = format!("no vault at {}", place_text(&place));
        match error.kind {
            ErrorKind::NotFound => {
                Failure::new(what, "there is no such folder", "give the one that holds the file VAULT")
            }
            _ if place.scheme() == "file" && is_absent(&error) => {
                Failure::new(what, "there is no such folder", "is it mounted?")
            }
            _ => Failure::new(what, chain(&error), "check the address and the credentials, and try again"),
        }
    })?;
    Ok(patient(&place, opened, &call.clock, &call.entropy))
}

/// What root leaves in another user's folder that user can't add to, nor delete: the vault would take no copies any more.
fn may_write(options: &AbsorbOptions) -> Result<(), Failure> {
    let Ok(Place::File(folder)) = place_given(&options.into, &options.keys) else { return Ok(()) };
    let Ok(known) = stat_path(&folder.join("VAULT")) else { return Ok(()) };
    if known.uid == 0 || user_and_group().0 != 0 {
        return Ok(());
    }
    let what = format!("nothing was taken over into {}", options.into);
    let why = format!("it belongs to the user {}, who could not write beside what root leaves there", known.uid);
    Err(Failure::new(what, why, format!("do it as that user: `sudo -u '#{}' engine seed absorb …`", known.uid)))
}

fn failed(options: &AbsorbOptions, error: &AbsorbError) -> Failure {
    let from = options.from.display();
    match error {
        AbsorbError::Drive(_) => {
            let advice = "connect it again and repeat the command: it goes on";
            Failure::of(format!("the drive at {from} is gone"), error, advice)
        }
        AbsorbError::Vault(VaultError::Missing { .. }) => Failure::of(
            format!("no vault at {}", options.into),
            error,
            "give the folder that holds the file VAULT: the drive's owner prepares it before (`engine init`)",
        ),
        _ => Failure::of(format!("not all of {from} was taken over"), error, AGAIN),
    }
}

/// What could not be taken over: told with each object, and no receipt.
fn refusal(call: &Call, options: &AbsorbOptions, refused: &Refused) -> (SeedAbsorbReport, Exit) {
    let mut problems = Vec::new();
    let drive = format!("the drive at {} is refused", options.from.display());
    let why = match refused {
        Refused::NoList => format!("{drive}: no list of a seed is on it: it is no seed drive"),
        Refused::BadLists(bad) => {
            let each = |it: &crate::seed::BadList| SeedProblem { object: it.path.to_string(), problem: it.why.clone() };
            problems.extend(bad.iter().map(each));
            format!("{drive}: its list is damaged")
        }
        Refused::Foreign { wanted, found } => {
            format!("{drive}: it is for another vault: {wanted}, and {found} is at {}", options.into)
        }
        Refused::Unfinished { drive: number } => format!("{drive}: its export was not finished (drive {number})"),
        Refused::Damaged(unfit) => {
            let each =
                |it: &crate::seed::Unfit| SeedProblem { object: format!("packs/{}", it.pack), problem: it.why.clone() };
            problems.extend(unfit.iter().map(each));
            format!("{drive}: {} not what its list says", objects(unfit.len(), "on it"))
        }
        Refused::Taken(packs) => {
            let problem = "other bytes lie there under its name, and stay: only its owner's engine replaces them";
            let each = |pack: &PackId| SeedProblem { object: format!("packs/{pack}"), problem: problem.to_owned() };
            problems.extend(packs.iter().map(each));
            let there = format!("at {}", options.into);
            format!("{} damaged; all else of the drive is there", objects(packs.len(), &there))
        }
    };
    call.voice.warn(&why);
    problems.iter().for_each(|it| call.voice.warn(&format!("{}: {}", it.object, it.problem)));
    (report(options, None, problems, Some(why)), Exit::Damage)
}

fn objects(count: usize, at: &str) -> String {
    if count == 1 { format!("1 object {at} is") } else { format!("{count} objects {at} are") }
}

fn report(
    options: &AbsorbOptions,
    absorbed: Option<&Absorbed>,
    problems: Vec<SeedProblem>,
    refused: Option<String>,
) -> SeedAbsorbReport {
    SeedAbsorbReport {
        from: options.from.display().to_string(),
        into: options.into.clone(),
        seed: absorbed.map(|it| it.seed),
        medium: absorbed.map(|it| it.vault),
        drive: absorbed.map(|it| it.drive),
        packs: absorbed.map_or(0, |it| it.packs),
        bytes: absorbed.map_or(0, |it| it.bytes),
        lay_there: absorbed.map_or(0, |it| it.lay_there),
        refused,
        problems,
    }
}
