//! Processes: who we are, whether one is there, and those that we started.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};

/// Does a process of that number exist?
pub(in super::super) fn process_exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Asks a process to end, as a service manager does. One that is gone has done so.
pub fn ask_to_end(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // There is nothing to be done where it is refused; who asks waits and then kills.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// What is started leads a group of its own: a signal of our terminal does not reach it, and it ends with all that it
/// started.
pub fn lead_group(command: &mut Command) {
    command.process_group(0);
}

/// Kills a group by its leader, who must not have been waited for: else the number may be another's.
pub fn kill_group(leader: &Child) {
    if let Some(pid) = i32::try_from(leader.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // A group that is gone needs no killing.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// Whose files this process makes.
#[must_use]
pub fn user_and_group() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}
