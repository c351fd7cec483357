//! A base backup → a copy in scratch → a server over it.
//!
//! The folder is known by its `backup_label`, a tar by beginning with it. The copy loses the backup's own settings: no
//! command that stands in them runs here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::budget::Budget;
use super::super::copy_folder::{bytes_below, copy_below};
use super::super::sandbox::{Sandbox, at};
use super::super::{Answer, Asked, Finding, is_tar, tar, tool, unable};
use super::error::ServerError;
use super::{Cluster, USER, Version, open, own_settings};

/// Of another server's life.
const NOT_OURS: [&str; 3] = ["postmaster.pid", "standby.signal", "recovery.signal"];
const MANIFEST: &str = "backup_manifest";

pub(in crate::probe) fn probe(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let head = super::super::head_of(path).map_err(|error| unable(format!("it can't be read: {error}")))?;
    let is_packed = is_tar(&head);
    if is_packed {
        tar::probe(open(path)?, budget)?;
    }
    let sandbox = Sandbox::open(work, budget)?;
    let data = sandbox.stage().join("data");
    crate::private::new_folder(&data).and_then(|()| sandbox.give(&data)).map_err(not_copied)?;
    if is_packed {
        unpack(path, &sandbox)?
    } else {
        copy(path, &sandbox, &data, budget)?
    }
    let version = version_of(&data, &sandbox)?;
    let verified = verify(&data, &sandbox, &version)?;
    make_ours(&data, &sandbox).map_err(not_copied)?;
    recover(&sandbox, &version)?;
    let cluster = Cluster::start(&sandbox, version, &[])?;
    let (counted, checked) = (cluster.count()?, cluster.amcheck()?);
    cluster.ask_all(budget, asked)?;
    Ok(format!("started as PostgreSQL {}: {verified}; {counted}; {checked}", cluster.version.text))
}

fn not_copied(error: io::Error) -> Finding {
    unable(format!("it can't be copied into scratch: {error}"))
}

/// The tar, and what `pg_basebackup -F tar` puts beside it.
fn unpack(path: &Path, sandbox: &Sandbox<'_>) -> Result<(), Finding> {
    sandbox.needs_room(fs::metadata(path).map_or(0, |meta| meta.len()))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    let mut parts = vec![(path.to_owned(), "data")];
    let log = beside.join("pg_wal.tar");
    if log.is_file() {
        parts.push((log, "data/pg_wal"));
    }
    for (tar, to) in parts {
        let call = sandbox.call(&tool::find("tar")?).words(["-xf", "-", "-C"]).words([at(sandbox, to)]);
        let said = call.input(open(&tar)?).run()?;
        if !said.is_good() {
            return Err(Finding::Broken(format!("it can't be unpacked: tar: {}", said.how())));
        }
    }
    let (manifest, inside) = (beside.join(MANIFEST), sandbox.stage().join("data").join(MANIFEST));
    if manifest.is_file() && !inside.exists() {
        fs::copy(manifest, &inside).and_then(|_| sandbox.give(&inside)).map_err(not_copied)?;
    }
    Ok(())
}

/// The folder that the label lies in.
fn copy(label: &Path, sandbox: &Sandbox<'_>, data: &Path, budget: &Budget) -> Result<(), Finding> {
    let folder = label.parent().unwrap_or(Path::new("."));
    sandbox.needs_room(bytes_below(folder).map_err(not_copied)?)?;
    let go_on = |bytes| budget.spend(bytes);
    copy_below(folder, data, &|path| sandbox.give(path), &go_on)
        .map_err(|error| budget.overrun().map_or_else(|| not_copied(error), Finding::Unable))
}

fn version_of(data: &Path, sandbox: &Sandbox<'_>) -> Result<Version, Finding> {
    let text = fs::read_to_string(data.join("PG_VERSION"))
        .map_err(|error| Finding::Broken(format!("a base backup without a readable PG_VERSION: {error}")))?;
    if fs::metadata(data.join("tablespace_map")).is_ok_and(|meta| meta.len() > 0) {
        return Err(unable("it has tablespaces, which lie outside of it"));
    }
    let all = Version::all(sandbox)?;
    if let Some(version) = all.iter().find(|version| text.trim() == version.major.to_string()) {
        return Ok(version.clone());
    }
    let here: Vec<&str> = all.iter().map(|version| version.text.as_str()).collect();
    let here = if here.is_empty() { "no server".to_owned() } else { here.join(", ") };
    Err(unable(format!(
        "only a server of version {} can read it, and {here} is here",
        super::super::shown(text.trim())
    )))
}

/// Against the manifest that the server made of it.
fn verify(data: &Path, sandbox: &Sandbox<'_>, version: &Version) -> Answer {
    let tool = version.tool("pg_verifybackup");
    if !data.join(MANIFEST).exists() {
        return Ok("no manifest to verify it by".to_owned());
    }
    if !tool.exists() {
        return Ok("pg_verifybackup is not available here".to_owned());
    }
    let said = sandbox.call(&tool).words([at(sandbox, "data")]).run()?;
    // It prints names and sizes of files, and nothing that lies in them.
    let words = || Finding::Broken(format!("pg_verifybackup: {}", said.words()));
    said.is_good().then(|| "pg_verifybackup: ok".to_owned()).ok_or_else(words)
}

fn make_ours(data: &Path, sandbox: &Sandbox<'_>) -> io::Result<()> {
    for name in NOT_OURS {
        match fs::remove_file(data.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let settings: PathBuf = data.join("postgresql.auto.conf");
    fs::write(&settings, "").and_then(|()| sandbox.give(&settings))
}

/// Replays its log, and makes a user for us: whose it is nobody told.
fn recover(sandbox: &Sandbox<'_>, version: &Version) -> Result<(), Finding> {
    let call = sandbox.call(&version.tool("postgres")).words(["--single"]).words(own_settings(sandbox)?);
    let said = call.words(["template1"]).text(&format!("create role {USER} superuser login\n"))?.run()?;
    let fatal = ServerError::last(&said.errors).filter(ServerError::is_fatal);
    match (said.is_good(), fatal) {
        (true, None) => Ok(()),
        (_, Some(error)) => Err(error.finding("the server does not start from it")),
        (false, None) => Err(Finding::Broken(format!("the server does not start from it: {}", said.how()))),
    }
}
