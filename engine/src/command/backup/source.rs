//! A job's configuration to a source that can be walked, and to the words that a manifest holds.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::command::{Context, Failure};
use crate::config::{self, CommandOutput, Config, Database, Job, Source as Configured};
use crate::model::{EntryPath, JobId, chain};
use crate::source::{
    self, DatabaseServer, FileSystems, Folders, FoldersOptions, List, Output, Outputs, Program, SnapshotsOf, Source,
    SourceFailed, Stop, Wanted,
};

const CORRECT: &str = "correct the job's `source`";

/// Files of patterns are part of the configuration, and can be wrong like it: each is read before anything is done.
///
/// # Errors
/// Exit 2 with the place of the first that can't be used.
pub(in crate::command) fn check_readable(config: &Config, jobs: &[Job]) -> Result<(), Failure> {
    for job in jobs {
        let Configured::Folders(folders) = &job.source else { continue };
        for (path, at) in &folders.exclude_files {
            let (roots, exclude_files) = (folders.paths.clone(), vec![path.clone()]);
            if let Err(error) = Folders::new(&FoldersOptions { roots, exclude_files, ..FoldersOptions::default() }) {
                let error = config.error_at(*at, chain(&error), "a file of patterns as in .gitignore, one a line");
                return Err(Failure::usage("the configuration can't be used", error.to_string(), CORRECT));
            }
        }
    }
    Ok(())
}

/// The source of a job, as far as this version has it.
///
/// Snapshots are made under the job's id; without one, nothing is made anywhere.
pub(super) fn source_of(context: &Context, job: &Job, id: Option<JobId>) -> Result<Box<dyn Source>, Failure> {
    let stop: Stop = Arc::clone(&context.call.stop);
    let private = &context.installation.config.state;
    let list = match &job.source {
        Configured::Folders(folders) => return Ok(Box::new(folders_of(context, job, folders, id)?)),
        #[cfg(unix)]
        Configured::Sqlite(sqlite) => {
            let (own, now) = (context.installation.own_folders(), context.call.clock.now());
            return Ok(Box::new(source::Databases::new(sqlite.pattern.clone(), own, stop, now)));
        }
        #[cfg(target_os = "linux")]
        Configured::Drive(drive) => {
            let live = if drive.live { source::Live::Allowed } else { source::Live::Refused };
            return Ok(Box::new(source::Drive::new(drive.path.clone(), live, stop, context.call.clock.now())));
        }
        Configured::Command(command) => printed(command),
        Configured::Postgres(postgres) => {
            let server = server(context, job, &postgres.server)?;
            match postgres.method {
                config::PostgresMethod::Dump => listed(job, source::postgres(server, private, Arc::clone(&stop)))?,
                config::PostgresMethod::BaseBackup => listed(job, source::postgres_base(server, private))?,
            }
        }
        Configured::MariaDb(database) => listed(job, source::mariadb(server(context, job, database)?, private))?,
        Configured::Firebird(database) => listed(job, source::firebird(&server(context, job, database)?, private))?,
        _ => return Err(not_yet(context, job)),
    };
    let below = if is_base_backup(job) { format!("/{}", source::BASE_FOLDER) } else { String::new() };
    let folder = format!("{}{below}", job.name);
    let folder = EntryPath::parse(folder.as_bytes()).expect("a job's name is one part of a path");
    Ok(Box::new(Outputs::new(folder, list, stop, context.call.clock.now())))
}

fn is_base_backup(job: &Job) -> bool {
    matches!(&job.source, Configured::Postgres(postgres) if postgres.method == config::PostgresMethod::BaseBackup)
}

fn not_yet(context: &Context, job: &Job) -> Failure {
    let what = format!("jobs with `{}` can't run in this version", job.source.kind());
    let error = context.installation.config.error_at(job.source_at, what, "source = { folders = [...] }");
    Failure::usage("the job can't run", error.to_string(), "this kind of source comes with a later release")
}

/// One file, as a command prints it.
fn printed(command: &CommandOutput) -> List {
    let (first, words) = command.words.split_first().expect("one word at least");
    let program = Program::new(first, words);
    let advice = format!("see what `{first}` says when it is run by itself; without success there is no point");
    let output = Output { name: command.name.clone().into_bytes(), program, last: b"", advice };
    Box::new(move |_| Ok(vec![output.clone()]))
}

fn listed(job: &Job, list: Result<List, SourceFailed>) -> Result<List, Failure> {
    list.map_err(|failed| Failure::new(format!("no recovery point of {}", job.name), failed.why, failed.advice))
}

/// A configured server with its password.
fn server(context: &Context, job: &Job, database: &Database) -> Result<DatabaseServer, Failure> {
    let wrong =
        |why: String| Failure::new(format!("no recovery point of {}", job.name), why, "check the password's source");
    let text =
        |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|it| !it.contains(['\r', '\n', '\0'])).map(str::to_owned);
    let password = database.password.as_ref().map(|source| {
        let secret = source.read().map_err(|error| wrong(error.to_string()))?;
        if let Some(warning) = &secret.warning {
            context.call.voice.warn(&warning.to_string());
        }
        let text =
            text(&secret.bytes).ok_or_else(|| wrong(format!("the password from {source} is not one line of UTF-8")))?;
        Ok::<_, Failure>(Zeroizing::new(text))
    });
    Ok(DatabaseServer {
        user: database.user.clone(),
        host: database.host.clone(),
        port: database.port,
        socket: database.socket.clone(),
        database: database.database.clone(),
        password: password.transpose()?,
    })
}

/// The folders of a job, if any is there.
pub(super) fn folders_of(
    context: &Context,
    job: &Job,
    folders: &config::Folders,
    id: Option<JobId>,
) -> Result<Folders, Failure> {
    let absent: Vec<_> = folders.paths.iter().filter(|path| std::fs::symlink_metadata(path).is_err()).collect();
    if absent.len() == folders.paths.len() {
        let names: Vec<String> = absent.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::new(
            format!("{}: the source is not there", job.name),
            names.join(", "),
            "check the paths; is a drive not mounted?",
        ));
    }
    let wanted = if folders.snapshot == config::Snapshot::Auto { Wanted::Yes } else { Wanted::No };
    let snapshots = id.map(|job| {
        let (random, now) = (context.random()?, context.call.clock.now());
        Ok::<_, Failure>(SnapshotsOf { wanted, job, random, now })
    });
    let options = FoldersOptions {
        roots: folders.paths.clone(),
        exclude: folders.exclude.clone(),
        exclude_files: folders.exclude_files.iter().map(|(path, _)| path.clone()).collect(),
        file_systems: if folders.one_file_system { FileSystems::One } else { FileSystems::All },
        own: context.installation.own_folders(),
        snapshots: snapshots.transpose()?,
    };
    Folders::new(&options)
        .map_err(|error| Failure::of(format!("{}: the source can't be used", job.name), &error, CORRECT))
}

pub(super) fn source_text(job: &Job) -> String {
    match &job.source {
        Configured::Folders(folders) => {
            let paths: Vec<String> = folders.paths.iter().map(|path| path.display().to_string()).collect();
            format!("folders {}", paths.join(", "))
        }
        Configured::Sqlite(sqlite) => format!("sqlite {}", sqlite.pattern.display()),
        Configured::Drive(drive) => format!("drive {}", drive.path.display()),
        Configured::Command(command) => format!("command {}", command.words[0]),
        other => other.kind().to_owned(),
    }
}

pub(super) fn is_paranoid(job: &Job) -> bool {
    matches!(&job.source, Configured::Folders(config::Folders { paranoid: true, .. }))
}
