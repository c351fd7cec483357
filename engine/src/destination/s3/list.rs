//! Lists: what lies in a folder, what is unfinished, which versions there are.
//!
//! In: a prefix. Out: whole lists, page after page, or an error. 1 request for each 1,000 names.
//! Invariants: nothing outside the prefix is told; a server whose pages do not go on is an error, not a circle.

use std::sync::atomic::Ordering;

use super::client::{Client, Request};
use super::failure::Failure;
use super::xml::{self, Object, Prefix, Upload, Version};

/// What one folder holds, as keys.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub objects: Vec<Object>,
    /// Their slash at the end.
    pub folders: Vec<String>,
    /// Keys of objects that are not finished.
    pub uploads: Vec<String>,
}

fn stuck() -> Failure {
    Failure::Unfit("its list does not go on".to_owned())
}

fn keys_of(prefixes: Vec<Prefix>, encoding: Option<&str>) -> impl Iterator<Item = String> {
    prefixes.into_iter().filter_map(move |prefix| xml::decoded(&prefix.prefix, encoding))
}

/// Objects and folders directly below `prefix`, and unfinished uploads where the server tells. 2 requests and more.
pub(super) async fn folder(client: &Client, prefix: &str) -> Result<Folder, Failure> {
    let mut folder = Folder::default();
    let mut token: Option<String> = None;
    loop {
        let mut query = of_objects(prefix);
        query.push(("delimiter", "/".to_owned()));
        query.extend(token.clone().map(|token| ("continuation-token", token)));
        let page: xml::Objects = document(client, query).await?;
        let encoding = page.encoding_type.as_deref();
        let decoded = |object: Object| Some(Object { key: xml::decoded(&object.key, encoding)?, ..object });
        folder.objects.extend(page.contents.into_iter().filter_map(decoded));
        folder.folders.extend(keys_of(page.common_prefixes, encoding));
        if !page.is_truncated {
            break;
        }
        match page.next_continuation_token {
            Some(next) if token.as_ref() != Some(&next) => token = Some(next),
            _ => return Err(stuck()),
        }
    }
    let (uploads, folders) = uploads(client, prefix, Some("/")).await?;
    folder.folders.extend(folders);
    folder.uploads = uploads.into_iter().map(|upload| upload.key).collect();
    Ok(folder)
}

fn of_objects(prefix: &str) -> Vec<(&'static str, String)> {
    vec![("list-type", "2".to_owned()), ("encoding-type", "url".to_owned()), ("prefix", prefix.to_owned())]
}

async fn document<T: serde::de::DeserializeOwned>(
    client: &Client,
    query: Vec<(&'static str, String)>,
) -> Result<T, Failure> {
    xml::read(&client.send(Request { query, ..Request::default() }).await?.document().await?)
}

/// Does anything lie below the prefix? 1 request.
pub(super) async fn is_empty(client: &Client, prefix: &str) -> Result<bool, Failure> {
    let mut query = of_objects(prefix);
    query.push(("max-keys", "1".to_owned()));
    let page: xml::Objects = document(client, query).await?;
    Ok(page.contents.is_empty() && page.common_prefixes.is_empty())
}

/// Unfinished uploads below a prefix, and the folders that hold some. None where the server does not tell. 1 request.
async fn uploads(
    client: &Client,
    prefix: &str,
    delimiter: Option<&str>,
) -> Result<(Vec<Upload>, Vec<String>), Failure> {
    let (mut all, mut folders) = (Vec::new(), Vec::new());
    let mut behind: Option<(String, String)> = None;
    while client.offer.uploads.load(Ordering::Relaxed) {
        let mut query = vec![("uploads", String::new()), ("encoding-type", "url".to_owned())];
        query.push(("prefix", prefix.to_owned()));
        query.extend(delimiter.map(|delimiter| ("delimiter", delimiter.to_owned())));
        if let Some((key, id)) = &behind {
            query.extend([("key-marker", key.clone()), ("upload-id-marker", id.clone())]);
        }
        let page = match document::<xml::Uploads>(client, query).await {
            Err(failure) if client.offer.withdraws_uploads(&failure) => break,
            // So rclone's server says that there are none.
            Err(failure) if failure.is("NoSuchUpload") => break,
            page => page?,
        };
        let encoding = page.encoding_type.as_deref();
        let decoded = |upload: Upload| Some(Upload { key: xml::decoded(&upload.key, encoding)?, ..upload });
        all.extend(page.upload.into_iter().filter_map(decoded));
        folders.extend(keys_of(page.common_prefixes, encoding));
        if !page.is_truncated {
            break;
        }
        let key = page.next_key_marker.and_then(|key| xml::decoded(&key, encoding)).unwrap_or_default();
        let next = Some((key, page.next_upload_id_marker.unwrap_or_default()));
        if next == behind {
            return Err(stuck());
        }
        behind = next;
    }
    // Not every server keeps to the prefix.
    all.retain(|upload| upload.key.starts_with(prefix));
    Ok((all, folders))
}

/// Ids of the unfinished uploads of one object. 1 request.
pub(super) async fn uploads_of(client: &Client, key: &str) -> Result<Vec<String>, Failure> {
    let (uploads, _) = uploads(client, key, None).await?;
    Ok(uploads.into_iter().filter(|upload| upload.key == key).map(|upload| upload.upload_id).collect())
}

/// Every version and delete marker of one object, what is seen of it last. 1 request.
pub(super) async fn versions_of(client: &Client, key: &str) -> Result<Vec<Version>, Failure> {
    let mut all: Vec<Version> = Vec::new();
    let mut behind: Option<(String, String)> = None;
    loop {
        let mut query = vec![("versions", String::new()), ("encoding-type", "url".to_owned())];
        query.push(("prefix", key.to_owned()));
        if let Some((key, version)) = &behind {
            query.extend([("key-marker", key.clone()), ("version-id-marker", version.clone())]);
        }
        let page: xml::Versions = document(client, query).await?;
        let encoding = page.encoding_type.as_deref();
        let found = page.version.into_iter().chain(page.delete_marker);
        all.extend(found.filter(|version| xml::decoded(&version.key, encoding).as_deref() == Some(key)));
        let at = page.next_key_marker.and_then(|key| xml::decoded(&key, encoding));
        // Names are sorted: once the list has passed this one, no more of it come.
        if !page.is_truncated || at.as_deref().is_some_and(|at| at > key) {
            break;
        }
        let next = Some((at.unwrap_or_default(), page.next_version_id_marker.unwrap_or_default()));
        if next == behind {
            return Err(stuck());
        }
        behind = next;
    }
    all.sort_by_key(|version| version.is_latest);
    Ok(all)
}
