//! The step from schema 2 to 3: tables of adopted recovery points, of mirrors and of what a full home gave up, empty at
//! first.

use redb::WriteTransaction;

use super::adopted::AdoptedRow;
use super::error::Result;
use super::mirrored::MirroredRow;
use super::tables::Rows;
use crate::model::{JobId, PointOrder};

/// Makes them.
pub fn to_schema3(transaction: &WriteTransaction) -> Result<()> {
    Rows::<_, PointOrder, MirroredRow>::open(transaction, "mirrored").map(drop)?;
    Rows::<_, PointOrder, String>::open(transaction, "series").map(drop)?;
    Rows::<_, PointOrder, String>::open(transaction, "given_up").map(drop)?;
    Rows::<_, (JobId, String), AdoptedRow>::open(transaction, "adopted").map(drop)
}
