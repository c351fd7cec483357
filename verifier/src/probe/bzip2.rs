//! bzip2: every block to its end, checksums compared, with a tar archive inside or anything else.

use std::io::{BufReader, Read};

use bzip2::bufread::MultiBzDecoder;

use super::budget::Budget;
use super::{Answer, tar};

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let inside = tar::inside(budget.meter(MultiBzDecoder::new(BufReader::with_capacity(1 << 20, file))))?;
    Ok(format!("blocks read to the end, checksums hold, {inside}"))
}
