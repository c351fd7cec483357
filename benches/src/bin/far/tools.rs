//! The tools that people use, and how long they take.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Load;
use super::table::Row;

/// The longest that one may take.
const LIMIT: &str = "120";

/// Makes a command of a local folder and a name at the server.
pub type Making = Box<dyn Fn(&Path, &str) -> Result<Command>>;

/// A tool and its commands.
pub struct Tool {
    pub name: &'static str,
    /// The folder's files to a folder of that name at the server.
    pub put: Making,
    /// And from there.
    pub get: Making,
}

/// Everything that is measured, with one tool.
pub fn row(tool: &Tool, load: &Load, round: usize, back: &Path) -> Row {
    let run = |making: &Making, folder: &Path, name: &str| {
        let took =
            making(folder, &format!("{}-{name}-{round}", word(tool.name))).and_then(|mut command| timed(&mut command));
        took.map_err(|error| println!("  {error:#}")).ok()
    };
    let large = run(&tool.put, &load.large, "large");
    let one = run(&tool.put, &load.one, "one");
    let small = run(&tool.put, &load.small, "small");
    let got = fs::create_dir_all(back).ok().filter(|()| large.is_some()).and_then(|()| run(&tool.get, back, "large"));
    let whole = size(back) == size(&load.large);
    // What was read is not wanted.
    let _ = fs::remove_dir_all(back);
    Row { tool: tool.name.to_owned(), large, one, small, back: got.filter(|_| whole) }
}

/// Sends the small files, under a name of its own.
pub fn warm_up(tool: &Tool, load: &Load) -> Result<()> {
    timed(&mut (tool.put)(&load.small, &format!("{}-warm-up", word(tool.name)))?).map(drop)
}

fn word(name: &str) -> &str {
    name.split([' ', ',']).next().unwrap_or(name)
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

/// Runs to the end; a tool that is not there or fails has no time.
fn timed(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    let mut limited = Command::new("timeout");
    limited.arg(LIMIT).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    let output = limited.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{}: {} {last}", command.get_program().display(), output.status);
    Ok(begun.elapsed())
}

/// As the servers' scripts install it, or the system's.
pub fn rclone_program() -> PathBuf {
    let tools = std::env::var_os("OFFSITE_TEST_TOOLS")
        .map_or_else(|| PathBuf::from("/var/tmp/offsite-test-tools"), PathBuf::from);
    let installed = tools.join("rclone/bin/rclone");
    if installed.exists() { installed } else { PathBuf::from("rclone") }
}

/// `rclone` with eight files at once; `at` is what stands before the name.
pub fn rclone(name: &'static str, at: String, options: Vec<String>) -> Tool {
    let command = |options: &[String]| {
        let mut command = Command::new(rclone_program());
        command.args(["copy", "--transfers", "8", "--checkers", "8", "--config", "/dev/null"]).args(options);
        command
    };
    let (to, with) = (at.clone(), options.clone());
    Tool {
        name,
        put: Box::new(move |folder, name| {
            let mut command = command(&with);
            command.arg(folder).arg(format!("{to}{name}"));
            Ok(command)
        }),
        get: Box::new(move |folder, name| {
            let mut command = command(&options);
            command.arg(format!("{at}{name}")).arg(folder);
            Ok(command)
        }),
    }
}

/// `lftp` with so many files at once; `opening` are its settings and how it gets in, `at` what stands before the name.
pub fn lftp(name: &'static str, opening: String, at: String, parallel: u8) -> Tool {
    let command = |script: String| {
        let mut command = Command::new("lftp");
        command.args(["--norc", "-c", &format!("set cmd:fail-exit yes; set net:max-retries 2; {script}")]);
        command
    };
    let (open, to) = (opening.clone(), at.clone());
    Tool {
        name,
        put: Box::new(move |folder, name| {
            let from = folder.display();
            Ok(command(format!("{open}; mirror -R --no-perms --parallel={parallel} {from} {to}{name}")))
        }),
        get: Box::new(move |folder, name| {
            let to = folder.display();
            Ok(command(format!("{opening}; mirror --no-perms --parallel={parallel} {at}{name} {to}")))
        }),
    }
}

/// A password as `rclone` wants it.
pub fn obscured(file: &Path) -> Result<String> {
    let words = [OsStr::new("obscure"), OsStr::new(password(file)?.trim())].map(OsStr::to_owned);
    let output = Command::new(rclone_program()).args(words).output().context("rclone obscure")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

pub fn password(file: &Path) -> Result<String> {
    Ok(fs::read_to_string(file)?.trim().to_owned())
}

/// Options in pairs.
pub fn options(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]).collect()
}

/// A folder's files' names, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
