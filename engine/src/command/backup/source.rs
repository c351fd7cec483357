//! A job's configuration to a source that can be walked, and to the words that a manifest holds.

use crate::command::{Context, Failure};
use crate::config::{self, Config, Job, Source as Configured};
use crate::model::chain;
use crate::source::{FileSystems, Folders, FoldersOptions, Source};

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
pub(super) fn source_of(context: &Context, job: &Job) -> Result<Box<dyn Source>, Failure> {
    let Configured::Folders(folders) = &job.source else {
        let what = format!("jobs with `{}` can't run in this version", job.source.kind());
        let error = context.installation.config.error_at(job.source_at, what, "source = { folders = [...] }");
        return Err(Failure::usage(
            "the job can't run",
            error.to_string(),
            "this kind of source comes with a later release",
        ));
    };
    let absent: Vec<_> = folders.paths.iter().filter(|path| std::fs::symlink_metadata(path).is_err()).collect();
    if absent.len() == folders.paths.len() {
        let names: Vec<String> = absent.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::new(
            format!("{}: the source is not there", job.name),
            names.join(", "),
            "check the paths; is a drive not mounted?",
        ));
    }
    let options = FoldersOptions {
        roots: folders.paths.clone(),
        exclude: folders.exclude.clone(),
        exclude_files: folders.exclude_files.iter().map(|(path, _)| path.clone()).collect(),
        file_systems: if folders.one_file_system { FileSystems::One } else { FileSystems::All },
        own: context.installation.own_folders(),
    };
    let source = Folders::new(&options)
        .map_err(|error| Failure::of(format!("{}: the source can't be used", job.name), &error, CORRECT))?;
    Ok(Box::new(source))
}

pub(super) fn source_text(job: &Job) -> String {
    match &job.source {
        Configured::Folders(folders) => {
            let paths: Vec<String> = folders.paths.iter().map(|path| path.display().to_string()).collect();
            format!("folders {}", paths.join(", "))
        }
        other => other.kind().to_owned(),
    }
}

pub(super) fn is_paranoid(job: &Job) -> bool {
    matches!(&job.source, Configured::Folders(config::Folders { paranoid: true, .. }))
}
