//! Good samples pass, broken ones fail; and a broken copy of what really came back fails too.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Control, questions};
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
        let fails = |copy: &Path| look(control, kind, copy) == ProbeVerdict::Fail;
        if !is_noticed(control, &sample, &Breaking { kind, ways: ways(kind), fails: &fails })? {
            missed.push(format!("a broken {kind} was not noticed"));
        }
    }
    for (kind, path) in control.probed {
        let (file, name) = (control.tree.join(OsStr::from_bytes(path)), String::from_utf8_lossy(path));
        if kind.is_question() {
            let of = kind_of(&file)?.unwrap_or(*kind);
            let fails = |copy: &Path| questions::fail(control, *kind, (of, path), copy);
            if !is_noticed(control, &file, &Breaking { kind: of, ways: further_ways(of), fails: &fails })? {
                missed.push(format!("a broken copy of {name}, asked by its job, was not noticed"));
            }
            continue;
        }
        let fails = |copy: &Path| look(control, *kind, copy) == ProbeVerdict::Fail;
        if !is_noticed(control, &file, &Breaking { kind: *kind, ways: further_ways(*kind), fails: &fails })? {
            missed.push(format!("a broken copy of {name} was not noticed"));
        }
    }
    Ok(missed)
}

/// A base backup is a whole folder, and a job's command is no file: no copy of one file stands for them.
#[must_use]
pub const fn can_be_broken(kind: ProbeKind) -> bool {
    !matches!(kind, ProbeKind::PostgresBase | ProbeKind::Command)
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

/// How copies of a file are broken.
struct Breaking<'b> {
    kind: ProbeKind,
    ways: Vec<Way>,
    /// Does the check fail on a copy?
    fails: &'b dyn Fn(&Path) -> bool,
}

/// Does the check fail on a copy that was broken in one of these ways, and still begins as what it is?
fn is_noticed(control: &Control<'_>, good: &Path, breaking: &Breaking<'_>) -> io::Result<bool> {
    let Breaking { kind, ways, fails } = breaking;
    let path = control.folder.join("broken");
    let mut copy = File::options().read(true).write(true).create_new(true).open(&path)?;
    let bytes = io::copy(&mut File::open(good)?, &mut copy)?;
    let mut noticed = false;
    for way in ways {
        let is_broken = break_it(&copy, bytes, *kind, *way)?;
        if !is_broken || !is_still(*kind, &path)? {
            break;
        }
        noticed = fails(&path);
        if noticed {
            break;
        }
        if *way == Way::Flip {
            flip(&copy, bytes, *kind)?;
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
