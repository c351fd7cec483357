//! What is drilled of all that is asked for, and in which order: all, place by place; or as much as `[drill] budget` allows,
//! in the order of doubt. What is known of earlier drills comes from the ledger as far as it can be believed, else from
//! the catalog; it only ever orders.

use std::collections::BTreeMap;

use engine::command::Failure;
use engine::config::Config;
use engine::format::{Head, Manifest};
use engine::model::{DestinationName, Distance, JobId, Proof, Time};
use engine::vault::VaultReader;

use super::outcome::Done;
use super::place::{Opened, Reached};
use super::{Extent, Session, Warmth};
use crate::choose::{Chosen, Presence};
use crate::doubt::{Age, Budget, Candidate, Cost, Purse, ages, queue};
use crate::expect::Expectation;
use crate::report::entry::Brief;
use crate::verdict::Verdict;

/// A drill reads each object twice: as it lies there, and to restore it.
const READS: u64 = 2;

/// A destination that is there.
pub(super) struct Site<'r> {
    pub name: &'r DestinationName,
    pub address: &'r str,
    pub opened: &'r Opened,
    elsewhere: Vec<Head>,
}

/// A point that is asked for.
pub(super) struct Wanted {
    pub site: usize,
    pub chosen: Chosen,
    pub age: Age,
}

/// Those of these places that are there; with what heads of all others say.
pub(super) fn sites<'r>(reached: &'r [Reached], home: &[Head]) -> Vec<Site<'r>> {
    let others = |at: usize| {
        let others = reached.iter().enumerate().filter(move |(other, _)| *other != at);
        others.flat_map(|(_, other)| other.heads())
    };
    let site = |(at, place): (usize, &'r Reached)| {
        let elsewhere = home.iter().cloned().chain(others(at)).collect();
        let opened = place.opened.as_ref().ok()?;
        Some(Site { name: &place.name, address: &place.address, opened, elsewhere })
    };
    reached.iter().enumerate().filter_map(site).collect()
}

impl Session<'_> {
    /// Every point that is asked for, place by place.
    pub(super) fn wanted(&self, sites: &[Site<'_>]) -> Result<Vec<Wanted>, Failure> {
        let mut all = Vec::new();
        for (site, there) in sites.iter().enumerate() {
            let mut jobs = BTreeMap::<JobId, Vec<(_, usize)>>::new();
            let chosen = self.choose(&self.expected(there))?;
            for (at, chosen) in chosen.iter().enumerate() {
                jobs.entry(chosen.job).or_default().push((chosen.point.order, at));
            }
            let mut known: BTreeMap<usize, Age> = BTreeMap::new();
            known.extend(jobs.into_values().flat_map(ages).map(|((_, at), age)| (at, age)));
            let wanted = |(at, chosen)| Wanted { site, chosen, age: known.get(&at).copied().unwrap_or(Age::Newest) };
            all.extend(chosen.into_iter().enumerate().map(wanted));
        }
        Ok(all)
    }

    fn expected<'e>(&'e self, site: &'e Site<'_>) -> Expectation<'e> {
        Expectation { survey: &site.opened.survey, elsewhere: &site.elsewhere, catalog: self.catalog.as_ref() }
    }

    /// Drills them; gives how many the budget left.
    pub(super) fn drill_all(&self, sites: &[Site<'_>], wanted: &[Wanted], drills: &mut Vec<Done>) -> u64 {
        if self.asked.extent == Extent::Wish {
            drills.extend(wanted.iter().map(|wanted| self.one(&sites[wanted.site], wanted)));
            return 0;
        }
        let mut purse = Purse::of(budget(self.config));
        let mut left = 0;
        let believed = self.ledger.believed();
        // Numbers of reports go on where older ones were taken away.
        let made = believed.iter().map(|brief| brief.sequence).max().unwrap_or(0);
        for at in queue(&self.candidates(sites, wanted, &believed), made) {
            let (wanted, site) = (&wanted[at], &sites[wanted[at].site]);
            if (self.ports.stop)() || !purse.affords(forecast(site, &wanted.chosen)) {
                left += 1;
                continue;
            }
            let begun = self.ports.clock.monotonic();
            let done = self.one(site, wanted);
            let time = self.ports.clock.monotonic().saturating_sub(begun);
            purse.spend(Cost { time, bytes: done.drill.bytes, egress: egress(site, done.object_bytes) });
            drills.push(done);
        }
        left
    }

    fn one(&self, site: &Site<'_>, wanted: &Wanted) -> Done {
        let Site { name, address, opened, .. } = site;
        let chosen = &wanted.chosen;
        // What is not there can't be restored by anybody.
        if self.asked.warmth == Warmth::Cold && chosen.presence == Presence::Listed {
            return self.cold(name, opened, address, chosen);
        }
        let mut drill = self.drill(name, opened, &self.expected(site), chosen);
        drill.live = match wanted.age {
            Age::Newest => self.live(opened, chosen, &drill),
            _ => Err("it is compared with the job's newest point".to_owned()),
        };
        let setting = self.setting(&drill.job, (*address).to_owned());
        self.write_one(drill, &setting)
    }

    fn candidates(&self, sites: &[Site<'_>], wanted: &[Wanted], believed: &[Brief]) -> Vec<Candidate> {
        let (mut past, mut tried) = (BTreeMap::new(), BTreeMap::new());
        for brief in believed {
            let at = brief.started.parse::<jiff::Timestamp>().ok().map(|at| Time::from_seconds(at.as_second()));
            let Some((at, point)) = at.zip(brief.point.as_deref()) else { continue };
            tried.insert((&*brief.destination, point), at);
            if brief.verdict != Verdict::Incomplete {
                past.insert((&*brief.destination, point), (at, brief.verdict == Verdict::Pass));
            }
        }
        let candidate = |it: &Wanted| {
            let (site, chosen) = (&sites[it.site], &it.chosen);
            let (name, id) = (site.name.to_string(), chosen.point.id.to_string());
            let told = past.get(&(&*name, &*id)).copied();
            let last = told.or_else(|| self.proved(site, chosen).map(|at| (at, true)));
            let tried = tried.get(&(&*name, &*id)).copied().or_else(|| last.map(|(at, _)| at));
            Candidate { destination: it.site, order: chosen.point.order, age: it.age, last, tried }
        };
        wanted.iter().map(candidate).collect()
    }

    /// When the catalog says that it was proved there, where reports don't reach so far back.
    fn proved(&self, site: &Site<'_>, chosen: &Chosen) -> Option<Time> {
        let vault = site.opened.survey.vault();
        let row = self.catalog.as_ref()?.placement(vault, chosen.point.order).ok()??;
        row.verified.filter(|_| row.proof >= Proof::Restored)
    }
}

fn budget(config: &Config) -> Budget {
    let budget = config.drill.budget;
    let of = |budget: engine::config::DrillBudget| {
        let engine::config::DrillBudget { time, bytes, egress } = budget;
        Budget { time, bytes, egress }
    };
    budget.map(of).unwrap_or_default()
}

/// What a drill of it will take, by the words of its manifests; nothing is known of one that can't be read.
fn forecast(site: &Site<'_>, chosen: &Chosen) -> Cost {
    let reader = VaultReader::new(&*site.opened.store, &site.opened.survey.keyring);
    let points = site.opened.survey.listings.iter().filter(|listing| listing.job == chosen.job);
    let points: Vec<_> = points.flat_map(|listing| &listing.points).collect();
    let open = |name| reader.manifest(chosen.job, name).ok().map(|(manifest, ..)| manifest);
    let base = |manifest: &Manifest| {
        let order = manifest.base.filter(|base| *base < manifest.name.order)?;
        points.iter().find(|point| point.order == order).and_then(|point| open(**point))
    };
    let chain = std::iter::successors(open(chosen.point), base);
    let bytes = chain.fold(0_u64, |sum, manifest| sum.saturating_add(manifest.stats.bytes));
    Cost { bytes, egress: egress(site, bytes), ..Cost::default() }
}

fn egress(site: &Site<'_>, bytes: u64) -> u64 {
    match site.opened.store.distance() {
        Distance::Local => 0,
        Distance::Server => bytes.saturating_mul(READS),
    }
}
