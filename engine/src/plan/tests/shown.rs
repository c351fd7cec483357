//! Random worlds as a failing test prints them.

use std::fmt;

use crate::model::{Keep, Name, VaultId};
use crate::plan::{Medium, State};

/// A state that shows itself in a few lines.
#[derive(Clone)]
pub(super) struct World(pub State);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (id, job) in &self.0.jobs {
            let offsite: Vec<_> = job.offsite.iter().map(Name::to_string).collect();
            let keep = [&job.keep, &job.keep_at_home].map(|it| it.as_ref().map_or("all".to_owned(), Keep::to_string));
            writeln!(f, "job {} {:?} {offsite:?} keep {keep:?} {:?}", id.0[0], job.copies, job.hold)?;
        }
        for (at, point) in &self.0.points {
            let base = point.base.map_or(0, |base| base.sequence);
            let packs: Vec<_> = point.packs.iter().map(|pack| pack.0).collect();
            let files: Vec<_> = point.files.iter().map(|pack| pack.0).collect();
            let flags = (point.pinned, point.origin_verified);
            let hours = point.created.seconds / 3600;
            let (n, job) = (at.sequence, point.job.0[0]);
            writeln!(
                f,
                "point {n} job {job} base {base} {hours}h pin,ver {flags:?} {}+{packs:?} or {files:?}",
                point.manifest_bytes
            )?;
        }
        for (number, pack) in &self.0.packs {
            writeln!(f, "pack {} {} bytes {}..={}", number.0, pack.bytes, pack.first.sequence, pack.last.sequence)?;
        }
        self.0.media.iter().try_for_each(|(id, medium)| show_medium(f, *id, medium))
    }
}

fn show_medium(f: &mut fmt::Formatter<'_>, id: VaultId, it: &Medium) -> fmt::Result {
    let rows = it.placements.iter();
    let rows: Vec<_> =
        rows.map(|(at, row)| format!("{}:{}:{}:{:?}", at.sequence, row.state, row.proof, row.unwanted)).collect();
    let packs: Vec<_> = it.packs.iter().map(|(pack, there)| format!("{}:{there:?}", pack.0)).collect();
    let same = it.same_disk;
    writeln!(
        f,
        "medium {} {} {:?} retired {} same {same} {:?} {:?}",
        id.0[0], it.destination, it.layout, it.retired, it.reach, it.deletions
    )?;
    let (limit, free, reserve) = (it.limit, it.free, it.reserve);
    writeln!(f, "   used {} limit {limit:?} free {free:?} reserve {reserve} {:?} {:?}", it.used, it.evict, it.orphans)?;
    writeln!(f, "   at least {} unique {} {rows:?} {packs:?}", it.keep_at_least, it.evict_unique)
}
