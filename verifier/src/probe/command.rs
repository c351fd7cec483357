//! A job's own command, in the folder that its files were restored into.
//!
//! In: what is configured and the folder. Out: how it ended; its last words are for a terminal alone.
//! Invariants: it gets no variable of ours but the few that programs need to run; it has no network where the system can take it away, and where not, that is
//! said.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use engine::config::{CommandProbe, Hook};
use engine::port::Clock;

use super::budget::{Budget, Limits};
use super::sandbox::{Sandbox, Whom};
use super::{Answer, Finding, Outcome, clear, unable};
use crate::run::StopAsked;

/// What programs need, and no secret is in.
const VARIABLES: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SHELL"];
/// What shells say of a program that is not there, or is none.
const NOT_RUN: [i32; 2] = [126, 127];

/// What the command is told, and where it runs.
pub(crate) struct Place<'p> {
    /// What was restored.
    pub tree: &'p Path,
    /// For what it takes to run it; left empty.
    pub work: &'p Path,
    /// Further variables.
    pub told: &'p [(&'p str, String)],
}

/// Runs it.
pub(crate) fn run(probe: &CommandProbe, place: &Place<'_>, clock: &Arc<dyn Clock>, stop: &StopAsked) -> Outcome {
    let limits = Limits { time: probe.time_limit, ..Limits::default() };
    let budget = Budget::start(clock, limits).until(stop);
    let answer = answer(probe, place, &budget);
    clear(place.work);
    Outcome { words: budget.heard(), ..answer.into() }
}

fn answer(probe: &CommandProbe, place: &Place<'_>, budget: &Budget) -> Answer {
    let Hook(words) = &probe.command;
    let shown = format!("`{}`", super::sandbox::last_words(&words.join(" ")));
    let in_time = |finding| match budget.overrun() {
        Some(why) if !why.contains("told to stop") => {
            let limit = probe.time_limit.as_secs();
            unable(format!("{shown} took longer than {limit} s and was ended"))
        }
        _ => finding,
    };
    let sandbox = Sandbox::open(place.work, budget).map_err(in_time)?;
    let call = sandbox.call(Path::new(&words[0])).words(&words[1..]).whom(Whom::Driller);
    let said = call.within(place.tree, variables(place)).run().map_err(in_time)?;
    let network = if sandbox.has_network() { ", with network: it can't be taken away here" } else { "" };
    if said.is_good() {
        budget.hear(&words[0], &said.words());
    }
    let Some(code) = said.status.code() else {
        return Err(Finding::Broken(format!("{shown} was ended by a signal{network}")));
    };
    let detail = format!("{shown} ended with exit status {code}{network}");
    match code == i32::from(probe.expect) {
        true => Ok(detail),
        false if NOT_RUN.contains(&code) => Err(unable(format!("it can't be run: {detail}"))),
        false => Err(Finding::Broken(format!("{detail}; expected: exit {}", probe.expect))),
    }
}

fn variables(place: &Place<'_>) -> Vec<(OsString, OsString)> {
    let kept = VARIABLES.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let told = place.told.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    kept.chain(told).collect()
}
