//! `engine init` and `engine enrol`.

use super::backup::check_readable;
use super::context::{configuration, wrong_configuration};
use super::{Call, Context, Exit, Failure};
use crate::config::{LoadError, candidates, find, starter};
use crate::installation::{self, Asked, Made, Moved, Prepared, PreparedPlace, SHEET, SheetFiles};
use crate::model::DestinationName;
use crate::report;

/// With no configuration: writes a starter. With one: prepares what is missing.
///
/// # Errors
/// Exit 2 for the configuration; exit 1 where a place holds a vault that is not ours, before anything is written.
pub fn init(call: &Call) -> Result<(report::InitReport, Exit), Failure> {
    match find(call.config.as_deref()) {
        Err(LoadError::NotFound(_)) => return write_starter(call),
        Err(error) => return Err(wrong_configuration(&error)),
        Ok(_) => {}
    }
    let config = configuration(call)?;
    check_readable(&config, &config.jobs)?;
    let prepared = installation::init(&config, &*call.clock, &*call.entropy)?;
    let failed = prepared.places.iter().any(|place| matches!(place.made, Made::Failed(_)));
    Ok((told(&config, &prepared), if failed { Exit::Partial } else { Exit::Done }))
}

fn write_starter(call: &Call) -> Result<(report::InitReport, Exit), Failure> {
    let places = candidates(call.config.as_deref(), |name| std::env::var_os(name));
    let path = places
        .first()
        .ok_or_else(|| Failure::usage("no place for a configuration", "none is known", "give --config FILE"))?;
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = written.and_then(|mut file| std::io::Write::write_all(&mut file, starter().as_bytes()));
    written.map_err(|error| {
        Failure::of(format!("can't write {}", path.display()), &error, "check the path and its permissions")
    })?;
    let report = report::InitReport {
        starter: Some(path.display().to_string()),
        vaults: Vec::new(),
        recovery_sheet: None,
        recovery_sheet_page: None,
        sheet_written: false,
        warnings: Vec::new(),
    };
    Ok((report, Exit::Done))
}

fn told(config: &crate::config::Config, prepared: &Prepared) -> report::InitReport {
    let place = |name: &DestinationName| match config.destination(name).map(|destination| &destination.place) {
        Some(place) => installation::place_text(place),
        None => config.home.path.display().to_string(),
    };
    let vault = |prepared: &PreparedPlace| report::VaultMade {
        destination: prepared.destination.clone(),
        medium: prepared.medium,
        place: place(&prepared.destination),
        made: match &prepared.made {
            Made::Vault => report::Made::Made,
            Made::AlreadyThere => report::Made::WasThere,
            Made::Away(_) | Made::Failed(_) => report::Made::NotThere,
        },
        reason: match &prepared.made {
            Made::Away(why) | Made::Failed(why) => Some(why.clone()),
            Made::Vault | Made::AlreadyThere => None,
        },
        same_disk: prepared.same_disk,
        probe: prepared.asked.as_ref().and_then(answers),
    };
    let same = prepared.places.iter().filter(|place| place.same_disk).map(|place| {
        format!("{} is on the same disk as this computer's data: it does not count as offsite", place.destination)
    });
    let asked =
        prepared.places.iter().filter_map(|place| Some((config.destination(&place.destination)?, &place.asked)));
    let probed = asked.flat_map(|(destination, asked)| asked.iter().flat_map(|asked| asked.warnings(destination)));
    let warnings = same.chain(probed).chain(config.notes()).chain(config.secret_notes());
    let sheet = SheetFiles::of(config, SHEET);
    let there = |path: &std::path::Path| path.exists().then(|| path.display().to_string());
    report::InitReport {
        starter: None,
        vaults: prepared.places.iter().map(vault).collect(),
        recovery_sheet: there(&sheet.text),
        recovery_sheet_page: there(&sheet.page),
        sheet_written: prepared.sheet.is_some(),
        warnings: warnings.collect(),
    }
}

/// For a report: none of a place that did not answer.
fn answers(asked: &Asked) -> Option<report::Answers> {
    let marks = asked.marks().into_iter().map(|mark| (mark.name, mark.value));
    Some(marks.collect()).filter(|answers: &report::Answers| !answers.is_empty())
}

/// Makes what is at a destination now one more of its media.
///
/// # Errors
/// Exit 2 for an unknown name; exit 1 if it is away, foreign, or another destination's.
pub fn enrol(call: &Call, name: &DestinationName, moved: Moved) -> Result<(report::EnrolReport, Exit), Failure> {
    let context = Context::open(call)?;
    let installation = &context.installation;
    let destination = installation.destination(name)?;
    let known = installation.catalog.media()?;
    let prepared = installation::enrol(
        &installation.config,
        &installation.catalog,
        destination,
        &*call.clock,
        &*call.entropy,
        moved,
    )?;
    let PreparedPlace { made, medium, same_disk, asked, .. } = prepared;
    let medium =
        medium.ok_or_else(|| Failure::new("no medium was enrolled", "none was recorded", "please report this"))?;
    let enrolled = match (made, known.iter().any(|row| row.vault == medium), moved) {
        (Made::Vault, ..) => report::Enrolled::Made,
        (_, false, _) => report::Enrolled::Found,
        (_, true, Moved::Yes) => report::Enrolled::Moved,
        (_, true, Moved::No) => report::Enrolled::Known,
    };
    let points =
        installation.catalog.placements_at(medium)?.iter().filter(|(_, row)| row.state.is_there()).count() as u64;
    let place = installation.catalog.medium(medium)?.map(|row| row.place).unwrap_or_default();
    let others = known.iter().filter(|row| row.destination == *name && row.vault != medium && row.retired.is_none());
    let on_this_disk = same_disk.then(|| format!("{name} is on the same disk as this computer's data"));
    let two_at_once = others.filter(|_| !destination.rotation).map(|other| {
        format!(
            "the medium {} serves {name} too: if they take turns, say `rotation = true`; if it is gone, `engine retire {name} \
             --medium {}`",
            other.vault, other.vault
        )
    });
    let probed = asked.iter().flat_map(|asked| asked.warnings(destination));
    let warnings = on_this_disk.into_iter().chain(two_at_once).chain(probed).collect();
    let probe = asked.as_ref().and_then(answers);
    Ok((
        report::EnrolReport { destination: name.clone(), medium, place, enrolled, same_disk, points, probe, warnings },
        Exit::Done,
    ))
}
