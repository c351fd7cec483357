//! Who a process is: its number alone is used again.

use std::fmt;
use std::str::FromStr;

/// A process, told apart from all others of this computer, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it began, in the system's own measure; 0 where the system does not say.
    pub started: u64,
    /// Which run of the computer it belongs to; empty where the system does not say.
    pub boot: String,
}

/// Not `PID:STARTED:BOOT`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a process: {0:?}")]
pub struct ProcessIdError(String);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.pid, self.started, self.boot)
    }
}

impl FromStr for ProcessId {
    type Err = ProcessIdError;

    fn from_str(text: &str) -> Result<Self, ProcessIdError> {
        let parse = || {
            let mut parts = text.splitn(3, ':');
            let pid = parts.next()?.parse().ok()?;
            let started = parts.next()?.parse().ok()?;
            Some(Self { pid, started, boot: parts.next()?.to_owned() })
        };
        parse().ok_or_else(|| ProcessIdError(text.to_owned()))
    }
}

impl ProcessId {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self { pid, started: super::process_started(pid).unwrap_or(0), boot: super::boot_id() }
    }

    /// Is that process still there? When the system does not tell, it may be.
    #[must_use]
    pub fn may_be_alive(&self) -> bool {
        let boot = super::boot_id();
        if !boot.is_empty() && !self.boot.is_empty() && boot != self.boot {
            return false;
        }
        super::process_exists(self.pid)
            && super::process_started(self.pid).is_none_or(|started| self.started == 0 || started == self.started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other_of_the_same_number() {
        let me = ProcessId::current();
        assert!(me.may_be_alive());
        assert_eq!(me.to_string().parse(), Ok(me.clone()));
        if me.started > 0 {
            assert!(!ProcessId { started: me.started + 1, ..me.clone() }.may_be_alive());
        }
        if !me.boot.is_empty() {
            assert!(!ProcessId { boot: "another".to_owned(), ..me }.may_be_alive());
        }
        assert!("12".parse::<ProcessId>().is_err());
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        let gone = ProcessId { pid: child.id(), started: 0, boot: String::new() };
        child.wait().expect("it ends");
        assert!(!gone.may_be_alive());
    }
}
