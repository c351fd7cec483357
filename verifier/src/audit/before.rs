//! What a drill looks at before it writes: is the ledger what was written, and which number is free?
//!
//! In: the reports of this installation and the heads that could be reached, as bytes that anybody may have changed. Out: what is wrong,
//! and the highest number that was ever given. Pure.

use super::judge::{Own, SeenHeads, chained, compared};
use crate::report::entry::{Entry, NUMBER_MAX};
use crate::report::{Finding, LedgerBefore};

/// Heads at a place, or why they could not be asked for.
pub type AtPlace = (String, Result<SeenHeads, String>);

/// Judges the ledger as it is now.
#[must_use]
pub fn before(entries: &[Entry], own: &Own, places: &[AtPlace]) -> LedgerBefore {
    let mut findings: Vec<Finding> = chained(entries, Some(own));
    let mut not_compared = Vec::new();
    let mut highest = entries.last().map(|entry| entry.number);
    for (name, seen) in places {
        match seen {
            Err(why) => not_compared.push(format!("{name}: {why}")),
            Ok(seen) => {
                findings.extend(compared(entries, name, &seen.heads));
                let numbers = seen.heads.iter().filter_map(|head| Some(head.body.as_ref().ok()?.sequence));
                highest = highest.max(numbers.filter(|number| *number <= NUMBER_MAX).max());
            }
        }
    }
    LedgerBefore::of(findings, highest, not_compared)
}

#[cfg(test)]
mod tests {
    use engine::format::DrillHead;
    use engine::model::{Digest, Time, VerifierId};

    use super::*;
    use crate::audit::SeenHead;

    fn at(numbers: &[u64]) -> AtPlace {
        let head = |sequence: &u64| {
            let (verifier, created) = (VerifierId([1; 16]), Time::from_seconds(0));
            let head =
                DrillHead { verifier, sequence: *sequence, report: Digest([0; 32]), public_key: [0; 32], created };
            SeenHead { path: format!("drills/{sequence}"), body: Ok(head) }
        };
        ("usb".to_owned(), Ok(SeenHeads { heads: numbers.iter().map(head).collect(), ..SeenHeads::default() }))
    }

    #[test]
    fn the_highest_number_is_that_of_any_head_but_no_wild_one() {
        let told = before(&[], &Own::default(), &[at(&[3, 7]), at(&[5, u64::MAX])]);
        assert_eq!((told.highest, told.finding_count), (Some(7), 4));
        let away = ("office".to_owned(), Err("not there".to_owned()));
        let told = before(&[], &Own::default(), &[away]);
        assert_eq!(told.not_compared, ["office: not there"]);
        assert_eq!((told.highest, told.sentence()), (None, None));
    }
}
