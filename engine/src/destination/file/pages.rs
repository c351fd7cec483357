//! Open files and what memory holds of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, FallocateFlags};
use rustix::io::Errno;

use super::MediumWay;

/// One read; fewer bytes than the buffer's are no error.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Leaves none of these bytes in memory (DESIGN 5.10). Only advice: a system that can't follow it is not wrong.
pub(super) fn let_go(file: &File, offset: u64, bytes: u64) {
    // More than a file can have: to its end.
    let bytes = if bytes > i64::MAX.unsigned_abs() { 0 } else { bytes };
    let _ = rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(bytes), Advice::DontNeed);
}

/// With a block of its own a file's content is never kept inside the file system's metadata (Btrfs, ext4 inline data),
/// where no read of one file can get past the cache. Where it can't be had, nothing is lost but that.
pub(super) fn reserve_block(file: &File) {
    let _ = reserve(file);
}

#[cfg(not(target_vendor = "apple"))]
fn reserve(file: &File) -> rustix::io::Result<()> {
    rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, 4096)
}

#[cfg(target_vendor = "apple")]
fn reserve(_: &File) -> rustix::io::Result<()> {
    Ok(())
}

/// Are both the same file?
pub(super) fn same(one: &File, other: &File) -> io::Result<bool> {
    let (one, other) = (rustix::fs::fstat(one)?, rustix::fs::fstat(other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Does the error say that the device below failed or went away?
pub(super) fn device_failed(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::ENODEV | libc::ENXIO | libc::ESTALE))
}

/// Writes back and drops what the system holds of the file in memory, and looks whether it did.
pub(super) fn drop_all(file: &File) -> io::Result<MediumWay> {
    match rustix::fs::fsync(file) {
        // A file that is only read may have no flush on a file system that can't be written.
        Ok(()) | Err(Errno::INVAL | Errno::ROFS) => {}
        Err(error) => return Err(error.into()),
    }
    // Random access: a look at one page must not fetch its neighbours.
    let advised = rustix::fs::fadvise(file, 0, None, Advice::DontNeed)
        .and_then(|()| rustix::fs::fadvise(file, 0, None, Advice::Random));
    let way = match advised {
        Ok(()) if !any_page_held(file)? => MediumWay::Dropped,
        _ => MediumWay::Cached,
    };
    let _ = rustix::fs::fadvise(file, 0, None, Advice::Sequential);
    Ok(way)
}

/// Does memory still hold one of 16 pages spread over the file? A read that must not wait gets nothing if not. The
/// answer may be a false yes (a medium that needs no waiting), never a false no for the pages sampled.
#[cfg(target_os = "linux")]
fn any_page_held(file: &File) -> io::Result<bool> {
    use rustix::io::ReadWriteFlags;
    let bytes = file.metadata()?.len();
    let step = (bytes / 16).max(4096);
    let mut offset = 0;
    while offset < bytes {
        let mut byte = [0];
        match rustix::io::preadv2(file, &mut [io::IoSliceMut::new(&mut byte)], offset, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN) => {}
            _ => return Ok(true),
        }
        offset = offset.saturating_add(step);
    }
    Ok(false)
}

#[cfg(not(target_os = "linux"))]
fn any_page_held(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// How near a read can come that gets past the file's own pages: a FUSE daemon reads its drive through the cache of the
/// block device, which is dropped here if we may open it; what else a daemon keeps can't be known.
#[cfg(target_os = "linux")]
pub(super) fn below(file: &File) -> MediumWay {
    const FUSE: u64 = 0x6573_5546;
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // the type differs by architecture
    let daemon = rustix::fs::fstatfs(file).map_or(true, |told| told.f_type as u64 == FUSE);
    match daemon {
        false => MediumWay::Direct,
        true if drop_device(file).is_ok() => MediumWay::Dropped,
        true => MediumWay::Cached,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn below(_: &File) -> MediumWay {
    MediumWay::Direct
}

/// Drops what memory holds of the block device that the file lies on.
#[cfg(target_os = "linux")]
fn drop_device(file: &File) -> io::Result<()> {
    let device = rustix::fs::fstat(file)?.st_dev;
    let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let described = std::fs::read_to_string(format!("/sys/dev/block/{numbers}/uevent"))?;
    let name = described.lines().find_map(|line| line.strip_prefix("DEVNAME=")).ok_or(io::ErrorKind::NotFound)?;
    let device = File::open(std::path::Path::new("/dev").join(name))?;
    Ok(rustix::fs::fadvise(&device, 0, None, Advice::DontNeed)?)
}
