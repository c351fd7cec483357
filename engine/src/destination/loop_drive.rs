//! For tests: a removable drive that is real to the kernel, an image file behind a loop device.
//!
//! Needs root and the file system's tools; without them [`LoopDrive::new`] says so on standard error and gives nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Image, loop device and mount point; all go when it is dropped.
#[derive(Debug)]
pub(crate) struct LoopDrive {
    folder: tempfile::TempDir,
    device: Option<String>,
    mount: &'static [&'static str],
}

/// How a file system is made and mounted, and the size that it wants.
struct Recipe {
    name: &'static str,
    make: &'static [&'static str],
    mount: &'static [&'static str],
    bytes: u64,
}

/// The kernel's own file systems that the tests know, and those that a FUSE daemon serves.
pub(crate) const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];
pub(crate) const DAEMONS: [&str; 2] = ["exfat", "ntfs"];

const RECIPES: [Recipe; 5] = [
    Recipe { name: "ext4", make: &["mkfs.ext4", "-qF"], mount: &["mount"], bytes: 64 << 20 },
    Recipe { name: "xfs", make: &["mkfs.xfs", "-qf"], mount: &["mount"], bytes: 320 << 20 },
    Recipe { name: "btrfs", make: &["mkfs.btrfs", "-qf"], mount: &["mount"], bytes: 160 << 20 },
    Recipe { name: "exfat", make: &["mkfs.exfat"], mount: &["mount.exfat-fuse"], bytes: 64 << 20 },
    Recipe {
        name: "ntfs",
        make: &["mkfs.ntfs", "-qF"],
        mount: &["lowntfs-3g", "-o", "windows_names,ignore_case"],
        bytes: 64 << 20,
    },
];

impl LoopDrive {
    /// A new drive with this file system, mounted; `None`, and a loud line, where that can't be had.
    pub fn new(file_system: &str) -> Option<Self> {
        Self::new_in(&std::env::temp_dir(), file_system)
    }

    /// The same, its image in this folder.
    pub fn new_in(folder: &Path, file_system: &str) -> Option<Self> {
        let recipe = RECIPES.into_iter().find(|recipe| recipe.name == file_system)?;
        let folder = tempfile::tempdir_in(folder).expect("a temporary folder");
        let mut drive = Self { folder, device: None, mount: recipe.mount };
        std::fs::create_dir(drive.mount_point()).expect("mkdir");
        File::create(drive.image()).and_then(|image| image.set_len(recipe.bytes)).expect("sparse image");
        match drive.begin(recipe.make) {
            Ok(()) => Some(drive),
            Err(why) => {
                eprintln!("SKIPPED: no {file_system} loop drive here (root and its tools are needed): {why}");
                None
            }
        }
    }

    fn begin(&mut self, make: &[&str]) -> Result<(), String> {
        let device = self.attached()?;
        self.device = Some(device.clone());
        run(make[0], &[&make[1..], &[&device]].concat())?;
        run(self.mount[0], &[&self.mount[1..], &[&device, &text(&self.mount_point())]].concat()).map(drop)
    }

    pub fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    pub fn mount_point(&self) -> PathBuf {
        self.folder.path().join("mnt")
    }

    fn attached(&self) -> Result<String, String> {
        let attach = || run("losetup", &["--direct-io=on", "--find", "--show", &text(&self.image())]);
        // Another test may take the free device between finding and attaching.
        attach().or_else(|_| attach()).or_else(|_| attach())
    }

    pub fn mount(&self) {
        self.mount_at(&self.mount_point());
    }

    pub fn mount_at(&self, point: &Path) {
        let device = self.device.as_deref().expect("attached");
        run(self.mount[0], &[&self.mount[1..], &[device, &text(point)]].concat()).expect("mount");
    }

    pub fn unmount(&self) {
        let unmount = || run("umount", &[&text(&self.mount_point())]);
        // A program that another test is just starting holds what we had open until it runs.
        let again = |_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            unmount()
        };
        (0..50).fold(unmount(), |done, _| done.or_else(again)).expect("umount");
    }

    /// Pulled while in use.
    pub fn unmount_lazily(&self) {
        run("umount", &["-l", &text(&self.mount_point())]).expect("umount -l");
    }

    pub fn remount(&self, option: &str) {
        run("mount", &["-o", &format!("remount,{option}"), &text(&self.mount_point())]).expect("remount");
    }

    /// The power goes: nothing more reaches the drive. False where the tool for it is missing.
    pub fn cut_power(&self) -> bool {
        run("xfs_io", &["-x", "-c", "shutdown", &text(&self.mount_point())]).is_ok()
    }

    /// Inverts the bytes on the drive, behind the back of the mounted file system, wherever `pattern` stands.
    pub fn corrupt(&self, pattern: &[u8]) -> usize {
        let image = File::options().read(true).write(true).open(self.image()).expect("image");
        let inverted: Vec<u8> = pattern.iter().map(|byte| !byte).collect();
        let mut hits = 0;
        for (offset, held) in extents(&image) {
            let found = (0..held.len()).filter(|at| held[*at] == pattern[0] && held[*at..].starts_with(pattern));
            for at in found {
                image.write_all_at(&inverted, offset + u64::try_from(at).expect("small")).expect("write");
                hits += 1;
            }
        }
        image.sync_all().expect("flush");
        hits
    }
}

/// What an image holds between its holes, and where.
fn extents(image: &File) -> Vec<(u64, Vec<u8>)> {
    use rustix::fs::{SeekFrom, seek};
    let (mut extents, mut offset) = (Vec::new(), 0);
    while let Ok(start) = seek(image, SeekFrom::Data(offset)) {
        offset = seek(image, SeekFrom::Hole(start)).expect("a hole ends every file");
        let mut held = vec![0; usize::try_from(offset - start).expect("small")];
        image.read_exact_at(&mut held, start).expect("read");
        extents.push((start, held));
    }
    extents
}

impl Drop for LoopDrive {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &text(&self.mount_point())]);
        if let Some(device) = &self.device {
            let _ = run("losetup", &["-d", device]);
        }
    }
}

/// A file system in memory that can be shrunk to what it holds, so that an image on it takes no new block.
#[derive(Debug)]
pub(crate) struct SmallMemory(tempfile::TempDir);

impl SmallMemory {
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match run("mount", &["-t", "tmpfs", "-o", "size=400M", "none", &text(folder.path())]) {
            Ok(_) => Some(Self(folder)),
            Err(why) => {
                eprintln!("SKIPPED: no file system in memory here (root is needed): {why}");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// From now on nothing more fits.
    pub fn close(&self) {
        let held = rustix::fs::statvfs(self.path()).expect("statvfs");
        let size = (held.f_blocks - held.f_bfree) * held.f_frsize;
        run("mount", &["-o", &format!("remount,size={size}"), &text(self.path())]).expect("remount");
    }
}

impl Drop for SmallMemory {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", &text(self.path())]);
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have plain names").to_owned()
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}
