//! xz: every block to its end, checksums compared, with a tar archive inside or anything else.

use std::io::{BufReader, Read};

use lzma_rust2::XzReader;

use super::budget::Budget;
use super::{Answer, Finding, tar};

/// KiB that a decoder may take: what `xz -9` needs, and some.
const MEMORY_MAX_KIB: u32 = 128 << 10;
/// What the crate says of more.
const TOO_MUCH_MEMORY: &str = "mem_limit";

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let reader = XzReader::new_mem_limit(BufReader::with_capacity(1 << 20, file), true, MEMORY_MAX_KIB);
    match tar::inside(budget.meter(reader)) {
        Ok(inside) => Ok(format!("blocks read to the end, {inside}")),
        Err(Finding::Broken(why)) if why.contains(TOO_MUCH_MEMORY) => {
            Err(Finding::Unable(format!("it takes more than {} MiB of memory to unpack", MEMORY_MAX_KIB >> 10)))
        }
        Err(finding) => Err(finding),
    }
}
