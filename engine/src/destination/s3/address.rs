//! Where a bucket answers, and what the vault's objects are called in it. Pure.
//!
//! In: a place. Out: URLs that are percent-encoded once, as the signature wants them; keys; texts for people.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{Endpoint, S3};
use crate::model::VaultPath;

/// Where no configuration and no variable names a region.
const REGION: &str = "us-east-1";
/// All but what RFC 3986 leaves as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &VALUE.remove(b'/');

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub region: String,
    pub bucket: String,
    /// Empty, or what every key of the vault begins with, its slash at the end.
    prefix: String,
    /// Scheme, host, and the path that leads to the bucket, without a slash at its end.
    base: String,
}

impl Address {
    /// `variable` looks into the environment, for the region only.
    pub fn of(place: &S3, variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(&variable);
        let region = place.region.clone().or_else(given).unwrap_or_else(|| REGION.to_owned());
        let prefix = if place.prefix.is_empty() { String::new() } else { format!("{}/", place.prefix) };
        let base = base(place, &region);
        Self { region, bucket: place.bucket.clone(), prefix, base }
    }

    /// The URL of a key, or of the bucket.
    pub fn url(&self, key: Option<&str>, query: &[(&str, String)]) -> String {
        let mut url = format!("{}/", self.base);
        url.extend(utf8_percent_encode(key.unwrap_or_default(), PATH));
        for (number, (name, value)) in query.iter().enumerate() {
            url.push(if number == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.extend(utf8_percent_encode(value, VALUE));
        }
        url
    }

    /// The key of an object.
    pub fn key(&self, path: &VaultPath) -> String {
        format!("{}{path}", self.prefix)
    }

    /// What the keys in a folder begin with.
    pub fn below(&self, folder: &VaultPath) -> String {
        if folder.as_str().is_empty() { self.prefix.clone() } else { format!("{}{folder}/", self.prefix) }
    }

    /// For the user; there is no secret in it.
    pub fn named(&self, path: &VaultPath) -> String {
        let text = format!("s3://{}/{}{path}", self.bucket, self.prefix);
        text.trim_end_matches('/').to_owned()
    }
}

fn base(place: &S3, region: &str) -> String {
    match &place.endpoint {
        Some(endpoint) => own(place, endpoint),
        None => {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            let host = format!("s3.{region}.amazonaws.com{suffix}");
            // The server's certificate is for one name below its own.
            let in_path = place.path_style || place.bucket.contains('.');
            if in_path {
                format!("https://{host}/{}", place.bucket)
            } else {
                format!("https://{}.{host}", place.bucket)
            }
        }
    }
}

fn own(place: &S3, endpoint: &Endpoint) -> String {
    let Endpoint { tls, host, port, path } = endpoint;
    let scheme = if *tls { "https" } else { "http" };
    let port = if *port == if *tls { 443 } else { 80 } { String::new() } else { format!(":{port}") };
    let path = utf8_percent_encode(path.trim_end_matches('/'), PATH);
    // A number has no names below it.
    if place.path_style || host.parse::<std::net::IpAddr>().is_ok() {
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("{scheme}://{host}{port}{path}/{}", place.bucket)
    } else {
        format!("{scheme}://{}.{host}{port}{path}", place.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ObjectLock;

    fn place(endpoint: Option<Endpoint>, path_style: bool) -> S3 {
        S3 {
            bucket: "buck".into(),
            prefix: "a/b".into(),
            endpoint,
            region: Some("eu-central-1".into()),
            path_style,
            credentials: None,
            ca_file: None,
            object_lock: ObjectLock::Off,
        }
    }

    fn endpoint(tls: bool, host: &str, port: u16, path: &str) -> Option<Endpoint> {
        Some(Endpoint { tls, host: host.into(), port, path: path.into() })
    }

    fn url(place: &S3) -> String {
        let address = Address::of(place, |_| None);
        address.url(Some(&address.key(&VaultPath::parse("packs/+x").expect("a path"))), &[])
    }

    #[test]
    fn a_bucket_is_in_the_hosts_name_or_in_the_path() {
        let table = [
            (place(None, false), "https://buck.s3.eu-central-1.amazonaws.com/a/b/packs/%2Bx"),
            (place(None, true), "https://s3.eu-central-1.amazonaws.com/buck/a/b/packs/%2Bx"),
            (
                S3 { bucket: "b.k.t".into(), ..place(None, false) },
                "https://s3.eu-central-1.amazonaws.com/b.k.t/a/b/packs/%2Bx",
            ),
            (
                S3 { region: Some("cn-north-1".into()), ..place(None, false) },
                "https://buck.s3.cn-north-1.amazonaws.com.cn/a/b/packs/%2Bx",
            ),
            (place(endpoint(true, "h", 443, "/"), false), "https://buck.h/a/b/packs/%2Bx"),
            (place(endpoint(true, "h", 9000, "/s 3/"), true), "https://h:9000/s%203/buck/a/b/packs/%2Bx"),
            (place(endpoint(false, "127.0.0.1", 80, "/"), false), "http://127.0.0.1/buck/a/b/packs/%2Bx"),
            (place(endpoint(false, "::1", 9000, "/"), true), "http://[::1]:9000/buck/a/b/packs/%2Bx"),
        ];
        for (place, expected) in table {
            assert_eq!(url(&place), expected);
        }
    }

    #[test]
    fn a_query_is_encoded_once() {
        let address = Address::of(&place(endpoint(true, "h", 443, "/"), true), |_| None);
        let url = address.url(None, &[("prefix", "a b/".into()), ("uploads", String::new())]);
        assert_eq!(url, "https://h/buck/?prefix=a%20b%2F&uploads=");
    }

    #[test]
    fn the_region_is_that_of_the_configuration_then_the_environments() {
        let unnamed = S3 { region: None, ..place(None, false) };
        let variable = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        assert_eq!(Address::of(&unnamed, variable).region, "eu-west-1");
        assert_eq!(Address::of(&unnamed, |_| None).region, "us-east-1");
        assert_eq!(Address::of(&place(None, false), variable).region, "eu-central-1");
    }

    #[test]
    fn keys_lie_below_the_prefix() {
        let address = Address::of(&place(None, false), |_| None);
        let packs = VaultPath::parse("packs").expect("a path");
        assert_eq!((address.below(&packs), address.below(&VaultPath::root())), ("a/b/packs/".into(), "a/b/".into()));
        assert_eq!(address.named(&VaultPath::root()), "s3://buck/a/b");
        let whole = Address::of(&S3 { prefix: String::new(), ..place(None, false) }, |_| None);
        assert_eq!((whole.below(&VaultPath::root()), whole.key(&packs)), (String::new(), "packs".into()));
    }
}
