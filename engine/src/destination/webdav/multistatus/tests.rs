//! Answers as real servers write them, and as none should.

use proptest::prelude::*;

use super::*;

const APACHE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:" xmlns:g0="DAV:"><D:href>/dav/v/</D:href>
<D:propstat><D:prop><lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><g0:getcontentlength/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/"><D:href>/dav/v/a%20b&amp;c</D:href>
<D:propstat><D:prop><lp1:resourcetype/><lp1:getcontentlength>5</lp1:getcontentlength></D:prop>
<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
</D:multistatus>
"#;

const RCLONE: &str = r#"<?xml version="1.0" encoding="UTF-8"?><D:multistatus xmlns:D="DAV:"><D:response><D:href>/v/</D:href>
<D:propstat><D:prop><D:resourcetype><D:collection xmlns:D="DAV:"/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><D:getcontentlength></D:getcontentlength></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
</D:multistatus>"#;

fn one(xml: &str) -> Resource {
    let all = parse(xml.as_bytes()).expect("it parses");
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().expect("one")
}

fn wrapped(inside: &str) -> String {
    format!("<multistatus xmlns='DAV:'><response><href>/x</href>{inside}</response></multistatus>")
}

#[test]
fn answers_of_real_servers_are_read() {
    let all = parse(APACHE.as_bytes()).expect("it parses");
    assert_eq!(all.len(), 2);
    assert!(all[0].properties.folder && all[0].properties.bytes.is_none());
    assert_eq!((all[1].href.as_str(), all[1].properties.bytes), ("/dav/v/a%20b&c", Some(5)));
    assert!(one(RCLONE).properties.folder);
}

#[test]
fn names_count_by_namespace_and_place() {
    let other = one(&wrapped("<propstat><prop><getcontentlength xmlns='other'>7</getcontentlength></prop></propstat>"));
    assert_eq!(other.properties.bytes, None);
    let elsewhere = one(&wrapped("<error><getcontentlength>7</getcontentlength></error>"));
    assert_eq!(elsewhere.properties.bytes, None);
    let prefixed = one(&wrapped(
        "<z:propstat xmlns:z='DAV:'><z:prop><z:getcontentlength>7</z:getcontentlength></z:prop></z:propstat>",
    ));
    assert_eq!(prefixed.properties.bytes, Some(7));
}

#[test]
fn properties_without_success_do_not_count() {
    for status in ["404 Not Found", "403 Forbidden", "500 x", "x"] {
        let xml = format!(
            "<propstat><prop><getcontentlength>bad</getcontentlength><resourcetype><collection/></resourcetype>\
            </prop><status>HTTP/1.1 {status}</status></propstat>"
        );
        assert_eq!(one(&wrapped(&xml)).properties, Properties::default(), "{status}");
    }
}

#[test]
fn the_status_of_a_whole_resource_is_told() {
    assert_eq!(one(&wrapped("<status>HTTP/1.1 423 Locked</status>")).status, Some(423));
}

#[test]
fn quotas_are_read() {
    let xml = "<propstat><prop><quota-available-bytes> 10 </quota-available-bytes><quota-used-bytes>3</quota-used-bytes></prop>\
        <status>HTTP/1.1 200 OK</status></propstat>";
    let properties = one(&wrapped(xml)).properties;
    assert_eq!((properties.available, properties.used), (Some(10), Some(3)));
}

#[test]
fn an_answer_cut_off_anywhere_is_an_error() {
    let end = APACHE.trim_end().len();
    for length in 0..end {
        assert!(parse(&APACHE.as_bytes()[..length]).is_err(), "{length} of {end} bytes");
    }
}

#[test]
fn what_is_no_multistatus_is_an_error() {
    for xml in [
        "",
        "hello",
        "<html><body>It works!</body></html>",
        "<multistatus/>",
        "<multistatus xmlns='other'/>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><multistatus xmlns='DAV:'/>",
        "<multistatus xmlns='DAV:'>&unknown;</multistatus>",
        "<multistatus xmlns='DAV:'/><multistatus xmlns='DAV:'/>",
    ] {
        assert!(parse(xml.as_bytes()).is_err(), "{xml}");
    }
    assert!(
        parse(wrapped("<propstat><prop><getcontentlength>many</getcontentlength></prop></propstat>").as_bytes())
            .is_err()
    );
    assert!(parse(wrapped(&"<a>".repeat(1000)).as_bytes()).is_err());
    assert_eq!(parse(b"<multistatus xmlns='DAV:'/>"), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..APACHE.len(), byte in any::<u8>(), cut in 0..APACHE.len()) {
        let mut bytes = APACHE.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = parse(&bytes);
        bytes.truncate(cut);
        let _ = parse(&bytes);
    }
}
