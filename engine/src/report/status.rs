//! `engine status`: what is protected, what is not, and why.

use std::fmt;

use serde::Serialize;

use super::{Align, Cell, Page, Report, Table, Tone, size};

use super::text::{as_text, as_texts, count};
use super::time::{as_utc, as_utc_or_null};

use crate::model::{DestinationName, JobName, PointId, Proof, State, Time, VaultId};

/// Each job, each destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StatusReport {
    /// In the configuration's order.
    pub jobs: Vec<JobStatus>,
    /// In the configuration's order; home is not among them.
    pub destinations: Vec<DestinationStatus>,
    /// The vault on this computer; none if there is none.
    pub home: Option<HomeStatus>,
    /// Of the installation as a whole.
    pub problems: Vec<StatusProblem>,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusProblem {
    /// What is wrong, and since when where that matters.
    pub problem: String,
    /// What to do; may be empty where nothing is to be done but wait.
    #[serde(rename = "do")]
    pub advice: String,
}

/// How a job's newest point stands offsite: the contract's word for a state, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offsite {
    /// There is no point yet, or the job goes nowhere.
    None,
    /// `complete` only if it is complete wherever the job wants it.
    State(State),
}

/// A copy that was begun and is not whole yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// A session is at work there.
    UnderWay,
    /// None is.
    BrokenOff,
    /// What it lacks travels there on a seed's drive.
    OnSeed,
}

impl Begun {
    const fn text(self) -> &'static str {
        match self {
            Self::UnderWay => "it is being copied",
            Self::BrokenOff => "its copy broke off, and the next one goes on with it",
            Self::OnSeed => "the rest of its copy is on a seed drive",
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobStatus {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub job: JobName,
    /// As of when its newest point is.
    #[serde(serialize_with = "as_utc_or_null")]
    pub newest: Option<Time>,
    /// When the next one is due; none without a schedule.
    #[serde(serialize_with = "as_utc_or_null")]
    pub next: Option<Time>,
    /// How the newest one stands offsite.
    #[serde(serialize_with = "as_text")]
    pub offsite: Offsite,
    /// Where on other disks or computers the newest one is whole already.
    #[serde(serialize_with = "as_texts")]
    pub complete_at: Vec<DestinationName>,
    /// Whether anybody is at work on it where its copy is begun, for people.
    #[serde(skip)]
    pub begun: Begun,
    /// How far its newest point at each place was shown to be good.
    pub proofs: Vec<NewestProof>,
    /// What keeps it from being protected.
    pub problems: Vec<StatusProblem>,
}

/// The newest point of a job that is at a place, and how far it was shown to be good there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewestProof {
    /// Where.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// On which medium.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Which point.
    #[serde(serialize_with = "as_text")]
    pub point: PointId,
    /// As of when that is.
    #[serde(serialize_with = "as_utc")]
    pub created: Time,
    /// How far, as `engine points` tells it of every placement.
    #[serde(serialize_with = "as_text")]
    pub proof: Proof,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DestinationStatus {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Is a medium of it there now?
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Bytes of objects there, of all its media.
    pub used_bytes: u64,
    /// Bytes left there, where the place tells.
    pub free_bytes: Option<u64>,
    /// Points that are there.
    pub points: u64,
    /// Points that should be there and are not yet.
    pub pending_points: u64,
    /// On the same device as home or the root?
    pub same_disk: bool,
    /// The hours in which it is copied to by itself; none for any.
    pub window: Option<String>,
    /// Its media that are in use, as they were enrolled.
    pub media: Vec<MediumStatus>,
    /// What is wrong with it.
    pub problems: Vec<StatusProblem>,
}

/// One medium of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MediumStatus {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    pub medium: VaultId,
    /// Is it there now?
    pub available: bool,
    /// When it was there last.
    #[serde(serialize_with = "as_utc_or_null")]
    pub last_seen: Option<Time>,
    /// As of when the newest point there is.
    #[serde(serialize_with = "as_utc_or_null")]
    pub newest: Option<Time>,
    /// Points that are there.
    pub points: u64,
    /// Points that should be there and are not yet; with drives that take turns they wait for its turn.
    pub pending_points: u64,
    /// Bytes of objects there.
    pub used_bytes: u64,
}

/// The vault on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct HomeStatus {
    /// Where it is.
    pub place: String,
    /// Is it there?
    pub available: bool,
    /// Bytes of objects there.
    pub used_bytes: u64,
    /// Bytes left on its disk.
    pub free_bytes: Option<u64>,
    /// Bytes of objects that may be there.
    pub limit_bytes: Option<u64>,
    /// Points that are there.
    pub points: u64,
    /// What is wrong with it.
    pub problems: Vec<StatusProblem>,
}

impl fmt::Display for Offsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("none"),
            Self::State(state) => state.fmt(f),
        }
    }
}

impl Report for StatusReport {
    fn people(&self, page: &mut Page) {
        self.write_verdict(page);
        self.write_jobs(page);
        self.write_places(page);
        self.write_problems(page);
    }
}

impl StatusReport {
    fn write_verdict(&self, page: &mut Page) {
        let protected = self.jobs.iter().filter(|job| job.is_protected()).count();
        match self.jobs.len() {
            0 => page.line("No job is configured: nothing is protected."),
            all if all == protected && self.home.as_ref().is_some_and(|home| !home.available) => {
                let text =
                    "No further recovery point can be made: the home vault is not there. The newest ones are offsite.";
                let verdict = page.toned(text, Tone::Bad);
                page.line(verdict);
            }
            all if all == protected && self.has_problems() => {
                let text = format!(
                    "The newest recovery points are offsite ({}), but something is wrong.",
                    count(all as u64, "job")
                );
                let verdict = page.toned(&text, Tone::Bad);
                page.line(verdict);
            }
            all if all == protected => {
                let verdict = page.toned(&format!("All is protected: {}.", count(all as u64, "job")), Tone::Good);
                page.line(verdict);
            }
            all => {
                let not: Vec<_> =
                    self.jobs.iter().filter(|job| !job.is_protected()).map(|job| job.job.as_str()).collect();
                let verdict = format!(
                    "{protected} of {} protected; not protected: {}.",
                    count(all as u64, "job"),
                    not.join(", ")
                );
                let verdict = page.toned(&verdict, Tone::Bad);
                page.line(verdict);
            }
        }
    }

    /// Of the installation, home or a destination: those of jobs count with the jobs.
    fn has_problems(&self) -> bool {
        let home = self.home.iter().flat_map(|home| &home.problems);
        let places = self.destinations.iter().flat_map(|place| &place.problems);
        self.problems.iter().chain(home).chain(places).next().is_some()
    }

    fn write_jobs(&self, page: &mut Page) {
        if self.jobs.is_empty() {
            return;
        }
        page.gap();
        let mut table = Table::new([
            ("JOB", Align::Left),
            ("NEWEST POINT", Align::Left),
            ("OFFSITE", Align::Left),
            ("NEXT POINT", Align::Left),
            ("PROTECTED", Align::Left),
        ]);
        for job in &self.jobs {
            let (words, tone) = job.protection();
            table.row([
                job.job.as_str().into(),
                page.time_or(job.newest, "none").into(),
                job.offsite.to_string().into(),
                page.time_or(job.next, "when asked").into(),
                Cell::toned(words, tone),
            ]);
        }
        table.write(page, 0);
    }

    fn write_places(&self, page: &mut Page) {
        page.gap();
        let mut table = Table::new([
            ("PLACE", Align::Left),
            ("POINTS", Align::Right),
            ("OWED", Align::Right),
            ("USED", Align::Right),
            ("FREE", Align::Right),
            ("THERE", Align::Left),
        ]);
        if let Some(home) = &self.home {
            table.row(home.row());
        }
        for destination in &self.destinations {
            table.row(destination.row());
        }
        table.write(page, 0);
        self.write_media(page);
        self.write_proofs(page);
    }

    /// The newest point of each job at each place, and how far it was shown to be good there.
    fn write_proofs(&self, page: &mut Page) {
        let proofs = self.jobs.iter().flat_map(|job| job.proofs.iter().map(move |proof| (job, proof)));
        let mut table = Table::new([
            ("NEWEST OF", Align::Left),
            ("AT", Align::Left),
            ("POINT OF", Align::Left),
            ("PROOF", Align::Left),
        ]);
        let mut proofs = proofs.peekable();
        if proofs.peek().is_none() {
            return;
        }
        for (job, proof) in proofs {
            table.row([
                job.job.as_str().into(),
                proof.destination.as_str().into(),
                page.time_or(Some(proof.created), "").into(),
                proof.proof.to_string().into(),
            ]);
        }
        page.gap();
        table.write(page, 0);
    }

    /// Drives that take turns, each for itself.
    fn write_media(&self, page: &mut Page) {
        let shared = self.destinations.iter().filter(|place| place.media.len() > 1);
        let media: Vec<_> = shared.flat_map(|place| place.media.iter().map(move |medium| (place, medium))).collect();
        if media.is_empty() {
            return;
        }
        page.gap();
        let mut table = Table::new([
            ("DRIVE OF", Align::Left),
            ("MEDIUM", Align::Left),
            ("POINTS", Align::Right),
            ("OWED", Align::Right),
            ("NEWEST POINT", Align::Left),
            ("USED", Align::Right),
            ("LAST SEEN", Align::Left),
        ]);
        for (place, medium) in media {
            let seen = if medium.available { "now".to_owned() } else { page.time_or(medium.last_seen, "never") };
            table.row([
                place.destination.as_str().into(),
                medium.medium.to_string().into(),
                medium.points.to_string().into(),
                medium.pending_points.to_string().into(),
                page.time_or(medium.newest, "none").into(),
                size(medium.used_bytes).into(),
                seen.into(),
            ]);
        }
        table.write(page, 0);
    }

    fn write_problems(&self, page: &mut Page) {
        let home = self.home.iter().map(|home| ("home", &home.problems));
        let jobs = self.jobs.iter().map(|job| (job.job.as_str(), &job.problems));
        let destinations = self.destinations.iter().map(|place| (place.destination.as_str(), &place.problems));
        let all: Vec<_> = std::iter::once(("", &self.problems)).chain(home).chain(jobs).chain(destinations).collect();
        if all.iter().all(|(_, problems)| problems.is_empty()) {
            return;
        }
        page.heading("What is wrong, and what to do");
        for (of, problem) in all.into_iter().flat_map(|(of, problems)| problems.iter().map(move |it| (of, it))) {
            let of = if of.is_empty() { String::new() } else { format!("{of}: ") };
            page.line(format_args!("  {of}{}", problem.problem));
            if !problem.advice.is_empty() {
                page.line(format_args!("    -> {}", problem.advice));
            }
        }
    }
}

impl JobStatus {
    /// Is its newest point offsite, wherever the job wants it, with nothing wrong?
    fn is_protected(&self) -> bool {
        self.newest.is_some() && self.offsite == Offsite::State(State::Complete) && self.problems.is_empty()
    }

    /// One copy is better than none, and less than what the job asks for.
    fn partly(&self, what: &str) -> String {
        let whole: Vec<_> = self.complete_at.iter().map(|place| place.as_str()).collect();
        match whole.is_empty() {
            true => format!("not yet: {what}"),
            false => format!("in part: it is whole at {}, not yet at all its places", whole.join(", ")),
        }
    }

    fn protection(&self) -> (String, Tone) {
        match (self.newest, self.offsite) {
            (None, _) => ("no: there is no recovery point yet".to_owned(), Tone::Bad),
            (_, Offsite::None) => ("no: it has no copy offsite".to_owned(), Tone::Bad),
            (_, Offsite::State(State::Complete)) if self.problems.is_empty() => ("yes".to_owned(), Tone::Good),
            (_, Offsite::State(State::Complete)) => ("in trouble: see below".to_owned(), Tone::Bad),
            (_, Offsite::State(State::Pending)) => (self.partly("its copy offsite waits"), Tone::Waiting),
            (_, Offsite::State(State::Copying)) => (self.partly(self.begun.text()), Tone::Waiting),
            (_, Offsite::State(State::Present)) => (self.partly("its copy was not read back"), Tone::Waiting),
            (_, Offsite::State(state)) => (format!("no: its copy offsite is {state}"), Tone::Bad),
        }
    }
}

impl DestinationStatus {
    fn row(&self) -> [Cell; 6] {
        let same_disk =
            if self.same_disk { " (on the same disk as this computer's own data: not offsite)" } else { "" };
        let reason = self.reason.as_deref().unwrap_or("it was not found");
        let hours = self.window.as_ref().map(|window| format!(", copied to {window} only")).unwrap_or_default();
        let there = if self.available { format!("yes{hours}{same_disk}") } else { format!("no: {reason}{same_disk}") };
        let tone = if self.available && !self.same_disk { Tone::Plain } else { Tone::Waiting };
        [
            self.destination.as_str().into(),
            self.points.to_string().into(),
            self.pending_points.to_string().into(),
            size(self.used_bytes).into(),
            self.free_bytes.map_or_else(|| "?".to_owned(), size).into(),
            Cell::toned(there, tone),
        ]
    }
}

impl HomeStatus {
    fn row(&self) -> [Cell; 6] {
        let limit = self.limit_bytes.map(|limit| format!(", limit {}", size(limit))).unwrap_or_default();
        let there = if self.available { "yes" } else { "no" };
        [
            "home".into(),
            self.points.to_string().into(),
            "".into(),
            size(self.used_bytes).into(),
            self.free_bytes.map_or_else(|| "?".to_owned(), size).into(),
            format!("{there}: {}{limit}", self.place).into(),
        ]
    }
}
