//! PostgreSQL with pgbench's data and its clients.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use fixtures::Server;

use super::{CLIENTS, Database, RATE, password};

pub fn database(folder: &Path, scale: u32) -> Result<Database> {
    let server = Server::start_as("postgres", &[&format!("scale={scale}")], folder).context("it needs root")?;
    let source = format!("postgres = \"postgresql://admin@127.0.0.1:{}/sample\"", server.port());
    let logs = folder.to_owned();
    let clients = move |server: &Server, name: &str, seconds| transactions(server, &logs.join(name), seconds);
    Ok(Database { name: "PostgreSQL", server, source, clients: Box::new(clients) })
}

fn transactions(server: &Server, logs: &Path, seconds: u32) -> Result<Vec<u64>> {
    fs::create_dir(logs)?;
    let mut pgbench = Command::new(Path::new(&server.told("bin")).join("pgbench"));
    pgbench.args(["-n", "-h", "127.0.0.1", "-p", &server.port().to_string(), "-U", "admin", "-l"]);
    pgbench.args(["-c", &CLIENTS.to_string(), "-R", &RATE.to_string(), "-T", &seconds.to_string()]);
    pgbench.arg("--log-prefix").arg(logs.join("log")).arg("sample").env("PGPASSWORD", password(server)?);
    ensure!(pgbench.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success(), "pgbench failed");
    let mut all = Vec::new();
    for log in fs::read_dir(logs)? {
        for line in fs::read_to_string(log?.path())?.lines() {
            all.push(line.split(' ').nth(2).context("a line of pgbench's log")?.parse()?);
        }
    }
    Ok(all)
}
