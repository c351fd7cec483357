//! The whole file: its sections, and what must hold between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use toml::de::DeTable;

use super::destination::{bound, bytes, destination};
use super::error::{ConfigError, Wrong, quoted};
use super::job::{check_groups, counted, job, keep, name_wrong, schedule};
use super::path::{expand, path};
use super::reader::{Read, Reader, Reported};
use super::same_place::check_names;
use super::secret::SecretSource;
use super::secret_keys::{PASSPHRASE, secret};
use super::source::Source;
use super::table::{Item, Table};
use super::{Config, Destination, Drill, DrillBudget, Home, Job, Layout};
use crate::model::Name;

/// Longest configuration, in bytes.
pub(super) const TEXT_MAX: usize = 256 * 1024;

/// A year: a bound, so that arithmetic on it can't overflow.
const MINUTES_MAX: u64 = 366 * 24 * 60;

/// Most jobs, and most destinations: a bound, so that comparing them with each other stays cheap.
const SECTIONS_MAX: usize = 1000;

pub(super) fn parse(text: &str, file: &Path, user_home: Option<&Path>) -> Result<Config, Vec<ConfigError>> {
    let is_short = text.len() <= TEXT_MAX;
    let reader = Reader::new(if is_short { text } else { "" }, file, user_home);
    let config = if is_short {
        document(text, &reader)
    } else {
        Err(reader.wrong(0, "the file is too long", format!("at most {} KiB", TEXT_MAX / 1024)))
    };
    let errors = reader.into_errors();
    match config {
        Ok(config) if errors.is_empty() => Ok(Config { text: text.to_owned(), ..config }),
        _ => Err(errors),
    }
}

/// The error of a file that is not text from the byte `valid` on.
pub(super) fn not_text(bytes: &[u8], valid: usize, file: &Path) -> Vec<ConfigError> {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let reader = Reader::new(&before, file, None);
    reader.wrong(valid, "the file is not UTF-8 here", "a text file in UTF-8");
    reader.into_errors()
}

fn document(text: &str, reader: &Reader<'_>) -> Read<Config> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let report = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        reader.wrong(at, format!("this is not TOML: {}", error.message()), "TOML, see https://toml.io")
    };
    let reports: Vec<Reported> = errors.iter().map(report).collect();
    match reports.first() {
        Some(reported) => Err(*reported),
        None => sections(Table::new(reader, "the configuration", 0, root.get_ref())),
    }
}

fn sections(mut root: Table<'_>) -> Read<Config> {
    let reader = root.reader;
    let home = home(section(&mut root, "home"), reader);
    let state = state(section(&mut root, "state"), reader);
    let key = root.required("key", "[key] with one of passphrase-file, passphrase-env, passphrase-command", key);
    let drill = drill(section(&mut root, "drill"), reader);
    let (job_items, destination_items) = (named_items(&mut root, "job"), named_items(&mut root, "destination"));
    let finished = root.finish();
    let (job_items, destination_items) = (job_items?, destination_items?);
    check_namespace(&job_items, &destination_items, reader);
    let names = destination_items.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let destinations = all(destination_items.into_iter().map(|(name, item)| destination(name, &item)));
    let jobs = all(job_items.into_iter().map(|(name, item)| job(name, &item, &names)));
    finished?;
    let config = Config {
        file: reader.file.to_owned(),
        folder: super::path::normal(reader.folder),
        text: String::new(),
        home: home?,
        state: state?,
        key: key?,
        jobs: jobs?,
        destinations: destinations?,
        drill: drill?,
    };
    check_groups(&config.jobs, reader);
    check_mirrors(&config.jobs, &config.destinations, reader);
    check_names(&config, reader);
    Ok(config)
}

/// Every value, or the first report; all are read.
fn all<T>(values: impl Iterator<Item = Read<T>>) -> Read<Vec<T>> {
    values.collect::<Vec<_>>().into_iter().collect()
}

type Section<'r> = Option<Read<Table<'r>>>;

fn section<'r>(root: &mut Table<'r>, name: &'static str) -> Section<'r> {
    root.take(name).map(|item| item.table(format!("[{name}]")))
}

/// An absent section is an empty one.
fn home(section: Section<'_>, reader: &Reader<'_>) -> Read<Home> {
    let default = || default_path("vault", 0, reader);
    let Some(section) = section else {
        return Ok(Home { path: default()?, at: reader.position(0), limit: None, reserve: None, keep: None });
    };
    let mut table = section?;
    let mut at = table.at;
    let path = table.take("path").map_or_else(default, |item| {
        at = item.at;
        path(&item)
    });
    let limit = table.optional("limit", |item| bound(&item));
    let reserve = table.optional("reserve", |item| bytes(&item));
    let keep = table.optional("keep", |item| keep(&item));
    table.finish()?;
    Ok(Home { path: path?, at: reader.position(at), limit: limit?, reserve: reserve?, keep: keep? })
}

fn default_path(text: &str, at: usize, reader: &Reader<'_>) -> Read<PathBuf> {
    expand(text, reader).map_err(|wrong| reader.wrong_at(reader.position(at), wrong))
}

fn state(section: Section<'_>, reader: &Reader<'_>) -> Read<PathBuf> {
    let default = || default_path("state", 0, reader);
    let Some(section) = section else { return default() };
    let mut table = section?;
    let state = table.take("path").map_or_else(default, |item| path(&item));
    table.finish()?;
    state
}

fn key(item: Item<'_>) -> Read<SecretSource> {
    let mut table = item.table("[key]")?;
    let source = secret(&mut table, PASSPHRASE);
    let (name, at) = (table.name.clone(), table.at);
    table.finish()?;
    source?.ok_or_else(|| {
        item.reader.wrong(
            at,
            format!("{name} does not say where the passphrase is"),
            format!("one of {}", PASSPHRASE.join(", ")),
        )
    })
}

fn drill(section: Section<'_>, reader: &Reader<'_>) -> Read<Drill> {
    let default = || default_path("/var/tmp", 0, reader);
    let Some(section) = section else { return Ok(Drill { schedule: None, scratch: default()?, budget: None }) };
    let mut table = section?;
    let schedule = table.optional("schedule", |item| schedule(&item));
    let scratch = table.take("scratch").map_or_else(default, |item| path(&item));
    let budget = table.optional("budget", |item| budget(&item));
    table.finish()?;
    Ok(Drill { schedule: schedule?, scratch: scratch?, budget: budget? })
}

fn budget(item: &Item<'_>) -> Read<DrillBudget> {
    let mut table = item.table("`budget`")?;
    let minutes = table.optional("minutes", |item| counted(&item, item.integer(MINUTES_MAX)?, 1, "minutes, 1 or more"));
    let bytes = table.optional("bytes", |item| bound(&item));
    let egress = table.optional("egress", |item| bound(&item));
    table.finish()?;
    let time = minutes?.map(|minutes| Duration::from_secs(minutes * 60));
    Ok(DrillBudget { time, bytes: bytes?, egress: egress? })
}

/// The tables below `[job]` or `[destination]`, in the order of the file.
fn named_items<'r>(root: &mut Table<'r>, kind: &'static str) -> Read<Vec<(Name, Item<'r>)>> {
    let Some(item) = root.take(kind) else { return Ok(Vec::new()) };
    let items = item.table(format!("[{kind}]"))?.rest();
    if items.len() > SECTIONS_MAX {
        let what = format!("there are {} of `{kind}`", items.len());
        return Err(item.reader.wrong(item.at, what, format!("at most {SECTIONS_MAX}")));
    }
    all(items.into_iter().map(|item| Ok((name(&item)?, item))))
}

fn name(item: &Item<'_>) -> Read<Name> {
    let at = |wrong| item.reader.wrong_at(item.reader.position(item.key_at), name_wrong(wrong));
    Name::from_str(&item.key).map_err(at)
}

/// Jobs and destinations share one namespace.
fn check_namespace(jobs: &[(Name, Item<'_>)], destinations: &[(Name, Item<'_>)], reader: &Reader<'_>) {
    let jobs: BTreeMap<&Name, usize> = jobs.iter().map(|(name, item)| (name, item.key_at)).collect();
    for (name, item) in destinations {
        if let Some(job_at) = jobs.get(name) {
            let what = format!("{} is the name of a job and of a destination", quoted(name.as_str()));
            reader.wrong(item.key_at.max(*job_at), what, "a name once, among jobs and destinations");
        }
    }
}

/// Only adopted points can be mirrored.
fn check_mirrors(jobs: &[Job], destinations: &[Destination], reader: &Reader<'_>) {
    let mirrors: BTreeSet<&Name> =
        destinations.iter().filter(|place| place.layout == Layout::Mirror).map(|place| &place.name).collect();
    let made_here = |job: &&Job| !matches!(job.source, Source::RecoveryPoints(_));
    for job in jobs.iter().filter(made_here) {
        for mirror in job.offsite.iter().filter(|name| mirrors.contains(name)) {
            let what = format!("job `{}` makes points itself and `{mirror}` is a mirror", job.name);
            let _: Reported =
                reader.wrong_at(job.at, Wrong::new(what, "a mirror for jobs with `recovery-points` only"));
        }
    }
}
