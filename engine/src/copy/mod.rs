//! A checked plan to effects at media: copies with evidence, removals in order, under a fenced session.
//!
//! In: steps of a plan, stores that are there, the catalog. Out: objects at media, and the catalog that says so; never
//! the other way round, a placement is `complete` only after its evidence. Every step can be repeated; a crash or a
//! pulled plug between any two leaves, at worst, objects that nothing refers to (DESIGN 5.2).
//! Deliberately absent: deciding what to copy or remove (`plan/`), which media are there (`observe`), schedules.

mod begin;
mod confirm;
mod error;
mod evidence;
mod execute;
mod fence;
mod flight;
mod heal;
mod heal_files;
mod inspect;
mod inspect_files;
mod inspect_part;
mod inspect_twins;
mod lists;
pub mod mapped;
mod mirrored;
mod newest;
mod news;
mod point;
mod progress;
mod read_in;
mod refused;
mod remove;
mod seeds;
mod send;
mod session;
mod slots;
mod tidy;
mod unfit;
mod unsure;

pub(crate) use begin::{expect_litter, is_ahead, known};

pub use error::CopyError;
pub use evidence::{ReadBack, read_back};
pub use execute::{Copied, Kept, Origin, Outcome, Removed, execute, removal_rules};
pub use fence::{Fence, HeadSeen, Known, judge};
pub use heal::heal_objects;
pub use heal_files::heal_files;
pub use inspect::{Flaw, Inspected, Inspection, Unread, inspect_objects};
pub use inspect_files::inspect_files;
pub use inspect_part::{Drawn, Part, coverage, inspect_part};
pub use lists::{Listing, Lists, record_damage};
pub(crate) use mirrored::digest_of;
pub use mirrored::{Assembled, learn_mirrored};
pub(crate) use news::{current, heed as heed_head};
pub(crate) use read_in::{ReadIn, list_points, point_row, twin, twin_text};
pub(crate) use refused::refused_at;
pub(crate) use remove::sweep_home;
pub use seeds::{Arrival, close_seed, take_seeds};
pub use session::{Before, Lanes, Session, WhenFull, publish_head};
pub use slots::{KEYS, wanted as wanted_slots};
pub use unfit::judge_files;

use crate::catalog::Catalog;
use crate::port::{Clock, Entropy};
use crate::seal::Keyring;

/// What a session works with.
#[derive(Clone, Copy)]
pub struct Tools<'t> {
    /// Local state.
    pub catalog: &'t Catalog,
    /// The family's keys.
    pub keyring: &'t Keyring,
    /// The time.
    pub clock: &'t dyn Clock,
    /// Randomness.
    pub entropy: &'t dyn Entropy,
    /// Asked before each block: stop?
    pub stop: &'t (dyn Fn() -> bool + Sync),
    /// Told what is being done, for people.
    pub tell: &'t (dyn Fn(&Told) + Sync),
}

/// What a session tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Bytes of a point's copy that are done, of all that it takes.
    Progress {
        /// The medium's destination.
        destination: crate::model::DestinationName,
        /// The point.
        point: crate::model::PointOrder,
        /// Bytes done.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Something that a person should know now.
    Note(String),
}
