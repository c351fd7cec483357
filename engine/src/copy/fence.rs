//! Fencing: what the heads at a medium mean for a session that is to begin, or goes on. Pure.

use crate::model::WriterId;

/// A head as it was found: its name, and who wrote it if it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadSeen {
    /// The writer's epoch.
    pub epoch: u32,
    /// The session's number.
    pub session: u64,
    /// Of the whole file.
    pub digest: [u8; 8],
    /// Who wrote it; none if it can't be read.
    pub writer: Option<WriterId>,
}

/// What this engine knows of itself and its sessions at the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Who we are.
    pub writer: WriterId,
    /// Our epoch.
    pub epoch: u32,
    /// Our last session there; 0 if none in this epoch.
    pub session: u64,
    /// A session whose head we may have written before a crash.
    pub intended: Option<u64>,
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// The next session may begin under this number.
    Free {
        /// The number.
        next: u64,
    },
    /// It may begin, but nothing that the catalog says of the medium is believed: it was set back, or we were.
    Distrust {
        /// The number.
        next: u64,
        /// What does not fit, for people.
        why: String,
    },
    /// Nothing more may be written there.
    Fenced {
        /// By whom, for people.
        why: String,
    },
}

/// DESIGN 5.1: a higher epoch, another writer of our epoch, or two heads of one epoch and session fence us; a session
/// that differs from the catalog's means that nothing there is trusted.
#[must_use]
pub fn judge(heads: &[HeadSeen], known: &Known) -> Fence {
    if let Some(why) = fenced(heads, known) {
        return Fence::Fenced { why };
    }
    let last = heads.iter().filter(|head| head.epoch == known.epoch).map(|head| head.session).max().unwrap_or(0);
    let next = last.max(known.session).max(known.intended.unwrap_or(0)) + 1;
    if last == known.session || Some(last) == known.intended {
        return Fence::Free { next };
    }
    let why = format!(
        "its last session is {last}, this computer's catalog says {}: one of them was set back to an earlier state",
        known.session
    );
    Fence::Distrust { next, why }
}

fn fenced(heads: &[HeadSeen], known: &Known) -> Option<String> {
    if let Some(head) = heads.iter().find(|head| head.epoch > known.epoch) {
        return Some(format!("a writer of epoch {} has taken over, this one's is {}", head.epoch, known.epoch));
    }
    let ours = || heads.iter().filter(|head| head.epoch == known.epoch);
    if let Some(other) = ours().filter_map(|head| head.writer).find(|writer| *writer != known.writer) {
        return Some(format!("another writer, {other}, has the same epoch {}", known.epoch));
    }
    let twice = ours().find(|head| ours().any(|other| other.session == head.session && other.digest != head.digest));
    twice
        .map(|head| format!("two heads of session {} lie there: this installation runs on two computers", head.session))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: WriterId = WriterId([1; 16]);
    const KNOWN: Known = Known { writer: US, epoch: 2, session: 5, intended: None };

    fn head(epoch: u32, session: u64) -> HeadSeen {
        HeadSeen { epoch, session, digest: [session.to_be_bytes()[7]; 8], writer: Some(US) }
    }

    #[test]
    fn the_next_session_follows_the_last() {
        assert_eq!(judge(&[head(1, 90), head(2, 4), head(2, 5)], &KNOWN), Fence::Free { next: 6 });
        let first = Known { session: 0, ..KNOWN };
        assert_eq!(judge(&[head(1, 90)], &first), Fence::Free { next: 1 });
    }

    #[test]
    fn a_head_whose_record_was_lost_in_a_crash_is_ours() {
        let crashed = Known { intended: Some(6), ..KNOWN };
        assert_eq!(judge(&[head(2, 5), head(2, 6)], &crashed), Fence::Free { next: 7 });
        assert_eq!(judge(&[head(2, 5)], &crashed), Fence::Free { next: 7 });
    }

    #[test]
    fn a_higher_epoch_another_writer_and_a_twin_fence_us() {
        let other = HeadSeen { writer: Some(WriterId([9; 16])), ..head(2, 3) };
        let twin = HeadSeen { digest: [0xee; 8], ..head(2, 5) };
        for heads in [[head(3, 1), head(2, 5)], [other, head(2, 5)], [twin, head(2, 5)]] {
            assert!(matches!(judge(&heads, &KNOWN), Fence::Fenced { .. }), "{heads:?}");
        }
    }

    #[test]
    fn a_medium_or_a_catalog_that_was_set_back_is_not_trusted() {
        assert!(matches!(judge(&[head(2, 3)], &KNOWN), Fence::Distrust { next: 6, .. }));
        assert!(matches!(judge(&[head(2, 9)], &KNOWN), Fence::Distrust { next: 10, .. }));
        let unreadable = HeadSeen { writer: None, ..head(2, 7) };
        assert!(matches!(judge(&[head(2, 5), unreadable], &KNOWN), Fence::Distrust { next: 8, .. }));
    }
}
