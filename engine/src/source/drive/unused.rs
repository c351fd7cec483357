//! Which bytes of a drive no file system uses, by partclone's account of each; where that is in any doubt, none.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Mounted;
use super::target::Target;
use crate::drive::{Bitmap, Doubt, FileSystem, FileSystemKind, Header, Layout, layout};
use crate::model::chain;
use crate::platform;
use crate::source::program::{Program, ProgramError, Stop};

/// What a file system takes to tell which blocks it uses: some seconds for each TiB.
const TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// Both ends of a file system are always read, whatever is told of them.
const ENDS: u64 = 1 << 20;
/// Btrfs's further superblocks, which are read too (fs/btrfs/disk-io.h).
const BTRFS_SUPERBLOCKS: [u64; 2] = [64 << 20, 256 << 30];
const BTRFS_SUPERBLOCK: u64 = 64 << 10;
/// Try again: another program may take a free loop device between finding and attaching.
const LOOP_TRIES: u32 = 3;

/// What is looked at.
pub(super) struct Looking<'l> {
    pub target: &'l Target,
    pub mounted: Mounted,
    pub stop: &'l Stop,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Unused {
    /// Bytes that are not in use, in order.
    pub runs: Vec<Range<u64>>,
    /// What is copied whole, and why, for people.
    pub notes: Vec<String>,
}

/// A file system and where it lies.
struct Place<'p> {
    name: String,
    start: u64,
    bytes: u64,
    file_system: &'p FileSystem,
}

/// Looks at the drive's file systems.
///
/// # Errors
/// If the drive can't be read.
pub(super) fn unused(looking: &Looking<'_>) -> io::Result<Unused> {
    let (drive, bytes) = (looking.target.open()?, looking.target.bytes);
    // What the drive holds, not what an earlier reader left in memory.
    platform::forget_cached(&drive);
    let mut read = |at: u64, into: &mut [u8]| std::os::unix::fs::FileExt::read_exact_at(&drive, into, at);
    let mut found = Unused::default();
    match layout(&mut read, bytes)? {
        Layout::Bare(file_system) => {
            let name = looking.target.node.display().to_string();
            found.add(looking, &Place { name, start: 0, bytes, file_system: &file_system });
        }
        Layout::Parted(partitions) => {
            for partition in partitions {
                let name = format!("partition {}", partition.number);
                match partition.file_system(&mut read)? {
                    Some(file_system) => {
                        let (start, bytes) = (partition.start, partition.bytes);
                        found.add(looking, &Place { name, start, bytes, file_system: &file_system });
                    }
                    None => found.note(&name, "no file system that is known here"),
                }
            }
        }
        Layout::Unknown => {
            found.note(&looking.target.node.display().to_string(), "nothing that is known here for sure")
        }
    }
    Ok(found)
}

impl Unused {
    fn note(&mut self, name: &str, why: &str) {
        self.notes.push(format!("{name} is copied whole, free space too: {why}"));
    }

    fn add(&mut self, looking: &Looking<'_>, place: &Place<'_>) {
        match runs_of(looking, place) {
            Ok(runs) => {
                let always = kept(place);
                self.runs.extend(without(runs, &always).map(|run| place.start + run.start..place.start + run.end));
            }
            Err(why) => self.note(&place.name, &format!("{}, but {why}", place.file_system.kind.as_str())),
        }
    }
}

/// What is read of a file system in any case.
fn kept(place: &Place<'_>) -> Vec<Range<u64>> {
    let mut kept = vec![0..ENDS.min(place.bytes), place.bytes.saturating_sub(ENDS)..place.bytes];
    if place.file_system.kind == FileSystemKind::Btrfs {
        kept.extend(BTRFS_SUPERBLOCKS.map(|at| at..at + BTRFS_SUPERBLOCK));
    }
    kept.sort_unstable_by_key(|range| range.start);
    kept
}

/// The runs without what is in `kept`; both in order.
fn without(runs: Vec<Range<u64>>, kept: &[Range<u64>]) -> impl Iterator<Item = Range<u64>> {
    runs.into_iter().flat_map(move |run| {
        let (mut left, mut from) = (Vec::new(), run.start);
        for keep in kept.iter().filter(|keep| keep.start < run.end && run.start < keep.end) {
            left.push(from..keep.start.max(from));
            from = keep.end.max(from);
        }
        left.push(from..run.end);
        left.into_iter().filter(|run| run.start < run.end)
    })
}

fn runs_of(looking: &Looking<'_>, place: &Place<'_>) -> Result<Vec<Range<u64>>, String> {
    let kind = place.file_system.kind;
    let is_mounted = looking.mounted == Mounted::Yes;
    if is_mounted && (looking.target.image().is_some() || !matches!(kind, FileSystemKind::Ext | FileSystemKind::Fat)) {
        // Its newest account of its blocks is in the kernel's memory, or in a log.
        return Err("it is mounted, and what it uses can't be told then".to_owned());
    }
    match place.file_system.doubt {
        Some(Doubt::NotUnmounted) if !is_mounted => return Err("it was not unmounted in order".to_owned()),
        Some(Doubt::Other(why)) => return Err(why.to_owned()),
        _ => {}
    }
    let patience = patience(looking.stop);
    let node = Node::of(looking.target, place, &patience)?;
    // While it is mounted its first block is brought up to date now and then only.
    let used_blocks = place.file_system.used_blocks.filter(|_| !is_mounted);
    let place =
        &Place { name: String::new(), file_system: &FileSystem { used_blocks, ..*place.file_system }, ..*place };
    if kind == FileSystemKind::Xfs {
        log_is_empty(node.path(), &patience)?;
    }
    bitmap(node.path(), place, looking.mounted, &patience)
}

/// Also stops when it has taken too long.
fn patience(stop: &Stop) -> Stop {
    let (stop, begun) = (Arc::clone(stop), Instant::now());
    Arc::new(move || stop() || begun.elapsed() > TIME_MAX)
}

/// A block device that begins and ends where a file system does.
enum Node {
    Itself(PathBuf),
    /// A loop device, which goes with the last that has it open.
    Loop(PathBuf, #[allow(dead_code)] std::fs::File),
}

impl Node {
    fn of(target: &Target, place: &Place<'_>, stop: &Stop) -> Result<Self, String> {
        if target.image().is_none() && (place.start, place.bytes) == (0, target.bytes) {
            return Ok(Self::Itself(target.node.clone()));
        }
        let (start, bytes) = (place.start.to_string(), place.bytes.to_string());
        let mut words: Vec<std::ffi::OsString> =
            ["--find", "--show", "--read-only", "--offset", &start, "--sizelimit", &bytes].map(Into::into).into();
        words.push(target.node.clone().into());
        let attach = || Program::new("losetup", &words).answer(Arc::clone(stop), 4096);
        let mut shown = attach();
        for _ in 1..LOOP_TRIES {
            shown = shown.or_else(|_| attach());
        }
        let shown = shown.map_err(|error| format!("no loop device can be had for it: {}", chain(&error)))?;
        let path = PathBuf::from(String::from_utf8_lossy(&shown).trim_end());
        let open = std::fs::File::open(&path);
        // From here on it goes by itself when nobody has it open, however we end.
        let detached = Program::new("losetup", ["--detach".as_ref(), path.as_os_str()]).answer(Arc::clone(stop), 4096);
        match (open, detached) {
            (Ok(open), Ok(_)) => Ok(Self::Loop(path, open)),
            (open, _) => {
                let why = open.err().map(|error| error.to_string()).unwrap_or_default();
                Err(format!("{} can't be used {why}", path.display()))
            }
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Itself(path) | Self::Loop(path, _) => path,
        }
    }
}

/// What XFS changed last may stand in its log alone.
fn log_is_empty(node: &Path, stop: &Stop) -> Result<(), String> {
    let words = ["-t".as_ref(), node.as_os_str()];
    let told = Program::new("xfs_logprint", words).answer(Arc::clone(stop), 1 << 20);
    let told = told.map_err(|error| missing(&error, "xfs_logprint", "xfsprogs"))?;
    let is_clean = String::from_utf8_lossy(&told).contains("state: <CLEAN>");
    if is_clean { Ok(()) } else { Err("it was not unmounted in order".to_owned()) }
}

fn missing(error: &ProgramError, program: &str, package: &str) -> String {
    match error {
        ProgramError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            format!("`{program}` is not here to tell what it uses (install {package})")
        }
        _ => chain(error),
    }
}

const fn teller(kind: FileSystemKind) -> &'static str {
    match kind {
        FileSystemKind::Ext => "partclone.extfs",
        FileSystemKind::Xfs => "partclone.xfs",
        FileSystemKind::Btrfs => "partclone.btrfs",
        FileSystemKind::Ntfs => "partclone.ntfs",
        FileSystemKind::Fat => "partclone.fat",
        FileSystemKind::ExFat => "partclone.exfat",
    }
}

/// Asks partclone, and stops it when it begins with the data.
fn bitmap(node: &Path, place: &Place<'_>, mounted: Mounted, stop: &Stop) -> Result<Vec<Range<u64>>, String> {
    let name = teller(place.file_system.kind);
    let mut words: Vec<&std::ffi::OsStr> = ["-c", "-q", "-L", "/dev/null", "-o", "-", "-s"].map(AsRef::as_ref).into();
    words.push(node.as_os_str());
    if mounted == Mounted::Yes {
        words.push("-F".as_ref());
    }
    let mut running =
        Program::new(name, &words).start(Arc::clone(stop)).map_err(|error| missing(&error, name, "partclone"))?;
    let (mut begin, mut taken) = (Vec::new(), None);
    while let Some(block) = running.next().map_err(|error| chain(&error))? {
        let bits = match &mut taken {
            None => {
                begin.extend_from_slice(&block);
                let Some((header, bits)) = begin.split_at_checked(Header::BYTES) else { continue };
                let header = Header::parse(header).map_err(|error| error.to_string())?;
                header.check(place.file_system, place.bytes).map_err(|error| error.to_string())?;
                taken = Some(Bitmap::new(header));
                bits.to_vec()
            }
            Some(_) => block,
        };
        let is_whole =
            taken.as_mut().map(|bitmap| bitmap.push(&bits)).transpose().map_err(|error| error.to_string())?;
        if is_whole == Some(true) {
            break;
        }
    }
    let bitmap = taken.ok_or_else(|| format!("{name} told nothing"))?;
    bitmap.finish().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_always_read_is_cut_out_of_what_is_not_in_use() {
        let ranges = |pairs: &[(u64, u64)]| pairs.iter().map(|&(from, to)| from..to).collect::<Vec<_>>();
        let cut = |runs, kept| without(ranges(runs), &ranges(kept)).collect::<Vec<_>>();
        assert_eq!(cut(&[(0, 10), (20, 30)], &[(0, 5), (8, 22), (29, 40)]), ranges(&[(5, 8), (22, 29)]));
        assert_eq!(cut(&[(0, 10)], &[(0, 10)]), []);
        assert_eq!(cut(&[(0, 10)], &[]), ranges(&[(0, 10)]));
        assert_eq!(cut(&[(5, 10)], &[(0, 20), (3, 4)]), []);
    }
}
