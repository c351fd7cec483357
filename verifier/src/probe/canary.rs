//! A canary: a file whose content is known without any backup. Whole, or something rewrote it.

use std::io::Read;

use engine::model::is_canary;

use super::budget::Budget;
use super::{Answer, broken};

/// A longer one is none.
const BYTES_MAX: u64 = 64 << 10;

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let mut content = Vec::new();
    budget.meter(file).take(BYTES_MAX).read_to_end(&mut content).map_err(broken)?;
    if is_canary(&content) {
        Ok("its content is as it was planted".to_owned())
    } else {
        Err(broken("it is not as it was planted: something rewrote it, and maybe other files"))
    }
}
