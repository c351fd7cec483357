//! Entries, finds and changes as the contract prints them. Pure.

use serde::Serialize;

use super::diff::{Aspects, Change};
use crate::model::{DeviceKind, Entry, EntryPath, Kind, PointName, Time};

/// `engine ls POINT --json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntriesJson {
    /// In the order of paths.
    pub entries: Vec<EntryJson>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EntryJson {
    /// Lossy where the bytes are not UTF-8.
    pub path: String,
    /// Base64 of the bytes, where `path` is lossy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// The contract's word.
    pub kind: &'static str,
    /// Apparent size; files only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Four octal digits.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// RFC 3339, or as [`time_text`] has it.
    pub modified: String,
    /// BLAKE3 of the content; files only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Where a symbolic link leads, or a further name's first name; lossy as `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Base64 of the target's bytes, where `target` is lossy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bytes: Option<String>,
    /// `character` or `block`; devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'static str>,
    /// Devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// Devices only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor: Option<u32>,
    /// True if the file would not hold still while it was read; else absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unstable: bool,
}

/// One find: an entry and the point that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundJson {
    /// The point's id.
    pub point: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryJson,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangeJson {
    /// Lossy where the bytes are not UTF-8.
    pub path: String,
    /// Base64 of the bytes, where `path` is lossy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// `added`, `removed` or `modified`.
    pub change: &'static str,
    /// Of a modified one: `kind`, `content`, `meta`, `modified`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<&'static str>,
    /// As it was; absent if added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<EntryJson>,
    /// As it became; absent if removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<EntryJson>,
}

impl From<&Entry> for EntryJson {
    fn from(entry: &Entry) -> Self {
        let meta = &entry.meta;
        let (path, path_bytes) = text(entry.path.as_bytes());
        let plain = Self {
            path,
            path_bytes,
            kind: entry.kind.as_str(),
            bytes: None,
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            modified: time_text(meta.modified),
            digest: None,
            target: None,
            target_bytes: None,
            device: None,
            major: None,
            minor: None,
            unstable: false,
        };
        plain.with_kind(&entry.kind)
    }
}

impl EntryJson {
    fn with_kind(self, kind: &Kind) -> Self {
        match kind {
            Kind::File(content) => Self {
                bytes: Some(content.bytes),
                digest: Some(content.digest.to_string()),
                unstable: content.unstable,
                ..self
            },
            Kind::Symlink(target) => self.with_target(target),
            Kind::Hardlink(first) => self.with_target(first.as_bytes()),
            Kind::Device { kind, major, minor } => Self {
                device: Some(if *kind == DeviceKind::Block { "block" } else { "character" }),
                major: Some(*major),
                minor: Some(*minor),
                ..self
            },
            Kind::Folder | Kind::Fifo | Kind::Socket => self,
        }
    }

    fn with_target(self, target: &[u8]) -> Self {
        let (target, target_bytes) = text(target);
        Self { target: Some(target), target_bytes, ..self }
    }
}

impl FoundJson {
    /// Of an entry in a point.
    #[must_use]
    pub fn new(point: PointName, entry: &Entry) -> Self {
        Self { point: point.id.to_string(), entry: entry.into() }
    }
}

impl From<&Change> for ChangeJson {
    fn from(change: &Change) -> Self {
        let (path, path_bytes) = path_text(change.path());
        let json = |entry: &Entry| Some(EntryJson::from(entry));
        let (change, differs, before, after) = match change {
            Change::Added(entry) => ("added", Vec::new(), None, json(entry)),
            Change::Removed(entry) => ("removed", Vec::new(), json(entry), None),
            Change::Modified { before, after, aspects } => ("modified", aspects.words(), json(before), json(after)),
        };
        Self { path, path_bytes, change, differs, before, after }
    }
}

impl Aspects {
    /// The contract's words for them.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let all = [(self.kind, "kind"), (self.content, "content"), (self.meta, "meta"), (self.modified, "modified")];
        all.into_iter().filter(|(differs, _)| *differs).map(|(_, word)| word).collect()
    }
}

/// A path for `path` and `path-bytes`: lossy text, and base64 where it is lossy.
#[must_use]
pub fn path_text(path: &EntryPath) -> (String, Option<String>) {
    text(path.as_bytes())
}

fn text(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(data_encoding::BASE64.encode(bytes))),
    }
}

/// RFC 3339 with as many digits as the time has; outside of the years 0 to 9999, which it can't express, `@` and the
/// seconds since 1970, as `date -d` takes them.
#[must_use]
pub fn time_text(time: Time) -> String {
    let nanos = i32::try_from(time.nanos).unwrap_or(0);
    let stamp = jiff::Timestamp::new(time.seconds, 0)
        .and_then(|whole| whole.checked_add(jiff::SignedDuration::from_nanos(i64::from(nanos))));
    match stamp {
        Ok(stamp) if time.seconds >= YEAR_ZERO => stamp.to_string(),
        _ => {
            let fraction = format!(".{:09}", time.nanos);
            let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
            // Seconds are rounded down: the fraction goes up from them, whatever their sign.
            if time.seconds < 0 && time.nanos > 0 { negative(time) } else { format!("@{}{fraction}", time.seconds) }
        }
    }
}

/// 0000-01-01T00:00:00Z
const YEAR_ZERO: i64 = -62_167_219_200;

/// A time before 1970 with a fraction, as one decimal number.
fn negative(time: Time) -> String {
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let (whole, fraction) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let fraction = format!("{fraction:09}");
    format!("@-{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_as_many_digits_as_they_need_and_none_panics() {
        for (seconds, nanos, text) in [
            (1_795_165_200, 500_000_000, "2026-11-20T09:00:00.5Z"),
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (YEAR_ZERO, 0, "0000-01-01T00:00:00Z"),
            (YEAR_ZERO - 1, 0, "@-62167219201"),
            (YEAR_ZERO - 1, 250_000_000, "@-62167219200.75"),
            (i64::MAX, 10, "@9223372036854775807.00000001"),
            (i64::MIN, 0, "@-9223372036854775808"),
        ] {
            assert_eq!(time_text(Time { seconds, nanos }), text);
        }
        let year_ten_thousand = time_text(Time { seconds: 253_402_300_800, nanos: 0 });
        assert_eq!(year_ten_thousand, "@253402300800");
        let _ = time_text(Time { seconds: i64::MIN, nanos: u32::MAX });
    }
}
