//! Manifests and packs that lie at the vaults, read into a catalog; and the points that an empty home should hold.

use std::collections::BTreeMap;

use super::broke_off;
use super::vaults::{Vault, Vaults};
use crate::catalog::{Catalog, Finding, PointRow};
use crate::command::{Call, Failure};
use crate::config::Config;
use crate::copy::{Lists, ReadIn, list_points, twin, twin_text};
use crate::model::{JobId, ObjectName, PointName, PointOrder, Time, VaultId, chain};
use crate::plan::keep::keep;
use crate::seal::Keyring;

/// What was read.
#[derive(Default)]
pub(super) struct Counted {
    pub points: BTreeMap<VaultId, u64>,
    pub problems: Vec<String>,
    /// Points that no place has whole.
    pub lost: u64,
    /// Points that the catalog can't hold, for another one has their place in the order.
    pub twins: u64,
}

/// Reads every manifest at every vault. One that does not open is a damaged placement if another place has the point.
pub(super) fn read_points(
    call: &Call,
    catalog: &Catalog,
    vaults: &Vaults,
    (keyring, lists): (&Keyring, &Lists<'_>),
) -> Result<Counted, Failure> {
    let (mut counted, mut bad) = (Counted::default(), Vec::new());
    for vault in &vaults.here {
        let reading = reading(catalog, vault, (keyring, lists), call.clock.now());
        let listed = list_points(&*vault.store).map_err(|error| broke_off(&error))?;
        counted.points.insert(vault.identity.vault, listed.len() as u64);
        let (what, total) = (format!("{}: reading points", vault.name), listed.len() as u64);
        for (at, (name, job)) in listed.into_iter().enumerate() {
            call.voice.progress(&what, at as u64, total);
            if let Some(known) = twin(catalog, name)? {
                counted.twins += 1;
                let text = twin_text(name, &known);
                counted.problems.push(format!("{}: {text}; nothing is deleted there", vault.name));
                continue;
            }
            match reading.point(job, name) {
                Ok(_) => {}
                Err(error) if error.ends_session() => return Err(broke_off(&error)),
                Err(error) => bad.push((vault, job, name, chain(&error))),
            }
        }
        call.voice.progress_done(&what);
    }
    for (vault, job, name, why) in bad {
        let known = known_elsewhere(catalog, vault, (keyring, lists), (job, name), call.clock.now())?;
        let object = ObjectName::Point(job, name);
        counted.lost += u64::from(!known);
        counted.problems.push(if known {
            let advice = "another place has it: `engine verify --repair` heals it";
            format!("{object} at {} is damaged ({why}); {advice}", vault.name)
        } else {
            format!("no place has {object} whole: at {} {why}", vault.name)
        });
    }
    Ok(counted)
}

fn known_elsewhere(
    catalog: &Catalog,
    vault: &Vault,
    (keyring, lists): (&Keyring, &Lists<'_>),
    (job, name): (JobId, PointName),
    now: Time,
) -> Result<bool, Failure> {
    let known = catalog.point(name.order)?.filter(|point| point.id == name.id && point.job == job);
    let listing = lists.named(&*vault.store, job, name).map_err(|error| broke_off(&error.into()))?;
    let Some((point, listing)) = known.zip(listing) else { return Ok(false) };
    reading(catalog, vault, (keyring, lists), now)
        .bad_point(&point, &listing, Finding::Damaged)
        .map_err(|error| broke_off(&error))?;
    Ok(true)
}

/// An empty home lacks all that its `keep` would have kept: missing there, so that a repair fetches it.
pub(super) fn expect_at_home(
    call: &Call,
    catalog: &Catalog,
    config: &Config,
    vaults: &Vaults,
    (keyring, lists): (&Keyring, &Lists<'_>),
) -> Result<(), Failure> {
    let home = &vaults.here[0];
    let reading = reading(catalog, home, (keyring, lists), call.clock.now());
    let all = catalog.points()?;
    for job in config.jobs.iter().filter(|job| job.home) {
        let Some(row) = catalog.job_named(&job.name)? else { continue };
        let its: Vec<&PointRow> = all.iter().filter(|point| point.job == row.id && point.removed.is_none()).collect();
        let moments: Vec<(PointOrder, Time)> = its.iter().map(|point| (point.order, point.created)).collect();
        let rule = config.home.keep.as_ref().or(job.keep.as_ref());
        let kept = keep(rule, &moments, &jiff::tz::TimeZone::system());
        for point in its.into_iter().filter(|point| point.pinned || kept.contains_key(&point.order)) {
            let listing =
                lists.named(&*home.store, point.job, point.name()).map_err(|error| broke_off(&error.into()))?;
            if let Some(listing) = listing {
                reading.bad_point(point, &listing, Finding::Missing).map_err(|error| broke_off(&error))?;
            }
        }
    }
    Ok(())
}

pub(super) fn reading<'r>(
    catalog: &'r Catalog,
    vault: &'r Vault,
    (keyring, lists): (&'r Keyring, &'r Lists<'r>),
    now: Time,
) -> ReadIn<'r> {
    ReadIn { catalog, keyring, store: &*vault.store, medium: vault.identity.vault, lists, now }
}
