//! Reports before the one that is written, as far as they can be believed: plots, and the one before of the same job
//! and destination, are made of these alone. Pure.
//!
//! Believed is what our key signed, and what a later one of those names as the report before it without having doubted
//! it. So of a report that was edited, replaced or signed by another key nothing is shown as a fact.

use super::entry::{Brief, Entry, Seal};
use super::key::PublicKey;

/// What is believed, the oldest first, and the numbers of what is not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    pub drills: Vec<Brief>,
    pub left_out: Vec<u64>,
}

/// Of entries in the order of their numbers.
pub(super) fn past(entries: &[Entry], own: &PublicKey) -> Past {
    let unsigned_only = entries.iter().all(|entry| entry.seal == Seal::Unsigned);
    let mut past = Past::default();
    let mut later: Option<&Brief> = None;
    for entry in entries.iter().rev() {
        let vouched = later.is_some_and(|later| vouches(later, entry));
        let sealed = match &entry.seal {
            Seal::Signed(key) => key == own || vouched,
            Seal::Unsigned => unsigned_only || vouched,
            Seal::Broken(_) => false,
        };
        let is_twin = later.is_some_and(|later| later.sequence == entry.number);
        let is_itself = |brief: &&Brief| brief.sequence == entry.number && brief.name() == entry.file();
        match entry.brief.as_ref().ok().filter(is_itself) {
            Some(brief) if sealed && !is_twin => {
                past.drills.push(brief.clone());
                later = Some(brief);
            }
            _ => past.left_out.push(entry.number),
        }
    }
    past.drills.reverse();
    past.left_out.reverse();
    past.left_out.dedup();
    past
}

fn vouches(later: &Brief, entry: &Entry) -> bool {
    let digest = entry.digest.map(|digest| digest.to_string());
    entry.number.checked_add(1) == Some(later.sequence)
        && digest.is_some()
        && later.previous == digest
        && !later.left_out.contains(&entry.number)
}

/// Numbers as people write them: `1, 3 to 5`.
pub(crate) fn ranges(numbers: &[u64]) -> String {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let text = |(first, last): (u64, u64)| {
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    };
    parts.into_iter().map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use engine::model::Digest;

    use super::*;

    const OWN: PublicKey = PublicKey([1; 32]);
    const OTHER: PublicKey = PublicKey([2; 32]);

    fn digest(number: u64) -> Digest {
        Digest([u8::try_from(number).expect("small"); 32])
    }

    fn entry(number: u64, seal: Seal) -> Entry {
        let brief = serde_json::json!({
            "report-version": 2, "verifier": "aa", "sequence": number, "started": "", "job": "a", "destination": "b",
            "verdict": "pass", "previous": (number > 1).then(|| digest(number - 1).to_string()),
        });
        let brief: Brief = serde_json::from_value(brief).expect("a brief");
        Entry { path: PathBuf::from(brief.name()), number, digest: Some(digest(number)), brief: Ok(brief), seal }
    }

    fn believed(entries: &[Entry]) -> (Vec<u64>, Vec<u64>) {
        let past = past(entries, &OWN);
        (past.drills.iter().map(|brief| brief.sequence).collect(), past.left_out)
    }

    #[test]
    fn what_we_signed_and_what_that_vouches_for_is_believed() {
        let own = || Seal::Signed(OWN);
        let broken = || Seal::Broken("edited".into());
        assert_eq!(believed(&[]), (vec![], vec![]));
        assert_eq!(believed(&[entry(1, own()), entry(2, broken()), entry(3, own())]), (vec![1, 3], vec![2]));
        assert_eq!(believed(&[entry(1, Seal::Unsigned), entry(2, own())]), (vec![1, 2], vec![]));
        assert_eq!(believed(&[entry(1, Seal::Unsigned)]), (vec![1], vec![]), "the first format");
        assert_eq!(believed(&[entry(1, own()), entry(2, Seal::Signed(OTHER))]), (vec![1], vec![2]));
        assert_eq!(believed(&[entry(1, Seal::Signed(OTHER)), entry(2, own())]), (vec![1, 2], vec![]), "vouched for");
        let mut doubting = entry(2, own());
        doubting.brief.as_mut().expect("a brief").left_out = vec![1];
        assert_eq!(believed(&[entry(1, Seal::Signed(OTHER)), doubting]), (vec![2], vec![1]));
        let mut replaced = entry(1, Seal::Signed(OTHER));
        replaced.digest = Some(digest(9));
        assert_eq!(believed(&[replaced, entry(2, own())]), (vec![2], vec![1]));
    }

    #[test]
    fn a_copy_under_another_name_is_not_one_more_drill() {
        let mut copy = entry(1, Seal::Signed(OWN));
        copy.number = 2;
        assert_eq!(believed(&[entry(1, Seal::Signed(OWN)), copy]), (vec![1], vec![2]));
        let one = || entry(1, Seal::Signed(OWN));
        assert_eq!(believed(&[one(), one()]), (vec![1], vec![1]));
    }

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[1, 3, 4, 5, 9]), "1, 3 to 5, 9");
    }
}
