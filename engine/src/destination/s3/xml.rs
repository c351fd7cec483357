//! The server's documents as values. Pure.
//!
//! In: text from outside. Out: what of it is used; a document that does not fit is an error, never a panic. Unknown
//! elements are passed over, missing ones are empty.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// Reads one document.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    let unfit = |error: quick_xml::DeError| Failure::Unfit(format!("its document can't be read: {error}"));
    // While it works a server may send white space before the document.
    quick_xml::de::from_str(text.trim_start()).map_err(unfit)
}

/// Is this a document that tells an error? Some come with a status that says success.
pub(super) fn is_error(text: &str) -> bool {
    let text = text.trim_start();
    let body = if text.starts_with("<?") { text.split_once("?>").map_or("", |(_, body)| body) } else { text };
    body.trim_start().starts_with("<Error")
}

/// A page of a list of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Objects {
    pub is_truncated: bool,
    pub next_continuation_token: Option<String>,
    pub encoding_type: Option<String>,
    pub contents: Vec<Object>,
    pub common_prefixes: Vec<Prefix>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Object {
    pub key: String,
    pub size: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Prefix {
    pub prefix: String,
}

/// A page of a list of uploads that were begun and not completed.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Uploads {
    pub is_truncated: bool,
    pub next_key_marker: Option<String>,
    pub next_upload_id_marker: Option<String>,
    pub encoding_type: Option<String>,
    pub upload: Vec<Upload>,
    pub common_prefixes: Vec<Prefix>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Upload {
    pub key: String,
    pub upload_id: String,
}

/// A page of a list of an upload's parts.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Parts {
    pub is_truncated: bool,
    pub next_part_number_marker: Option<u32>,
    pub part: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Part {
    pub part_number: u32,
    #[serde(rename = "ETag")]
    pub etag: String,
    pub size: u64,
    /// Not every server tells it.
    #[serde(rename = "ChecksumSHA256")]
    pub checksum: Option<String>,
}

/// A page of a list of versions and delete markers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Versions {
    pub is_truncated: bool,
    pub next_key_marker: Option<String>,
    pub next_version_id_marker: Option<String>,
    pub encoding_type: Option<String>,
    pub version: Vec<Version>,
    pub delete_marker: Vec<Version>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Version {
    pub key: String,
    /// `null` where the bucket had no versions when it was written.
    pub version_id: String,
    pub is_latest: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Versioning {
    pub status: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LockOfBucket {
    pub object_lock_enabled: Option<String>,
    pub rule: Option<LockRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LockRule {
    pub default_retention: Option<Retention>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Retention {
    pub mode: Option<String>,
    pub retain_until_date: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Begun {
    pub upload_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Completed {
    #[serde(rename = "ChecksumSHA256")]
    pub checksum_sha256: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Told {
    pub code: String,
    pub message: String,
    pub region: Option<String>,
}

/// A name of a list, decoded where the list says that it is encoded; none if it is no text.
pub(super) fn decoded(name: &str, encoding: Option<&str>) -> Option<String> {
    match encoding {
        Some("url") => percent_decode_str(&name.replace('+', " ")).decode_utf8().ok().map(Into::into),
        _ => Some(name.to_owned()),
    }
}

/// The parts that make the object, for the request that completes it. Numbers ascend.
pub(super) fn completion<'p>(parts: impl Iterator<Item = (u32, &'p str, Option<&'p str>)>) -> String {
    let mut text = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (number, etag, checksum) in parts {
        text.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag>",
            quick_xml::escape::escape(etag)
        ));
        if let Some(checksum) = checksum {
            text.push_str(&format!("<ChecksumSHA256>{checksum}</ChecksumSHA256>"));
        }
        text.push_str("</Part>");
    }
    text.push_str("</CompleteMultipartUpload>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_versions_is_read_in_whatever_order() {
        let text = "<?xml version=\"1.0\"?>\n<ListVersionsResult xmlns=\"x\"><Version><Key>a</Key><VersionId>1</VersionId>\
                    <IsLatest>false</IsLatest><Owner><ID>o</ID></Owner></Version><DeleteMarker><Key>a</Key>\
                    <VersionId>2</VersionId><IsLatest>true</IsLatest></DeleteMarker><Version><Key>b&amp;c</Key>\
                    <VersionId>3</VersionId></Version><IsTruncated>true</IsTruncated></ListVersionsResult>";
        let versions: Versions = read(text).expect("a list");
        assert_eq!((versions.version.len(), versions.delete_marker.len(), versions.is_truncated), (2, 1, true));
        assert_eq!(versions.version[1].key, "b&c");
        assert!(versions.delete_marker[0].is_latest);
    }

    #[test]
    fn an_error_is_known_behind_white_space_and_a_declaration() {
        for text in ["<Error><Code>A</Code></Error>", " \n <?xml version=\"1.0\"?>\n<Error><Code>A</Code></Error>"] {
            assert!(is_error(text));
            assert_eq!(read::<Told>(text).expect("an error").code, "A");
        }
        assert!(!is_error("<CompleteMultipartUploadResult><ErrorCount>0</ErrorCount></CompleteMultipartUploadResult>"));
    }

    #[test]
    fn what_is_no_document_is_an_error() {
        for text in ["", "<", "<html>", "\u{0}", "<A><IsTruncated>x</IsTruncated></A>", "<A><Contents><Size>-1</Size>"]
        {
            assert!(read::<Objects>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn encoded_names_are_decoded() {
        assert_eq!(decoded("a%2Bb+c", Some("url")).as_deref(), Some("a+b c"));
        assert_eq!(decoded("a%2Bb", Some("")).as_deref(), Some("a%2Bb"));
        assert_eq!(decoded("%ff", Some("url")), None);
    }

    #[test]
    fn a_completion_names_each_part() {
        let text = completion([(1, "\"a\"", Some("c=")), (2, "b", None)].into_iter());
        assert!(text.contains(
            "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag><ChecksumSHA256>c=</ChecksumSHA256></Part>"
        ));
        assert!(text.ends_with("<Part><PartNumber>2</PartNumber><ETag>b</ETag></Part></CompleteMultipartUpload>"));
    }
}
