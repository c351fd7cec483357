//! Folders: made where they are missing, the vault's own never.

use super::failure::Failure;
use super::link::{Link, unlocked};
use super::look::Found;
use crate::destination::ErrorKind;
use crate::model::VaultPath;

impl Link {
    /// Makes one folder, none above it; done if it is there. 1 request.
    pub async fn make_folder(&self, path: &str) -> Result<(), Failure> {
        match unlocked(|| self.request("MKCOL", &format!("{path}/"))).await {
            Err(Failure::Refused { code: 405, .. }) => Ok(()),
            // Apache says `forbidden` to the later one of two who make it at the same time.
            Err(refused @ Failure::Refused { .. }) => {
                if self.is_folder(path).await? {
                    Ok(())
                } else {
                    Err(refused)
                }
            }
            made => made.map(drop),
        }
    }

    /// The folder that an object goes into is there. No request if it was seen before, else 1, and 5 and more where the
    /// one above it is missing too.
    pub async fn ensure_folder(&self, folder: &VaultPath) -> Result<(), Failure> {
        if folder.as_str().is_empty() || self.has_seen_folder(folder) {
            return Ok(());
        }
        // Not looked for before: what was asked to be made is there, or is there already, or has nothing to lie in.
        match self.make_folder(&self.remote(folder)).await {
            Err(Failure::Refused { .. }) => {
                self.still_root().await?;
                for above in with_parents(folder) {
                    self.make_folder(&self.remote(&above)).await?;
                }
            }
            made => made?,
        }
        self.saw_folder(folder);
        Ok(())
    }

    /// Makes the vault's own folder. 3 requests.
    pub async fn make_root(&self) -> Result<(), Failure> {
        let exists = || Failure::Found(ErrorKind::Exists, "something is there already".to_owned());
        // Not every server says so itself: rclone's MKCOL of a folder that is there is a success.
        if self.look(self.root()).await? != Found::Nothing {
            return Err(exists());
        }
        match self.request("MKCOL", &format!("{}/", self.root()))?.done().await {
            Ok(_) if self.is_folder(self.root()).await? => Ok(()),
            Ok(_) => Err(Failure::permanent("the server says that it made the folder, and shows none there")),
            Err(Failure::Refused { code: 405, .. }) => Err(exists()),
            Err(refused @ Failure::Refused { .. }) => Err(self.why_no_root(refused).await?),
            Err(failure) => Err(failure.ambiguous()),
        }
    }

    async fn why_no_root(&self, refused: Failure) -> Result<Failure, Failure> {
        let (parent, _) = self.root().rsplit_once('/').unwrap_or_default();
        let missing = !parent.is_empty() && !self.is_folder(parent).await?;
        let why = || Failure::Found(ErrorKind::NotFound, format!("there is no folder {parent}"));
        Ok(if missing { why() } else { refused })
    }

    /// Why a file could not be written: many servers answer the same to a full disk, lost permissions and a folder that
    /// is missing. At most 4 requests.
    pub async fn why_not_written(&self, folder: &VaultPath, failure: Failure) -> Failure {
        match self.asked_why(folder, &failure).await {
            Ok(Some(why)) => why,
            _ => failure,
        }
    }

    async fn asked_why(&self, folder: &VaultPath, failure: &Failure) -> Result<Option<Failure>, Failure> {
        let Some(404 | 405 | 409 | 500) = failure.code() else { return Ok(None) };
        self.doubt();
        if let Err(gone @ Failure::Found(ErrorKind::Gone, _)) = self.still_root().await {
            return Ok(Some(gone));
        }
        if !self.is_folder(&self.remote(folder)).await? {
            let why = "its folder is gone, or was not made as the server is read only: it must be begun anew";
            return Ok(Some(Failure::Found(ErrorKind::Transient, why.to_owned())));
        }
        self.asked_another_way(folder, failure).await
    }

    /// To make a folder needs the same rights and some room, and is answered more clearly.
    async fn asked_another_way(&self, folder: &VaultPath, failure: &Failure) -> Result<Option<Failure>, Failure> {
        let name = self.own_name(&self.remote(folder))?;
        let made = self.request("MKCOL", &format!("{name}/"))?.done().await;
        match made {
            Ok(_) => {
                self.request("DELETE", &format!("{name}/"))?.done().await?;
                // It took such a request when it was tried out.
                let why = format!("{failure}: it can't write that much, or not now; its disk may be full");
                Ok((failure.code() == Some(405)).then_some(Failure::Found(ErrorKind::Transient, why)))
            }
            Err(Failure::Refused { code, .. }) => Ok(because(failure, code)),
            Err(_) => Ok(None),
        }
    }
}

/// What the refusal of a folder says of the refusal of a file.
fn because(failure: &Failure, code: u16) -> Option<Failure> {
    let (kind, what) = match code {
        403 => (ErrorKind::Denied, "the server's user has no right to write there"),
        507 => (ErrorKind::Full, "its disk is full"),
        // rclone has one answer for all; folders need so little room that it is rather the right.
        405 => (ErrorKind::Denied, "it is read only, its user has no right to write there, or its disk is full"),
        _ => return None,
    };
    Some(Failure::Found(kind, format!("{failure}: {what}")))
}

/// The topmost first.
fn with_parents(folder: &VaultPath) -> Vec<VaultPath> {
    let mut all = Vec::new();
    let mut next = folder.clone();
    while !next.as_str().is_empty() {
        all.insert(0, next.clone());
        next = next.folder();
    }
    all
}
