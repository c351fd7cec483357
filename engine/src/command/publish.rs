//! A head at every medium that is there, at once: what a person just said must not be lost with this computer (DESIGN
//! 5.1). It is in the catalog already, so a place that can't be written to now is told of and is no failure.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::round::looks;
use super::{Context, Failure};
use crate::catalog::locks::{LockName, Wait, Waiting, WorkLock};
use crate::copy::{Told, Tools, publish_head};
use crate::destination::WriteStore;
use crate::installation::{Look, Opened};
use crate::model::{DestinationName, VaultId, chain};

/// Another engine that is at work at a place is waited for so long: its next session there leaves a head too.
const PATIENCE: Duration = Duration::from_secs(5);
/// A place that does not answer for so long is given up.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Leaves a head at home and at every destination that is there.
///
/// # Errors
/// If the catalog can't be read.
pub(super) fn publish(context: &Arc<Context>) -> Result<(), Failure> {
    publish_at(context, looks(context)?)
}

/// The same at destinations that were looked at before.
///
/// # Errors
/// As [`publish`].
pub(super) fn publish_at(context: &Arc<Context>, looks: Vec<(DestinationName, Look)>) -> Result<(), Failure> {
    if let Err(error) = context.installation.keyring() {
        let why = format!("it is recorded here only, places could not be told of it: {}", chain(&error));
        context.call.voice.warn(&why);
        return Ok(());
    }
    let mut begun = Vec::new();
    if let Ok(home) = context.installation.home() {
        begun.push(begin(context, DestinationName::home(), context.installation.home_id()?, home));
    }
    for (name, look) in looks {
        if let Look::Here(Opened { medium, store, .. }) = look {
            begun.push(begin(context, name, medium, store));
        }
    }
    for (name, answer) in begun {
        if let Err(why) = answer.and_then(|answer| wait(&answer)) {
            let later = "the next session there leaves it";
            context.call.voice.warn(&format!("{name}: no head could be left there now: {why}; {later}"));
        }
    }
    Ok(())
}

type Answer = Receiver<Result<(), String>>;

fn begin(
    context: &Arc<Context>,
    name: DestinationName,
    medium: VaultId,
    store: Arc<dyn WriteStore>,
) -> (DestinationName, Result<Answer, String>) {
    let (send, receive) = crossbeam_channel::bounded(1);
    let (context, lock) = (Arc::clone(context), lock_of(&name, medium));
    let thread = std::thread::Builder::new().name(format!("head-{name}"));
    let begun = thread.spawn(move || drop(send.send(leave(&context, &lock, &*store, medium))));
    (name, begun.map(|_| receive).map_err(|error| error.to_string()))
}

fn lock_of(name: &DestinationName, medium: VaultId) -> LockName {
    if name.is_home() { LockName::Home } else { LockName::Medium(medium) }
}

fn leave(context: &Context, lock: &LockName, store: &dyn WriteStore, medium: VaultId) -> Result<(), String> {
    let mut on_wait = |waiting: &Waiting| {
        let enough = waiting.waited > PATIENCE || (context.call.stop)();
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let _lock = WorkLock::acquire(&context.locks(), lock, Wait::Yes(&mut on_wait)).map_err(|error| chain(&error))?;
    visit(context, store, medium)
}

/// A session at home that does nothing but begin: what lies there is known then. The caller holds home's lock.
///
/// # Errors
/// If home can't be written to.
pub(super) fn read_in_home(context: &Context) -> Result<(), Failure> {
    let home = context.installation.home()?;
    let failed = |why| Failure::new("the home vault can't be written to", why, "check the disk and its permissions");
    visit(context, &*home, context.installation.home_id()?).map_err(failed)
}

fn visit(context: &Context, store: &dyn WriteStore, medium: VaultId) -> Result<(), String> {
    let (call, installation) = (&context.call, &context.installation);
    let stop = || (call.stop)();
    let tell = |told: &Told| {
        if let Told::Note(text) = told {
            call.voice.warn(text);
        }
    };
    let keyring = installation.keyring().map_err(|error| chain(&error))?;
    let (clock, entropy) = (&*call.clock, &*call.entropy);
    let tools = Tools { catalog: &installation.catalog, keyring, clock, entropy, stop: &stop, tell: &tell };
    publish_head(tools, store, medium).map_err(|error| chain(&error))
}

fn wait(answer: &Answer) -> Result<(), String> {
    answer.recv_timeout(LOST_AFTER).unwrap_or_else(|_| Err("it does not answer".to_owned()))
}
