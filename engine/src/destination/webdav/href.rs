//! Paths as URLs write them: ours for requests, the server's in its answers. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What RFC 3986 leaves unreserved goes as it is; all else is encoded, `/` between the parts excepted.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The path of a URL for a decoded path.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// The decoded path of an absolute path or URL, without slashes at its end; none if it is neither.
pub(super) fn decoded(href: &str) -> Option<Vec<u8>> {
    let path = match href.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("/", |at| &rest[at..]),
        _ => href,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut decoded: Vec<u8> = path.starts_with('/').then(|| percent_decode_str(path).collect())?;
    while decoded.last() == Some(&b'/') {
        decoded.pop();
    }
    Some(decoded)
}

/// Where a resource of an answer lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is the folder that was asked for.
    Itself,
    /// It lies directly in it, by that name.
    Child(Vec<u8>),
    /// It is neither.
    Elsewhere,
}

/// Where `href` lies, seen from the decoded path `folder` without a slash at its end.
pub(super) fn position(folder: &str, href: &str) -> Position {
    let Some(path) = decoded(href) else { return Position::Elsewhere };
    match path.strip_prefix(folder.as_bytes()) {
        Some([]) => Position::Itself,
        Some([b'/', name @ ..]) if !name.is_empty() && !name.contains(&b'/') => Position::Child(name.to_vec()),
        _ => Position::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn servers_write_paths_in_many_ways() {
        let child = |name: &str| Position::Child(name.as_bytes().to_vec());
        for (href, expected) in [
            ("/dav/my%20vault/", Position::Itself),
            ("/dav/my%20vault", Position::Itself),
            ("http://host:8080/dav/my%20vault/", Position::Itself),
            ("/dav/my%20vault/packs/", child("packs")),
            ("https://host/dav/my%20vault/%2Etmp-a", child(".tmp-a")),
            ("/dav/my vault/a", child("a")),
            ("/dav/my%20vault/a%23b?x=1", child("a#b")),
            ("/dav/my%20vault/a/b", Position::Elsewhere),
            ("/dav/my%20vault/a%2Fb", Position::Elsewhere),
            ("/dav/my%20vaults", Position::Elsewhere),
            ("/dav/", Position::Elsewhere),
            ("packs", Position::Elsewhere),
            ("", Position::Elsewhere),
            ("http://host", Position::Elsewhere),
        ] {
            assert_eq!(position("/dav/my vault", href), expected, "{href}");
        }
        assert_eq!(position("", "/"), Position::Itself);
        assert_eq!(position("", "/a"), child("a"));
    }

    proptest! {
        #[test]
        fn what_we_write_we_read(path in "(/[ -~é]{0,8}[!-.0-~é]){1,4}") {
            prop_assert_eq!(decoded(&encoded(&path)), Some(path.clone().into_bytes()));
        }

        #[test]
        fn no_text_makes_it_panic(href in ".{0,60}") {
            let _ = position("/dav", &href);
        }
    }
}
