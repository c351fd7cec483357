//! A dump → a fresh server.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::budget::Budget;
use super::super::sandbox::Sandbox;
use super::super::{Answer, Asked, Finding, broken, unable};
use super::{Cluster, RESTORED, Version, client, of_tool, open, roles, version_in};

/// Where a dump's own description ends at the latest.
const BEGIN_BYTES: u64 = 64 << 10;
/// Where a script's last words are.
const END_BYTES: u64 = 1024;

/// An archive of `pg_dump`: read whole first, which needs no server.
pub(in crate::probe) fn probe_archive(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let sandbox = Sandbox::open(work, budget)?;
    let version = Version::newest(&sandbox)?;
    let tool = version.tool("pg_restore");
    let listed = sandbox.call(&tool).words(["--list"]).input(open(path)?).run()?;
    if !listed.is_good() {
        return Err(of_tool("pg_restore --list", &listed));
    }
    let from = dumped_from(&listed.out);
    let read = sandbox.call(&tool).words(["--file=/dev/null"]).input(open(path)?).run()?;
    if !read.is_good() {
        return Err(of_tool("pg_restore reads it", &read));
    }
    let cluster = Cluster::fresh(&sandbox, version)?;
    cluster.ask("template1", &format!("create database {RESTORED} template template0;"))?;
    let words = ["--exit-on-error", "--no-owner", "--no-acl", "--no-tablespaces", "-d", RESTORED];
    let call = client(&sandbox, &cluster.version, "pg_restore").words(words).input(open(path)?);
    cluster.run("pg_restore", call).map_err(|finding| of_version(finding, from, &cluster.version))?;
    looked_through(&cluster, budget, asked)
}

/// A script of `pg_dump` or `pg_dumpall`.
pub(in crate::probe) fn probe_script(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    ends(path)?;
    let sandbox = Sandbox::open(work, budget)?;
    let cluster = Cluster::fresh(&sandbox, Version::newest(&sandbox)?)?;
    cluster.ask("template1", &format!("create database {RESTORED} template template0;"))?;
    make_roles(&cluster, path, budget)?;
    let call = client(&sandbox, &cluster.version, "psql").words(["-v", "ON_ERROR_STOP=1", "-o", "/dev/null"]);
    let call = call.words(["-d", RESTORED]).input(open(path)?);
    if let Err(finding) = cluster.run("psql", call) {
        let mut begin = String::new();
        let read = open(path)?.take(BEGIN_BYTES).read_to_string(&mut begin);
        let from = read.ok().and_then(|_| dumped_from(&begin));
        return Err(of_version(finding, from, &cluster.version));
    }
    looked_through(&cluster, budget, asked)
}

fn looked_through(cluster: &Cluster<'_, '_>, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let (counted, checked) = (cluster.count()?, cluster.amcheck()?);
    cluster.ask_all(budget, asked)?;
    Ok(format!("restored into PostgreSQL {}: {counted}; {checked}", cluster.version.text))
}

/// A server that is older than the one that was dumped may well not understand it.
fn of_version(finding: Finding, from: Option<(u32, String)>, here: &Version) -> Finding {
    match (finding, from) {
        (Finding::Broken(why), Some((major, text))) if major > here.major => {
            unable(format!("it is from PostgreSQL {text}, and {} is the newest here: {why}", here.text))
        }
        (finding, _) => finding,
    }
}

fn dumped_from(text: &str) -> Option<(u32, String)> {
    let line = text.lines().find(|line| line.to_ascii_lowercase().contains("dumped from database version"))?;
    version_in(line)
}

/// A script says at its end that it is whole.
fn ends(path: &Path) -> Result<(), Finding> {
    let mut file = open(path)?;
    let mut tail = Vec::new();
    let read = || {
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
        file.take(END_BYTES).read_to_end(&mut tail)
    };
    read().map_err(broken)?;
    let tail = String::from_utf8_lossy(&tail);
    let whole = tail.contains("-- PostgreSQL database dump complete");
    if whole || tail.contains("-- PostgreSQL database cluster dump complete") {
        return Ok(());
    }
    Err(Finding::Broken("it does not end with the mark that a whole dump has".to_owned()))
}

/// Whose things they were; nobody logs in as them.
fn make_roles(cluster: &Cluster<'_, '_>, path: &Path, budget: &Budget) -> Result<(), Finding> {
    let file = open(path)?;
    let mut begin = [0; 64];
    let is_cluster =
        BufReader::new(open(path)?).read(&mut begin).is_ok() && begin.windows(7).any(|part| part == b"cluster");
    if is_cluster {
        return Ok(());
    }
    let reader = BufReader::with_capacity(1 << 20, budget.meter(file));
    let named = roles::named(reader).map_err(|error| {
        budget.overrun().map_or_else(|| unable(format!("it can't be read: {error}")), Finding::Unable)
    })?;
    // Those that are there already are there.
    let text: String = named.iter().map(|role| format!("create role {role};\n")).collect();
    let call = client(cluster.sandbox, &cluster.version, "psql").words(["-d", "template1"]);
    call.text(&text)?.run().map(drop)
}
