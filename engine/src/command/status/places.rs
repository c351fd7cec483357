//! Destinations and home: there or not, what is on them, what waits for them, what is stuck.

use std::collections::BTreeSet;

use super::failed::failed;
use super::{Facts, problem};
use crate::catalog::{MediumRow, SeedState};
use crate::command::Failure;
use crate::config::{Destination, Place};
use crate::copy::refused_at;
use crate::destination::ReadStore;
use crate::installation::{Look, Opened};
use crate::model::{DestinationName, PointOrder, Time, VaultId, chain};
use crate::plan::{Plan, Problem, State, problem_text};
use crate::report::{DestinationStatus, HomeStatus, MediumStatus, StatusProblem};

/// A state, and the plan that is made from it.
pub(super) type Outlook = (State, Plan);

/// A place that was away for longer is told of.
const UNSEEN_DAYS: u64 = 30;

/// One destination.
pub(super) fn destination(
    facts: &Facts<'_>,
    destination: &Destination,
    outlook: Option<&Outlook>,
) -> Result<DestinationStatus, Failure> {
    let name = &destination.name;
    let look = facts.look(name);
    let media: Vec<_> = facts.placed.in_use(name).collect();
    let mut used_bytes = 0_u64;
    for row in &media {
        used_bytes = used_bytes.saturating_add(facts.context.installation.catalog.usage(row.vault)?.bytes());
    }
    let config = &facts.context.installation.config;
    let pending: BTreeSet<PointOrder> = facts.placed.waits(config, name).into_iter().map(|(_, order)| order).collect();
    let owed = facts.placed.owed(config, name);
    let (reason, free_bytes) = match look {
        Some(Look::Here(opened)) => (None, opened.space.map(|space| space.free)),
        Some(Look::Away(why) | Look::Refused(why) | Look::Emptied(why)) => (Some(why.clone()), None),
        None => (Some("it was not looked at".to_owned()), None),
    };
    let same_disk = !media.is_empty() && media.iter().all(|row| row.same_disk);
    let mut problems = Vec::new();
    problems.extend(reason.as_ref().and_then(|_| waiting(facts, &pending, destination)));
    problems.extend(look.and_then(refused));
    problems.extend(none_in_use(facts, destination));
    if same_disk {
        problems.push(not_offsite(media.iter().any(|row| row.device == 0)));
    }
    problems.extend(look.and_then(unusable));
    problems.extend(no_turns(destination, &media));
    for row in &media {
        problems.extend(not_seen(facts, destination, row, look));
        problems
            .extend(facts.doubts.iter().filter(|doubt| doubt.medium == row.vault).map(|doubt| doubt.problem.clone()));
        problems.extend(failed(facts, row.vault, name, outlook)?);
        problems.extend(only_grows(row));
        problems.extend(unsure(facts, row.vault, name)?);
        problems.extend(stuck(row.vault, &destination.place, outlook));
        problems.extend(on_seed(facts, row.vault, name)?);
    }
    Ok(DestinationStatus {
        destination: name.clone(),
        available: reason.is_none(),
        reason,
        used_bytes,
        free_bytes,
        points: points_there(facts, media.iter().map(|row| row.vault)),
        pending_points: u64::try_from(pending.len()).unwrap_or(u64::MAX),
        same_disk,
        window: destination.window.map(|window| window.to_string()),
        media: media.iter().map(|row| medium(facts, row, look, &owed)).collect::<Result<_, _>>()?,
        problems,
    })
}

/// One of its media.
fn medium(
    facts: &Facts<'_>,
    row: &MediumRow,
    look: Option<&Look>,
    owed: &BTreeSet<(Option<VaultId>, PointOrder)>,
) -> Result<MediumStatus, Failure> {
    let at = facts.placed.at.get(&row.vault);
    let is_there = |order: &PointOrder| at.and_then(|at| at.get(order)).is_some_and(|placed| placed.state.is_there());
    let newest = facts.placed.points.iter().rev().find(|point| is_there(&point.order));
    Ok(MediumStatus {
        medium: row.vault,
        available: is_here(row, look),
        last_seen: row.last_seen,
        newest: newest.map(|point| point.created),
        points: points_there(facts, std::iter::once(row.vault)),
        pending_points: owed.iter().filter(|(medium, _)| *medium == Some(row.vault)).count() as u64,
        used_bytes: facts.context.installation.catalog.usage(row.vault)?.bytes(),
    })
}

fn is_here(row: &MediumRow, look: Option<&Look>) -> bool {
    matches!(look, Some(Look::Here(opened)) if opened.medium == row.vault)
}

/// A place that was not there for long: what is on it grows old, and nobody knows whether it still works.
fn not_seen(
    facts: &Facts<'_>,
    destination: &Destination,
    row: &MediumRow,
    look: Option<&Look>,
) -> Option<StatusProblem> {
    let seen = row.last_seen.unwrap_or(row.enrolled);
    let days = facts.now.since(seen).as_secs() / 86_400;
    if is_here(row, look) || days < UNSEEN_DAYS {
        return None;
    }
    let (name, medium, when) = (&row.destination, row.vault, facts.when(seen));
    let (what, try_it) = match &destination.place {
        _ if destination.rotation => (format!("its drive {medium}"), "let it take its turn"),
        Place::File(_) => ("it".to_owned(), "connect it, so that it shows whether it still works"),
        _ => ("it".to_owned(), "see whether it still answers, and lets us in"),
    };
    let text = format!("{what} was not there for {days} days, since {when}");
    Some(problem(text, format!("{try_it}; if it is gone for good, `engine retire {name} --medium {medium}`")))
}

/// Two media and no word of turns: the one that is away is waited for.
fn no_turns(destination: &Destination, media: &[&MediumRow]) -> Option<StatusProblem> {
    let several = media.len() > 1 && !destination.rotation;
    several.then(|| {
        let name = &destination.name;
        let text = format!("it has {} media, and every point waits for each of them", media.len());
        let advice = format!(
            "if they take turns, say `rotation = true`; else `engine retire {name} --medium ID` for what is gone"
        );
        problem(text, advice)
    })
}

/// The vault on this computer.
pub(super) fn home(facts: &Facts<'_>, outlook: Option<&Outlook>) -> Result<HomeStatus, Failure> {
    let installation = &facts.context.installation;
    let (home, id) = (installation.home(), installation.home_id()?);
    let mut problems = Vec::new();
    if let Err(error) = &home {
        problems.push(problem(chain(error), error.advice()));
    }
    problems.extend(failed(facts, id, &DestinationName::home(), outlook)?);
    problems.extend(facts.placed.media.iter().filter(|row| row.vault == id).find_map(only_grows));
    problems.extend(unsure(facts, id, &DestinationName::home())?);
    problems.extend(stuck(id, &Place::File(installation.config.home.path.clone()), outlook));
    let space = home.as_ref().ok().and_then(|store| store.space().ok().flatten());
    Ok(HomeStatus {
        place: installation.config.home.path.display().to_string(),
        available: home.is_ok(),
        used_bytes: installation.catalog.usage(id)?.bytes(),
        free_bytes: space.map(|space| space.free),
        limit_bytes: installation.config.home.limit,
        points: points_there(facts, std::iter::once(id)),
        problems,
    })
}

fn points_there(facts: &Facts<'_>, media: impl Iterator<Item = VaultId>) -> u64 {
    let at = media.filter_map(|medium| facts.placed.at.get(&medium)).flatten();
    let there: BTreeSet<&PointOrder> = at.filter(|(_, row)| row.state.is_there()).map(|(order, _)| order).collect();
    u64::try_from(there.len()).unwrap_or(u64::MAX)
}

/// It does not count as offsite, and why.
fn not_offsite(is_unknown: bool) -> StatusProblem {
    if is_unknown {
        let text = "on which disk it is was not seen since the catalog was made, so it does not count as offsite";
        return problem(text, "connect it: the next look tells");
    }
    let text = "it is on the same disk as this computer's own data, so it does not count as offsite";
    problem(text, "choose a place on another disk or another computer")
}

/// A server that answers, and from which nothing could be restored now.
fn refused(look: &Look) -> Option<StatusProblem> {
    match look {
        Look::Refused(why) => {
            Some(problem(why.clone(), "see to that: nothing can be copied there, nor restored from it"))
        }
        Look::Here(_) | Look::Away(_) | Look::Emptied(_) => None,
    }
}

/// Why it can't be written to now, though it is there.
fn unusable(look: &Look) -> Option<StatusProblem> {
    let Look::Here(Opened { sight: Some(sight), .. }) = look else { return None };
    let unread = sight.heads.as_ref().err().map(|why| format!("it can't be read: {why}"));
    let why = unread.or_else(|| sight.unwritable.as_ref().map(|why| format!("it can't be written to now: {why}")))?;
    Some(problem(why, "see that it is mounted for writing, and to the permissions of its folders"))
}

/// Nothing is deleted there, and why.
fn only_grows(row: &MediumRow) -> Option<StatusProblem> {
    let why = refused_at(row)?;
    let advice =
        format!("it only grows until that is mended: `engine verify {} --repair` heals what can be", row.destination);
    Some(problem(format!("nothing is deleted there: {why}"), advice))
}

/// Points of which it is not known what they need there.
fn unsure(facts: &Facts<'_>, medium: VaultId, name: &DestinationName) -> Result<Option<StatusProblem>, Failure> {
    let unsure = facts.context.installation.catalog.unsure(medium)?;
    let Some(first) = unsure.first() else { return Ok(None) };
    let of = if unsure.len() == 1 { first.to_string() } else { format!("{first} and {} more", unsure.len() - 1) };
    let text = format!("which packs {of} needs is not known: nothing is deleted there");
    let advice = format!("connect the places that have it too, then `engine verify {name} --repair`");
    Ok(Some(problem(text, advice)))
}

/// What travels there by post, and how far it is.
fn on_seed(facts: &Facts<'_>, medium: VaultId, name: &DestinationName) -> Result<Option<StatusProblem>, Failure> {
    let catalog = &facts.context.installation.catalog;
    let Some(seed) = catalog.open_seed_at(medium)? else { return Ok(None) };
    let begun = facts.when(seed.begun);
    let give_up = format!("`engine seed forget {name}` gives it up");
    if seed.state() == SeedState::Verified {
        let text = format!("the seed of {begun} came, and not all of it was read back yet");
        let advice =
            format!("`engine copy --destination {name}` or the service does that; its points count then; {give_up}");
        return Ok(Some(problem(text, advice)));
    }
    let under_way = seed.drives.iter().filter(|drive| drive.state < SeedState::Verified);
    let (drives, packs) = under_way.fold((0, 0), |(drives, packs), drive| (drives + 1, packs + drive.packs));
    let drives = if drives == 1 { "1 drive".to_owned() } else { format!("{drives} drives") };
    let sent = match seed.drives.iter().filter_map(|drive| drive.exported).max() {
        Some(exported) => format!("written {}", facts.when(exported)),
        None if seed.next == 0 => format!("known from a head since {begun}"),
        None => format!("begun {begun}"),
    };
    let text = match seed.next {
        0 => format!("packs are on a seed drive, {sent}"),
        _ => format!("{packs} packs are on a seed drive ({drives}), {}, {sent}", seed.state_text()),
    };
    let advice = format!("`engine seed status` tells whether it has arrived; nothing of it counts before; {give_up}");
    Ok(Some(problem(text, advice)))
}

/// A destination that jobs name and that takes nothing.
fn none_in_use(facts: &Facts<'_>, destination: &Destination) -> Option<StatusProblem> {
    let name = &destination.name;
    let named = facts.context.installation.config.jobs.iter().any(|job| job.offsite.contains(name));
    if !named || facts.placed.in_use(name).next().is_some() {
        return None;
    }
    Some(match is_prepared(facts, name) {
        true => problem(
            "it was retired: nothing is copied there any more",
            format!("`engine enrol {name}` takes another drive or folder in its place; else take it out of `offsite`"),
        ),
        false => problem(
            "it was never prepared: nothing is copied there, and what is owed to it waits",
            "when it is there and lets us in, `engine init` prepares it, or says what is in the way",
        ),
    })
}

fn is_prepared(facts: &Facts<'_>, name: &DestinationName) -> bool {
    facts.placed.media.iter().any(|row| row.destination == *name)
}

/// Points that wait for a place that is away, and since when.
fn waiting(facts: &Facts<'_>, pending: &BTreeSet<PointOrder>, destination: &Destination) -> Option<StatusProblem> {
    if !is_prepared(facts, &destination.name) {
        return None;
    }
    let oldest: Time = facts.placed.points.iter().find(|point| pending.contains(&point.order))?.created;
    let (points, wait) = if pending.len() == 1 { ("point", "waits") } else { ("points", "wait") };
    let text = format!("{} {points} {wait} for it, the oldest since {}", pending.len(), facts.when(oldest));
    Some(match &destination.place {
        Place::File(_) => problem(text, "connect it: copies go on by themselves"),
        _ => problem(text, "copies go on by themselves when it answers and lets us in"),
    })
}

/// What the rules leave stuck at a medium.
fn stuck(medium: VaultId, place: &Place, outlook: Option<&Outlook>) -> Vec<StatusProblem> {
    let Some((state, plan)) = outlook else { return Vec::new() };
    let here = plan.problems.iter().filter(|it| match it {
        Problem::Full { medium: at, .. }
        | Problem::NeverFits { medium: at, .. }
        | Problem::ChainOutgrows { medium: at, .. }
        | Problem::OverLimit { medium: at, .. }
        | Problem::Irreparable { medium: at, .. } => *at == medium,
    });
    here.map(|it| problem(problem_text(state, it), advice(it, place))).collect()
}

const fn advice(problem: &Problem, place: &Place) -> &'static str {
    let is_drive = matches!(place, Place::File(_));
    match problem {
        Problem::Full { .. } if is_drive => "raise its limit, let `keep` be less, unpin points, or use a larger drive",
        Problem::Full { .. } => "raise its limit or quota, free room there, let `keep` be less, or unpin points",
        Problem::NeverFits { .. } if !problem.is_for_ever() => {
            "raise its limit, or use a larger place; or `engine forget` this point and the older ones that it shares \
             packs with: the next one then stores only what it needs"
        }
        Problem::NeverFits { .. } => "raise its limit, use a larger place, or exclude something from the job",
        Problem::ChainOutgrows { .. } => "raise its limit, use a larger place, or let a new chain begin sooner",
        Problem::OverLimit { .. } => "raise its limit, or let `keep` be less",
        Problem::Irreparable { .. } => {
            "another drive may have it: connect it; else make a new point with `engine backup`"
        }
    }
}
