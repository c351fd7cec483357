//! `verifier report list|show|check` from what was typed to what is printed.

use std::path::{Path, PathBuf};

use engine::command::{Exit, Failure};
use engine::config::{Config, Place};
use engine::destination::WriteStore;
use engine::installation::as_it_lies;
use engine::model::{DestinationName, VerifierId, chain};
use engine::vault::identity_of;

use super::heads::seen;
use super::judge::{Finding, Own, alone, chained, compared};
use super::told::{CheckReport, HeadsReport, ListReport, ListedReport, OtherLedger, ShownReport};
use crate::report::entry::{self, Entry, Seal, entries, number_of, numbered, parse};
use crate::report::{Key, id_in, reports_folder};

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All reports.
    List,
    /// One: the newest, by number, or a file.
    Show(Option<String>),
    /// All, one file, or a folder.
    Check(Option<PathBuf>),
}

/// What to print.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A list.
    List(ListReport),
    /// One report, and its file as it is.
    Show(Box<ShownReport>, Vec<u8>),
    /// What a check found.
    Check(CheckReport),
}

/// An answer and its exit code.
pub type Told = (Answer, Exit);

/// Answers what needs no configuration: a file or a folder that was named.
///
/// # Errors
/// [`Failure`] if nothing could be read there.
#[must_use]
pub fn answer_alone(asked: &Asked) -> Option<Result<Told, Failure>> {
    match asked {
        Asked::Show(Some(name)) if name.parse::<u64>().is_err() => Some(show(Path::new(name))),
        Asked::Check(Some(path)) if path.is_dir() => Some(check_folder(path)),
        Asked::Check(Some(path)) => Some(check_file(path)),
        _ => None,
    }
}

/// Answers for the installation of this configuration.
///
/// # Errors
/// [`Failure`] if nothing could be read.
pub fn answer(config: &Config, asked: &Asked) -> Result<Told, Failure> {
    if let Some(answer) = answer_alone(asked) {
        return answer;
    }
    let folder = reports_folder(&config.state);
    match asked {
        Asked::List => {
            let reports = read(&folder)?.iter().map(ListedReport::of).collect();
            Ok((Answer::List(ListReport { reports }), Exit::Done))
        }
        Asked::Show(number) => show(&find(&folder, number.as_deref())?),
        Asked::Check(_) => check(config, &folder),
    }
}

fn unread(folder: &Path, why: impl Into<String>) -> Failure {
    let what = format!("reports can't be read at {}", folder.display());
    Failure::new(what, why, "name the right folder or configuration; `verifier restore-drill` writes the first report")
}

/// None if there is no folder yet.
fn read(folder: &Path) -> Result<Vec<Entry>, Failure> {
    match entries(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        answer => answer.map_err(|error| unread(folder, error.to_string())),
    }
}

fn find(folder: &Path, number: Option<&str>) -> Result<PathBuf, Failure> {
    let number: Option<u64> = number.and_then(|number| number.parse().ok());
    let mut all = numbered(folder).map_err(|error| unread(folder, error.to_string()))?;
    all.retain(|(found, _)| number.is_none_or(|number| *found == number));
    let why =
        number.map_or_else(|| "no drill was reported yet".to_owned(), |number| format!("there is no report {number}"));
    all.pop().map(|(_, path)| path).ok_or_else(|| unread(folder, why))
}

fn show(path: &Path) -> Result<Told, Failure> {
    let failed = |why: String| {
        Failure::new(format!("{} can't be shown", path.display()), why, "`verifier report list` tells what is there")
    };
    let bytes = entry::read(path).map_err(|error| failed(error.to_string()))?;
    let entry = Entry::read(number_of(path).unwrap_or_default(), path.to_owned());
    let findings = alone(&entry);
    let report = parse(&bytes).map_err(failed)?;
    let exit = exit_of(&findings);
    let digest = entry::digest_of(&bytes).to_string();
    Ok((Answer::Show(Box::new(ShownReport { report, digest, findings }), bytes), exit))
}

fn exit_of(findings: &[Finding]) -> Exit {
    if findings.is_empty() { Exit::Done } else { Exit::Damage }
}

fn check_file(path: &Path) -> Result<Told, Failure> {
    if let Err(error) = entry::read(path) {
        return Err(unread(path, error.to_string()));
    }
    let entries = [Entry::read(number_of(path).unwrap_or_default(), path.to_owned())];
    let mut report = counted(&entries);
    report.findings = alone(&entries[0]);
    report.not_checked.push("the reports before and after it, and heads at destinations".to_owned());
    Ok(concluded(report))
}

fn check_folder(path: &Path) -> Result<Told, Failure> {
    let entries = read(path)?;
    if entries.is_empty() {
        return Err(unread(path, "there are none"));
    }
    let mut report = counted(&entries);
    report.findings = chained(&entries, None);
    report.not_checked.push("heads at destinations: only a configuration names those".to_owned());
    Ok(concluded(report))
}

fn check(config: &Config, folder: &Path) -> Result<Told, Failure> {
    let entries = read(folder)?;
    let own = own(&config.state).map_err(|error| unread(folder, error.to_string()))?;
    let mut report = counted(&entries);
    report.findings = chained(&entries, Some(&own));
    let named = report.verifiers.iter().chain(&own.verifier);
    let ids: Vec<VerifierId> = named.filter_map(|id| id.parse().ok()).collect();
    for (name, place) in places(config) {
        let at = look(&name, &place, &ids, &entries, &mut report);
        report.destinations.push(at);
    }
    if entries.is_empty() && report.findings.is_empty() {
        let others = report.destinations.iter().flat_map(|at| at.others.iter().map(move |it| (at, it)));
        let told: Vec<String> = others
            .map(|(at, it)| {
                format!("; {} has heads of the verifier {}, up to report {}", at.destination, it.verifier, it.newest)
            })
            .collect();
        return Err(unread(folder, format!("there are none{}", told.concat())));
    }
    Ok(concluded(report))
}

fn own(state: &Path) -> std::io::Result<Own> {
    let key = match Key::read(state) {
        Ok(key) => key.map(|key| Ok(key.public())),
        Err(error) => Some(Err(error.to_string())),
    };
    Ok(Own { verifier: id_in(state)?, key })
}

fn counted(entries: &[Entry]) -> CheckReport {
    let mut report = CheckReport {
        reports: entries.len() as u64,
        first: entries.first().map(|entry| entry.number),
        newest: entries.last().map(|entry| entry.number),
        ..CheckReport::default()
    };
    for entry in entries {
        if let Seal::Signed(key) = entry.seal {
            report.signed += 1;
            add_new(&mut report.keys, key.to_string());
        }
        if let Ok(brief) = &entry.brief {
            add_new(&mut report.verifiers, brief.verifier.clone());
        }
    }
    report
}

fn add_new(known: &mut Vec<String>, text: String) {
    if !known.contains(&text) {
        known.push(text);
    }
}

fn concluded(mut report: CheckReport) -> Told {
    report.verdict = if report.findings.is_empty() { "sound" } else { "damaged" };
    let exit = exit_of(&report.findings);
    (Answer::Check(report), exit)
}

/// Home, where it is, and every destination.
fn places(config: &Config) -> Vec<(DestinationName, Place)> {
    let home = config.home.path.exists().then(|| (DestinationName::home(), Place::File(config.home.path.clone())));
    let destinations = config.destinations.iter().map(|it| (it.name.clone(), it.place.clone()));
    home.into_iter().chain(destinations).collect()
}

fn look(
    name: &DestinationName,
    place: &Place,
    ids: &[VerifierId],
    entries: &[Entry],
    report: &mut CheckReport,
) -> HeadsReport {
    let mut told = HeadsReport { destination: name.to_string(), ..HeadsReport::default() };
    let found = open(place).and_then(|store| seen(&*store, ids).map_err(|error| chain(&error)));
    match found {
        Err(why) => told.reason = Some(why),
        Ok(found) => {
            told.compared = true;
            told.heads = found.heads.len() as u64;
            told.newest = found.heads.iter().filter_map(|seen| Some(seen.body.as_ref().ok()?.sequence)).max();
            let other = |(verifier, newest): &(VerifierId, u64)| OtherLedger {
                verifier: verifier.to_string(),
                newest: *newest,
            };
            told.others = found.others.iter().map(other).collect();
            report.findings.extend(compared(entries, name.as_str(), &found.heads));
            report.not_checked.extend(found.unread.iter().map(|why| format!("{name}: {why}")));
        }
    }
    told
}

/// A place with a vault; an empty mount point is not one.
fn open(place: &Place) -> Result<std::sync::Arc<dyn WriteStore>, String> {
    let store = engine::installation::open_place(place).and_then(as_it_lies);
    let store = store.map_err(|error| engine::installation::why_away(place, &error))?;
    identity_of(&*store).map_err(|error| format!("no vault is there: {}", chain(&error)))?;
    Ok(store)
}
