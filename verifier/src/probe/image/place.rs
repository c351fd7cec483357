//! A part of an image → something that a tool can be given: a read-only loop device, or a copy.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::budget::Budget;
use super::super::copy_folder::copy_file;
use super::super::sandbox::{Sandbox, Whom};
use super::super::{Finding, tool, unable};

/// Bytes of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub start: u64,
    pub bytes: u64,
}

/// Where a tool finds them. Gone when this is.
pub(super) struct Place {
    path: PathBuf,
    /// While we hold it the kernel keeps the device.
    device: Option<File>,
}

impl Place {
    /// A device that can't be written to, or a copy where there can be none.
    pub fn to_read(sandbox: &Sandbox<'_>, image: &Path, span: Span, budget: &Budget) -> Result<Self, Finding> {
        match device(sandbox, image, span)? {
            Some(place) => Ok(place),
            None => Self::copied(sandbox, image, span, budget),
        }
    }

    /// A copy that may be written to.
    pub fn copied(sandbox: &Sandbox<'_>, image: &Path, span: Span, budget: &Budget) -> Result<Self, Finding> {
        let unread = |error: io::Error| {
            unable(budget.overrun().unwrap_or_else(|| format!("it can't be copied into scratch: {error}")))
        };
        let mut file = super::super::open(image).map_err(unread)?;
        sandbox.needs_room(span.bytes)?;
        let path = sandbox.stage().join("part");
        file.seek(SeekFrom::Start(span.start)).map_err(unread)?;
        let _ = std::fs::remove_file(&path);
        copy_file(file.take(span.bytes), &path, &|bytes| budget.spend(bytes)).map_err(unread)?;
        Ok(Self { path, device: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub const fn is_copy(&self) -> bool {
        self.device.is_none()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_copy() {
            // Else it goes with the stage.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A loop device that the kernel takes away once nobody holds it; none where there can be none.
fn device(sandbox: &Sandbox<'_>, image: &Path, span: Span) -> Result<Option<Place>, Finding> {
    if !sandbox.is_root() {
        return Ok(None);
    }
    let Ok(losetup) = tool::find("losetup") else { return Ok(None) };
    let words = ["--find".to_owned(), "--show".to_owned(), "--read-only".to_owned()];
    let span = [format!("--offset={}", span.start), format!("--sizelimit={}", span.bytes)];
    let call = sandbox.call(&losetup).words(words).words(span).words([OsString::from(image)]);
    let said = call.whom(Whom::Driller).run()?;
    let path = PathBuf::from(said.out.trim());
    if !said.is_good() || !path.is_absolute() {
        return Ok(None);
    }
    let held = File::open(&path);
    // It stays as long as we hold it, and not a moment longer, however we end.
    let let_go = sandbox.call(&losetup).words(["--detach"]).words([path.as_os_str()]).whom(Whom::Driller).run()?;
    let held = held.map_err(|error| unable(format!("{}: {error}", path.display())))?;
    if !let_go.is_good() {
        return Err(unable(format!("losetup --detach: {}", let_go.words())));
    }
    Ok(Some(Place { path, device: Some(held) }))
}
