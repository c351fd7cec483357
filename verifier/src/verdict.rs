//! Verdicts and how they add up. Pure.
//!
//! Invariant: nothing that was not done makes anything `pass`.

use engine::command::Exit;
use engine::model::Proof;
use serde::{Deserialize, Serialize};

/// Of a drill, and of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It came back, and every check that was made held.
    Pass,
    /// It could not be tried, or the point was removed meanwhile.
    Incomplete,
    /// Something that should restore does not, or the drill itself is broken.
    Fail,
}

/// Of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeVerdict {
    /// It opens.
    Pass,
    /// It was not tried, or not to the end.
    Skipped,
    /// It does not open.
    Fail,
}

/// Of the negative control: do the checks notice what is wrong?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlVerdict {
    /// They noticed everything.
    Pass,
    /// It was not made, because the drill did not come so far.
    Skipped,
    /// They missed something: this drill proves nothing.
    Fail,
}

/// Whether a skipped probe counts (`--strict`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// It is told.
    Told,
    /// It is told, and changes the exit code.
    Counted,
}

/// Who drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmth {
    /// This process.
    Warm,
    /// A process for each point that knows nothing of this installation.
    Cold,
}

/// Whether anything at all was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// At least one point was tried.
    Tried,
    /// Every drill was refused before it began.
    Refused,
}

/// The verdict of a drill that was tried.
#[must_use]
pub fn of_drill(mismatches: u64, probes: impl IntoIterator<Item = ProbeVerdict>, control: ControlVerdict) -> Verdict {
    let broken = probes.into_iter().any(|verdict| verdict == ProbeVerdict::Fail);
    match control {
        _ if mismatches > 0 || broken => Verdict::Fail,
        ControlVerdict::Fail => Verdict::Fail,
        ControlVerdict::Skipped => Verdict::Incomplete,
        ControlVerdict::Pass => Verdict::Pass,
    }
}

/// Of all drills: the worst; without any nothing was proved.
#[must_use]
pub fn of_all(drills: impl IntoIterator<Item = Verdict>) -> Verdict {
    drills.into_iter().max().unwrap_or(Verdict::Incomplete)
}

/// How a command that drilled ends.
#[must_use]
pub fn exit(verdict: Verdict, skipped_probes: u64, strictness: Strictness, effort: Effort) -> Exit {
    match (verdict, effort) {
        (Verdict::Fail, _) => Exit::Damage,
        (Verdict::Incomplete, Effort::Refused) => Exit::Failed,
        (Verdict::Incomplete, Effort::Tried) => Exit::Partial,
        (Verdict::Pass, _) if skipped_probes > 0 && strictness == Strictness::Counted => Exit::Partial,
        (Verdict::Pass, _) => Exit::Done,
    }
}

/// What all probes of a point say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeSummary {
    /// There was one at least, and all passed.
    AllPassed,
    /// None, or not all.
    Less,
}

impl ProbeSummary {
    /// Of these.
    #[must_use]
    pub fn of(probes: impl IntoIterator<Item = ProbeVerdict>) -> Self {
        let mut probes = probes.into_iter().peekable();
        let passed = probes.peek().is_some() && probes.all(|verdict| verdict == ProbeVerdict::Pass);
        if passed { Self::AllPassed } else { Self::Less }
    }
}

/// How far a drill shows a placement to be good; none if it did not pass. A skipped probe is no passed one: nobody opened
/// that, so the drill shows no more than that it came back.
#[must_use]
pub fn proof(verdict: Verdict, probes: impl IntoIterator<Item = ProbeVerdict>, warmth: Warmth) -> Option<Proof> {
    let probes: Vec<ProbeVerdict> = probes.into_iter().collect();
    let skipped = probes.contains(&ProbeVerdict::Skipped);
    match (verdict, warmth) {
        (Verdict::Fail | Verdict::Incomplete, _) => None,
        (Verdict::Pass, Warmth::Cold) if !skipped => Some(Proof::RestoredCold),
        (Verdict::Pass, Warmth::Warm) if ProbeSummary::of(probes) == ProbeSummary::AllPassed => Some(Proof::Opened),
        (Verdict::Pass, _) => Some(Proof::Restored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_not_done_is_a_pass() {
        assert_eq!(of_all([]), Verdict::Incomplete);
        assert_eq!(of_drill(0, [], ControlVerdict::Skipped), Verdict::Incomplete);
        assert_eq!(of_drill(0, [ProbeVerdict::Pass], ControlVerdict::Pass), Verdict::Pass);
    }

    #[test]
    fn one_failure_anywhere_is_a_failure() {
        assert_eq!(of_drill(1, [], ControlVerdict::Pass), Verdict::Fail);
        assert_eq!(of_drill(0, [ProbeVerdict::Pass, ProbeVerdict::Fail], ControlVerdict::Pass), Verdict::Fail);
        assert_eq!(of_drill(0, [], ControlVerdict::Fail), Verdict::Fail);
        assert_eq!(of_drill(1, [], ControlVerdict::Skipped), Verdict::Fail);
        assert_eq!(of_all([Verdict::Pass, Verdict::Fail, Verdict::Incomplete]), Verdict::Fail);
        assert_eq!(of_all([Verdict::Pass, Verdict::Incomplete]), Verdict::Incomplete);
    }

    #[test]
    fn only_probes_that_ran_and_passed_open_anything() {
        use ProbeVerdict::{Fail, Pass, Skipped};
        assert_eq!(ProbeSummary::of([Pass, Pass]), ProbeSummary::AllPassed);
        for less in [vec![], vec![Skipped], vec![Pass, Skipped], vec![Pass, Fail]] {
            assert_eq!(ProbeSummary::of(less), ProbeSummary::Less);
        }
    }

    #[test]
    fn what_nobody_could_open_is_restored_and_no_more() {
        use ProbeVerdict::{Pass, Skipped};
        for (probes, warm, cold) in [
            (vec![], Proof::Restored, Proof::RestoredCold),
            (vec![Pass], Proof::Opened, Proof::RestoredCold),
            (vec![Skipped], Proof::Restored, Proof::Restored),
            (vec![Pass, Skipped], Proof::Restored, Proof::Restored),
        ] {
            let of = |verdict, warmth| proof(verdict, probes.clone(), warmth);
            assert_eq!(of(Verdict::Pass, Warmth::Warm), Some(warm), "{probes:?}");
            assert_eq!(of(Verdict::Pass, Warmth::Cold), Some(cold), "{probes:?}");
            for verdict in [Verdict::Fail, Verdict::Incomplete] {
                assert_eq!((of(verdict, Warmth::Warm), of(verdict, Warmth::Cold)), (None, None), "{probes:?}");
            }
        }
    }

    #[test]
    fn exit_codes_are_the_contracts() {
        use Effort::{Refused, Tried};
        use Strictness::{Counted, Told};
        for (verdict, skipped, strictness, effort, code) in [
            (Verdict::Pass, 0, Counted, Tried, 0),
            (Verdict::Pass, 1, Told, Tried, 0),
            (Verdict::Pass, 1, Counted, Tried, 3),
            (Verdict::Fail, 1, Counted, Tried, 4),
            (Verdict::Fail, 0, Told, Refused, 4),
            (Verdict::Incomplete, 0, Told, Tried, 3),
            (Verdict::Incomplete, 0, Told, Refused, 1),
        ] {
            assert_eq!(exit(verdict, skipped, strictness, effort).code(), code, "{verdict:?} {skipped} {effort:?}");
        }
    }
}
