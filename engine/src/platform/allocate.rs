//! Room on a disk that is really taken: not a hole, not a promise, not a run of zeros that compresses to nothing.

use std::fs::File;
use std::io::{self, Write};

const BLOCK: usize = 64 << 10;

/// Gives a new, empty file so many bytes of its disk.
///
/// # Errors
/// If the disk has not so many, or fails.
pub fn allocate(file: &mut File, bytes: u64) -> io::Result<()> {
    if promised(file, bytes)? && is_taken(file, bytes)? {
        return Ok(());
    }
    // What no file system makes smaller.
    let (mut block, mut left, mut seed) = (vec![0; BLOCK], bytes, 1);
    while left > 0 {
        let next = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        block.chunks_mut(8).for_each(|word| word.copy_from_slice(&noise(&mut seed)[..word.len()]));
        file.write_all(&block[..next])?;
        left -= next as u64;
    }
    Ok(())
}

/// SplitMix64 (Steele et al., OOPSLA 2014).
fn noise(seed: &mut u64) -> [u8; 8] {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).to_le_bytes()
}

/// Did the file system set them aside by itself?
#[cfg(target_os = "linux")]
fn promised(file: &File, bytes: u64) -> io::Result<bool> {
    use rustix::io::Errno;
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn promised(_: &File, _: u64) -> io::Result<bool> {
    Ok(false)
}

/// Some say yes and set nothing aside.
#[cfg(unix)]
fn is_taken(file: &File, bytes: u64) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.blocks().saturating_mul(512) >= bytes)
}

#[cfg(not(unix))]
fn is_taken(_: &File, _: u64) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_as_long_as_asked_and_really_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = File::create_new(folder.path().join("file")).expect("new");
        allocate(&mut file, 1 << 20).expect("there is room");
        assert_eq!(file.metadata().expect("there").len(), 1 << 20);
        #[cfg(unix)]
        assert!(is_taken(&file, 1 << 20).expect("there"));
    }
}
