//! Programs that a probe needs, by name. One that is not there makes a probe `skipped`, with its name.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Finding, unable};

/// Where systems keep programs; what administers is not in every user's `PATH`.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program of that name.
///
/// # Errors
/// If it is not installed.
pub(super) fn find(name: &str) -> Result<PathBuf, Finding> {
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> =
        std::env::split_paths(&usual).chain(std::env::split_paths(&OsString::from(PATH))).collect();
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_absolute() && is_program(path));
    found.ok_or_else(|| unable(format!("`{name}` is not installed here")))
}

/// Folders of PostgreSQL's programs, each with a server: several versions lie beside each other.
pub(super) fn postgres_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for (above, begin) in
        [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/local", "pgsql"), ("/opt", "postgres")]
    {
        let entries = fs::read_dir(above).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(begin.as_bytes()));
        folders.extend(named.map(|entry| entry.path().join("bin")));
    }
    let in_path = find("postgres").ok().and_then(|path| path.canonicalize().ok());
    folders.extend(in_path.and_then(|path| path.parent().map(Path::to_owned)));
    folders.retain(|folder| ["postgres", "initdb", "psql"].iter().all(|name| is_program(&folder.join(name))));
    folders.sort();
    folders.dedup();
    folders
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_named_and_skips_the_probe() {
        assert!(find("sh").is_ok());
        let missing = find("no-such-program-anywhere").expect_err("there is none");
        assert_eq!(missing, Finding::Unable("`no-such-program-anywhere` is not installed here".to_owned()));
    }
}
