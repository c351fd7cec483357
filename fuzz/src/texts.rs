//! Harnesses of texts: the configuration, schedules, the recovery sheet, paths and names.

use std::path::Path;

use engine::config::{ConfigError, parse_bytes};
use engine::format::{HeadName, KeysName};
use engine::model::{EntryPath, Name, ObjectName, PointName, Time, VaultPath};
use engine::schedule::Schedule;
use engine::seal::{sheet_read, sheet_text_parse, sheet_words};
use jiff::tz::TimeZone;

/// The configuration.
pub fn configuration(data: &[u8]) {
    let file = Path::new("/etc/offsite/offsite.toml");
    match parse_bytes(data, file) {
        Ok(config) => {
            assert_eq!(config.file, file);
            let known = |job: &engine::config::Job| job.offsite.iter().all(|name| config.destination(name).is_some());
            assert!(config.jobs.iter().all(known), "an unknown destination's name is refused");
        }
        Err(errors) => {
            assert!((1..=50).contains(&errors.len()), "one at least, fifty at most");
            errors.iter().for_each(|error| has_its_place(error, data));
        }
    }
}

/// The place is one of the file, and the message is one line.
fn has_its_place(error: &ConfigError, data: &[u8]) {
    let lines = data.split(|&byte| byte == b'\n').count();
    assert!(error.line >= 1 && error.line as usize <= lines, "line {} of {lines}", error.line);
    let columns = data.split(|&byte| byte == b'\n').nth(error.line as usize - 1).map_or(0, <[u8]>::len);
    assert!(error.column >= 1 && error.column as usize <= columns + 1, "column {} of {columns}", error.column);
    assert!(!error.to_string().contains('\n'), "one line: {error}");
}

/// A schedule, and the next moments that it names.
pub fn schedule(data: &[u8]) {
    let Some(schedule) = text(data).and_then(|text| text.parse::<Schedule>().ok()) else { return };
    assert_eq!(schedule.to_string().parse(), Ok(schedule.clone()), "shown as it was written");
    for zone in ["UTC", "Europe/Berlin", "Australia/Lord_Howe"] {
        let zone = TimeZone::get(zone).expect("bundled");
        let mut last = Time::from_seconds(1_774_000_000);
        for _ in 0..3 {
            let Some(next) = schedule.next_after(last, &zone) else { break };
            assert!(next > last, "strictly later");
            last = next;
        }
    }
}

/// The recovery sheet: its secret as typed, and the page.
pub fn sheet(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(secret) = sheet_text_parse(text) {
        let typed = std::str::from_utf8(&secret).expect("letters and digits");
        assert_eq!(*sheet_text_parse(typed).expect("itself"), *secret, "the secret is its own text");
        if !text.contains(['\n', '\r']) {
            assert_eq!(*sheet_read(text).expect("a page of one line"), *secret);
        }
        let words = sheet_words(typed).expect("its own letters");
        let lines: Vec<&str> = words.iter().map(|line| line.as_str()).collect();
        assert_eq!(*sheet_read(&lines.join("\n")).expect("its own words"), *secret, "either form is the secret");
    }
    if let Ok(secret) = sheet_read(text) {
        assert!(!secret.is_empty());
    }
}

/// Paths in a vault and in a point, and the names of a vault's files.
pub fn paths(data: &[u8]) {
    if let Ok(path) = EntryPath::parse(data) {
        assert_eq!(path.as_bytes(), data);
        assert_eq!(path.parts().collect::<Vec<_>>().join(&b'/'), data, "made of its parts");
        assert!(path.parts().all(|part| !matches!(part, b"" | b"." | b"..")), "never outside");
        assert!(path.folder().is_none_or(|folder| path.is_within(&folder) && folder < path), "below its folder");
    }
    let Some(text) = text(data) else { return };
    vault_path(text);
    shown_as_read::<PointName>(text);
    shown_as_read::<KeysName>(text);
    shown_as_read::<HeadName>(text);
    shown_as_read::<Name>(text);
}

fn vault_path(text: &str) {
    let Ok(path) = VaultPath::parse(text) else { return };
    assert_eq!(path.as_str(), text);
    assert!(path.parts().all(|part| !matches!(part, "" | "." | "..")), "never outside");
    assert_eq!(path.folder().child(path.file_name()), Ok(path.clone()), "a child of its folder");
    if let Some(object) = ObjectName::at(&path) {
        assert_eq!(object.path(), path, "an object lies at one path only");
    }
}

fn shown_as_read<N: std::str::FromStr + ToString>(text: &str) {
    if let Ok(name) = text.parse::<N>() {
        assert_eq!(name.to_string(), text, "one form");
    }
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
