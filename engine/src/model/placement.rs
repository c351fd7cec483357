//! One recovery point on one medium: its state, and how far it was shown to be good.

use std::fmt;

/// The state of a placement, as `engine points` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Owed, not begun.
    Pending,
    /// Begun: its packs there must not be deleted.
    Copying,
    /// The manifest and its packs are there, without evidence for each.
    Present,
    /// Each object has durable evidence at this medium.
    Complete,
    /// The rules do not want it there.
    NotWanted,
    /// Removed to make room.
    Evicted,
    /// It should be there and is not.
    Missing,
    /// It is there and does not restore.
    Damaged,
}

/// How far a placement has been shown to be good; each step includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Nothing is known.
    None,
    /// Listed there.
    Present,
    /// The server's word, or written and flushed.
    Complete,
    /// Every byte read back by us.
    BytesRead,
    /// A drill restored it.
    Restored,
    /// A drill opened what was restored with its application.
    Opened,
    /// A drill restored it as if this computer were gone.
    RestoredCold,
}

impl State {
    /// All states, in the contract's order.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Copying,
        Self::Present,
        Self::Complete,
        Self::NotWanted,
        Self::Evicted,
        Self::Missing,
        Self::Damaged,
    ];

    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Copying => "copying",
            Self::Present => "present",
            Self::Complete => "complete",
            Self::NotWanted => "not-wanted",
            Self::Evicted => "evicted",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }

    /// Is a manifest believed to lie there?
    #[must_use]
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Present | Self::Complete | Self::Damaged)
    }
}

impl Proof {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Present => "present",
            Self::Complete => "complete",
            Self::BytesRead => "bytes-read",
            Self::Restored => "restored",
            Self::Opened => "opened",
            Self::RestoredCold => "restored-cold",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the evidence for an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Every byte is read back.
    ReadBack,
    /// The server's own checksum of the whole object.
    Checksum,
}
