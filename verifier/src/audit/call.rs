//! `verifier report list|show|check` from what was typed to what is printed.

use std::path::{Path, PathBuf};

use engine::command::{Exit, Failure};
use engine::config::{Config, Place};
use engine::destination::WriteStore;
use engine::installation::as_it_lies;
use engine::model::{DestinationName, VerifierId, chain};
use engine::vault::identity_of;

use super::heads::seen;
use super::judge::{Own, SeenHeads, alone, chained, compared};
use super::told::{CheckReport, HeadsReport, ListReport, ListedReport, OtherLedger, ShownReport};
use super::views::views;
use crate::report::entry::{self, Entry, Seal, entries, number_of, numbered, parse};
use crate::report::{Finding, Key, View, id_in, reports_folder};

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
        Asked::List => list(config, &folder),
        Asked::Show(number) => show(&find(&folder, number.as_deref())?),
        Asked::Check(_) => check(config, &folder),
    }
}

fn unread(folder: &Path, why: impl Into<String>) -> Failure {
    let what = format!("reports can't be read at {}", folder.display());
    Failure::new(what, why, "name the right folder or configuration; `verifier restore-drill` writes the first report")
}

/// Without any report heads tell whether there should be one.
fn list(config: &Config, folder: &Path) -> Result<Told, Failure> {
    let entries = read(folder)?;
    let reports = entries.iter().map(ListedReport::of).collect();
    let mut list = ListReport { reports, ..ListReport::default() };
    if !entries.is_empty() {
        // It is a list, and `check` judges; but a gap would not show in it.
        list.findings = chained(&entries, None);
        return Ok((Answer::List(list), Exit::Done));
    }
    let report = examined(config, folder)?;
    list.others = others(&report);
    let rest = if list.others.is_empty() { Exit::Done } else { Exit::Partial };
    let exit = exit_of(&report.findings).and(rest);
    list.findings = report.findings;
    Ok((Answer::List(list), exit))
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

/// A view's name stands for its report.
fn check_file(path: &Path) -> Result<Told, Failure> {
    let is_view = View::ALL.iter().any(|kind| path.extension().is_some_and(|end| end == kind.extension()));
    let path = &if is_view { path.with_extension("json") } else { path.to_owned() };
    if let Err(error) = entry::read(path) {
        return Err(unread(path, error.to_string()));
    }
    let entries = [Entry::read(number_of(path).unwrap_or_default(), path.to_owned())];
    let mut report = counted(&entries);
    report.findings.splice(0..0, alone(&entries[0]));
    report.not_checked.push("the reports before and after it, and heads at destinations".to_owned());
    Ok(concluded(report))
}

fn check_folder(path: &Path) -> Result<Told, Failure> {
    let entries = read(path)?;
    if entries.is_empty() {
        return Err(unread(path, "there are none"));
    }
    let mut report = counted(&entries);
    report.findings.splice(0..0, chained(&entries, None));
    report.not_checked.push("heads at destinations: only a configuration names those".to_owned());
    Ok(concluded(report))
}

fn check(config: &Config, folder: &Path) -> Result<Told, Failure> {
    let report = examined(config, folder)?;
    if report.reports == 0 && report.findings.is_empty() {
        let others: Vec<String> = others(&report).into_iter().map(|told| format!("; {told}")).collect();
        return Err(unread(folder, format!("there are none{}", others.concat())));
    }
    Ok(concluded(report))
}

/// The reports of this installation, against heads everywhere.
fn examined(config: &Config, folder: &Path) -> Result<CheckReport, Failure> {
    let own = own(&config.state).map_err(|error| unread(folder, error.to_string()))?;
    let ids = ids(&read(folder)?, &own);
    let seen: Vec<_> = places(config).into_iter().map(|(name, place)| (name, heads_at(&place, &ids))).collect();
    // After the heads: a report is there before a head names it, and a drill may be at work.
    let entries = read(folder)?;
    let mut report = counted(&entries);
    report.findings.splice(0..0, chained(&entries, Some(&own)));
    for (name, found) in seen {
        let at = look(&name, found, &entries, &mut report);
        // Home is this computer's own: what a ledger left there was this computer's.
        let erased = (ids.is_empty() && name.is_home()).then(|| at.others.iter().map(|other| erased(&name, other)));
        report.findings.extend(erased.into_iter().flatten());
        report.destinations.push(at);
    }
    Ok(report)
}

/// Verifiers whose ledger this is.
fn ids(entries: &[Entry], own: &Own) -> Vec<VerifierId> {
    let named = entries.iter().filter_map(|entry| Some(&entry.brief.as_ref().ok()?.verifier));
    let mut ids: Vec<VerifierId> = named.chain(&own.verifier).filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn heads_at(place: &Place, ids: &[VerifierId]) -> Result<SeenHeads, String> {
    open(place).and_then(|store| seen(&*store, ids).map_err(|error| chain(&error)))
}

fn erased(home: &DestinationName, other: &OtherLedger) -> Finding {
    let OtherLedger { verifier, newest } = other;
    let problem = format!(
        "heads of the verifier {verifier} name reports up to {newest}: none of those is here, and its id is not in the \
         state folder: the ledger was erased"
    );
    Finding { report: Some(*newest), file: None, destination: Some(home.to_string()), problem }
}

/// Ledgers that only heads tell of, for people.
fn others(report: &CheckReport) -> Vec<String> {
    let others = report.destinations.iter().flat_map(|at| at.others.iter().map(move |it| (at, it)));
    let told = others.map(|(at, it)| {
        format!("{} has heads of the verifier {}, up to report {}", at.destination, it.verifier, it.newest)
    });
    told.collect()
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
    (report.views, report.findings) = views(entries);
    if report.views.unsigned > 0 {
        let unsigned = report.views.unsigned;
        report.not_checked.push(format!("{unsigned} views: an older release made them and did not sign them"));
    }
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
    found: Result<SeenHeads, String>,
    entries: &[Entry],
    report: &mut CheckReport,
) -> HeadsReport {
    let mut told = HeadsReport { destination: name.to_string(), ..HeadsReport::default() };
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
