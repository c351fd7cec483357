//! What is mounted, and word of every change of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const TABLE: &str = "/proc/self/mountinfo";

/// Hears of every mount and unmount, through `poll` on the table of mounts.
#[derive(Debug)]
pub struct MountWatch(File);

impl MountWatch {
    /// Hears of changes from now on.
    ///
    /// # Errors
    /// Of the system: there is no `/proc`.
    pub fn new() -> io::Result<Self> {
        let mut table = File::open(TABLE)?;
        // What was never read is never called changed.
        io::copy(&mut table, &mut io::sink())?;
        Ok(Self(table))
    }

    /// Waited on by `StopSignal::wait`. Each change wakes once for each watch.
    #[allow(clippy::unnecessary_wraps)]
    pub(in super::super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    /// How often a system that sends no word must be looked at; none: it sends word.
    #[must_use]
    pub const fn poll_interval(&self) -> Option<std::time::Duration> {
        None
    }
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: u64,
    pub(super) mount_point: PathBuf,
    pub(super) kind: String,
    pub(super) source: String,
}

/// All mounts, in the order of the table: a later one hides an earlier one.
pub(super) fn mounts() -> io::Result<Vec<Mount>> {
    let mut table = Vec::new();
    File::open(TABLE)?.read_to_end(&mut table)?;
    Ok(table.split(|&byte| byte == b'\n').filter_map(parse).collect())
}

/// `36 35 98:0 /root /mount/point options [tags] - kind source options`, as proc(5) says.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let mount_point = PathBuf::from(std::ffi::OsString::from_vec(unescaped(fields.nth(1)?)));
    let mut after = fields.skip_while(|field| *field != b"-").skip(1);
    let mut text = || after.next().map(|field| String::from_utf8_lossy(&unescaped(field)).into_owned());
    Some(Mount {
        device: rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?),
        mount_point,
        kind: text()?,
        source: text()?,
    })
}

/// The kernel writes blanks, tabs, line ends and backslashes as `\040`.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] if first == b'\\' => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read_with_its_escapes() {
        let line = br"36 35 8:17 /x /media/ann/MY\040DRIVE rw,noatime master:1 - ext4 /dev/sdb1 rw,errors=continue";
        let mount = parse(line).expect("a line");
        assert_eq!(mount.mount_point, PathBuf::from("/media/ann/MY DRIVE"));
        let rest = (mount.device, mount.kind.as_str(), mount.source.as_str());
        assert_eq!(rest, (rustix::fs::makedev(8, 17), "ext4", "/dev/sdb1"));
        assert_eq!(parse(b""), None);
        assert!(mounts().expect("Linux").iter().any(|mount| mount.mount_point == *"/"));
    }
}
