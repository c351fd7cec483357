//! Finding the configuration's file and reading it.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::read::TEXT_MAX;
use super::same_place::check_places;
use super::{Config, parse_bytes};
use crate::model::JobName;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No file is at any place where one is looked for.
    #[error("there is no configuration: looked for {}", listed(.0))]
    NotFound(Vec<PathBuf>),
    /// The file can't be read.
    #[error("the configuration {} can't be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is wrong: one error or more.
    #[error("{}", lines(.0))]
    Wrong(Vec<ConfigError>),
    /// A job asks for what is built and not sound yet.
    #[error("job {0}: `canary` is not in this release yet, take it out: cleared alarms may hide a loss from it")]
    Unfinished(JobName),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn lines(errors: &[ConfigError]) -> String {
    errors.iter().map(ConfigError::to_string).collect::<Vec<_>>().join("\n")
}

/// Where a configuration is looked for, in order: what was asked for (`--config`, else `$OFFSITE_CONFIG`) and nothing
/// else; else the working folder, the user's configuration, the system's. `init` writes its starter at the first.
/// `variable` answers for the environment.
#[must_use]
pub fn candidates(asked: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = asked.map(Path::to_owned).or_else(|| set("OFFSITE_CONFIG")) {
        return vec![file];
    }
    let xdg = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    let user = xdg.or_else(|| set("HOME").map(|home| home.join(".config")));
    let mut files = vec![PathBuf::from("offsite.toml")];
    files.extend(user.map(|folder| folder.join("offsite/offsite.toml")));
    files.push(PathBuf::from("/etc/offsite/offsite.toml"));
    files
}

/// The configuration's file.
///
/// # Errors
/// `NotFound` with all places that were looked at.
pub fn find(asked: Option<&Path>) -> Result<PathBuf, LoadError> {
    let files = candidates(asked, |name| std::env::var_os(name));
    // What is there and can't be read is an error of its own, never passed over for the next.
    let there = files.iter().find(|file| file.symlink_metadata().is_ok());
    there.cloned().ok_or(LoadError::NotFound(files))
}

/// Is that tried though it is not ready? The variable names it, with commas between several; for developers.
#[must_use]
pub fn is_tried(what: &str) -> bool {
    std::env::var("OFFSITE_UNFINISHED").is_ok_and(|named| named.split(',').any(|one| one == what))
}

/// Reads and checks a configuration, places too.
///
/// # Errors
/// If the file can't be read, or anything in it is wrong.
pub fn load(file: &Path) -> Result<Config, LoadError> {
    let read = |source| LoadError::Read { path: file.to_owned(), source };
    let file = std::path::absolute(file).map_err(read)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXT_MAX + 1).unwrap_or(u64::MAX);
    std::fs::File::open(&file).and_then(|open| open.take(limit).read_to_end(&mut bytes)).map_err(read)?;
    let config = parse_bytes(&bytes, &file).map_err(LoadError::Wrong)?;
    check_places(&config).map_err(LoadError::Wrong)?;
    match config.jobs.iter().find(|job| job.canary && !is_tried("canary")) {
        Some(job) => Err(LoadError::Unfinished(job.name.clone())),
        None => Ok(config),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(asked: Option<&str>, variables: &[(&str, &str)]) -> Vec<String> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let files = candidates(asked.map(Path::new), value);
        files.iter().map(|file| file.display().to_string()).collect()
    }

    #[test]
    fn what_is_asked_for_is_the_only_place() {
        assert_eq!(searched(Some("x.toml"), &[("OFFSITE_CONFIG", "/y.toml")]), ["x.toml"]);
        assert_eq!(searched(None, &[("OFFSITE_CONFIG", "/y.toml")]), ["/y.toml"]);
    }

    #[test]
    fn the_places_follow_the_contract() {
        let xdg = searched(None, &[("OFFSITE_CONFIG", ""), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/ann")]);
        assert_eq!(xdg, ["offsite.toml", "/xdg/offsite/offsite.toml", "/etc/offsite/offsite.toml"]);
        let home = searched(None, &[("XDG_CONFIG_HOME", "relative"), ("HOME", "/home/ann")]);
        assert_eq!(home[1], "/home/ann/.config/offsite/offsite.toml");
        assert_eq!(searched(None, &[]).len(), 2);
    }

    #[test]
    fn a_file_is_loaded_with_absolute_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("offsite.toml");
        std::fs::write(&file, "[key]\npassphrase-file = \"passphrase\"\n").expect("written");
        let config = load(&file).expect("valid");
        assert_eq!(config.home.path, folder.path().join("vault"));
        assert_eq!(find(Some(&file)).expect("there"), file);
    }

    /// It is parsed and tested; users get it once nothing is lost with it.
    #[test]
    fn canaries_are_not_in_this_release() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("offsite.toml");
        let text = "[key]\npassphrase-file = \"p\"\n[job.j]\nsource = { folders = [\"data\"] }\ncanary = true\n";
        std::fs::write(&file, text).expect("written");
        let refused = load(&file);
        assert!(matches!(&refused, Err(LoadError::Unfinished(job)) if job.as_str() == "j"), "{refused:?}");
    }

    #[test]
    fn what_is_wrong_is_told_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("offsite.toml");
        std::fs::write(&file, b"[key]\npassphrase-file = \"p\"\n[home]\nx = 1\npath = \"\"\n").expect("written");
        let shown = load(&file).expect_err("wrong").to_string();
        let lines: Vec<_> =
            shown.lines().filter_map(|line| line.split_once("offsite.toml:")).map(|(_, rest)| rest).collect();
        assert!(lines.len() == 2 && lines[0].starts_with("4:1: ") && lines[1].starts_with("5:8: "), "{shown}");
        std::fs::write(&file, b"# a\n\xff").expect("written");
        assert!(load(&file).expect_err("wrong").to_string().contains("offsite.toml:2:1: the file is not UTF-8"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = find(Some(Path::new("/nowhere/offsite.toml"))).expect_err("missing");
        assert_eq!(missing.to_string(), "there is no configuration: looked for /nowhere/offsite.toml");
        assert!(matches!(load(Path::new("/nowhere/offsite.toml")), Err(LoadError::Read { .. })));
    }
}
