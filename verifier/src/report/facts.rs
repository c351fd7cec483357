//! What an auditor asks of a drill beside its verdict: objectives, measures, coverage, each check with what was
//! expected and what was found, the rule behind the verdict, what to do. Pure.

use std::time::Duration;

use engine::model::{ObjectName, VaultPath};
use serde::{Deserialize, Serialize};

use super::finding::LedgerBefore;
use super::live::NotBackedUp;
use super::record::Before;
use super::summary::number;
use crate::drill::Drill;
use crate::verdict::{ControlVerdict, ProbeVerdict, Verdict};

/// What is known of a drill beside the drill itself: the configuration's word, and where it went.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Setting {
    /// The destination's address, without secrets.
    pub address: String,
    /// What kind of source the job has.
    pub method: Option<String>,
    /// The job's `expect`.
    pub expect: Option<Duration>,
    /// The job's `rto`.
    pub rto: Option<Duration>,
    /// The scratch folder.
    pub restored_to: Option<String>,
    /// The ledger as it was found.
    pub ledger_before: LedgerBefore,
    /// Folders that no job has.
    pub outside: NotBackedUp,
}

/// Something that was to be reached. It does not change the verdict: `engine status` judges deadlines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Objective {
    /// What.
    pub objective: String,
    /// At most so many seconds.
    pub seconds_max: u64,
    /// So many were found; none if it can't be told.
    pub seconds: Option<u64>,
    /// Was it reached? None if it can't be told.
    pub met: Option<bool>,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// From the drill's beginning to its end.
    pub drill_seconds: Option<f64>,
    /// How long the restore took.
    pub restore_seconds: Option<f64>,
    /// Bytes of content, each second of the restore.
    pub restore_bytes_per_second: Option<u64>,
    /// From the restore's beginning until the first content was there again.
    pub first_content_seconds: Option<f64>,
}

/// How much of a point, and of all that it is built on, was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coverage {
    /// Entries that the point says it has.
    pub entries_expected: u64,
    /// Entries that were compared.
    pub entries_compared: u64,
    /// Bytes of content that the point says it has.
    pub bytes_expected: u64,
    /// Bytes of content that were compared.
    pub bytes_compared: u64,
    /// Probes that were run to their end.
    pub probes_run: u64,
    /// Probes that were skipped.
    pub probes_skipped: u64,
}

/// One check: what it asked for, what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// Which.
    pub check: String,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub found: String,
    /// How it came out; `skipped` where the drill did not come so far.
    pub verdict: ProbeVerdict,
}

impl Setting {
    /// What the configuration asks for, of a point that is so many seconds old and took so many to restore.
    #[must_use]
    pub fn objectives(&self, age: Option<u64>, restore: Option<f64>) -> Vec<Objective> {
        let of = |objective: &str, most: Option<Duration>, seconds: Option<u64>| {
            let objective = objective.to_owned();
            let seconds_max = most?.as_secs();
            Some(Objective { objective, seconds_max, seconds, met: seconds.map(|it| it <= seconds_max) })
        };
        let age = of("age of the point, as the job expects it", self.expect, age);
        age.into_iter().chain(of(RESTORE_TIME, self.rto, restore.map(begun))).collect()
    }
}

impl Objective {
    /// What a person should know of a restore that took too long. One drill is enough for it: a trend needs more.
    pub(super) fn warning(&self) -> Option<String> {
        let seconds = self.seconds.filter(|_| self.objective == RESTORE_TIME && self.met == Some(false))?;
        Some(format!("the restore took {seconds} s, and the job's rto allows {} s", self.seconds_max))
    }
}

/// The objective of a job's `rto`.
pub(super) const RESTORE_TIME: &str = "time that the restore takes, as the job's rto allows";

/// Whole seconds, of which the last may just have begun.
fn begun(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds.ceil()).map_or(u64::MAX, |span| span.as_secs())
}

impl Measured {
    pub(super) fn of(drill: &Drill) -> Self {
        let seconds = |span: Duration| span.as_secs_f64();
        let restore = drill.restore.map(seconds);
        Self {
            drill_seconds: Some(seconds(drill.finished.since(drill.started))),
            restore_seconds: restore,
            restore_bytes_per_second: drill.restore.and_then(|took| per_second(drill.bytes, took)),
            first_content_seconds: drill.first.map(seconds),
        }
    }
}

fn per_second(bytes: u64, took: Duration) -> Option<u64> {
    let each = u128::from(bytes) * 1_000_000_000;
    each.checked_div(took.as_nanos()).and_then(|each| u64::try_from(each).ok())
}

impl Coverage {
    pub(super) fn of(drill: &Drill) -> Self {
        let skipped = drill.skipped();
        Self {
            entries_expected: drill.expected.entries,
            entries_compared: drill.entries,
            bytes_expected: drill.expected.bytes,
            bytes_compared: drill.bytes,
            probes_run: drill.probes.len() as u64 - skipped + drill.more_probes,
            probes_skipped: skipped,
        }
    }

    /// How much was compared, of the bytes and of the entries that there are, the smaller share of the two, in
    /// thousandths; none where nothing is known of the point.
    #[must_use]
    pub fn thousandths(&self) -> Option<u64> {
        let share = |done: u64, all: u64| (u128::from(done) * 1000).checked_div(u128::from(all));
        let bytes = share(self.bytes_compared, self.bytes_expected);
        let entries = share(self.entries_compared, self.entries_expected);
        let least = bytes.into_iter().chain(entries).min()?;
        Some(u64::try_from(least.min(1000)).unwrap_or(1000))
    }
}

/// All checks of a drill, in their order. Each finding is told by one of them at least.
pub(super) fn checks(drill: &Drill) -> Vec<Check> {
    vec![vault(drill), objects(drill), content(drill), probes(drill), control(drill)]
}

fn check(check: &str, expected: impl Into<String>, found: impl Into<String>, verdict: ProbeVerdict) -> Check {
    Check { check: check.to_owned(), expected: expected.into(), found: found.into(), verdict }
}

const fn judged(fails: bool, was_made: bool) -> ProbeVerdict {
    match (fails, was_made) {
        (true, _) => ProbeVerdict::Fail,
        (false, true) => ProbeVerdict::Pass,
        (false, false) => ProbeVerdict::Skipped,
    }
}

fn vault(drill: &Drill) -> Check {
    let found = match (drill.vault, drill.flaws.len()) {
        (None, _) => "it did not open".to_owned(),
        (Some(_), 0) => "it opened, and all are whole".to_owned(),
        (Some(_), flaws) => format!("it opened; damaged of them: {flaws}"),
    };
    let fails = !drill.flaws.is_empty() || (drill.vault.is_none() && drill.verdict == Verdict::Fail);
    let verdict = judged(fails, drill.vault.is_some());
    check("the vault opens", "identity files, key slots and heads are whole", found, verdict)
}

fn objects(drill: &Drill) -> Check {
    let damaged = drill.damaged.len();
    let found = format!("{} read, {}; {damaged} damaged or missing", drill.objects, number(drill.object_bytes, "byte"));
    let expected = "each object that the point names, read whole, is what its name says";
    check("objects", expected, found, judged(damaged > 0, drill.objects > 0))
}

fn content(drill: &Drill) -> Check {
    let counts = |entries: u64, files: u64, bytes: u64| {
        let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
        format!("{entries}, {}, {}", number(files, "file"), number(bytes, "byte"))
    };
    let expected = counts(drill.expected.entries, drill.expected.files, drill.expected.bytes);
    let differ = drill.mismatches.kept().iter().filter(|found| is_of_content(drill, &found.path)).count();
    // Beyond those that are kept nobody knows what they were about.
    let dropped = drill.mismatches.count() > drill.mismatches.kept().len() as u64;
    let at_least = if dropped { "at least " } else { "" };
    let found = counts(drill.entries, drill.files, drill.bytes);
    let all = drill.entries >= drill.expected.entries && drill.bytes >= drill.expected.bytes;
    // Of a drill that did not come to its end, a part proves nothing of the rest.
    let was_made = match drill.verdict {
        Verdict::Incomplete => all && drill.restore.is_some(),
        Verdict::Pass | Verdict::Fail => drill.entries > 0 || (drill.restore.is_some() && drill.expected.entries == 0),
    };
    let fails = drill.verdict != Verdict::Incomplete && differ > 0;
    let found = format!("{found}; {at_least}{}", number(differ as u64, "finding"));
    let expected = format!("{expected}, as the point says: names, sizes, whole-file digests, times, modes");
    check("content", expected, found, judged(fails, was_made))
}

/// Is it neither about an object nor about the vault's own files?
fn is_of_content(drill: &Drill, path: &[u8]) -> bool {
    let text = std::str::from_utf8(path).ok().and_then(|text| VaultPath::parse(text).ok());
    let is_object = text.is_some_and(|path| ObjectName::at(&path).is_some_and(|name| drill.damaged.contains(&name)));
    !is_object && !drill.flaws.iter().any(|flaw| flaw == path)
}

fn probes(drill: &Drill) -> Check {
    let count = |verdict| drill.probes.iter().filter(|probed| probed.verdict == verdict).count() as u64;
    let passed = count(ProbeVerdict::Pass) + drill.more_probes;
    let (skipped, failed) = (count(ProbeVerdict::Skipped), count(ProbeVerdict::Fail));
    let found = format!("{passed} passed, {skipped} skipped, {failed} failed");
    check("probes", "each file of a kind that is known opens", found, judged(failed > 0, passed > 0 && skipped == 0))
}

fn control(drill: &Drill) -> Check {
    let (found, verdict) = match drill.control {
        ControlVerdict::Pass => (noticed(drill), ProbeVerdict::Pass),
        ControlVerdict::Skipped => ("the drill did not come so far".to_owned(), ProbeVerdict::Skipped),
        ControlVerdict::Fail => (format!("missed: {}", drill.control_missed.join("; ")), ProbeVerdict::Fail),
    };
    let expected = "the same checks notice a flipped byte, a missing file and a wrong key";
    check("negative control", expected, found, verdict)
}

fn noticed(drill: &Drill) -> String {
    let kinds: Vec<&str> = drill.control_without.iter().map(|kind| kind.as_str()).collect();
    match &kinds[..] {
        [] => "all of it was noticed".to_owned(),
        kinds => format!("all that was broken was noticed; no copy was broken of: {}", kinds.join(", ")),
    }
}

/// The rule that gave the verdict, as `verdict::of_drill` has it.
pub(super) fn rule(drill: &Drill) -> String {
    let failed = drill.probes.iter().filter(|probed| probed.verdict == ProbeVerdict::Fail).count();
    match drill.verdict {
        Verdict::Pass => "pass: nothing differs, no probe fails, and the negative control was noticed".to_owned(),
        Verdict::Incomplete => "incomplete: it could not be tried, or not to its end, so nothing is proved".to_owned(),
        Verdict::Fail if drill.mismatches.count() > 0 => {
            format!("fail: {}, and one is enough", number(drill.mismatches.count(), "finding"))
        }
        Verdict::Fail if failed > 0 => format!("fail: {}, and one is enough", number(failed as u64, "failed probe")),
        Verdict::Fail => "fail: the negative control was not noticed, so the checks prove nothing".to_owned(),
    }
}

/// What to do about damaged objects: who has them whole, or that nobody has.
#[must_use]
pub(crate) fn healing(drill: &Drill) -> Vec<String> {
    let mut advice = Vec::new();
    if drill.nowhere_else > 0 {
        let lost = number(drill.nowhere_else, "damaged object");
        advice.push(format!(
            "no other place is known to have {lost} whole: connect places that are away and verify them; older points may \
             have the files, and the next `engine backup` stores again what is still at its source"
        ));
    }
    if drill.damaged.len() as u64 > drill.nowhere_else || !drill.flaws.is_empty() {
        advice.push(format!("`engine verify {} --repair` heals what another place has whole", drill.destination));
    }
    advice
}

/// What to do, and what became of what was found before.
pub(super) fn follow_up(drill: &Drill, before: Option<&Before>, ledger: &LedgerBefore) -> Vec<String> {
    let name = &drill.destination;
    let mut advice: Vec<String> = of_ledger(ledger).into_iter().collect();
    let healing = healing(drill);
    if !healing.is_empty() {
        advice.extend(healing.into_iter().map(|advice| format!("{advice}; then drill again")));
    } else if drill.verdict == Verdict::Fail && drill.mismatches.count() == 0 {
        let what = "look at what fails its probe, at its source too: it came back as it was protected";
        advice.push(format!("{what}; then make a new point and drill again"));
    } else if drill.verdict == Verdict::Fail {
        advice.push("look at the findings; a new point may be needed; then drill again".to_owned());
    }
    if drill.verdict == Verdict::Incomplete {
        advice.push(format!("drill again once {name} can be reached and the reason is gone"));
    }
    advice.extend(before.and_then(|before| of_before(before, drill.verdict)));
    advice
}

/// What to do where the ledger is not as it was written.
pub(super) fn of_ledger(before: &LedgerBefore) -> Option<String> {
    let advice = "the ledger before this report is not as it was written: `verifier report check` tells all";
    (before.finding_count > 0).then(|| advice.to_owned())
}

/// What became of what the report before found.
pub(super) fn of_before(before: &Before, now: Verdict) -> Option<String> {
    let Before { sequence, verdict, .. } = before;
    let word = if *verdict == Verdict::Fail { "failed" } else { "was incomplete" };
    (*verdict != Verdict::Pass && now == Verdict::Pass)
        .then(|| format!("report {sequence}, the one before of this job and destination, {word}: this one passed"))
}

#[cfg(test)]
mod tests {
    use engine::model::{PackId, Time};

    use super::*;
    use crate::drill::Counts;
    use crate::mismatch::Mismatch;

    fn begun() -> Drill {
        Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(0))
    }

    fn verdicts(drill: &Drill) -> Vec<(String, ProbeVerdict)> {
        checks(drill).into_iter().map(|check| (check.check, check.verdict)).collect()
    }

    #[test]
    fn what_was_not_done_is_skipped_and_never_passes() {
        let drill = begun();
        assert!(verdicts(&drill).iter().all(|(_, verdict)| *verdict == ProbeVerdict::Skipped), "{:?}", checks(&drill));
        assert!(rule(&drill).starts_with("incomplete"));
        assert_eq!(Coverage::of(&drill).thousandths(), None);
    }

    #[test]
    fn a_part_that_was_compared_before_a_stop_is_no_pass() {
        let mut drill = begun();
        (drill.entries, drill.objects, drill.restore) = (1, 1, Some(Duration::from_secs(1)));
        drill.expected = Counts { entries: 2, files: 2, bytes: 0 };
        assert_eq!(verdicts(&drill)[2].1, ProbeVerdict::Skipped);
        drill.entries = 2;
        assert_eq!(verdicts(&drill)[2].1, ProbeVerdict::Pass, "stopped behind it");
    }

    #[test]
    fn each_finding_fails_the_check_that_it_is_about() {
        let pack = ObjectName::Pack(PackId([1; 32]));
        let failing = |path: &[u8]| {
            let mut drill = begun();
            drill.verdict = Verdict::Fail;
            (drill.objects, drill.entries) = (1, 1);
            drill.damaged.push(pack);
            drill.flaws.push(b"VAULT".to_vec());
            drill.mismatches.add(Mismatch::new(path, "wrong"));
            verdicts(&drill)[2].1
        };
        assert_eq!(failing(b"srv/a"), ProbeVerdict::Fail);
        assert_eq!(failing(pack.path().as_str().as_bytes()), ProbeVerdict::Pass);
        assert_eq!(failing(b"VAULT"), ProbeVerdict::Pass);
    }

    #[test]
    fn nobody_is_told_to_repair_what_no_place_has() {
        let mut drill = begun();
        drill.verdict = Verdict::Fail;
        drill.mismatches.add(Mismatch::new(b"", "wrong"));
        drill.damaged = [1, 2].map(|id| ObjectName::Pack(PackId([id; 32]))).to_vec();
        let told = |drill: &Drill| follow_up(drill, None, &LedgerBefore::default()).join("\n");
        assert!(told(&drill).contains("--repair") && !told(&drill).contains("no other place"));
        drill.nowhere_else = 1;
        assert!(told(&drill).contains("--repair") && told(&drill).contains("1 damaged object whole"));
        drill.nowhere_else = 2;
        assert!(!told(&drill).contains("--repair") && told(&drill).contains("2 damaged objects whole"));
    }

    #[test]
    fn measures_and_objectives_are_figures() {
        let mut drill = begun();
        (drill.bytes, drill.entries) = (3_000_000, 2);
        drill.expected = Counts { entries: 2, files: 2, bytes: 4_000_000 };
        (drill.restore, drill.age) = (Some(Duration::from_millis(1500)), Some(Duration::from_secs(90)));
        assert_eq!(Measured::of(&drill).restore_bytes_per_second, Some(2_000_000));
        assert_eq!(Coverage::of(&drill).thousandths(), Some(750));
        drill.expected.entries = 4;
        assert_eq!(Coverage::of(&drill).thousandths(), Some(500), "an entry that is missing shows, too");
        let setting = Setting { expect: Some(Duration::from_secs(60)), ..Setting::default() };
        assert_eq!(setting.objectives(Some(90), None)[0].met, Some(false));
        assert_eq!(setting.objectives(None, None)[0].met, None);
        drill.restore = Some(Duration::ZERO);
        assert_eq!(Measured::of(&drill).restore_bytes_per_second, None);
    }

    #[test]
    fn a_restore_that_took_longer_than_the_rto_is_told_after_the_first_drill() {
        let setting =
            Setting { expect: Some(Duration::from_secs(1)), rto: Some(Duration::from_secs(60)), ..Setting::default() };
        let warned = |restore: Option<f64>| -> Vec<String> {
            setting.objectives(Some(3600), restore).iter().filter_map(Objective::warning).collect()
        };
        assert_eq!(warned(Some(60.1)), ["the restore took 61 s, and the job's rto allows 60 s"]);
        assert_eq!((warned(Some(60.0)), warned(None)), (Vec::<String>::new(), Vec::<String>::new()));
    }
}
