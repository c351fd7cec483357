//! Drills on schedule: the verifier, as a process of its own and of idle priority. Its exit code is kept in the catalog,
//! from where `status` tells of a drill that failed or did not happen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::working::{Event, Reply};
use super::{Context, Loop};
use crate::command::Failure;
use crate::model::{Time, chain};
use crate::platform::ask_to_end;
use crate::service::{DrillDue, DrillMark, noticed};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A verifier that was asked to end is killed after so long.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a drill that could not even be begun counts as: nothing that was asked was done.
const FAILED: u8 = 1;

/// The drill as the loop follows it.
pub(super) struct Drilling {
    due: Option<DrillDue>,
}

impl Drilling {
    pub(super) fn of(context: &Context) -> Result<Self, Failure> {
        let installation = &context.installation;
        let Some(schedule) = installation.config.drill.schedule.clone() else { return Ok(Self { due: None }) };
        let mark = mark_of(context)?;
        // The first one waits for its time: there is nothing yet that could be drilled.
        let last = mark.map_or(installation.catalog.meta()?.created, |mark| mark.began);
        Ok(Self { due: Some(DrillDue { schedule, last, noticed: None, running: false }) })
    }

    pub(super) fn due(&self) -> Option<&DrillDue> {
        self.due.as_ref()
    }

    pub(super) fn is_running(&self) -> bool {
        self.due.as_ref().is_some_and(|due| due.running)
    }

    pub(super) fn refresh(&mut self, now: Time) {
        if let Some(due) = &mut self.due {
            due.noticed = noticed(due.noticed, due.last, now);
        }
    }
}

fn mark_of(context: &Context) -> Result<Option<DrillMark>, Failure> {
    Ok(context.installation.catalog.memo(DrillMark::MEMO)?.and_then(|text| text.parse().ok()))
}

fn remember(context: &Context, mark: Option<&DrillMark>) {
    let text = mark.map_or_else(String::new, ToString::to_string);
    if let Err(error) = context.installation.catalog.set_memo(DrillMark::MEMO, &text) {
        context.call.voice.warn(&format!("what became of the drill can't be recorded: {}", chain(&error)));
    }
}

impl Loop {
    pub(super) fn begin_drill(&mut self) {
        let now = self.context.call.clock.now();
        let Some(due) = &mut self.drilling.due else { return };
        (due.running, due.last) = (true, now);
        let before = mark_of(&self.context).ok().flatten();
        self.say("a restore drill is due");
        let (context, begun) = (Arc::clone(&self.context), DrillMark { began: now, ended: None });
        remember(&context, Some(&begun));
        let lost = DrillMark { ended: Some((now, FAILED)), ..begun };
        let reply = Reply::new(&self.events, Event::Drilled(Some(lost)));
        self.spawn("drill".to_owned(), reply, move |reply| {
            let ended =
                drill(&context).map(|code| DrillMark { ended: Some((context.call.clock.now(), code)), ..begun });
            // One that was stopped has not happened: it is due again when the service is back.
            remember(&context, ended.or(before).as_ref());
            reply.give(Event::Drilled(ended));
        });
    }

    pub(super) fn drilled(&mut self, mark: Option<DrillMark>) {
        if let Some(due) = &mut self.drilling.due {
            due.running = false;
        }
        match mark.and_then(|mark| mark.ended) {
            Some((_, 0)) => self.say("the restore drill passed"),
            Some((_, code)) => {
                let text = format!("the restore drill did not pass: exit {code}; its report is in the state folder");
                self.context.call.voice.warn(&text);
            }
            None => {}
        }
    }
}

/// Runs the verifier to its end; none if this process was told to stop meanwhile.
fn drill(context: &Context) -> Option<u8> {
    let mut command = Command::new(verifier());
    command.arg("--config").arg(&context.installation.config.file).arg("restore-drill");
    if context.installation.config.drill.budget.is_some() {
        command.arg("--budget");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            context.call.voice.warn(&format!("the verifier can't be started: {}", chain(&error)));
            return Some(FAILED);
        }
    };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)),
            Err(_) => return Some(FAILED),
            Ok(None) if (context.call.stop)() => {
                end(context, &mut child);
                return None;
            }
            Ok(None) => context.call.clock.sleep(LOOK_EVERY),
        }
    }
}

/// Asks first, so that it cleans up what it restored.
fn end(context: &Context, child: &mut Child) {
    ask_to_end(child.id());
    let until = context.call.clock.monotonic() + PATIENCE;
    while context.call.clock.monotonic() < until {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        context.call.clock.sleep(LOOK_EVERY);
    }
    // It may have ended by now; there is nobody left to tell.
    let _ = child.kill();
}

/// The one beside this program, else the one that the system finds.
fn verifier() -> PathBuf {
    let name = if cfg!(windows) { "verifier.exe" } else { "verifier" };
    let beside = std::env::current_exe().ok().and_then(|engine| Some(engine.parent()?.join(name)));
    beside.filter(|path: &PathBuf| Path::is_file(path)).unwrap_or_else(|| PathBuf::from(name))
}
