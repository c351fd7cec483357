//! A command that tells whether what a drill restored is good.

use std::time::Duration;

use super::error::{Wrong, quoted};
use super::hooks::{Hook, hook};
use super::quantity::duration;
use super::reader::Read;
use super::table::Item;

/// How long it may take, if nothing else is said.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// What a drill runs in the folder that it restored a point of the job into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProbe {
    /// The program and its arguments.
    pub command: Hook,
    /// The exit status that means good.
    pub expect: u8,
    /// How long it may take.
    pub time_limit: Duration,
}

/// Reads `probe` of a job.
pub(super) fn probe(item: &Item<'_>) -> Read<JobProbe> {
    let mut table = item.table("`probe`")?;
    let command = table.required("command", "command = [\"/usr/local/bin/check\", \".\"]", |item| hook(&item));
    let expect = table.or("expect", 0, |item| item.parse(expect));
    let time_limit = table.or("time-limit", TIME_LIMIT, |item| {
        let limit = item.parse(duration)?;
        if limit.is_zero() {
            item.wrong(Wrong::new("no command can end in no time", "such as \"10m\""))
        } else {
            Ok(limit)
        }
    });
    table.finish()?;
    Ok(JobProbe { command: command?, expect: expect?, time_limit: time_limit? })
}

fn expect(text: &str) -> Result<u8, Wrong> {
    let status = text.strip_prefix("exit ").and_then(|number| number.parse().ok());
    status.ok_or_else(|| {
        Wrong::new(format!("{} can't be expected", quoted(text)), "\"exit 0\", or another status up to 255")
    })
}
