//! The restore drill: a real test restore, as if this computer were gone, checked by code that trusts nothing local.
//!
//! survey (what lies at a destination) → choose (which points; pure) → drill: objects, restore, compare (pure), probe,
//! control → verdict (pure) → report. `run` walks that line for every destination.
//!
//! Invariants: the checks share no code with the restore; what was not tested is said and never passes; every drill
//! shows that its checks can fail. Deliberately absent: any write to a destination but heads of the ledger
//! (`audit::heads`), and any trust in the catalog: `expect` may only add points that should be there, `local` tells it
//! what became of a drill.

pub mod ability;
pub mod audit;
pub mod choose;
pub mod compare;
pub mod control;
pub mod doubt;
pub mod drill;
pub mod expect;
pub mod live;
pub mod local;
pub mod mismatch;
pub mod objects;
pub mod outside;
mod private;
pub mod probe;
pub mod report;
pub mod restore;
pub mod run;
pub mod scratch;
pub mod survey;
#[cfg(test)]
mod test_vault;
pub mod tree;
pub mod verdict;
