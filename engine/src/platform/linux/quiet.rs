//! Being a good neighbour: the processor and the disk only when nobody else wants them.
#![allow(unsafe_code)]

use std::io;

use super::super::Unquiet;

/// Asks for idle priority of processor and disk, for this thread and those that it will start. Gives what was refused;
/// work goes on all the same.
#[must_use]
pub fn be_quiet() -> Vec<Unquiet> {
    let asked = [("processor", idle_processor()), ("niceness", lowest_niceness()), ("disk", idle_disk())];
    asked.into_iter().filter_map(|(what, done)| Some(Unquiet { what, source: done.err()? })).collect()
}

fn idle_processor() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread; the structure outlives the call, which only reads it.
    answer(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) }.into())
}

fn lowest_niceness() -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, 19)?)
}

fn idle_disk() -> io::Result<()> {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_IDLE: libc::c_int = 3 << 13;
    // SAFETY: three numbers, no memory; 0 is the calling thread.
    answer(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE) })
}

fn answer(answer: libc::c_long) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_thread_is_idle_for_processor_and_disk() {
        // On a thread of its own: what is given up does not come back.
        std::thread::spawn(|| {
            let refused = be_quiet();
            assert!(refused.is_empty(), "{refused:?}");
            // SAFETY: numbers only.
            let (policy, io) = unsafe { (libc::sched_getscheduler(0), libc::syscall(libc::SYS_ioprio_get, 1, 0)) };
            assert_eq!((policy, io >> 13), (libc::SCHED_IDLE, 3));
        })
        .join()
        .expect("no panic");
    }
}
