//! `engine catalog rebuild`: the catalog made anew from what really lies at home and at the destinations.
//!
//! In: the configuration, the passphrase, every vault that is there. Out: a catalog of a new writer and a new epoch, put
//! in place of the old one; an absent home vault, made anew. Invariants: nothing but the catalog and an absent home vault
//! is written; what is read in is present, never complete; until a head at least as new as the newest point was read
//! nothing is removed. Deliberately absent: reading packs whole (`engine verify`), any deletion.

mod another;
mod lost;
mod points;
mod state;
mod vaults;

use lost::Lost;
use points::{Counted, expect_at_home, read_points};
use vaults::{Vaults, lock_all};

use super::context::configuration;
use super::{Call, Exit, Failure};
use crate::catalog::{Catalog, Founding, OpenOptions};
use crate::config::Config;
use crate::copy::{CopyError, Lists, list_points};
use crate::destination::ReadStore;
use crate::format::Head;
use crate::installation::{InstallationError, new_medium, shares_disk};
use crate::model::{DestinationName, VaultId, VaultPath, WriterId, chain};
use crate::report::{PlaceNotThere, ReadMedium, RebuildReport};
use crate::seal::Keyring;
use crate::vault::list_heads;

/// Rebuilds it; `from` reads home and that destination only.
///
/// # Errors
/// Exit 2 for the configuration or an unknown name; exit 1 if no vault is there, one is not ours, the passphrase does
/// not open the keys, or a place is at work and waiting is not wanted. The old catalog stays then.
pub fn rebuild(call: &Call, from: Option<DestinationName>) -> Result<(RebuildReport, Exit), Failure> {
    let config = configuration(call)?;
    if let Some(name) = from.as_ref().filter(|name| !name.is_home() && config.destination(name).is_none()) {
        let all = config.destinations.iter().map(|destination| destination.name.to_string()).collect();
        return Err(InstallationError::NoDestination { name: name.to_string(), all }.into());
    }
    crate::platform::make_private_folders(&config.state)
        .map_err(|source| InstallationError::Make { path: config.state.clone(), source })?;
    let mut vaults = Vaults::find(&config, from.as_ref())?;
    let (keyring, set) = vaults.unlock(call, &config)?;
    let _locks = lock_all(call, &config, &vaults)?;
    let made = vaults.make_home(call, &config, &set)?;
    let mut report = RebuildReport { home_made: made, ..RebuildReport::default() };
    let told =
        |(name, why): &(DestinationName, String)| PlaceNotThere { destination: name.clone(), reason: why.clone() };
    report.not_there = vaults.away.iter().map(told).collect();
    let exit = fill(call, &config, &vaults, &keyring, &mut report)?;
    for problem in &report.problems {
        call.voice.warn(problem);
    }
    Ok((report, exit))
}

/// Fills a new catalog and puts it in place.
fn fill(
    call: &Call,
    config: &Config,
    vaults: &Vaults,
    keyring: &Keyring,
    report: &mut RebuildReport,
) -> Result<Exit, Failure> {
    let mut writer = [0; WriterId::BYTES];
    call.entropy
        .fill(&mut writer)
        .map_err(|error| Failure::new("no random bytes from the system", error.to_string(), ""))?;
    let (now, writer) = (call.clock.now(), WriterId(writer));
    let heads = heads(vaults, keyring, report)?;
    if report.home_made {
        let all: Vec<&Head> = heads.iter().flat_map(|(_, heads)| heads).collect();
        report.problems.extend(another::may_be_at_work(config, vaults, &all, now));
    }
    refuse_another(config, keyring)?;
    let founding = Founding { family: keyring.family(), writer, epoch: epoch(config, vaults)?, created: now };
    let rebuild = Catalog::rebuild(&config.state, &founding, OpenOptions::default())?;
    let catalog = rebuild.catalog();
    for vault in &vaults.here {
        let same_disk = !vault.name.is_home() && shares_disk(&vault.place, &config.home.path);
        catalog.enrol(&new_medium(vault.identity.vault, vault.name.clone(), &vault.place, same_disk, now))?;
    }
    state::before_points(catalog, &heads, now)?;
    let lists =
        Lists::new(keyring, vaults.here.iter().map(|vault| (vault.identity.vault, &*vault.store as &dyn ReadStore)));
    let mut counted = read_points(call, catalog, vaults, (keyring, &lists))?;
    state::after_points(catalog, &heads, config)?;
    if vaults.home_is_empty {
        expect_at_home(call, catalog, config, vaults, (keyring, &lists))?;
    }
    let all: Vec<Head> = heads.iter().flat_map(|(_, heads)| heads).cloned().collect();
    Lost { call, catalog, keyring, lists: &lists }.tell(vaults, &all, &mut counted)?;
    let exit = match (counted.lost, counted.twins) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Partial,
        _ => Exit::Damage,
    };
    tell(catalog, vaults, counted, report)?;
    rebuild.finish()?;
    Ok(exit)
}

/// A catalog of another family is somebody else's, whose home is only away.
fn refuse_another(config: &Config, keyring: &Keyring) -> Result<(), Failure> {
    let old = Catalog::open(&config.state, OpenOptions::default()).and_then(|catalog| catalog.meta());
    match old {
        Ok(meta) if meta.family != keyring.family() => {
            let what = format!("the state folder {} is another installation's", config.state.display());
            let why = format!("its catalog is of the family {}, the vaults are of {}", meta.family, keyring.family());
            Err(Failure::new(what, why, "give this configuration a `[state]` and a `[home]` of its own"))
        }
        _ => Ok(()),
    }
}

fn tell(catalog: &Catalog, vaults: &Vaults, counted: Counted, report: &mut RebuildReport) -> Result<(), Failure> {
    for vault in &vaults.here {
        let medium = vault.identity.vault;
        let points = counted.points.get(&medium).copied().unwrap_or(0);
        let packs = catalog.usage(medium)?.packs;
        report.media.push(ReadMedium { destination: vault.name.clone(), medium: Some(medium), points, packs });
    }
    report.points = catalog.points()?.len() as u64;
    report.unconfirmed = catalog.meta()?.unconfirmed;
    report.problems.extend(counted.problems);
    Ok(())
}

/// Every head that opens, by vault, the last session first: the clock may have been set back between two of them.
fn heads(vaults: &Vaults, keyring: &Keyring, report: &mut RebuildReport) -> Result<Vec<(VaultId, Vec<Head>)>, Failure> {
    let mut all = Vec::new();
    for vault in &vaults.here {
        let found = list_heads(&*vault.store, vault.identity.vault, keyring).map_err(|error| unread(vault, &error))?;
        let mut heads = Vec::new();
        for head in found.into_iter().rev() {
            match head.body {
                Ok(body) => heads.push(body),
                Err(error) => report.problems.push(format!("{}: {}: {}", vault.name, head.path, chain(&error))),
            }
        }
        all.push((vault.identity.vault, heads));
    }
    Ok(all)
}

/// One above every epoch that any name at any place, or the old catalog, has.
fn epoch(config: &Config, vaults: &Vaults) -> Result<u32, Failure> {
    let old = Catalog::open(&config.state, OpenOptions::default()).and_then(|catalog| catalog.meta());
    let mut highest = old.map_or(0, |meta| meta.epoch);
    let folder = VaultPath::parse("heads").expect("a constant");
    for vault in &vaults.here {
        let listed = vault.store.list(&folder).map_err(|error| unread(vault, &error))?;
        let heads = listed.iter().filter_map(|listed| listed.path.file_name().parse::<crate::format::HeadName>().ok());
        let points = list_points(&*vault.store).map_err(|error| unread(vault, &error))?;
        let all = heads.map(|head| head.epoch).chain(points.keys().map(|point| point.order.epoch));
        highest = all.fold(highest, u32::max);
    }
    highest.checked_add(1).ok_or_else(|| Failure::new("no epoch is left", "a head there has the highest number", ""))
}

fn unread(vault: &vaults::Vault, error: &dyn std::error::Error) -> Failure {
    Failure::of(
        format!("{} can't be read to the end", vault.name),
        error,
        "connect it and try again, or leave it away; the old catalog stays",
    )
}

fn broke_off(error: &CopyError) -> Failure {
    Failure::of("the catalog can't be rebuilt", error, "the old catalog stays as it is; try again")
}
