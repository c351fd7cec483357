//! Which files' copies are broken: the smallest of each kind whose probe passed, as long as all of them fit. Pure.

use std::collections::BTreeMap;

use crate::probe::ProbeKind;

/// A file whose probe passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'p> {
    /// What it is.
    pub kind: ProbeKind,
    /// Below the tree.
    pub path: &'p [u8],
    /// Its size; none where no copy of one file stands for it.
    pub bytes: Option<u64>,
}

/// What is broken, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picked {
    /// One of each kind: its path below the tree.
    pub files: Vec<(ProbeKind, Vec<u8>)>,
    /// Kinds of which each file is too large, or none can be copied.
    pub without: Vec<ProbeKind>,
}

/// Picks them, the smallest first, until `bytes` are used up.
#[must_use]
pub fn pick<'p>(candidates: impl IntoIterator<Item = Candidate<'p>>, bytes: u64) -> Picked {
    let mut smallest: BTreeMap<ProbeKind, (u64, &[u8])> = BTreeMap::new();
    for Candidate { kind, path, bytes } in candidates {
        let this = (bytes.unwrap_or(u64::MAX), path);
        let known = smallest.entry(kind).or_insert(this);
        *known = this.min(*known);
    }
    let mut order: Vec<_> = smallest.into_iter().map(|(kind, (bytes, path))| (bytes, kind, path)).collect();
    order.sort_unstable();
    let (mut picked, mut left) = (Picked::default(), bytes);
    for (bytes, kind, path) in order {
        match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                picked.files.push((kind, path.to_vec()));
            }
            None => picked.without.push(kind),
        }
    }
    picked.without.sort_unstable();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ProbeKind, path: &str, bytes: Option<u64>) -> Candidate<'_> {
        Candidate { kind, path: path.as_bytes(), bytes }
    }

    #[test]
    fn the_smallest_of_a_kind_is_broken_and_all_of_them_fit() {
        let all = [
            of(ProbeKind::Zip, "large", Some(70)),
            of(ProbeKind::Zip, "small", Some(20)),
            of(ProbeKind::Zip, "middle", Some(30)),
            of(ProbeKind::Image, "disk", Some(81)),
            of(ProbeKind::Tar, "exact", Some(80)),
        ];
        let small = (ProbeKind::Zip, b"small".to_vec());
        let picked = pick(all, 100);
        assert_eq!(picked.files, [small.clone(), (ProbeKind::Tar, b"exact".to_vec())], "20 and 80 are 100");
        assert_eq!(picked.without, [ProbeKind::Image]);
        assert_eq!(pick(all, 99), Picked { files: vec![small], without: vec![ProbeKind::Tar, ProbeKind::Image] });
    }

    #[test]
    fn what_no_copy_stands_for_is_named_however_much_room_there_is() {
        let picked = pick([of(ProbeKind::Command, "", None), of(ProbeKind::Pdf, "a", Some(0))], 1 << 40);
        assert_eq!((picked.files.len(), picked.without), (1, vec![ProbeKind::Command]));
    }
}
