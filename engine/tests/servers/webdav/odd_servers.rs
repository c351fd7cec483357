//! Servers that answer as none should, played by a listener that says the same whatever is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use engine::config::{Server as Address, Transport, WebDav};
use engine::destination::WebDavStore;
use engine::destination::{ErrorKind, ReadStore, WriteStore};

use super::places::opened;
use crate::common::{kind, path, put, told, whole};

/// Stops reading a long body.
const STOPS: &str = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/// What is answered to a request of this method for this path.
type Answers = fn(&str, &str) -> String;

fn played(answers: Answers) -> WebDav {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&connection, answers));
        }
    });
    let server = Address { user: None, host: "127.0.0.1".to_owned(), port, path: "/v".to_owned() };
    WebDav { server, transport: Transport::Plain, password: None, ca_file: None }
}

/// Answers each request; the connection ends with an answer that names no length.
fn serve(connection: &TcpStream, answers: Answers) -> Option<()> {
    let mut lines = BufReader::new(connection);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        lines.read_line(&mut first).ok()?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).ok()? <= 2 {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut words = first.split(' ');
        let answer = answers(words.next()?, words.next()?);
        if answer == STOPS && length > 1000 {
            std::thread::park();
        }
        lines.read_exact(&mut vec![0; length]).ok()?;
        (&mut &*connection).write_all(answer.as_bytes()).ok()?;
        if !answer.to_lowercase().contains("content-length") {
            return None;
        }
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn multistatus(href: &str, properties: &str) -> String {
    let response = format!(
        "<response><href>{href}</href><propstat><prop>{properties}</prop><status>HTTP/1.1 200 OK</status></propstat></response>"
    );
    answer("207 Multi-Status", "", &format!("<multistatus xmlns='DAV:'>{response}</multistatus>"))
}

/// `/v` is a folder, all else a file of 10 bytes.
fn look(asked: &str) -> String {
    match asked {
        "/v" | "/v/" => multistatus("/v/", "<resourcetype><collection/></resourcetype>"),
        _ => multistatus(asked, "<resourcetype/><getcontentlength>10</getcontentlength>"),
    }
}

fn open(answers: Answers) -> WebDavStore {
    opened(&played(answers)).unwrap_or_else(|error| panic!("{}", told(&error)))
}

#[test]
fn a_whole_object_for_a_part_gives_the_right_bytes() {
    let store = open(|method, asked| match method {
        "GET" => answer("200 OK", "", "0123456789"),
        _ => look(asked),
    });
    assert_eq!(store.read(&path("a"), 3, 4).unwrap(), b"3456");
    assert_eq!(store.read(&path("a"), 8, 4).unwrap(), b"89");
    assert_eq!(store.read(&path("a"), 20, 4).unwrap(), b"");
}

#[test]
fn another_part_than_was_asked_for_is_refused() {
    let wrong: [Answers; 5] = [
        |method, asked| part(method, asked, "Content-Range: bytes 0-3/10\r\n"),
        |method, asked| part(method, asked, "Content-Range: bytes 3-9/10\r\n"),
        |method, asked| part(method, asked, "Content-Range: bytes 4-6/10\r\n"),
        |method, asked| part(method, asked, "Content-Range: nonsense\r\n"),
        |method, asked| part(method, asked, ""),
    ];
    for (number, answers) in wrong.into_iter().enumerate() {
        assert_eq!(kind(open(answers).read(&path("a"), 3, 4)), Some(ErrorKind::Permanent), "{number}");
    }
}

fn part(method: &str, asked: &str, headers: &str) -> String {
    if method == "GET" { answer("206 Partial Content", headers, "3456") } else { look(asked) }
}

#[test]
fn a_part_that_is_shorter_than_asked_for_is_asked_on() {
    let store = open(|method, asked| match method {
        "GET" if asked.ends_with('a') => answer("206 Partial Content", "Content-Range: bytes 3-4/10\r\n", "34"),
        _ => look(asked),
    });
    // The second answer is the same again, and is not what was asked for then.
    assert_eq!(kind(store.read(&path("a"), 3, 4)), Some(ErrorKind::Permanent));
    assert_eq!(store.read(&path("a"), 3, 2).unwrap(), b"34");
}

#[test]
fn an_answer_without_a_length_is_compared_with_the_objects() {
    let store = open(|method, asked| match (method, asked) {
        ("GET", "/v/whole") => "HTTP/1.1 200 OK\r\n\r\n0123456789".to_owned(),
        ("GET", "/v/short") => "HTTP/1.1 200 OK\r\n\r\n012345".to_owned(),
        ("GET", "/v/long") => "HTTP/1.1 200 OK\r\n\r\n0123456789a".to_owned(),
        ("GET", _) => answer("200 OK", "Content-Encoding: gzip\r\n", "packed"),
        _ => look(asked),
    });
    assert_eq!(whole(&store, "whole").unwrap(), b"0123456789");
    for bad in ["short", "long", "packed"] {
        assert_eq!(kind(whole(&store, bad)), Some(ErrorKind::Transient), "{bad}");
    }
}

#[test]
fn a_list_that_can_not_be_right_is_an_error() {
    for answers in [
        |_: &str, _: &str| multistatus("/elsewhere/", "<resourcetype><collection/></resourcetype>"),
        |_: &str, _: &str| answer("200 OK", "", "<html>It works!</html>"),
        |_: &str, _: &str| answer("207 Multi-Status", "", "<multistatus xmlns='DAV:'></multistatus>"),
        |_: &str, _: &str| answer("207 Multi-Status", "", "\u{0}\u{1}<<<&&&"),
        |_: &str, _: &str| answer("302 Found", "Location: https://login.example/\r\n", ""),
    ] {
        let error = opened(&played(answers)).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Permanent, "{}", told(&error));
    }
}

#[test]
fn a_redirection_is_not_followed_and_told() {
    let error =
        opened(&played(|_, _| answer("301 Moved", "Location: https://other.example/v/\r\n", ""))).err().unwrap();
    assert!(told(&error).contains("it names https://other.example/v/"), "{}", told(&error));
}

#[test]
fn quotas_are_told_and_refusals_have_their_kind() {
    let store = open(|method, asked| match (method, asked) {
        ("PROPFIND", "/v/") => multistatus(
            "/v/",
            "<resourcetype><collection/></resourcetype><quota-available-bytes>7</quota-available-bytes><quota-used-bytes>3</quota-used-bytes>",
        ),
        ("PROPFIND", "/v/full" | "/v/large" | "/v/busy") => answer("404 Not Found", "", ""),
        ("PROPFIND", _) => look(asked),
        ("DELETE", "/v/locked") => answer("423 Locked", "", ""),
        ("DELETE", "/v/busy") => answer("503 Busy", "Retry-After: 9\r\n", ""),
        ("DELETE", "/v/half") => answer("207 Multi-Status", "", ""),
        ("DELETE", "/v/lost") => String::new(),
        _ => answer("507 Insufficient Storage", "", ""),
    });
    let space = store.space().unwrap().unwrap();
    assert_eq!((space.free, space.total), (7, 10));
    assert_eq!(kind(put(&store, "full", b"x")), Some(ErrorKind::Full));
    let locked = store.delete(&path("locked")).err().unwrap();
    assert!(locked.kind == ErrorKind::Transient && told(&locked).contains("locked"), "{}", told(&locked));
    assert_eq!(kind(store.delete(&path("half"))), Some(ErrorKind::Permanent));
    assert_eq!(kind(store.delete(&path("lost"))), Some(ErrorKind::Ambiguous));
    assert_eq!(kind(store.delete(&path("busy"))), None, "it is not there");
}

#[test]
fn a_server_that_stops_reading_is_given_up_within_a_minute() {
    let store = open(|method, asked| match (method, asked) {
        ("PROPFIND", "/v/new") => answer("404 Not Found", "", ""),
        ("PROPFIND", _) => look(asked),
        ("GET", _) => answer("200 OK", "", "01234567abcdef"),
        ("MOVE", _) => answer("412 Precondition Failed", "", ""),
        _ => STOPS.to_owned(),
    });
    let mut writer = store.create(&path("new")).unwrap();
    let begun = std::time::Instant::now();
    let failed = writer.write(&vec![7; 30_000_000]).err().unwrap();
    assert_eq!(failed.kind, ErrorKind::Transient, "{}", told(&failed));
    assert!(begun.elapsed().as_secs() < 45, "{:?}", begun.elapsed());
}
