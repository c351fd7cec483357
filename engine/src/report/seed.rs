//! `engine seed`: what went onto a drive, what came off it, how far each seed is.

use serde::Serialize;

use super::text::{as_text, as_text_or_null, count};
use super::time::{as_utc, as_utc_or_null};
use super::{Page, Report, Tone, size};
use crate::model::{DestinationName, SeedId, Time, VaultId};

/// An object that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedProblem {
    /// Which.
    pub object: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A drive that was filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeedExportReport {
    /// Which seed; none if nothing was to be exported.
    #[serde(serialize_with = "as_text_or_null")]
    pub seed: Option<SeedId>,
    /// Where it goes.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Which of its media.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// The drive's number.
    pub drive: Option<u32>,
    /// Where it is.
    pub place: String,
    /// Packs on it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that the destination lacks and that are on no drive.
    pub left_packs: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// What is in the way of what else is owed there.
    pub stuck: Vec<String>,
    /// Packs that could not be read at home.
    pub problems: Vec<SeedProblem>,
}

/// A drive that was taken over, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeedAbsorbReport {
    /// The drive.
    pub from: String,
    /// The vault's URL.
    pub into: String,
    /// Which seed; none if it was refused.
    #[serde(serialize_with = "as_text_or_null")]
    pub seed: Option<SeedId>,
    /// Which vault.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// The drive's number.
    pub drive: Option<u32>,
    /// Packs that are there now and were read back.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them lay there before.
    pub lay_there: u64,
    /// Why it was not taken over.
    pub refused: Option<String>,
    /// What on it, or in the vault, is not as it should be.
    pub problems: Vec<SeedProblem>,
}

/// All seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedStatusReport {
    /// Each.
    pub seeds: Vec<SeedStatus>,
}

/// One seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeedStatus {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub seed: SeedId,
    /// Where it goes.
    #[serde(serialize_with = "as_text_or_null")]
    pub destination: Option<DestinationName>,
    /// Which of its media.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// `exporting`, `exported`, `shipped`, `absorbed`, `verified` or `drilled`.
    pub state: String,
    /// Is it under way still?
    pub open: bool,
    /// When it was begun.
    #[serde(serialize_with = "as_utc")]
    pub begun: Time,
    /// When it was over.
    #[serde(serialize_with = "as_utc_or_null")]
    pub closed: Option<Time>,
    /// How many points it brings.
    pub points: u64,
    /// Its drives.
    pub drives: Vec<SeedDriveStatus>,
    /// Why it could not be looked into now.
    pub reason: Option<String>,
}

/// One drive of a seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeedDriveStatus {
    /// Its number.
    pub drive: u32,
    /// How far it is.
    pub state: String,
    /// Since when.
    #[serde(serialize_with = "as_utc")]
    pub since: Time,
    /// Where it was written.
    pub place: String,
    /// Packs on it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them were read back at the destination, as long as it is under way.
    pub read_packs: Option<u64>,
    /// When it was finished.
    #[serde(serialize_with = "as_utc_or_null")]
    pub exported: Option<Time>,
}

/// A seed that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedForgetReport {
    /// Which.
    #[serde(serialize_with = "as_text")]
    pub seed: SeedId,
    /// Where it went.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Which of its media.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Packs that were on its drives.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The word for a drive that was looked into.
const VERIFIED: &str = "verified";

fn write_problems(page: &mut Page, problems: &[SeedProblem]) {
    for problem in problems {
        let line = page.toned(&format!("{}: {}", problem.object, problem.problem), Tone::Bad);
        page.line(format_args!("  {line}"));
    }
}

impl Report for SeedExportReport {
    fn people(&self, page: &mut Page) {
        let Some(drive) = self.drive else {
            let lacks = if self.stuck.is_empty() { "lacks nothing" } else { "takes nothing" };
            page.line(format_args!("Nothing is to be exported: {} {lacks} that no drive has", self.destination));
            self.stuck.iter().for_each(|why| page.line(format_args!("  {why}")));
            return;
        };
        let what = format!("{}, {}", count(self.packs, "pack"), size(self.bytes));
        page.line(format_args!("Drive {drive} of the seed to {} is ready at {}: {what}", self.destination, self.place));
        write_problems(page, &self.problems);
        if self.left_packs > 0 {
            let left = format!("{}, {}", count(self.left_packs, "pack"), size(self.left_bytes));
            let line = page.toned(&format!("left: {left}"), Tone::Waiting);
            page.line(format_args!("  {line}: on one more drive with --continue, else over the wire"));
        }
        self.stuck.iter().for_each(|why| page.line(format_args!("  {why}")));
        page.line("  unmount it and send it; SEED.txt on it tells what to do with it");
        page.line("  nothing of it counts before it has arrived");
    }

    fn troubles(&self) -> Vec<String> {
        self.problems.iter().map(|problem| format!("{}: {}", problem.object, problem.problem)).collect()
    }
}

impl Report for SeedAbsorbReport {
    fn people(&self, page: &mut Page) {
        if let Some(why) = &self.refused {
            let line = page.toned(&format!("Not taken over: {why}"), Tone::Bad);
            page.line(line);
            write_problems(page, &self.problems);
            page.line("  there is no receipt for it: its owner has to know");
            return;
        }
        let what = format!("{}, {}", count(self.packs, "pack"), size(self.bytes));
        page.line(format_args!("All of the drive at {} is at {}, read back: {what}", self.from, self.into));
        if self.lay_there > 0 {
            page.line(format_args!("  {} of them lay there already", self.lay_there));
        }
        page.line("  a receipt lies beside the vault; keep the drive until its owner has seen that");
    }
}

impl Report for SeedStatusReport {
    fn people(&self, page: &mut Page) {
        if self.seeds.is_empty() {
            page.line("No seed was ever begun.");
        }
        for seed in &self.seeds {
            seed.write(page);
        }
    }
}

impl SeedStatus {
    fn write(&self, page: &mut Page) {
        let to = self.destination.as_ref().map_or_else(|| self.medium.to_string(), ToString::to_string);
        let tone = if self.open { Tone::Waiting } else { Tone::Good };
        let state = page.toned(&self.state, tone);
        let points = count(self.points, "point");
        page.line(format_args!("{to}: seed {} of {}, {points}: {state}", self.seed, page.time(self.begun)));
        for drive in &self.drives {
            let what = format!("{}, {}", count(drive.packs, "pack"), size(drive.bytes));
            let since = page.time(drive.since);
            let read = drive.read_packs.filter(|_| drive.state == VERIFIED);
            let read =
                read.map_or_else(String::new, |read| format!(": all there, {read} of {} read back", drive.packs));
            page.line(format_args!("  drive {}: {what}: {} since {since}{read}", drive.drive, drive.state));
        }
        if let Some(why) = &self.reason {
            page.line(format_args!("  not looked into now: {why}"));
        }
        if self.open && self.state == VERIFIED {
            page.line("  it came; its points count once `engine copy` or the service has read the rest back too");
        } else if self.open {
            page.line("  nothing of it counts before it has arrived and was looked into");
        }
    }
}

impl Report for SeedForgetReport {
    fn people(&self, page: &mut Page) {
        page.line(format_args!("The seed {} to {} is given up", self.seed, self.destination));
        let what = format!("{}, {}", count(self.packs, "pack"), size(self.bytes));
        page.line(format_args!(
            "  what was on its drives ({what}) goes over the wire now, where it is not there already"
        ));
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::report::Colour;

    fn text(report: &impl Report) -> String {
        let mut page = Page::new(TimeZone::UTC, Colour::Plain);
        report.people(&mut page);
        page.text().to_owned()
    }

    fn exported() -> SeedExportReport {
        SeedExportReport {
            seed: Some(SeedId([5; 8])),
            destination: "office".parse().expect("a name"),
            medium: VaultId([2; 16]),
            drive: Some(1),
            place: "/media/post".to_owned(),
            packs: 2,
            bytes: 3 << 20,
            left_packs: 1,
            left_bytes: 1 << 20,
            stuck: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn what_is_on_a_drive_and_what_is_left_is_said_with_what_to_do() {
        insta::assert_snapshot!(text(&exported()), @r"
        Drive 1 of the seed to office is ready at /media/post: 2 packs, 3.0 MiB
          left: 1 pack, 1.0 MiB: on one more drive with --continue, else over the wire
          unmount it and send it; SEED.txt on it tells what to do with it
          nothing of it counts before it has arrived
        ");
        let nothing = SeedExportReport { seed: None, drive: None, ..exported() };
        insta::assert_snapshot!(text(&nothing), @"Nothing is to be exported: office lacks nothing that no drive has");
    }

    #[test]
    fn each_seed_is_told_with_how_far_each_drive_of_it_is() {
        let drive = SeedDriveStatus {
            drive: 1,
            state: "shipped".to_owned(),
            since: Time::from_seconds(60),
            place: "/media/post".to_owned(),
            packs: 2,
            bytes: 3 << 20,
            read_packs: Some(0),
            exported: Some(Time::from_seconds(30)),
        };
        let seed = SeedStatus {
            seed: SeedId([5; 8]),
            destination: Some("office".parse().expect("a name")),
            medium: VaultId([2; 16]),
            state: "shipped".to_owned(),
            open: true,
            begun: Time::from_seconds(0),
            closed: None,
            points: 3,
            drives: vec![drive],
            reason: Some("it is not there".to_owned()),
        };
        let report = SeedStatusReport { seeds: vec![seed] };
        insta::assert_snapshot!(text(&report), @r"
        office: seed 0505050505050505 of 1970-01-01 00:00:00, 3 points: shipped
          drive 1: 2 packs, 3.0 MiB: shipped since 1970-01-01 00:01:00
          not looked into now: it is not there
          nothing of it counts before it has arrived and was looked into
        ");
        let json = serde_json::to_value(&report).expect("serializes");
        assert_eq!(json["seeds"][0]["drives"][0]["exported"], "1970-01-01T00:00:30Z");
        assert_eq!((&json["seeds"][0]["open"], &json["seeds"][0]["closed"]), (&true.into(), &serde_json::Value::Null));
    }
}
