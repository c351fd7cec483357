//! The image of a drive → a block device, and a look at whether it is there now.
//!
//! In: a file's content, a device that nobody uses and that is large enough. Out: what of it could not be had. Invariant:
//! a device that holds something else than the image afterwards is an error, told by a whole read from the medium.
//! Deliberately absent: asking whether it is meant.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::outcome::{Cause, in_words};
use crate::model::{Content, Span};
use crate::platform::{self, DriveKind};
use crate::vault::{ChunkSource, PackNames};

/// Read and written at once.
const BLOCK: usize = 1 << 20;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Why a device was not written, or does not hold what it should.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// It is not there, or may not be written.
    #[error("{} can't be written", device.display())]
    Open {
        /// The device.
        device: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no block device", .0.display())]
    NoDevice(PathBuf),
    /// It, or a part of it, is in use.
    #[error("{} is in use: {how}", device.display())]
    InUse {
        /// The device.
        device: PathBuf,
        /// In which way.
        how: String,
    },
    /// The image does not fit.
    #[error("{} has {has} bytes, the image has {needs}", device.display())]
    Small {
        /// The device.
        device: PathBuf,
        /// Its bytes.
        has: u64,
        /// The image's.
        needs: u64,
    },
    /// Writing or reading it failed; what is on it is neither the old nor the new.
    #[error("{} failed at byte {at}; what is on it now is not whole", device.display())]
    Failed {
        /// The device.
        device: PathBuf,
        /// Where.
        at: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No place can be asked any more.
    #[error("the image can't be read on at byte {at}: {why}; what is on the device now is not whole")]
    Unreachable {
        /// Where.
        at: u64,
        /// For people.
        why: String,
    },
    /// It does not give back what was written.
    #[error("{} does not give back what was written to it", .0.display())]
    Differs(PathBuf),
    /// Told to stop.
    #[error("stopped on request; what is on the device now is not whole")]
    Stopped,
}

/// A block device that is ours to write.
#[derive(Debug)]
pub struct Device {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// A part of an image that could not be had from any place; it is zeros now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostPart {
    /// Which bytes.
    pub bytes: Range<u64>,
    /// For people.
    pub why: String,
}

/// How a device is written.
pub struct Writing<'w> {
    /// Where chunks come from.
    pub source: &'w dyn ChunkSource,
    /// Which packs they are in.
    pub names: &'w PackNames,
    /// Asked now and then: stop?
    pub stop: &'w dyn Fn() -> bool,
    /// Told how many bytes are written and read back, of twice the image.
    pub progress: &'w dyn Fn(u64),
}

impl Device {
    /// Takes a device for an image of `needs` bytes; as long as it is held nobody can mount it.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn claim(path: &Path, needs: u64) -> Result<Self, DeviceError> {
        let open = |source| DeviceError::Open { device: path.to_owned(), source };
        if platform::drive_kind(path).map_err(open)? != DriveKind::Device {
            return Err(DeviceError::NoDevice(path.to_owned()));
        }
        let mounts = platform::mounted_from(path).map_err(open)?;
        if let Some(mount) = mounts.first() {
            let how = format!("mounted at {}", mount.display());
            return Err(DeviceError::InUse { device: path.to_owned(), how });
        }
        let file = platform::claim_drive(path).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => {
                let how = "the system holds it, or a part of it (swap, LVM, RAID, a mount elsewhere)".to_owned();
                DeviceError::InUse { device: path.to_owned(), how }
            }
            _ => open(error),
        })?;
        let has = platform::drive_bytes(&file).map_err(open)?;
        if has < needs {
            return Err(DeviceError::Small { device: path.to_owned(), has, needs });
        }
        Ok(Self { path: path.to_owned(), file, bytes: has })
    }

    /// Its size.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the image from the first byte on, holes as zeros, and reads it back. What lies behind it on the device
    /// stays.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn write(&self, content: &Content, writing: &Writing<'_>) -> Result<Vec<LostPart>, DeviceError> {
        let (mut at, mut lost) = (0, Vec::new());
        for span in &content.spans {
            if (writing.stop)() {
                return Err(DeviceError::Stopped);
            }
            let bytes = match span {
                Span::Hole(bytes) => *bytes,
                Span::Data(chunk) => u64::from(chunk.plain),
            };
            // The decoder made sure that the spans add up.
            let part = at..at + bytes;
            match span {
                Span::Hole(_) => self.zero(&part)?,
                Span::Data(chunk) => match writing.names.chunk(writing.source, chunk) {
                    Ok(plain) => self.file.write_all_at(&plain, at).map_err(|source| self.failed(at, source))?,
                    Err(error) if Cause::of(&error) == Cause::Unreachable => {
                        return Err(DeviceError::Unreachable { at, why: in_words(&error) });
                    }
                    Err(error) => {
                        self.zero(&part)?;
                        lost.push(LostPart { bytes: part, why: in_words(&error) });
                    }
                },
            }
            at += bytes;
            (writing.progress)(at);
        }
        self.file.sync_all().map_err(|source| self.failed(at, source))?;
        if lost.is_empty() {
            self.compare(content, writing)?;
        }
        Ok(lost)
    }

    /// Whatever the device held there, it reads as zeros afterwards.
    fn zero(&self, part: &Range<u64>) -> Result<(), DeviceError> {
        if platform::zero_range(&self.file, part.start, part.end - part.start) {
            return Ok(());
        }
        let mut at = part.start;
        while at < part.end {
            let now = usize::try_from(part.end - at).map_or(BLOCK, |left| left.min(BLOCK));
            self.file.write_all_at(&ZEROS[..now], at).map_err(|source| self.failed(at, source))?;
            at += now as u64;
        }
        Ok(())
    }

    /// Reads it back, from the medium and not from memory.
    fn compare(&self, content: &Content, writing: &Writing<'_>) -> Result<(), DeviceError> {
        let file = platform::open_drive(&self.path).map_err(|source| self.failed(0, source))?;
        platform::forget_cached(&file);
        let (mut hasher, mut at, mut block) = (blake3::Hasher::new(), 0, Vec::new());
        while at < content.bytes {
            if (writing.stop)() {
                return Err(DeviceError::Stopped);
            }
            let wanted = usize::try_from(content.bytes - at).map_or(BLOCK, |left| left.min(BLOCK));
            block.clear();
            let read = platform::read_at(&file, at, wanted, &mut block).map_err(|source| self.failed(at, source))?;
            if read < wanted {
                return Err(self.failed(at, io::ErrorKind::UnexpectedEof.into()));
            }
            hasher.update_rayon(&block);
            at += read as u64;
            (writing.progress)(content.bytes.saturating_add(at));
        }
        platform::forget_cached(&file);
        let is_same = *hasher.finalize().as_bytes() == content.digest.0;
        if is_same { Ok(()) } else { Err(DeviceError::Differs(self.path.clone())) }
    }

    fn failed(&self, at: u64, source: io::Error) -> DeviceError {
        DeviceError::Failed { device: self.path.clone(), at, source }
    }
}
