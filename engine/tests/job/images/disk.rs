//! A drive to protect: an image file, and loop devices over it or parts of it; all go when it is dropped.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::Ran;
use fixtures::bench::{text, wait_until};
use fixtures::data::noise;
use fixtures::drive::run;

/// Each with what makes it and what checks it without a change.
const FILE_SYSTEMS: [(&str, &[&str], &[&str]); 5] = [
    ("ext4", &["mkfs.ext4", "-qF"], &["fsck.ext4", "-fn"]),
    ("xfs", &["mkfs.xfs", "-qf"], &["xfs_repair", "-n"]),
    ("btrfs", &["mkfs.btrfs", "-qf"], &["btrfs", "check"]),
    ("ntfs", &["mkfs.ntfs", "-qF"], &["ntfsfix", "-n"]),
    ("fat", &["mkfs.vfat"], &["fsck.vfat", "-n"]),
];

pub struct Disk {
    folder: tempfile::TempDir,
    image: PathBuf,
    loops: RefCell<Vec<String>>,
}

impl Disk {
    /// A sparse image; says SKIPPED where there are no loop devices.
    pub fn new(bytes: u64) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("offsite-disk-").tempdir_in("/var/tmp").expect("a folder");
        let image = folder.path().join("image");
        File::create(&image).and_then(|image| image.set_len(bytes)).expect("a sparse image");
        Self::over(folder, image)
    }

    /// A disk over an image that is there.
    pub fn of(image: &Path) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("offsite-disk-").tempdir_in("/var/tmp").expect("a folder");
        Self::over(folder, image.to_owned())
    }

    fn over(folder: tempfile::TempDir, image: PathBuf) -> Option<Self> {
        let disk = Self { folder, image, loops: RefCell::default() };
        match disk.attach(&[]) {
            Ok(_) => Some(disk),
            Err(why) => {
                eprintln!("SKIPPED: no loop device here (root is needed): {why}");
                None
            }
        }
    }

    /// With one file system on all of it; says SKIPPED without its tools.
    pub fn formatted(file_system: &str, bytes: u64) -> Option<Self> {
        let disk = Self::new(bytes)?;
        disk.format(file_system, &disk.device()).then_some(disk)
    }

    /// Makes a file system on a device of it.
    pub fn format(&self, file_system: &str, device: &str) -> bool {
        let (_, make, _) = FILE_SYSTEMS.iter().find(|(name, ..)| *name == file_system).expect("a known one");
        let made = run(make[0], &[&make[1..], &[device]].concat());
        if let Err(why) = &made {
            eprintln!("SKIPPED: no {file_system} can be made here: {why}");
        }
        made.is_ok()
    }

    fn attach(&self, options: &[&str]) -> Result<String, String> {
        let image = text(&self.image);
        let attach = || run("losetup", &[options, &["--find", "--show", &image]].concat());
        // Another test may take the free device between finding and attaching.
        let device = (0..5).fold(attach(), |done, _| done.or_else(|_| attach()))?;
        self.loops.borrow_mut().push(device.clone());
        Ok(device)
    }

    pub fn image(&self) -> &Path {
        &self.image
    }

    /// The device of the whole.
    pub fn device(&self) -> String {
        self.loops.borrow()[0].clone()
    }

    /// A device of a part of it: there is nobody here who makes those of partitions.
    pub fn part(&self, (start, bytes): (u64, u64)) -> String {
        self.attach(&["--offset", &start.to_string(), "--sizelimit", &bytes.to_string()]).expect("a loop device")
    }

    /// Takes its devices away, so that its file system is known under no other.
    pub fn detach(&self) {
        for device in self.loops.borrow_mut().drain(..) {
            run("losetup", &["-d", &device]).expect("nobody uses it");
        }
    }

    /// Mounts a device of it.
    pub fn mount(&self, file_system: &str, device: &str) -> Mounted {
        let mounted = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let at = text(mounted.path());
        match file_system {
            "fat" => run("fusefat", &["-o", "rw+", device, &at]),
            "ntfs" => run("ntfs-3g", &[device, &at]),
            _ => run("mount", &[device, &at]),
        }
        .expect("it can be mounted");
        Mounted { place: mounted, device: device.to_owned() }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for device in self.loops.borrow().iter().rev() {
            let _ = run("losetup", &["-d", device]);
        }
    }
}

/// A mounted file system; unmounted when it is dropped.
pub struct Mounted {
    place: tempfile::TempDir,
    device: String,
}

impl Mounted {
    pub fn path(&self) -> &Path {
        self.place.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let at = text(self.path());
        // A program that another test is just starting holds what we had open until it runs.
        wait_until("it is unmounted", || run("umount", &[&at]).is_ok());
        // What mounts by FUSE writes on when it is unmounted, and ends then.
        wait_until("nobody has it open", || !is_open(Path::new(&self.device)));
    }
}

/// Has some process this device open?
fn is_open(device: &Path) -> bool {
    let links = |process: fs::DirEntry| fs::read_dir(process.path().join("fd")).into_iter().flatten();
    let mut all = fs::read_dir("/proc").expect("Linux").filter_map(Result::ok).flat_map(links).filter_map(Result::ok);
    all.any(|link| fs::read_link(link.path()).is_ok_and(|to| to == device))
}

/// Bytes of which no two pages are the same; faster to be had than noise.
pub fn odd(seed: u64, bytes: usize) -> Vec<u8> {
    let page = noise(seed, 4096);
    let mut found = page.repeat(bytes.div_ceil(4096));
    for (number, page) in (0_u64..).zip(found.chunks_mut(4096)) {
        page[..8].copy_from_slice(&number.to_le_bytes());
    }
    found.truncate(bytes);
    found
}

/// Real files and noise, and the free space full of what was there before; gives what is there in the end.
pub fn fill(root: &Path, kept: &Path) {
    let gone = root.join("gone");
    fs::write(&gone, odd(1, 24 << 20)).expect("writable");
    fs::create_dir(root.join("few")).expect("new");
    for number in 0..300_u32 {
        let bytes = 1 + (number as usize * 7919) % 9000;
        fs::write(root.join("few").join(number.to_string()), noise(u64::from(number), bytes)).expect("writable");
    }
    fs::write(root.join("large"), odd(2, 6 << 20)).expect("writable");
    fs::write(root.join("text"), "words that compress\n".repeat(50_000)).expect("writable");
    File::open(root).and_then(|root| Ok(rustix::fs::syncfs(root)?)).expect("flushed");
    fs::remove_file(gone).expect("there");
    copy(root, kept);
}

/// The FUSE driver that stands in for the kernel's FAT leaves a mark as if it had met a bad sector.
pub fn mend_fat(device: &str) {
    let drive = File::options().read(true).write(true).open(device).expect("ours");
    let mut begin = [0; 512];
    drive.read_exact_at(&mut begin, 0).expect("ours");
    let number = |at: usize| u64::from(u16::from_le_bytes([begin[at], begin[at + 1]])) * 512;
    for table in [number(14), number(14) + number(22)] {
        drive.write_all_at(&[0xff, 0xff], table + 2).expect("ours");
    }
    drive.sync_all().expect("ours");
}

/// A plain copy of a tree, with what a copy can have of it.
pub fn copy(root: &Path, kept: &Path) {
    run("cp", &["-a", &text(root), &text(kept)]).expect("cp");
}

/// Names and contents, as all file systems have them.
pub fn contents(root: &Path) -> Vec<(PathBuf, Option<blake3::Hash>)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(root).expect("below it").to_owned();
            if path.is_dir() && !path.is_symlink() {
                found.push((name, None));
                left.push(path);
            } else if path.is_symlink() {
                let target = fs::read_link(&path).expect("readable");
                found.push((name, Some(blake3::hash(target.as_os_str().as_encoded_bytes()))));
            } else {
                found.push((name, Some(blake3::hash(&fs::read(&path).expect("readable")))));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// Its own fsck finds nothing wrong.
#[track_caller]
pub fn is_sound(file_system: &str, device: &str) {
    let (.., check) = FILE_SYSTEMS.iter().find(|(name, ..)| *name == file_system).expect("a known one");
    let checked = Ran::of(Command::new(check[0]).args(&check[1..]).arg(device));
    assert_eq!(checked.code, 0, "{file_system}: {checked}");
}
