//! A server behind a line, and how it is reached over that.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use anyhow::{Result, anyhow};
use fixtures::{Proxy, Server};

use super::tools::Tool;

/// See the module.
pub struct Line {
    /// Runs until this goes.
    pub _server: Server,
    /// The server's folder for vaults, through the line.
    pub url: String,
    /// The same without the line.
    pub near: String,
    /// Keys of a destination there, but for those that differ with and without the line.
    pub keys: Vec<(&'static str, String)>,
    /// Those of each.
    pub far_keys: Vec<(&'static str, String)>,
    pub near_keys: Vec<(&'static str, String)>,
    /// What it is compared with.
    pub tools: Vec<Tool>,
}

/// Starts a server of `scripts/servers`, with these options, in this folder.
pub fn start(script: &str, words: &[&str], folder: &Path) -> Result<Server> {
    Server::start_as(script, words, folder).ok_or_else(|| anyhow!("it needs root"))
}

/// Makes the folder `vault` where the server's user may write.
pub fn make_vault(server: &Server) -> Result<()> {
    let vault = server.data().join("vault");
    fs::create_dir(&vault)?;
    Ok(chown(vault, Some(fs::metadata(server.data())?.uid()), None)?)
}

/// A line to the server's port.
pub fn to(port: u16) -> Proxy {
    Proxy::to(port, super::ONE_WAY)
}

/// The same keys, with the place elsewhere.
pub fn at_port(keys: Vec<(&'static str, String)>, from: u16, to: u16) -> Vec<(&'static str, String)> {
    let moved = |(key, value): (&'static str, String)| (key, value.replace(&format!(":{from}"), &format!(":{to}")));
    keys.into_iter().map(moved).collect()
}
