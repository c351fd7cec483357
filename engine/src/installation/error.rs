//! Why an installation, or a part of it, can't be opened.

use std::path::PathBuf;

use crate::catalog::CatalogError;
use crate::config::SecretError;
use crate::destination::StoreError;
use crate::seal::SlotError;
use crate::vault::VaultError;

/// An installation that can't be opened, or a part of it.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// `init` was never run.
    #[error("there is no home vault and no catalog yet for {}", file.display())]
    NotMade {
        /// The configuration.
        file: PathBuf,
    },
    /// D-6.
    #[error("the catalog {} is missing and the home vault {} is there: it is not taken for an empty one", path.display(), home.display())]
    CatalogMissing {
        /// Where the catalog should be.
        path: PathBuf,
        /// The home vault.
        home: PathBuf,
    },
    /// The home vault is not there.
    #[error("the home vault {} is not there: {why}", path.display())]
    HomeMissing {
        /// Its folder.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A place holds a vault of another family.
    #[error("{place} holds a vault that is not ours (family {family})")]
    Foreign {
        /// The place.
        place: String,
        /// The family.
        family: String,
    },
    /// A name that the configuration does not have.
    #[error("there is no destination `{name}`; there are: {}", all.join(", "))]
    NoDestination {
        /// The name.
        name: String,
        /// Those that there are.
        all: Vec<String>,
    },
    /// A destination that is needed now is away.
    #[error("{destination} is not there: {why}")]
    Away {
        /// Its name.
        destination: String,
        /// Why.
        why: String,
    },
    /// A place that does not give back what is written there.
    #[error("what was written to {place} does not read back: it can't hold a backup")]
    Unfit {
        /// The place.
        place: String,
    },
    /// A folder or file of ours can't be made.
    #[error("can't make {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The passphrase can't be read.
    #[error("can't read the passphrase")]
    Secret(#[from] SecretError),
    /// The passphrase does not open the keys.
    #[error("can't unlock the keys")]
    Slot(#[from] SlotError),
    /// The catalog.
    #[error("can't use the catalog")]
    Catalog(#[from] CatalogError),
    /// A place.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Something of the configuration that this version can't do.
    #[error("{0}")]
    NotHere(String),
}

const fn secret_advice(error: &SecretError) -> &'static str {
    match error {
        SecretError::File { .. } => "put the passphrase into that file, readable by you only, or correct [key]",
        SecretError::Env(_) => "set that variable where the engine runs, or correct [key]",
        SecretError::Start(_) | SecretError::Failed(_) => "try that command in a shell, or correct [key]",
        SecretError::Empty(_) | SecretError::TooLong(_) => "put the passphrase there, or correct [key]",
    }
}

impl InstallationError {
    /// What a person can do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NotMade { .. } => "run `engine init` first".into(),
            Self::CatalogMissing { .. } => "run `engine catalog rebuild`, which reads what is really there".into(),
            Self::HomeMissing { .. } => {
                "put it back, or run `engine catalog rebuild` and then `engine verify home --repair` to make it anew".into()
            }
            Self::Foreign { .. } => {
                "to read it, use `engine recover --from URL`; if this computer is to go on writing there, with its passphrase and no home vault and no catalog here, use `engine catalog rebuild`: another computer that still writes there is fenced off by that; or choose another place".into()
            }
            Self::Slot(SlotError::Wrong | SlotError::Revoked) => "check the passphrase that [key] names; the recovery sheet opens the vault too: `engine recover --sheet FILE`".into(),
            Self::Catalog(CatalogError::Damaged { .. }) => "run `engine catalog rebuild`".into(),
            Self::Catalog(CatalogError::Busy { .. }) => "try again when the other engine process has finished".into(),
            Self::Away { .. } => "connect it and try again".into(),
            Self::Unfit { .. } => "nothing was recorded: check the drive or the server, or choose another place".into(),
            Self::Make { .. } => "check the path and its permissions".into(),
            Self::NoDestination { .. } => "name one of those, or add [destination.NAME]".into(),
            Self::Secret(error) => secret_advice(error).into(),
            Self::Slot(_) | Self::Vault(_) => {
                "another place that has this backup may be whole: connect it; `engine verify --repair` then mends this one".into()
            }
            Self::Catalog(_) => "check the state folder, its disk and its permissions".into(),
            Self::Store(_) => "check the place and its permissions".into(),
            Self::NotHere(_) => "see what this release has in its README".into(),
        }
    }
}
