//! A panic is our mistake: it is told clearly, once, and ends in exit 1.
//!
//! The catalog silences this hook on a thread that is inside its store: it wraps whichever hook it finds, so ours has
//! to be set first.

use std::panic::PanicHookInfo;

use engine::command::Failure;

use super::output::complain;

/// From now on, tells of panics.
pub fn tell() {
    std::panic::set_hook(Box::new(|info| complain(&words(info))));
}

/// What the command came to.
pub fn failure() -> Failure {
    Failure::new(
        "the engine stopped because of a mistake of its own",
        "see the message above",
        "nothing that was called complete is affected; run it again, and report the message",
    )
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
    format!("a mistake in the engine{place}: {}", info.payload_as_str().unwrap_or("no reason was given"))
}
