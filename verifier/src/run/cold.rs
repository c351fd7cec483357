//! Cold drills of an installation: each point by a process of its own, which is given the destination's address and one
//! secret and has nothing else. What it found is the ledger's next report; the catalog takes note of what it proved.
//!
//! Secrets that the configuration takes from a variable or a command lie in a private folder in scratch meanwhile.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::catalog::Catalog;
use engine::command::Login;
use engine::config::{Place, SecretSource};
use engine::model::{DestinationName, ObjectName, PointId, PointName, Time, VaultPath, chain};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::Session;
use super::outcome::Done;
use super::place::Opened;
use crate::choose::Chosen;
use crate::drill::{Drill, Leaving};
use crate::local::{self, Damaged, Reservation};
use crate::private;
use crate::report::entry::{self, Entry, Seal};
use crate::report::{DrillReport, OwnReport, ReportFile, Setting};
use crate::scratch::Fresh;
use crate::verdict::Verdict;

/// Below the folder of reports: those that cold processes write themselves.
const FOLDER: &str = "cold";
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why there is no report of a cold process.
enum Lost {
    /// It was refused before anything was done.
    Refused(String),
    /// It could not be tried, or not to its end.
    Incomplete(String),
}

/// What a cold process prints.
#[derive(Deserialize)]
struct Printed {
    #[serde(default)]
    drills: Vec<PrintedDrill>,
    error: Option<PrintedError>,
}

#[derive(Deserialize)]
struct PrintedDrill {
    report: Option<PathBuf>,
}

#[derive(Deserialize)]
struct PrintedError {
    what: String,
    why: String,
}

impl Session<'_> {
    /// Drills a point in a process of its own.
    pub(super) fn cold(&self, name: &DestinationName, opened: &Opened, address: &str, chosen: &Chosen) -> Done {
        let started = self.ports.clock.now();
        let reservation = self.catalog.as_ref().and_then(|catalog| self.reserve(catalog, opened, chosen));
        let found = self.apart(name, opened, chosen);
        let now = self.ports.clock.now();
        let setting = self.setting(&chosen.job_name, address.to_owned());
        let (mut report, own) = match found {
            Ok(found) => found,
            Err(lost) => {
                let mut drill = Drill::begin(&chosen.job_name, name, started);
                (drill.vault, drill.point) = (Some(opened.survey.vault()), Some(chosen.point));
                match lost {
                    Lost::Refused(why) => drill.refuse(why),
                    Lost::Incomplete(why) => drill.leave(why),
                }
                drill.finished = now;
                return self.write_one(drill, &setting);
            }
        };
        if let Some(reservation) = &reservation {
            report.drill.notes.extend(self.noted(reservation, (name, opened, chosen), &report.drill));
        }
        for probe in self.job(&chosen.job_name).iter().flat_map(|job| &job.probes) {
            let why = "a cold drill knows no configuration, so the job's own probe was not run";
            report.drill.skip_probe(probe.kind(), why);
        }
        let proved = self.catalog.as_ref().map_or(Ok(()), |catalog| prove(catalog, (opened, chosen), &report, now));
        report.drill.notes.extend(proved.err());
        drop(reservation);
        self.take_over(report, own, &setting)
    }

    fn take_over(&self, report: ReportFile, own: OwnReport, setting: &Setting) -> Done {
        let written = self.written(self.ledger.take_over(report.clone(), own.clone(), setting));
        let (mut drill, object_bytes) = (report.drill, report.object_bytes);
        drill.cold.iter_mut().for_each(|cold| cold.own_report = Some(own.clone()));
        Done { drill, refused: false, object_bytes, report: written }
    }

    fn apart(&self, name: &DestinationName, opened: &Opened, chosen: &Chosen) -> Result<(ReportFile, OwnReport), Lost> {
        let fresh = self.scratch.fresh(self.ports.entropy).map_err(|error| Lost::Refused(chain(&error)))?;
        let child = self.begin(name, chosen, &fresh).map_err(Lost::Refused)?;
        let printed = self.outlast(child).map_err(Lost::Incomplete)?;
        let _ = fresh.clean();
        let broke_off =
            || Lost::Incomplete("the cold process broke off: this is a defect, please report it".to_owned());
        let printed: Printed = serde_json::from_slice(&printed).map_err(|_| broke_off())?;
        if let Some(PrintedError { what, why }) = printed.error.filter(|_| printed.drills.is_empty()) {
            return Err(Lost::Refused(format!("{what}: {why}")));
        }
        let path = printed.drills.into_iter().next().and_then(|drill| drill.report).ok_or_else(broke_off)?;
        let (report, own) = self.read(&path).map_err(Lost::Incomplete)?;
        match another(&report, opened, name, chosen) {
            Some(what) => {
                Err(Lost::Incomplete(format!("the cold process met {what}: was the drive changed meanwhile?")))
            }
            None => Ok((report, own)),
        }
    }

    /// The process that has nothing else.
    fn begin(&self, name: &DestinationName, chosen: &Chosen, fresh: &Fresh) -> Result<Child, String> {
        let held = |secret: &SecretSource| match secret {
            SecretSource::File(path) => Ok(path.clone()),
            other => hold(fresh, &other.read().map_err(|error| chain(&error))?.bytes),
        };
        let (_, place) = self.destinations.iter().find(|(known, _)| known == name).ok_or("it is not configured")?;
        let (url, keys) = as_given(place, &held)?;
        let secret = match &self.asked.sheet {
            Some(sheet) => ("--sheet", std::path::absolute(sheet).map_err(|error| error.to_string())?),
            None => ("--passphrase-file", hold(fresh, &self.secret.1)?),
        };
        let program = std::env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).args(["--json", "restore-drill", "--cold"]);
        command.args(["--from", &url]).args(Login::words(&keys)).args(["--destination", name.as_str()]);
        command.arg(secret.0).arg(secret.1).args(["--point", &chosen.point.id.to_string()]);
        command.arg("--scratch").arg(self.scratch.path()).arg("--reports").arg(self.ledger.folder().join(FOLDER));
        if self.asked.leaving == Leaving::Everything {
            command.arg("--keep-scratch");
        }
        self.ports.voice.say(&format!("drilling {} ({}) from {name}, cold", chosen.job_name, chosen.point.id));
        command.spawn().map_err(|error| format!("a process of its own can't be begun: {error}"))
    }

    /// All that it printed, once it has ended; it is told to stop when we are.
    fn outlast(&self, mut child: Child) -> Result<Vec<u8>, String> {
        let failed = |error: std::io::Error| format!("the cold process is lost: {error}");
        let mut out = child.stdout.take().ok_or("the cold process is lost")?;
        let reading = std::thread::spawn(move || {
            let mut printed = Vec::new();
            out.read_to_end(&mut printed).map(|_| printed)
        });
        let mut told = false;
        while child.try_wait().map_err(failed)?.is_none() {
            if (self.ports.stop)() && !std::mem::replace(&mut told, true) {
                let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                // One that has just ended needs no word.
                let _ = id.map(|id| kill_process(id, Signal::TERM));
            }
            self.ports.clock.sleep(LOOK_EVERY);
        }
        reading.join().map_err(|_| "what the cold process printed is lost".to_owned())?.map_err(failed)
    }

    /// The report that it wrote, if it is as it was signed.
    fn read(&self, path: &Path) -> Result<(ReportFile, OwnReport), String> {
        let unread = |why: String| format!("the cold process's report can't be read: {why}");
        let bytes = entry::read(path).map_err(|error| unread(error.to_string()))?;
        let Entry { seal: Seal::Signed(key), digest: Some(digest), .. } = Entry::read(1, path.to_owned()) else {
            return Err(unread("it is not signed".to_owned()));
        };
        let file = path.strip_prefix(self.ledger.folder()).map_err(|_| unread("it lies elsewhere".to_owned()))?;
        let own =
            OwnReport { file: file.display().to_string(), digest: digest.to_string(), public_key: key.to_string() };
        Ok((entry::parse(&bytes).map_err(unread)?, own))
    }

    /// Objects that it found damaged or missing, for the catalog.
    fn noted(
        &self,
        reservation: &Reservation<'_>,
        (name, opened, chosen): (&DestinationName, &Opened, &Chosen),
        drill: &DrillReport,
    ) -> Option<String> {
        let path = |text: String| VaultPath::parse(&text).ok().and_then(|path| ObjectName::at(&path));
        let objects: Vec<ObjectName> = drill.found().filter_map(|(named, _)| path(named.to_string())).collect();
        let Opened { survey, store } = opened;
        let (medium, keyring) = (survey.vault(), &survey.keyring);
        let damaged = Damaged { medium, store: &**store, keyring, job: chosen.job, objects: &objects };
        match reservation.record(&damaged, self.ports.clock.now()) {
            Ok(0) => None,
            Ok(points) => {
                Some(format!("marked as damaged at {name}: {points} (`engine verify {name} --repair` heals)"))
            }
            Err(why) => Some(format!("the catalog did not take note of the damage: {why}")),
        }
    }
}

/// What a report is about instead of what was asked for.
fn another(report: &ReportFile, opened: &Opened, name: &DestinationName, chosen: &Chosen) -> Option<&'static str> {
    let vault = opened.survey.vault().to_string();
    let point = chosen.point.id.to_string();
    let drill = &report.drill;
    match () {
        // One that opened nothing names none.
        () if report.vault.as_ref().is_some_and(|met| *met != vault) => Some("another vault"),
        () if drill.point.as_ref().is_some_and(|met| *met != point) => Some("another point"),
        () if drill.verdict == Verdict::Pass && (report.vault.is_none() || drill.point.is_none()) => Some("no point"),
        () if drill.destination != name.as_str() || drill.cold.is_none() => Some("another task"),
        () => None,
    }
}

fn as_given(
    place: &Place,
    held: &dyn Fn(&SecretSource) -> Result<PathBuf, String>,
) -> Result<(String, engine::config::Keys), String> {
    place.as_given(held).map_err(|why| format!("the address can't be handed on: {why}"))
}

/// A file that only we read, gone with the folder.
fn hold(fresh: &Fresh, secret: &[u8]) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("a secret can't be handed on: {error}");
    let folder = fresh.work();
    let count = fs::read_dir(&folder).map_err(failed)?.count();
    let path = folder.join(format!("secret-{count}"));
    let mut file = private::options().create_new(true).open(&path).map_err(failed)?;
    file.write_all(secret).map_err(failed)?;
    Ok(path)
}

fn prove(
    catalog: &Catalog,
    (opened, chosen): (&Opened, &Chosen),
    report: &ReportFile,
    now: Time,
) -> Result<(), String> {
    let Some(proof) = report.drill.shown() else { return Ok(()) };
    let ids = report.built_on.iter().filter_map(|id| id.parse::<PointId>().ok());
    let known = ids.filter_map(|id| catalog.point_by_id(id).ok().flatten());
    let below = known.map(|row| PointName { order: row.order, id: row.id });
    for point in below.chain([chosen.point]) {
        local::prove(catalog, opened.survey.vault(), point, proof, now)
            .map_err(|why| format!("the catalog did not take note of the proof: {why}"))?;
    }
    Ok(())
}
