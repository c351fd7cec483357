//! The first blocks of a device → the UUID or serial number of the file system on it. Pure.

use std::fmt::Write;

/// How much of the device is wanted.
pub(super) const BYTES: usize = 0x1_0100;

/// A magic value and where it stands, the UUID and where it stands.
struct Shape {
    magic_at: usize,
    magic: &'static [u8],
    uuid_at: usize,
    uuid_bytes: usize,
}

/// From each file system's own description of its first block.
const SHAPES: [Shape; 7] = [
    Shape { magic_at: 0x438, magic: b"\x53\xef", uuid_at: 0x468, uuid_bytes: 16 }, // ext2, ext3, ext4
    Shape { magic_at: 0, magic: b"XFSB", uuid_at: 32, uuid_bytes: 16 },
    Shape { magic_at: 0x1_0040, magic: b"_BHRfS_M", uuid_at: 0x1_0020, uuid_bytes: 16 }, // Btrfs
    Shape { magic_at: 3, magic: b"EXFAT   ", uuid_at: 0x64, uuid_bytes: 4 },
    Shape { magic_at: 3, magic: b"NTFS    ", uuid_at: 0x48, uuid_bytes: 8 },
    Shape { magic_at: 0x52, magic: b"FAT32   ", uuid_at: 0x43, uuid_bytes: 4 },
    Shape { magic_at: 0x36, magic: b"FAT16   ", uuid_at: 0x27, uuid_bytes: 4 },
];

/// The lasting name, if there is a file system that is known here.
pub(super) fn uuid(start: &[u8]) -> Option<String> {
    let shape =
        SHAPES.iter().find(|shape| start.get(shape.magic_at..).is_some_and(|at| at.starts_with(shape.magic)))?;
    let uuid = start.get(shape.uuid_at..shape.uuid_at.checked_add(shape.uuid_bytes)?)?;
    if shape.uuid_bytes == 16 {
        return Some(as_text(uuid));
    }
    // Serial numbers are little-endian, and shown as the numbers that they are.
    let number: Vec<u8> = uuid.iter().rev().copied().collect();
    Some(as_text(&number))
}

/// As `blkid` writes them, in lower case: a UUID in its five groups, FAT's and exFAT's number in two.
pub(super) fn as_text(bytes: &[u8]) -> String {
    let breaks: &[usize] = match bytes.len() {
        16 => &[4, 6, 8, 10],
        4 => &[2],
        _ => &[],
    };
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if breaks.contains(&index) {
            text.push('-');
        }
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_file_systems_tell_their_names() {
        let mut ext = vec![0; BYTES];
        ext[0x438..0x43a].copy_from_slice(b"\x53\xef");
        ext[0x468..0x478].copy_from_slice(&[0xab; 16]);
        assert_eq!(uuid(&ext).as_deref(), Some("abababab-abab-abab-abab-abababababab"));
        let mut fat = vec![0; 512];
        fat[0x52..0x5a].copy_from_slice(b"FAT32   ");
        fat[0x43..0x47].copy_from_slice(&[0x78, 0x56, 0x34, 0x12]);
        assert_eq!(uuid(&fat).as_deref(), Some("1234-5678"));
        assert_eq!((uuid(&[]), uuid(&[0; 512])), (None, None));
    }
}
