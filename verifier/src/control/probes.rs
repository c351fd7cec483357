//! Good samples pass, broken ones fail; and a broken copy of what really came back fails too.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{BYTES_MAX, Control};
use crate::probe::{Budget, Limits, ProbeKind, probe, samples};
use crate::verdict::ProbeVerdict;

pub(super) fn run(control: &Control<'_>) -> io::Result<Vec<String>> {
    let mut missed = Vec::new();
    for kind in ProbeKind::SAMPLED {
        let sample = control.folder.join(format!("sample.{kind}"));
        samples::write(kind, &sample)?;
        if look(control, kind, &sample) != ProbeVerdict::Pass {
            missed.push(format!("a good {kind} does not pass"));
        }
        if !fails_broken(control, kind, &fs::read(&sample)?)? {
            missed.push(format!("a broken {kind} was not noticed"));
        }
    }
    for (kind, path) in control.probed.iter().filter(|(kind, _)| can_be_broken(*kind)) {
        let file = control.tree.join(OsStr::from_bytes(path));
        if fs::symlink_metadata(&file)?.len() <= BYTES_MAX && !fails_broken(control, *kind, &fs::read(&file)?)? {
            missed.push(format!("a broken copy of {} was not noticed", String::from_utf8_lossy(path)));
        }
    }
    Ok(missed)
}

/// A base backup is a whole folder, and a job's command is no file: no copy of one file stands for them.
fn can_be_broken(kind: ProbeKind) -> bool {
    !matches!(kind, ProbeKind::PostgresBase | ProbeKind::Command)
}

fn look(control: &Control<'_>, kind: ProbeKind, file: &Path) -> ProbeVerdict {
    probe(kind, file, control.work, &Budget::start(control.clock, Limits::default())).verdict
}

/// Does the probe fail on one of the ways to break the data? Which one breaks it depends on what is inside: a member
/// may end just where the copy is cut, and a byte may lie where no checksum reaches.
fn fails_broken(control: &Control<'_>, kind: ProbeKind, good: &[u8]) -> io::Result<bool> {
    let file: PathBuf = control.folder.join("broken");
    for bytes in broken(kind, good) {
        fs::write(&file, bytes)?;
        if look(control, kind, &file) == ProbeVerdict::Fail {
            fs::remove_file(&file)?;
            return Ok(true);
        }
    }
    fs::remove_file(&file)?;
    Ok(false)
}

fn broken(kind: ProbeKind, good: &[u8]) -> Vec<Vec<u8>> {
    let cut = |quarters: usize| good[..good.len() / 4 * quarters].to_vec();
    // What starts a server is broken so that it is noticed before that, if it is at all.
    if !ProbeKind::SAMPLED.contains(&kind) {
        return vec![cut(2), cut(3)];
    }
    let mut flipped = good.to_vec();
    // The kind of the first page of an SQLite database; the middle of anything else.
    let at = if kind == ProbeKind::Sqlite { 100 } else { good.len() / 2 };
    if let Some(byte) = flipped.get_mut(at) {
        *byte ^= 0xff;
    }
    vec![flipped, cut(2), cut(3)]
}
