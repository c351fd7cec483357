//! The requests that a store answers, as values: what is counted, and what faults are set for.

/// One kind of request to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `stat`
    Stat,
    /// `read`
    Read,
    /// `list`
    List,
    /// `read_medium`, and each read of what it or `read_on` gave.
    ReadMedium,
    /// `space`
    Space,
    /// `still_there`
    StillThere,
    /// `create`
    Create,
    /// `resume`
    Resume,
    /// `write` of a writer.
    Write,
    /// `flush` of a writer.
    Flush,
    /// `finish` of a writer.
    Finish,
    /// `delete`
    Delete,
}

impl Operation {
    /// Every kind, in the order of the traits.
    pub const ALL: [Self; 12] = [
        Self::Stat,
        Self::Read,
        Self::List,
        Self::ReadMedium,
        Self::Space,
        Self::StillThere,
        Self::Create,
        Self::Resume,
        Self::Write,
        Self::Flush,
        Self::Finish,
        Self::Delete,
    ];

    /// Does it change the place? Then an answer that was lost leaves open whether it did.
    #[must_use]
    pub fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Resume | Self::Write | Self::Flush | Self::Finish | Self::Delete)
    }

    /// The verb that errors use.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Stat | Self::StillThere => "look at",
            Self::Read => "read",
            Self::List => "list",
            Self::ReadMedium => "read back",
            Self::Space => "measure",
            Self::Create | Self::Resume => "create",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Finish => "finish",
            Self::Delete => "delete",
        }
    }
}
