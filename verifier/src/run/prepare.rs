//! All that must hold before the first drill begins.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::command::{Failure, VaultSecret, vault_secret};
use engine::config::{Config, Place, Source};
use engine::format::SlotKind;
use engine::model::chain;

use super::{Asked, Ports, Session, place_of, turn};
use crate::local;
use crate::report::{Ledger, LedgerBefore, NotBackedUp};
use crate::scratch::{Forbidden, Scratch};

pub(super) fn session<'s>(config: &'s Config, asked: &'s Asked, ports: &'s Ports<'s>) -> Result<Session<'s>, Failure> {
    let destinations = destinations(config, asked)?;
    check_job(config, asked)?;
    let path = asked.scratch.clone().unwrap_or_else(|| config.drill.scratch.clone());
    let advice = "make the folder, or name another one with --scratch or `[drill] scratch`";
    let scratch = Scratch::open(&path, &forbidden(config))
        .map_err(|error| Failure::of("nothing can be restored", &error, advice))?;
    let secret = secret(config, asked, ports)?;
    let notes: BTreeSet<String> = destinations.iter().flat_map(|(_, place)| place.secret_notes()).collect();
    notes.iter().for_each(|note| ports.voice.warn(note));
    let advice = "make the state folder writable for whoever drills";
    let ledger = Ledger::open(&config.state, ports.entropy)
        .map_err(|error| Failure::of("no report could be kept", &error, advice))?;
    let turn = turn::take(&config.state, scratch.device(), asked, ports)?;
    scratch.sweep().iter().for_each(|left| ports.voice.warn(left));
    let catalog = local::open(&config.state).unwrap_or_else(|why| {
        ports.voice.warn(&format!("the catalog is not asked what should be where: {why}"));
        None
    });
    Ok(Session {
        config,
        asked,
        ports,
        scratch,
        ledger,
        secret,
        catalog,
        destinations,
        before: LedgerBefore::default(),
        outside: NotBackedUp::default(),
        looked_at: RefCell::default(),
        _turn: turn,
    })
}

fn destinations(config: &Config, asked: &Asked) -> Result<Vec<(engine::model::DestinationName, Place)>, Failure> {
    match &asked.destination {
        None if config.destinations.is_empty() => {
            Err(Failure::usage("there is nothing to drill", "no destination is configured", "add a [destination.NAME]"))
        }
        None => Ok(config.destinations.iter().map(|known| (known.name.clone(), known.place.clone())).collect()),
        Some(name) => {
            let place = place_of(config, name).ok_or_else(|| {
                let names: Vec<&str> = config.destinations.iter().map(|known| known.name.as_str()).collect();
                let allowed = format!("one of: {}, home", names.join(", "));
                Failure::usage("the command line is wrong", format!("there is no destination `{name}`"), allowed)
            })?;
            Ok(vec![(name.clone(), place)])
        }
    }
}

fn check_job(config: &Config, asked: &Asked) -> Result<(), Failure> {
    let Some(job) = asked.job.as_ref().filter(|job| config.job(job).is_none()) else { return Ok(()) };
    let names: Vec<&str> = config.jobs.iter().map(|known| known.name.as_str()).collect();
    let (why, allowed) = (format!("there is no job `{job}`"), format!("one of: {}", names.join(", ")));
    Err(Failure::usage("the command line is wrong", why, allowed))
}

/// The recovery sheet alone if one is given, as after a fire: then no passphrase is looked for.
fn secret(config: &Config, asked: &Asked, ports: &Ports<'_>) -> Result<VaultSecret, Failure> {
    if asked.sheet.is_some() {
        return vault_secret(ports.voice, None, asked.sheet.as_deref());
    }
    let advice = "see [key] in the configuration";
    let secret = config.key.read().map_err(|error| Failure::of("no vault can be opened", &error, advice))?;
    secret.warning.iter().for_each(|warning| ports.voice.warn(&warning.to_string()));
    Ok((SlotKind::Passphrase, secret.bytes))
}

/// Nothing is ever restored into what is protected, or into what protects it.
fn forbidden(config: &Config) -> Vec<Forbidden> {
    let of = |what: String, path: &Path| Forbidden { what, path: path.to_owned() };
    let mut all =
        vec![of("the home vault".to_owned(), &config.home.path), of("the state folder".to_owned(), &config.state)];
    for destination in &config.destinations {
        if let Place::File(path) = &destination.place {
            all.push(of(format!("the destination {}", destination.name), path));
        }
    }
    for job in &config.jobs {
        let what = format!("a source of the job {}", job.name);
        all.extend(source_paths(&job.source).into_iter().map(|path| of(what.clone(), &path)));
    }
    all
}

fn source_paths(source: &Source) -> Vec<PathBuf> {
    match source {
        Source::Folders(folders) => folders.paths.clone(),
        Source::Drive(drive) => vec![drive.path.clone()],
        Source::Sqlite(sqlite) => vec![sqlite.pattern.clone()],
        Source::RecoveryPoints(points) => vec![points.folder.clone()],
        Source::Postgres(_) | Source::MariaDb(_) | Source::Firebird(_) | Source::Command(_) => Vec::new(),
    }
}

/// Reads the configuration that is meant.
///
/// # Errors
/// [`Failure`] of exit code 2.
pub fn configuration(asked: Option<&Path>) -> Result<Config, Failure> {
    let wrong = |error: engine::config::LoadError| {
        Failure::usage("the configuration is wrong", chain(&error), "`engine init` writes a starter; see README.md")
    };
    let file = engine::config::find(asked).map_err(wrong)?;
    engine::config::load(&file).map_err(wrong)
}
