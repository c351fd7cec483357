//! The step from schema 3 to 4: a table of seeds, empty at first.

use redb::WriteTransaction;

use super::error::Result;
use super::seeds::SeedRow;
use super::tables::Rows;
use crate::model::SeedId;

/// Makes it.
pub fn to_schema4(transaction: &WriteTransaction) -> Result<()> {
    Rows::<_, SeedId, SeedRow>::open(transaction, "seeds").map(drop)
}
