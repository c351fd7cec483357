//! `engine key rotate`: a new key epoch for all that is written from now on. A fresh master, which every slot has to be made
//! for anew: the configured passphrase, what opened the keys, and a new sheet; no other secret is known here.
//!
//! In: the keys as they are. Out: the next set of slots with the masters of all epochs, and what it costs, said before it is
//! done: what was stored under an earlier master is not referred to any more, so each job is stored anew once.
//! Deliberately absent: sealing anew what lies there. Who held an old master and gets at old packs reads those.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Changed, Opened, done, failed, print, sheet_name};
use crate::catalog::{Catalog, KEYS_REUSE};
use crate::command::backup::sealing_speed;
use crate::command::{Call, Context, DryRun, Failure};
use crate::config::{Config, Destination, is_tried};
use crate::format::{Slot, SlotKind};
use crate::installation::new_passphrase_cost;
use crate::model::{KeyEpoch, State};
use crate::report::{KeyReport, RotationCopy, RotationJob, RotationReport};
use crate::seal::{NewSlot, SHEET_COST, rotate, sheet_text, sheet_text_parse, slot_of};

/// How it is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// Are packs of earlier epochs referred to? Then nothing is stored anew, and what they hold stays as open as it was.
    pub reuse: bool,
    /// Is nobody asked?
    pub yes: bool,
    /// Only told?
    pub dry_run: DryRun,
}

/// The earliest key epoch whose packs are referred to by what is written under that one: itself, unless somebody wanted
/// otherwise when it began.
///
/// # Errors
/// If the catalog can't be read.
pub(in crate::command) fn reuse_from(catalog: &Catalog, epoch: KeyEpoch) -> Result<KeyEpoch, Failure> {
    let text = catalog.memo(KEYS_REUSE)?.unwrap_or_default();
    let line = |line: &str| {
        let (epoch, from) = line.split_once(' ')?;
        Some((epoch.parse::<u32>().ok()?, from.parse::<u32>().ok()?))
    };
    let last = text.lines().filter_map(line).rfind(|(of, _)| *of == epoch.0);
    Ok(last.map_or(epoch, |(_, from)| KeyEpoch(from.min(epoch.0))))
}

/// What it comes to: bytes that are stored anew, and how long this machine takes to seal and write them.
///
/// # Errors
/// If the catalog or home can't be read.
pub(super) fn planned(context: &Context, opened: &Opened<'_>, rotation: &Rotation) -> Result<RotationReport, Failure> {
    let installation = &context.installation;
    let (catalog, home) = (&installation.catalog, installation.home_id()?);
    let at_home: Vec<_> = catalog.placements_at(home)?;
    let packs = catalog.packs_at(home)?;
    let mut jobs = Vec::new();
    for job in &installation.config.jobs {
        let Some(row) = catalog.job_named(&job.name)? else { continue };
        let whole = |state| matches!(state, State::Complete | State::Present);
        let mut newest = None;
        for (order, _) in at_home.iter().rev().filter(|(_, placement)| whole(placement.state)) {
            newest = catalog.point(*order)?.filter(|point| point.job == row.id);
            if newest.is_some() {
                break;
            }
        }
        let Some(point) = newest else { continue };
        let used = |used: &crate::catalog::Interval| used.first <= point.order && point.order <= used.last;
        let its = packs.iter().filter(|(_, pack, _)| pack.group == point.group && pack.used.as_ref().is_some_and(used));
        let bytes = its.map(|(_, pack, _)| pack.bytes).sum();
        jobs.push(RotationJob { job: job.name.clone(), bytes: if rotation.reuse { 0 } else { bytes } });
    }
    let bytes: u64 = jobs.iter().map(|job| job.bytes).sum();
    let copies = copies(&installation.config, &jobs);
    let speed = if bytes == 0 { None } else { Some(sealing_speed(context, opened.keyring)?) };
    Ok(RotationReport {
        from: opened.keyring.epoch().0,
        to: opened.keyring.epoch().0.saturating_add(1),
        reuses_old: rotation.reuse,
        bytes,
        bytes_per_second: speed,
        seconds: speed.map(|speed| bytes / speed.max(1)),
        dropped: dropped(context, opened)?.iter().map(|slot| format!("{} ({})", slot.name(), slot.label)).collect(),
        jobs,
        copies,
        dry_run: rotation.dry_run == DryRun::Yes,
    })
}

fn copies(config: &Config, jobs: &[RotationJob]) -> Vec<RotationCopy> {
    let one = |destination: &Destination| {
        let goes_there =
            |it: &&RotationJob| config.job(&it.job).is_some_and(|job| job.offsite.contains(&destination.name));
        let bytes: u64 = jobs.iter().filter(goes_there).map(|job| job.bytes).sum();
        let seconds = destination.rate.filter(|_| bytes > 0).map(|rate| bytes / rate.max(1));
        RotationCopy { destination: destination.name.clone(), bytes, seconds }
    };
    config.destinations.iter().map(one).collect()
}

/// Not for users yet: where two histories of keys meet (a computer that was set back, a take-over from a drive that has the
/// keys of before), an older set can outrank a newer one, and a repair take it for damage. ARCHITECTURE.md, "Not yet".
fn check_ready() -> Result<(), Failure> {
    if is_tried("key-rotate") {
        return Ok(());
    }
    let why = "this release can't tell for sure which keys are newer once a computer was set back or lost after it";
    Err(Failure::new(
        "no new key epoch was begun",
        why,
        "use `key change`, or wait for a later release; nothing was changed",
    ))
}

/// Asked on a terminal; else it has to be said on the command line.
///
/// # Errors
/// Exit 1 where it is not tried on purpose; exit 2 if nobody says yes.
pub(super) fn confirm(call: &Call, rotation: &Rotation, planned: &RotationReport) -> Result<(), Failure> {
    check_ready()?;
    if rotation.yes {
        return Ok(());
    }
    let figures = planned.sentences();
    let refused =
        |why: String| Failure::usage("no new key epoch was begun", why, "--yes says yes; nothing was changed");
    if !std::io::stdin().is_terminal() {
        return Err(refused(format!("there is no terminal to ask on. {}", figures.join(". "))));
    }
    let failed = |error: std::io::Error| Failure::of("can't ask", &error, "use --yes");
    figures.iter().for_each(|line| call.voice.warn(line));
    let mut told = std::io::stderr();
    write!(told, "Type `rotate` to begin a new key epoch: ").and_then(|()| told.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    if line.trim() == "rotate" { Ok(()) } else { Err(refused("`rotate` was not typed".to_owned())) }
}

/// A slot whose secret is known here.
struct Carried {
    slot: Slot,
    secret: zeroize::Zeroizing<Vec<u8>>,
}

/// The configured passphrase, which this engine works with, and the one that opened the keys.
fn carried(context: &Context, opened: &Opened<'_>) -> Result<Vec<Carried>, Failure> {
    let key = &context.installation.config.key;
    let advice = "put the right passphrase there first, or use `engine key change`; nothing was changed";
    let cant = |error: &dyn std::error::Error| {
        Failure::of(format!("the passphrase from {key}, which this engine works with, can't be used"), error, advice)
    };
    let configured = key.read().map_err(|error| cant(&error))?;
    let id = slot_of(&opened.set, SlotKind::Passphrase, &configured.bytes).map_err(|error| cant(&error))?;
    let slot = |id: &str| opened.set.slots.iter().find(|slot| slot.name() == id).cloned().expect("it opened just now");
    let mut all = vec![Carried { slot: slot(&id), secret: configured.bytes }];
    if opened.kind == SlotKind::Passphrase && opened.by != id {
        all.push(Carried { slot: slot(&opened.by), secret: opened.secret.clone() });
    }
    Ok(all)
}

/// Slots whose secret nobody gave: they can't be made anew.
fn dropped(context: &Context, opened: &Opened<'_>) -> Result<Vec<Slot>, Failure> {
    let carried = carried(context, opened)?;
    let is_dropped = |slot: &&Slot| !carried.iter().any(|it| it.slot.id == slot.id);
    Ok(opened.set.slots.iter().filter(is_dropped).cloned().collect())
}

/// The next epoch's set and keys, and the new sheet.
pub(super) fn rotated(context: &Context, opened: &Opened<'_>, rotation: &Rotation) -> Result<Changed, Failure> {
    let (call, carried) = (&context.call, carried(context, opened)?);
    let letters = sheet_text(&*call.entropy).map_err(failed)?;
    let sheet = sheet_text_parse(&letters).map_err(failed)?;
    let kdf = new_passphrase_cost(&*call.clock).map_err(failed)?;
    let mut slots: Vec<NewSlot<'_>> = Vec::new();
    for Carried { slot, secret } in &carried {
        slots.push(NewSlot { kind: SlotKind::Passphrase, secret, label: &slot.label, kdf });
    }
    slots.push(NewSlot { kind: SlotKind::Sheet, secret: &sheet, label: "recovery sheet", kdf: SHEET_COST });
    let (set, keyring) =
        rotate(&opened.set, opened.keyring, &slots, call.clock.now(), &*call.entropy).map_err(failed)?;
    let from = reuse_from(&context.installation.catalog, opened.keyring.epoch())?;
    let reuse = rotation.reuse.then_some((set.epoch.0, from.0));
    let (dropped, name) = (dropped(context, opened)?, sheet_name(&set));
    let did =
        format!("key epoch {} began: all that is written from now on is sealed under a new master key", set.epoch.0);
    let mut changed = done(set, dropped.clone(), &did);
    changed.advice.push(print(context, &name));
    let passphrases: Vec<&str> =
        dropped.iter().filter(|it| it.kind == SlotKind::Passphrase).map(|it| it.label.as_str()).collect();
    if !passphrases.is_empty() {
        let labels = passphrases.join(", ");
        changed
            .advice
            .push(format!("`engine key add` takes in again the passphrases that are to go on opening it: {labels}"));
    }
    // A line also where nothing is reused: an attempt that broke off may have left one of the other kind.
    let reuse = reuse.or(Some((changed.set.epoch.0, changed.set.epoch.0)));
    Ok(Changed { sheet: Some((name, letters)), keyring: Some(keyring), reuse, ..changed })
}

/// What opens the media that do not have the new set yet.
pub(super) fn advice_for_media(report: &KeyReport) -> Option<String> {
    let waits = report.media.iter().any(|medium| !medium.current && !medium.retired);
    waits.then(|| {
        "keep the old recovery sheet until every drive was there once: until then only what opened it before opens it; \
         `engine key list` names them"
            .to_owned()
    })
}
