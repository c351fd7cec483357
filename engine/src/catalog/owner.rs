//! Who a reservation belongs to. A file of its own, because the fields of the type that rkyv derives beside it can't be
//! documented.

#![allow(missing_docs, reason = "of the derived types; ours are documented")]

use rkyv::{Archive, Deserialize, Serialize};

use super::stored::{PointOrderDef, SeedIdDef, VaultIdDef};
use crate::model::{PointOrder, SeedId, VaultId};

/// Who relies on what a reservation names.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Owner {
    /// A capture, for as long as its process holds that lock.
    Capture {
        /// The lock's file name, see `locks`.
        lock: String,
    },
    /// A copy to a medium, durable: it goes with the placement's change of state (D-9).
    Copy {
        /// The medium that is copied to.
        #[rkyv(with = VaultIdDef)]
        medium: VaultId,
        /// The point.
        #[rkyv(with = PointOrderDef)]
        point: PointOrder,
    },
    /// A restore or drill on this computer, for as long as its process holds that lock.
    Restore {
        /// The lock's file name.
        lock: String,
    },
    /// A seed under way, durable: at the medium that it goes to, and at home, where it comes from.
    Seed {
        /// Which.
        #[rkyv(with = SeedIdDef)]
        id: SeedId,
    },
}
