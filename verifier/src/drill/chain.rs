//! A point and all that it is built on. A part of a chain that is not there leaves nothing of what is built on it.
//!
//! In: what lies there and what should, and the point. Out: the manifests, the oldest first. Invariant: a base is older
//! than what is built on it, so that every chain ends.

use engine::format::Manifest;
use engine::model::{ObjectName, PointName, PointOrder};
use engine::vault::VaultReader;

use super::{Bench, Drill, Stop, steps};
use crate::choose::Chosen;
use crate::mismatch::Mismatch;

/// A point of a chain.
pub(super) struct Link {
    pub name: PointName,
    pub manifest: Manifest,
}

/// The point and what it is built on, the oldest first; the last one is the point itself.
///
/// # Errors
/// If one of them is not there or can't be read.
pub(super) fn open(
    bench: &Bench<'_>,
    chosen: &Chosen,
    reader: &VaultReader<'_>,
    drill: &mut Drill,
) -> Result<Vec<Link>, Stop> {
    let (manifest, digest) = steps::open_manifest((chosen.job, chosen.point), reader, drill)?;
    (drill.created, drill.manifest) = (Some(manifest.created), Some(digest));
    drill.source = Some(manifest.source.clone());
    let mut wanted = manifest.base;
    let mut chain = vec![Link { name: chosen.point, manifest }];
    while let Some(order) = wanted {
        bench.go_on()?;
        let above = chain.last().map_or(chosen.point, |link| link.name);
        let base = base_of(bench, chosen, above, order)?;
        let opened = steps::open_manifest((chosen.job, base), reader, drill);
        let (manifest, _) = opened.map_err(|stop| about_base(stop, above))?;
        wanted = manifest.base;
        chain.push(Link { name: base, manifest });
    }
    chain.reverse();
    chain.iter().for_each(|link| drill.expected.add(link.manifest.stats));
    drill.built_on = chain.iter().map(|link| link.name).filter(|name| *name != chosen.point).collect();
    Ok(chain)
}

/// The point in that place of the order, listed or expected. Of two in one place the one that was made later counts.
fn base_of(bench: &Bench<'_>, chosen: &Chosen, above: PointName, order: PointOrder) -> Result<PointName, Stop> {
    let failed = |why: String| {
        let path = ObjectName::Point(chosen.job, above).path();
        Err(Stop::Failed(Mismatch::new(path.as_str().as_bytes(), why)))
    };
    if order >= above.order {
        return failed(format!("the point says that it is built on {order}, which is not older than it is"));
    }
    let listings = bench.survey.listings.iter().filter(|listing| listing.job == chosen.job);
    let listed = listings.flat_map(|it| it.points.iter().map(|point| (it.twins.get(point).copied().flatten(), *point)));
    if let Some((_, point)) = listed.filter(|(_, point)| point.order == order).max() {
        return Ok(point);
    }
    let told = bench.expected.told(&bench.survey.heads).points;
    match told.iter().find(|it| it.job == chosen.job && it.point.order == order) {
        Some(expected) => Ok(expected.point),
        None => failed(format!("the point {order} is missing, which the point {} is built on", above.id)),
    }
}

fn about_base(stop: Stop, above: PointName) -> Stop {
    match stop {
        Stop::Failed(mismatch) => {
            let problem = format!("{}; the point {} is built on it", mismatch.problem, above.id);
            Stop::Failed(Mismatch { problem, ..mismatch })
        }
        stop => stop,
    }
}
