//! Good samples pass, broken ones fail; and a broken copy of what really came back fails too.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Control;
use crate::probe::{Budget, Limits, ProbeKind, kind_of, samples};
use crate::verdict::ProbeVerdict;

pub(super) fn run(control: &Control<'_>) -> io::Result<Vec<String>> {
    let mut missed = Vec::new();
    for kind in ProbeKind::SAMPLED {
        let sample = control.folder.join(format!("sample.{kind}"));
        samples::write(kind, &sample)?;
        if look(control, kind, &sample) != ProbeVerdict::Pass {
            missed.push(format!("a good {kind} does not pass"));
        }
        if !is_noticed(control, kind, &sample, &ways(kind))? {
            missed.push(format!("a broken {kind} was not noticed"));
        }
    }
    for (kind, path) in control.probed {
        let file = control.tree.join(OsStr::from_bytes(path));
        if !is_noticed(control, *kind, &file, &further_ways(*kind))? {
            missed.push(format!("a broken copy of {} was not noticed", String::from_utf8_lossy(path)));
        }
    }
    Ok(missed)
}

/// A base backup is a whole folder, and what a job asks is no file: no copy of one file stands for them.
#[must_use]
pub const fn can_be_broken(kind: ProbeKind) -> bool {
    !matches!(kind, ProbeKind::PostgresBase) && !kind.is_own()
}

fn look(control: &Control<'_>, kind: ProbeKind, file: &Path) -> ProbeVerdict {
    (control.checks.probe)(kind, file, control.work, &Budget::start(control.clock, Limits::default())).verdict
}

/// A way to break a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One byte, of the first page of an SQLite database; in the middle of anything else.
    Flip,
    /// So many parts of so many are left.
    Cut(u64, u64),
}

/// Which one breaks it depends on what is inside: a member may end just where the copy is cut, and a byte may lie where
/// no checksum reaches. What starts a server is broken so that it is noticed before that, if it is at all.
fn ways(kind: ProbeKind) -> Vec<Way> {
    let flip = ProbeKind::SAMPLED.contains(&kind).then_some(Way::Flip);
    flip.into_iter().chain([Way::Cut(3, 4), Way::Cut(1, 2)]).collect()
}

/// What people keep may be followed by what is no part of it (a film behind a photo, zeros behind an archive): the cut
/// comes nearer and nearer to the beginning.
fn further_ways(kind: ProbeKind) -> Vec<Way> {
    let nearer = (2..32).map(|halves| Way::Cut(1, 1 << halves));
    ways(kind).into_iter().chain(nearer).collect()
}

/// Does the probe fail on a copy that was broken in one of these ways, and still begins as what it is?
fn is_noticed(control: &Control<'_>, kind: ProbeKind, good: &Path, ways: &[Way]) -> io::Result<bool> {
    let path = control.folder.join("broken");
    let mut copy = File::options().read(true).write(true).create_new(true).open(&path)?;
    let bytes = io::copy(&mut File::open(good)?, &mut copy)?;
    let mut noticed = false;
    for way in ways {
        let is_broken = break_it(&copy, bytes, kind, *way)?;
        if !is_broken || !is_still(kind, &path)? {
            break;
        }
        noticed = look(control, kind, &path) == ProbeVerdict::Fail;
        if noticed {
            break;
        }
        if *way == Way::Flip {
            flip(&copy, bytes, kind)?;
        }
    }
    fs::remove_file(&path)?;
    Ok(noticed)
}

/// Is it another one now?
fn break_it(copy: &File, bytes: u64, kind: ProbeKind, way: Way) -> io::Result<bool> {
    match way {
        Way::Flip => flip(copy, bytes, kind)?,
        Way::Cut(parts, of) => {
            let left = bytes / of * parts;
            copy.set_len(left)?;
            return Ok(left > 0);
        }
    }
    Ok(true)
}

/// A probe is not the better for what its file's first bytes tell alone. What an image is takes more than those.
fn is_still(kind: ProbeKind, copy: &Path) -> io::Result<bool> {
    Ok(kind == ProbeKind::Image || kind_of(copy)? == Some(kind))
}

/// Done twice it is as before.
fn flip(copy: &File, bytes: u64, kind: ProbeKind) -> io::Result<()> {
    let at = if kind == ProbeKind::Sqlite { 100 } else { bytes / 2 };
    let mut byte = [0];
    copy.read_exact_at(&mut byte, at)?;
    copy.write_all_at(&[byte[0] ^ 0xff], at)
}
