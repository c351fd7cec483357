//! The restore drill: a real test restore, checked by code that trusts nothing local.

pub mod probe;
pub mod verdict;
