//! Deleting so that room is really freed.
//!
//! In a bucket with versions a plain DELETE only hides the object behind a marker, and what it held stays and is paid for.
//! So every version of the name is deleted by its own id, the one that is seen last: a refusal in between leaves the
//! object as it was. What Object Lock keeps is `Denied`, with until when.
//!
//! Requests: 1, and 1 more for the first object of an opened place; in a bucket with versions, or one that does not tell whether it has some, 2, and 1 more for each further
//! version; 1 more to tell until when a locked one stays.

use std::sync::Mutex;
use std::sync::PoisonError;

use http::Method;

use super::client::{Client, Request};
use super::failure::Failure;
use super::list;
use super::xml;
use crate::destination::ErrorKind;

/// Does the bucket keep what is deleted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Nothing was deleted yet.
    Unasked,
    Nothing,
    Versions,
    /// It does not let us ask.
    Unknown,
}

/// What was found out when something was to be deleted.
#[derive(Debug)]
pub(super) struct Bucket {
    keeps: Mutex<Keeps>,
}

/// What a version has where the bucket kept none when it was written.
const NO_VERSION: &str = "null";

impl Default for Bucket {
    fn default() -> Self {
        Self { keeps: Mutex::new(Keeps::Unasked) }
    }
}

impl Bucket {
    /// Asks whether the bucket keeps versions. 1 request.
    async fn ask(&self, client: &Client) -> Result<Keeps, Failure> {
        let query = vec![("versioning", String::new())];
        let keeps = match client.send(Request { query, ..Request::default() }).await {
            Ok(answer) => match xml::read::<xml::Versioning>(&answer.document().await?)?.status {
                None => Keeps::Nothing,
                Some(_) => Keeps::Versions,
            },
            Err(Failure::Refused(refusal)) if refusal.kind() != ErrorKind::Transient => Keeps::Unknown,
            Err(failure) => return Err(failure),
        };
        self.learned(keeps);
        Ok(keeps)
    }

    fn keeps(&self) -> Keeps {
        *self.keeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learned(&self, keeps: Keeps) {
        *self.keeps.lock().unwrap_or_else(PoisonError::into_inner) = keeps;
    }

    /// Deletes an object; one that is not there is deleted.
    pub async fn delete(&self, client: &Client, key: &str) -> Result<(), Failure> {
        let keeps = match self.keeps() {
            Keeps::Unasked => self.ask(client).await?,
            keeps => keeps,
        };
        match keeps {
            Keeps::Nothing => plain(client, key).await,
            Keeps::Versions => versions(client, key, &list::versions_of(client, key).await?).await,
            Keeps::Unknown | Keeps::Unasked => match list::versions_of(client, key).await {
                Ok(found) if found.iter().any(|version| version.version_id != NO_VERSION) => {
                    self.learned(Keeps::Versions);
                    versions(client, key, &found).await
                }
                Ok(_) | Err(Failure::Refused(_)) => plain(client, key).await,
                Err(failure) => Err(failure),
            },
        }
    }
}

async fn remove(client: &Client, key: &str, version: Option<&str>) -> Result<Option<String>, Failure> {
    let query = version.map(|version| ("versionId", version.to_owned())).into_iter().collect();
    match client.send(Request { method: Method::DELETE, key: Some(key), query, ..Request::default() }).await {
        Ok(answer) => {
            let marked = answer.header("x-amz-delete-marker") == Some("true");
            Ok(answer.header("x-amz-version-id").filter(|_| marked).map(ToOwned::to_owned))
        }
        Err(failure) if failure.kind() == ErrorKind::NotFound && !failure.is("NoSuchBucket") => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Where nobody could tell before that a marker would come of it, it is taken away again.
async fn plain(client: &Client, key: &str) -> Result<(), Failure> {
    let Some(marker) = remove(client, key, None).await? else { return Ok(()) };
    let why = "the bucket keeps every version of what is deleted, so that deleting frees nothing: let the key list and \
               delete versions (s3:ListBucketVersions, s3:DeleteObjectVersion)";
    remove(client, key, Some(&marker)).await?;
    Err(Failure::Found(ErrorKind::Denied, why.to_owned()))
}

async fn versions(client: &Client, key: &str, found: &[xml::Version]) -> Result<(), Failure> {
    for version in found {
        if let Err(failure) = remove(client, key, Some(&version.version_id)).await {
            return Err(why_kept(client, key, &version.version_id, failure).await);
        }
    }
    Ok(())
}

/// The refusal, and until when Object Lock keeps the version, if that is why. At most 1 request.
async fn why_kept(client: &Client, key: &str, version: &str, failure: Failure) -> Failure {
    let locked = failure.kind() == ErrorKind::Denied || failure.is("InvalidRequest") || failure.is("ObjectLocked");
    if !locked {
        return failure;
    }
    let query = vec![("retention", String::new()), ("versionId", version.to_owned())];
    let asked = match client.send(Request { key: Some(key), query, ..Request::default() }).await {
        Ok(answer) => answer.document().await.and_then(|text| xml::read::<xml::Retention>(&text)),
        Err(failure) => Err(failure),
    };
    match asked.ok().and_then(|retention| retention.retain_until_date) {
        Some(until) => {
            let until: String = until.chars().filter(char::is_ascii_graphic).take(40).collect();
            Failure::Found(
                ErrorKind::Denied,
                format!("Object Lock keeps it until {until}, and nobody can delete it before"),
            )
        }
        None => failure,
    }
}
