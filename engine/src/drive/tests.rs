use proptest::prelude::*;

use super::*;

/// Reads from these bytes; what lies beyond them is an error, for nothing may be asked for there.
fn layout_of(bytes: &[u8]) -> Layout {
    let mut read = |at: u64, into: &mut [u8]| {
        let at = usize::try_from(at).expect("small");
        let found = bytes.get(at..at + into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    };
    layout(&mut read, bytes.len() as u64).expect("nothing beyond the drive is read")
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

fn row(bytes: &mut [u8], sector: usize, index: usize, (kind, start, sectors): (u8, u32, u32)) {
    let at = sector * 512 + 446 + 16 * index;
    put(bytes, at + 4, &[kind]);
    put(bytes, at + 8, &start.to_le_bytes());
    put(bytes, at + 12, &sectors.to_le_bytes());
    put(bytes, sector * 512 + 510, b"\x55\xaa");
}

fn places(layout: &Layout) -> Vec<(u32, u64, u64)> {
    let Layout::Parted(found) = layout else { return Vec::new() };
    found.iter().map(|found| (found.number, found.start / 512, found.bytes / 512)).collect()
}

#[test]
fn an_mbr_tells_its_partitions_logical_ones_too() {
    let mut disk = vec![0; 512 * 200];
    row(&mut disk, 0, 0, (0x83, 10, 20));
    row(&mut disk, 0, 1, (0x0f, 40, 100));
    row(&mut disk, 40, 0, (0x83, 2, 10));
    row(&mut disk, 40, 1, (0x05, 20, 30));
    row(&mut disk, 60, 0, (0x07, 1, 5));
    assert_eq!(places(&layout_of(&disk)), [(1, 10, 20), (5, 42, 10), (6, 61, 5)]);
    row(&mut disk, 0, 2, (0x83, 25, 10));
    assert_eq!(layout_of(&disk), Layout::Unknown, "one reaches into another");
    row(&mut disk, 0, 2, (0x83, 190, 11));
    assert_eq!(layout_of(&disk), Layout::Unknown, "one reaches beyond the drive");
}

#[test]
fn a_chain_of_logical_partitions_that_leads_to_itself_ends() {
    let mut disk = vec![0; 512 * 100];
    row(&mut disk, 0, 0, (0x05, 10, 80));
    row(&mut disk, 10, 0, (0x83, 1, 1));
    row(&mut disk, 10, 1, (0x05, 0, 10));
    assert_eq!(layout_of(&disk), Layout::Unknown);
    row(&mut disk, 10, 1, (0x05, u32::MAX, 10));
    assert_eq!(layout_of(&disk), Layout::Unknown);
}

/// A drive of 300 sectors with a GPT of one partition, 100 sectors from 60 on.
fn gpt() -> Vec<u8> {
    let mut disk = vec![0; 512 * 300];
    row(&mut disk, 0, 0, (0xee, 1, 299));
    let mut table = vec![0; 128 * 128];
    put(&mut table, 128, &[7; 16]);
    put(&mut table, 128 + 32, &60_u64.to_le_bytes());
    put(&mut table, 128 + 40, &159_u64.to_le_bytes());
    for (at, table_at) in [(1, 2), (299, 267)] {
        put(&mut disk, table_at * 512, &table);
        let mut header = [0; 92];
        put(&mut header, 0, b"EFI PART\0\0\x01\0");
        put(&mut header, 12, &92_u32.to_le_bytes());
        put(&mut header, 24, &(at as u64).to_le_bytes());
        put(&mut header, 72, &(table_at as u64).to_le_bytes());
        put(&mut header, 80, &128_u32.to_le_bytes());
        put(&mut header, 84, &128_u32.to_le_bytes());
        put(&mut header, 88, &crc32fast::hash(&table).to_le_bytes());
        let sum = crc32fast::hash(&header);
        put(&mut header, 16, &sum.to_le_bytes());
        put(&mut disk, at * 512, &header);
    }
    disk
}

#[test]
fn a_gpt_is_read_from_its_copy_where_the_first_is_damaged_and_never_from_the_mbr_before_it() {
    let mut disk = gpt();
    assert_eq!(places(&layout_of(&disk)), [(2, 60, 100)]);
    disk[520] ^= 1;
    assert_eq!(places(&layout_of(&disk)), [(2, 60, 100)]);
    disk[267 * 512 + 3] ^= 1;
    assert_eq!(layout_of(&disk), Layout::Unknown);
}

fn ext(bytes: usize) -> Vec<u8> {
    let mut drive = vec![0; bytes];
    put(&mut drive, 0x438, &[0x53, 0xef, 1, 0]);
    put(&mut drive, 0x404, &u32::try_from(bytes / 1024).expect("small").to_le_bytes());
    drive
}

#[test]
fn a_file_system_beside_a_table_or_another_one_is_not_believed() {
    let mut drive = ext(512 * 300);
    let Layout::Bare(found) = layout_of(&drive) else { panic!("it is bare") };
    assert_eq!((found.kind, found.blocks, found.used_blocks), (FileSystemKind::Ext, 150, Some(150)));
    row(&mut drive, 0, 0, (0x83, 10, 20));
    assert_eq!(layout_of(&drive), Layout::Unknown);
    let mut two = ext(512 * 300);
    put(&mut two, 3, b"NTFS    ");
    assert_eq!(layout_of(&two), Layout::Unknown);
    assert_eq!(probe(&ext(512 * 300), 512 * 299), None, "larger than its place");
}

/// What partclone prints of a file system with these blocks in use.
fn printed(used: &[bool]) -> Vec<u8> {
    let mut out = vec![0; 106];
    put(&mut out, 0, b"partclone-image");
    put(&mut out, 30, b"0002\xde\xc0");
    put(&mut out, 60, &(used.len() as u64).to_le_bytes());
    put(&mut out, 76, &(used.iter().filter(|used| **used).count() as u64).to_le_bytes());
    put(&mut out, 84, &4096_u32.to_le_bytes());
    put(&mut out, 88, &[18, 0, 0, 0, 2, 0]);
    out[105] = 1;
    let sum = !crc32fast::hash(&out);
    out.extend(sum.to_le_bytes());
    let mut bits = vec![0_u8; used.len().div_ceil(8)];
    used.iter().enumerate().filter(|(_, used)| **used).for_each(|(at, _)| bits[at / 8] |= 1 << (at % 8));
    out.extend(&bits);
    out.extend((!crc32fast::hash(&bits)).to_le_bytes());
    out
}

fn runs(printed: &[u8], piece: usize) -> Result<Vec<std::ops::Range<u64>>, BitmapError> {
    let mut bitmap = Bitmap::new(Header::parse(printed)?);
    for piece in printed.get(Header::BYTES..).unwrap_or_default().chunks(piece) {
        if bitmap.push(piece)? {
            break;
        }
    }
    bitmap.finish()
}

#[test]
fn a_bitmap_with_one_flipped_bit_or_cut_short_is_not_believed() {
    let used: Vec<bool> = (0..100).map(|block| block % 7 < 3).collect();
    let whole = printed(&used);
    assert!(runs(&whole, 5).is_ok());
    for at in 0..whole.len() {
        // The words of partclone's own version are covered by the header's checksum like all else.
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        assert!(runs(&flipped, 5).is_err(), "{at}");
        assert!(runs(&whole[..at], 5).is_err(), "{at}");
    }
}

#[test]
fn a_header_that_differs_from_the_file_system_is_not_believed() {
    let header = Header { blocks: 100, used: 60, block_bytes: 4096 };
    let file_system = FileSystem {
        kind: FileSystemKind::Ext,
        block_bytes: 4096,
        blocks: 100,
        used_blocks: Some(60),
        used_bytes_min: 0,
        doubt: None,
    };
    assert!(header.check(&file_system, 409_600).is_ok());
    assert!(header.check(&file_system, 409_599).is_err());
    assert!(header.check(&FileSystem { used_blocks: Some(61), ..file_system }, 409_600).is_err());
    assert!(header.check(&FileSystem { blocks: 99, ..file_system }, 409_600).is_err());
    assert!(header.check(&FileSystem { used_bytes_min: 60 * 4096 + 1, ..file_system }, 409_600).is_err());
    assert!(Header { used: 0, ..header }.check(&FileSystem { used_blocks: None, ..file_system }, 409_600).is_err());
    assert!(Header { blocks: u64::MAX, ..header }.check(&file_system, u64::MAX).is_err());
}

proptest! {
    #[test]
    fn what_is_not_in_a_run_is_what_is_in_use(used in prop::collection::vec(any::<bool>(), 1..300), piece in 1_usize..50) {
        let found = runs(&printed(&used), piece).expect("whole");
        let mut again = vec![true; used.len()];
        for run in &found {
            for block in run.start / 4096..run.end / 4096 {
                again[usize::try_from(block).expect("small")] = false;
            }
        }
        prop_assert_eq!(again, used);
    }

    #[test]
    fn no_bytes_make_it_panic_or_reach_beyond_the_drive(
        mut disk in prop::collection::vec(any::<u8>(), 0..70_000),
        marks in prop::collection::vec((0_usize..12, any::<u8>()), 0..6),
    ) {
        let known: [(usize, &[u8]); 12] = [
            (510, b"\x55\xaa"), (0x438, b"\x53\xef"), (0, b"XFSB"), (0x1_0040, b"_BHRfS_M"), (3, b"NTFS    "),
            (3, b"EXFAT   "), (54, b"FAT16   "), (82, b"FAT32   "), (512, b"EFI PART"), (446, &[0; 64]),
            (450, &[5, 0, 0, 0, 1, 0, 0, 0]), (0, b"partclone-image\0"),
        ];
        for (mark, odd) in marks {
            let (at, what) = known[mark];
            if disk.len() >= at + what.len() {
                put(&mut disk, at, what);
                if odd < 32 && mark == 10 {
                    disk[446 + usize::from(odd)] = odd;
                }
            }
        }
        if let Layout::Parted(found) = layout_of(&disk) {
            for partition in found {
                prop_assert!(partition.start + partition.bytes <= disk.len() as u64);
            }
        }
        let _ = runs(&disk, 100);
    }
}
