//! When a process began, which run of the computer this is, and how long it lasts.

use std::time::Duration;

/// Clock ticks after the start of the computer; none if there is no such process.
pub(in super::super) fn process_started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything; the start is the 20th after it (proc(5)).
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// The kernel's random name of this run.
pub(in super::super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// This run of the computer, and how long it lasts, time asleep included; nobody can set that clock.
pub fn since_boot() -> Option<(String, Duration)> {
    let boot = Some(boot_id()).filter(|boot| !boot.is_empty())?;
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some((boot, Duration::new(now.tv_sec.try_into().ok()?, now.tv_nsec.try_into().ok()?)))
}

/// Bytes of memory that programs may take without others being pushed out; none where the system does not tell.
pub fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_memory_is_free() {
        assert!(free_memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn a_boot_has_a_name_and_lasts_on() {
        let (boot, first) = since_boot().expect("Linux tells");
        let (again, second) = since_boot().expect("Linux tells");
        assert!(boot == again && second >= first && first > Duration::ZERO);
    }
}
