//! Exit codes of both programs, as the contract has them.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Exit {
    /// All that was asked was done.
    #[default]
    Done,
    /// Nothing that was asked was done.
    Failed,
    /// The command line or the configuration is wrong; nothing was done.
    Usage,
    /// Some of what was asked was done.
    Partial,
    /// Something that should restore does not, and was not healed.
    Damage,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Damage => 4,
        }
    }

    /// Where several hold: 2, then 4, then 1, then 3.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Done => 0,
            Self::Partial => 1,
            Self::Failed => 2,
            Self::Damage => 3,
            Self::Usage => 4,
        };
        if rank(self) >= rank(other) { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_several_hold_the_worst_counts() {
        assert_eq!(Exit::Partial.and(Exit::Failed), Exit::Failed);
        assert_eq!(Exit::Damage.and(Exit::Failed), Exit::Damage);
        assert_eq!(Exit::Damage.and(Exit::Usage), Exit::Usage);
        assert_eq!(Exit::Done.and(Exit::Partial), Exit::Partial);
    }
}
