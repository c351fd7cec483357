//! Word of changes in folders, by inotify.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Hears of files that come, go or were written, in a folder and those below it. What other computers do on a share is not
/// heard.
#[derive(Debug)]
pub struct FolderWatch(OwnedFd);

impl FolderWatch {
    /// Hears nothing yet.
    ///
    /// # Errors
    /// Of the system: no more watches for this user, say.
    pub fn new() -> io::Result<Self> {
        Ok(Self(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?))
    }

    /// From now on of this folder and of those below it; once more changes nothing. Folders that can't be listened to are
    /// passed over.
    ///
    /// # Errors
    /// If the folder itself can't be listened to.
    pub fn listen(&self, folder: &Path) -> io::Result<()> {
        let what = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::MOVE
            | WatchFlags::ONLYDIR
            | WatchFlags::DONT_FOLLOW;
        inotify::add_watch(&self.0, folder, what)?;
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _ = self.listen(&entry.path());
            }
        }
        Ok(())
    }

    /// Waits; true as soon as something was heard.
    ///
    /// # Errors
    /// Of the system.
    pub fn wait(&self, most: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(most).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut heard = inotify::Reader::new(&self.0, &mut buffer);
        loop {
            match heard.next() {
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_a_folder_that_came_later_is_heard_after_listening_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let watch = FolderWatch::new().expect("made");
        watch.listen(folder.path()).expect("listens");
        let (now, soon) = (Duration::ZERO, Duration::from_secs(20));
        assert!(!watch.wait(now).expect("asked"), "nothing happened");
        fs::create_dir(folder.path().join("new")).expect("made");
        assert!(watch.wait(soon).expect("asked"));
        watch.listen(folder.path()).expect("listens");
        fs::write(folder.path().join("new/file"), b"x").expect("written");
        assert!(watch.wait(soon).expect("asked"));
        while watch.wait(now).expect("asked") {}
        assert!(!watch.wait(now).expect("asked"), "each is heard once");
        assert!(watch.listen(&folder.path().join("absent")).is_err());
    }
}
