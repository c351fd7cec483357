//! Is this the installation that wrote to the destinations? Where its home vault and its catalog are gone nothing shows it,
//! and another computer with the same passphrase may be at work there. A rebuild goes on all the same, for a computer that
//! lost both must get them back; but it says so, loudly.

use super::vaults::Vaults;
use crate::catalog::{Catalog, OpenOptions};
use crate::config::Config;
use crate::format::Head;
use crate::model::Time;

/// The warning, if a writer that is not known here left heads at the destinations.
pub(super) fn may_be_at_work(config: &Config, vaults: &Vaults, heads: &[&Head], now: Time) -> Option<String> {
    let newest = heads.iter().max_by_key(|head| (head.created, head.epoch))?;
    let ours = Catalog::open(&config.state, OpenOptions::default()).and_then(|catalog| catalog.meta());
    if ours.is_ok_and(|meta| meta.writer == newest.writer) {
        return None;
    }
    let offsite = vaults.here.iter().filter(|vault| !vault.name.is_home()).map(|vault| vault.name.as_str());
    let places = offsite.collect::<Vec<_>>().join(", ");
    Some(format!(
        "neither a home vault nor a catalog was here, so nothing shows that this computer is the one that wrote to {places}: \
         the last head there was left {}, {}, by writer {}. If another computer still backs up there with this passphrase, \
         it is fenced off as soon as this one writes: stop one of the two first",
        newest.created.text(),
        ago(now, newest.created),
        newest.writer
    ))
}

fn ago(now: Time, then: Time) -> String {
    let minutes = now.since(then).as_secs() / 60;
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}
