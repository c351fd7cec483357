//! SIGTERM and SIGINT as a request to stop that can be asked for and waited for; SIGHUP does nothing. A second SIGINT
//! ends the process as if none of this were here: who presses the key twice does not want to wait.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::super::Woken;
use super::super::linux::MountWatch;

static STOP: AtomicBool = AtomicBool::new(false);
/// Where the handler writes; -1 before there is a pipe.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The request to stop, of this process.
#[derive(Debug)]
pub struct StopSignal {
    /// Readable for ever once a stop was asked for.
    heard: OwnedFd,
    /// What the handler writes to; open for as long as the process lives.
    bell: OwnedFd,
}

#[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;

extern "C" fn on_signal(_: libc::c_int) {
    STOP.store(true, Ordering::SeqCst);
    let bell = BELL.load(Ordering::SeqCst);
    // SAFETY: write(2) may be called from a handler; the descriptor is never closed once it is published, the byte is
    // static, and the pipe does not block, so a full one changes nothing. errno of the interrupted code is kept.
    unsafe {
        let errno = errno_location();
        let before = *errno;
        libc::write(bell, [1_u8].as_ptr().cast(), 1);
        *errno = before;
    }
}

impl StopSignal {
    /// Begins to listen; the same one each time.
    ///
    /// # Errors
    /// Of the system.
    pub fn listen() -> io::Result<&'static Self> {
        static LISTENING: OnceLock<StopSignal> = OnceLock::new();
        if let Some(listening) = LISTENING.get() {
            return Ok(listening);
        }
        let (heard, bell) = std::io::pipe()?;
        let (heard, bell) = (OwnedFd::from(heard), OwnedFd::from(bell));
        rustix::io::ioctl_fionbio(&bell, true)?;
        let number = bell.as_raw_fd();
        let listening = LISTENING.get_or_init(|| Self { heard, bell });
        // Whoever lost a race to be first has its pipe closed again, unpublished.
        if listening.bell.as_raw_fd() == number {
            BELL.store(number, Ordering::SeqCst);
            handle(libc::SIGTERM, on_signal as *const () as libc::sighandler_t, 0)?;
            handle(libc::SIGINT, on_signal as *const () as libc::sighandler_t, libc::SA_RESETHAND)?;
            handle(libc::SIGHUP, libc::SIG_IGN, 0)?;
        }
        Ok(listening)
    }

    /// Was a stop asked for?
    #[must_use]
    pub fn is_set(&self) -> bool {
        STOP.load(Ordering::SeqCst)
    }

    /// Asks for a stop, as a signal would.
    pub fn set(&self) {
        STOP.store(true, Ordering::SeqCst);
        let _ = rustix::io::write(&self.bell, &[1]);
    }

    /// Waits for a stop, a change of what is mounted, or the end of `span`.
    ///
    /// # Errors
    /// Of the system.
    pub fn wait(&self, span: Duration, mounts: Option<&MountWatch>) -> io::Result<Woken> {
        let end = Instant::now() + span;
        loop {
            if self.is_set() {
                return Ok(Woken::Stop);
            }
            let left = end.saturating_duration_since(Instant::now());
            match wait_once(self.heard.as_fd(), left, mounts) {
                Ok(Some(woken)) => return Ok(woken),
                Ok(None) if left.is_zero() => return Ok(Woken::Time),
                Ok(None) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn wait_once(heard: BorrowedFd<'_>, left: Duration, mounts: Option<&MountWatch>) -> rustix::io::Result<Option<Woken>> {
    let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    let mut fds = vec![PollFd::from_borrowed_fd(heard, PollFlags::IN)];
    if let Some(fd) = mounts.and_then(MountWatch::descriptor) {
        fds.push(PollFd::from_borrowed_fd(fd, PollFlags::PRI | PollFlags::ERR));
    }
    poll(&mut fds, Some(&timeout))?;
    let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
    Ok(if is_ready(0) {
        Some(Woken::Stop)
    } else if is_ready(1) {
        Some(Woken::Mounts)
    } else {
        None
    })
}

fn handle(signal: libc::c_int, handler: libc::sighandler_t, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the structure is all zeros but what is set, which is a valid `sigaction` (empty mask, no restorer); the
    // handler does nothing but what a handler may, or is SIG_IGN.
    let answer = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_RESTART | flags;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut())
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the test below runs in a process of its own, for a stop stays asked for.
    #[test]
    #[ignore = "only in a process of its own"]
    fn alone() {
        let stop = StopSignal::listen().expect("a handler");
        assert_eq!(stop.wait(Duration::ZERO, None).expect("it waits"), Woken::Time);
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).expect("sent");
        assert!(!stop.is_set());
        let asked = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stop.wait(Duration::from_secs(60), None).expect("it waits"));
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).expect("sent");
            waiting.join().expect("no panic")
        });
        assert_eq!((asked, stop.is_set()), (Woken::Stop, true));
        assert_eq!(stop.wait(Duration::from_secs(60), None).expect("it waits"), Woken::Stop);
    }

    #[test]
    fn a_wait_ends_with_its_time_and_a_signal_ends_every_wait() {
        let mut again = std::process::Command::new(std::env::current_exe().expect("a test binary"));
        again.args(["platform::unix::signal::tests::alone", "--exact", "--ignored"]);
        let output = again.output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_mount_wakes_a_wait() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: only root may mount");
            return;
        }
        let (heard, _bell) = std::io::pipe().expect("a pipe");
        let place = tempfile::tempdir().expect("a temporary folder");
        let watch = MountWatch::new().expect("there is /proc");
        let run = |command: &str, args: &[&std::ffi::OsStr]| {
            assert!(std::process::Command::new(command).args(args).status().expect("it runs").success());
        };
        run("mount", &["-t".as_ref(), "tmpfs".as_ref(), "none".as_ref(), place.path().as_os_str()]);
        let woken = wait_once(heard.as_fd(), Duration::from_secs(60), Some(&watch));
        run("umount", &[place.path().as_os_str()]);
        assert_eq!(woken, Ok(Some(Woken::Mounts)));
    }
}
