//! Fencing: what the heads at a medium mean for a session that is to begin, or goes on. Pure.

use crate::model::{PointOrder, WriterId};

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
    /// The newest point that its writer knew of; none if there was none, or it can't be read.
    pub newest: Option<PointOrder>,
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
    /// Epoch and number of our last session there, if it was in an earlier epoch.
    pub earlier: Option<(u32, u64)>,
    /// The place in the order that the next point gets: nobody of ours can know of it, or of a later one.
    pub next: PointOrder,
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// The next session may begin under this number.
    Free {
        /// The number.
        next: u64,
    },
    /// Our own heads tell of what this catalog does not know: this computer was set back, or it runs twice. A new epoch
    /// has to be taken before anything is written: places in the order may have been given already.
    SetBack {
        /// The highest epoch that was seen.
        above: u32,
        /// What shows it, for people.
        why: String,
    },
    /// It may begin, but nothing that the catalog says of the medium is believed: it was set back.
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

/// DESIGN 5.1: a higher epoch of another writer, another writer of our epoch, or two heads of one epoch and session fence
/// us; what our own heads tell and the catalog does not know means that we were set back; any other session than the one
/// that the catalog knows means that nothing there is trusted.
#[must_use]
pub fn judge(heads: &[HeadSeen], known: &Known) -> Fence {
    if let Some(why) = fenced(heads, known) {
        return Fence::Fenced { why };
    }
    if let Some(why) = set_back(heads, known) {
        let above = heads.iter().map(|head| head.epoch).max().unwrap_or(0).max(known.epoch);
        return Fence::SetBack { above, why };
    }
    let last = heads.iter().filter(|head| head.epoch == known.epoch).map(|head| head.session).max().unwrap_or(0);
    let next = last.max(known.session).max(known.intended.unwrap_or(0)) + 1;
    let before = heads.iter().filter(|head| head.epoch < known.epoch).map(|head| (head.epoch, head.session)).max();
    let why = match known.earlier {
        _ if last != known.session && Some(last) != known.intended => differs(last, known.session),
        Some((_, session)) if last == 0 && before != known.earlier && before.map(|it| it.1) != known.intended => {
            differs(before.map_or(0, |it| it.1), session)
        }
        _ => return Fence::Free { next },
    };
    Fence::Distrust { next, why }
}

fn differs(last: u64, known: u64) -> String {
    format!(
        "its last session is {last}, this computer's catalog says {known}: one of them was set back to an earlier state"
    )
}

fn fenced(heads: &[HeadSeen], known: &Known) -> Option<String> {
    let foreign = |head: &&HeadSeen| head.epoch > known.epoch && head.writer != Some(known.writer);
    if let Some(head) = heads.iter().find(foreign) {
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

/// Only heads that can be read count: names alone are anybody's.
fn set_back(heads: &[HeadSeen], known: &Known) -> Option<String> {
    let latest = known.session.max(known.intended.unwrap_or(0));
    for head in heads.iter().filter(|head| head.writer == Some(known.writer)) {
        if (head.epoch, head.session) > (known.epoch, latest) {
            return Some(format!(
                "session {} of epoch {} was there, and this computer's catalog knows of session {} of epoch {}: it was \
                 set back, or it runs twice",
                head.session, head.epoch, known.session, known.epoch
            ));
        }
        if let Some(newest) = head.newest.filter(|newest| *newest >= known.next) {
            return Some(format!(
                "a head there knows the point {newest}, and this computer's catalog has yet to give that place in the \
                 order: it was set back, or it runs twice"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: WriterId = WriterId([1; 16]);
    const KNOWN: Known = Known { writer: US, epoch: 2, session: 5, intended: None, earlier: None, next: order(2, 30) };

    const fn order(epoch: u32, sequence: u64) -> PointOrder {
        PointOrder { epoch, sequence }
    }

    fn head(epoch: u32, session: u64) -> HeadSeen {
        let newest = Some(order(epoch, 29));
        HeadSeen { epoch, session, digest: [session.to_be_bytes()[7]; 8], writer: Some(US), newest }
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
        let above = HeadSeen { writer: Some(WriterId([9; 16])), ..head(3, 1) };
        let unreadable = HeadSeen { writer: None, newest: None, ..head(3, 1) };
        let twin = HeadSeen { digest: [0xee; 8], ..head(2, 5) };
        for heads in [[above, head(2, 5)], [unreadable, head(2, 5)], [other, head(2, 5)], [twin, head(2, 5)]] {
            assert!(matches!(judge(&heads, &KNOWN), Fence::Fenced { .. }), "{heads:?}");
        }
    }

    #[test]
    fn a_medium_that_was_set_back_is_not_trusted() {
        assert!(matches!(judge(&[head(2, 3)], &KNOWN), Fence::Distrust { next: 6, .. }));
        let unreadable = HeadSeen { writer: None, newest: None, ..head(2, 7) };
        assert!(matches!(judge(&[head(2, 5), unreadable], &KNOWN), Fence::Distrust { next: 8, .. }));
    }

    #[test]
    fn our_own_head_that_the_catalog_does_not_know_means_that_we_were_set_back() {
        assert!(matches!(judge(&[head(2, 9)], &KNOWN), Fence::SetBack { above: 2, .. }));
        assert!(matches!(judge(&[head(2, 5), head(4, 1)], &KNOWN), Fence::SetBack { above: 4, .. }));
        let tells = HeadSeen { newest: Some(KNOWN.next), ..head(2, 5) };
        assert!(matches!(judge(&[tells], &KNOWN), Fence::SetBack { above: 2, .. }), "of a point to come");
    }

    #[test]
    fn after_a_new_epoch_the_last_session_of_the_one_before_still_has_to_be_the_known_one() {
        let risen = Known { epoch: 3, session: 0, earlier: Some((2, 5)), next: order(3, 1), ..KNOWN };
        assert_eq!(judge(&[head(2, 4), head(2, 5)], &risen), Fence::Free { next: 1 });
        for last in [4, 6] {
            assert!(matches!(judge(&[head(2, last)], &risen), Fence::Distrust { next: 1, .. }), "{last}");
        }
        let crashed = Known { intended: Some(6), ..risen };
        assert_eq!(judge(&[head(2, 6)], &crashed), Fence::Free { next: 7 });
    }
}
