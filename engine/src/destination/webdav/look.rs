//! Looks at what is there, which change nothing: PROPFIND of depth 0 or 1, never deeper.
//!
//! Why not HEAD: it does not tell folders apart, and many servers leave the length out of its answer.

use bytes::Bytes;

use super::failure::Failure;
use super::href::{self, Position};
use super::link::{Answer, Link};
use super::multistatus::{self, Properties, Resource};
use crate::destination::{ErrorKind, Listed, Space};
use crate::model::VaultPath;

const KIND: &str = "<resourcetype/><getcontentlength/>";
const QUOTA: &str = "<quota-available-bytes/><quota-used-bytes/>";

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    File(u64),
    Folder,
}

impl Link {
    async fn ask(&self, path: &str, depth: &str, wanted: &str) -> Result<Answer, Failure> {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>{wanted}</prop></propfind>"
        );
        let request = self.request("PROPFIND", path)?.header("depth", depth);
        request.header("content-type", "application/xml; charset=utf-8").bytes(Bytes::from(body)).answer().await
    }

    /// What is at a decoded path without a slash at its end. 1 request.
    pub async fn look(&self, path: &str) -> Result<Found, Failure> {
        let answer = self.ask(path, "0", KIND).await?;
        match answer.code() {
            207 => Ok(itself(path, resources(answer).await?)?.map_or(Found::Nothing, |found| found_of(&found))),
            404 | 410 => answer.whole().await.map(|_| Found::Nothing),
            // Servers send who asks for a folder without its slash to the right address.
            301 | 302 | 307 | 308 if sends_to_folder(path, &answer) => Ok(Found::Folder),
            _ => Err(answer.refused().await),
        }
    }

    async fn look_at_folder(&self, path: &str, wanted: &str) -> Result<Option<Properties>, Failure> {
        let answer = self.ask(&format!("{path}/"), "0", wanted).await?;
        match answer.code() {
            207 => itself(path, resources(answer).await?),
            404 | 410 => answer.whole().await.map(|_| None),
            405 | 501 => Err(unsupported(answer).await),
            200..=299 => Err(Failure::permanent("what answers there is no WebDAV server, or not at this path")),
            _ => Err(answer.refused().await),
        }
    }

    /// Is a folder there? 1 request.
    pub async fn is_folder(&self, path: &str) -> Result<bool, Failure> {
        Ok(self.look_at_folder(path, KIND).await?.is_some_and(|found| found.folder))
    }

    /// Is the folder of the vault where it was? `Gone` if not. 1 request.
    pub async fn still_root(&self) -> Result<(), Failure> {
        if self.is_folder(self.root()).await? {
            self.trust();
            return Ok(());
        }
        self.doubt();
        Err(Failure::Found(ErrorKind::Gone, "the folder is not there any more".to_owned()))
    }

    /// Room at the folder of the vault, where the server tells (RFC 4331). 1 request.
    pub async fn room(&self) -> Result<Option<Space>, Failure> {
        let told = self.look_at_folder(self.root(), QUOTA).await?;
        let told = told.and_then(|found| found.available.map(|free| (free, found.used.unwrap_or(0))));
        Ok(told.map(|(free, used)| Space { free, total: free.saturating_add(used) }))
    }

    /// All that lies directly in a folder; none if there is no folder. 1 request.
    pub async fn names(&self, folder: &VaultPath) -> Result<Option<Vec<Listed>>, Failure> {
        let path = self.remote(folder);
        let answer = self.ask(&format!("{path}/"), "1", KIND).await?;
        match answer.code() {
            207 => listed(folder, &path, &resources(answer).await?),
            404 | 410 => answer.whole().await.map(|_| None),
            _ => Err(answer.refused().await),
        }
    }
}

async fn unsupported(answer: Answer) -> Failure {
    let refused = answer.refused().await;
    Failure::permanent(format!(
        "{refused}. To do on nginx: its module dav_ext, with `dav_ext_methods PROPFIND OPTIONS`"
    ))
}

fn sends_to_folder(path: &str, answer: &Answer) -> bool {
    let location = answer.header("location").filter(|location| location.ends_with('/'));
    location.and_then(href::decoded).is_some_and(|there| there == path.as_bytes())
}

async fn resources(answer: Answer) -> Result<Vec<Resource>, Failure> {
    multistatus::parse(&answer.whole().await?).map_err(|error| match error {
        multistatus::Malformed::CutOff => Failure::Broken(error.to_string()),
        _ => Failure::permanent(error.to_string()),
    })
}

/// What is told of the path itself; none if it is not there.
fn itself(path: &str, resources: Vec<Resource>) -> Result<Option<Properties>, Failure> {
    let found = resources.into_iter().find(|one| href::position(path, &one.href) == Position::Itself);
    let found = found.ok_or_else(|| Failure::permanent("the server's answer does not name what was asked for"))?;
    match found.status {
        Some(404 | 410) => Ok(None),
        Some(code @ 300..) => Err(Failure::Refused { method: "PROPFIND", code, note: String::new() }),
        _ => Ok(Some(found.properties)),
    }
}

/// Where no length is told, it is taken for empty: whoever wrote more finds that it does not fit.
fn found_of(properties: &Properties) -> Found {
    if properties.folder { Found::Folder } else { Found::File(properties.bytes.unwrap_or(0)) }
}

fn listed(folder: &VaultPath, path: &str, resources: &[Resource]) -> Result<Option<Vec<Listed>>, Failure> {
    let (mut all, mut itself) = (Vec::new(), None);
    for resource in resources {
        match (href::position(path, &resource.href), resource.status) {
            (_, Some(404 | 410)) => {}
            (_, Some(code @ 300..)) => {
                let note = format!(", for {}", resource.href);
                return Err(Failure::Refused { method: "PROPFIND", code, note });
            }
            (Position::Itself, _) => itself = Some(resource.properties.folder),
            (Position::Child(name), _) => all.extend(child(folder, &name, &resource.properties)),
            (Position::Elsewhere, _) => {
                let why = format!("the server's list names {}, which is not in the folder", resource.href);
                return Err(Failure::permanent(why));
            }
        }
    }
    match itself {
        Some(true) => Ok(Some(all)),
        Some(false) => Ok(None),
        None => Err(Failure::permanent("the server's list does not name the folder")),
    }
}

/// What of a folder can be part of a vault; the vault's own objects all are.
fn child(folder: &VaultPath, name: &[u8], properties: &Properties) -> Option<Listed> {
    let path = folder.child(std::str::from_utf8(name).ok()?).ok()?;
    let bytes = (!properties.folder).then(|| properties.bytes.unwrap_or(0));
    Some(Listed { path, bytes })
}
