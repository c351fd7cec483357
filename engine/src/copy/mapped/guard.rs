//! The one unsafe module: maps of files, and the SIGBUS handler that keeps a bad one from killing the process.
//!
//! Why unsafe at all: a map shows the file system's own pages, with no copy, to several hashing threads at once; no
//! crate known to us both maps files and survives their loss.
//!
//! How it is sound:
//!
//! - *Who may see the bytes.* A window's slice lives inside [`Window::run`] only, and the map lives longer than that.
//! - *What the handler does* is async-signal-safe: it reads atomics and calls `mmap`; it takes no lock, allocates
//!   nothing, and leaves `errno` as it was.
//! - *Which faults it takes.* A window writes its page range into a free place of a fixed table, and takes it out
//!   before it is unmapped; a fault in a range of the table is ours. Any other goes on to the handler that was there
//!   before (Rust's own for stack overflows, usually), so it kills or is handled as it would have been.
//! - *What it replaces.* The one faulting page, inside a map of ours, by a private page of zeros (`MAP_FIXED`). The
//!   range stays mapped throughout, so other threads that read it see old bytes or zeros, never a hole. The range is
//!   then failed for good, and `run` drops whatever was computed.
//! - *Two threads* faulting on one page both put zeros there, which is the same as once.
//! - *A change of bytes* below a shared slice, by a process that writes into the file, is what the caller excludes
//!   (see the parent module). The zero page is the same kind of change; what read the slice then is thrown away, and
//!   the closures run here only hash and copy.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use memmap2::{Mmap, MmapOptions};

/// Windows that can be open at once.
const PLACES: usize = 64;

/// A page range under guard; `end` 0 is no range.
struct Place {
    taken: AtomicBool,
    start: AtomicUsize,
    end: AtomicUsize,
    failed: AtomicBool,
}

static TABLE: [Place; PLACES] = [const { Place::free() }; PLACES];
static PAGE_BYTES: AtomicUsize = AtomicUsize::new(0);
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

impl Place {
    const fn free() -> Self {
        Self {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// A free place, now holding this range.
    fn take(start: usize, end: usize) -> Option<&'static Self> {
        let place = TABLE.iter().find(|place| !place.taken.swap(true, Ordering::AcqRel))?;
        place.failed.store(false, Ordering::Relaxed);
        place.start.store(start, Ordering::Relaxed);
        place.end.store(end, Ordering::Release);
        Some(place)
    }

    fn give_back(&self) {
        self.end.store(0, Ordering::Release);
        self.taken.store(false, Ordering::Release);
    }

    /// A fault at an address inside can only come from a reader of this very window, so a range that is half written
    /// by another thread can't be mistaken for it: it is not mapped yet for anyone to read.
    fn holds(&self, address: usize) -> bool {
        let end = self.end.load(Ordering::Acquire);
        address < end && address >= self.start.load(Ordering::Relaxed)
    }
}

/// One mapped and guarded part of a file.
pub(super) struct Window {
    map: Mmap,
    place: &'static Place,
}

impl Window {
    /// Maps and fills a part of a file; `None` if the table is full.
    pub fn open(file: &File, offset: u64, bytes: usize) -> io::Result<Option<Self>> {
        let window = Self::map(file, offset, bytes)?;
        window.as_ref().map_or(Ok(()), Self::populate)?;
        Ok(window)
    }

    /// Maps a part of a file that is filled by its faults.
    pub(super) fn map(file: &File, offset: u64, bytes: usize) -> io::Result<Option<Self>> {
        let page = install()?;
        // SAFETY: the map is only read, and only through `run`; that nobody writes the file is the caller's promise,
        // that it may be cut short is what the guard is for.
        let map = unsafe { MmapOptions::new().offset(offset).len(bytes).map(file)? };
        let start = map.as_ptr() as usize & !(page - 1);
        let end = (map.as_ptr() as usize + bytes).next_multiple_of(page);
        Ok(Place::take(start, end).map(|place| Self { map, place }))
    }

    /// Reads every page now, where a failure is an answer and not a signal.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn populate(&self) -> io::Result<()> {
        match self.map.advise(memmap2::Advice::PopulateRead) {
            // Before Linux 5.14 there is no such advice: the guard alone must do.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Err(lost()),
            done => done,
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn populate(&self) -> io::Result<()> {
        Ok(())
    }

    /// Runs `with` on the bytes; its result is dropped if any page turned out to be lost.
    pub fn run<T>(self, with: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let result = with(&self.map);
        if self.place.failed.load(Ordering::Acquire) { Err(lost()) } else { Ok(result) }
    }
}

impl Drop for Window {
    /// Before the map goes: fields are dropped after this.
    fn drop(&mut self) {
        self.place.give_back();
    }
}

/// The file shrank under the map, or its drive failed to deliver a page: the same answer as a plain read's.
fn lost() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

/// Puts the handler in place, once; gives the page size.
fn install() -> io::Result<usize> {
    static INSTALLED: OnceLock<Result<usize, i32>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| install_now().map_err(|error| error.raw_os_error().unwrap_or(libc::EIO)));
    installed.map_err(io::Error::from_raw_os_error)
}

fn install_now() -> io::Result<usize> {
    // SAFETY: `sysconf` takes and gives numbers.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page = usize::try_from(page).map_err(|_| io::Error::last_os_error())?;
    PAGE_BYTES.store(page, Ordering::Release);
    // SAFETY: all zeros is a valid `sigaction` (no flags, empty mask, default action); it is filled in below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as usize;
    // On the thread's alternate stack, as Rust's own handler is: it may be a stack overflow that is passed on.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: as above.
    let mut previous: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the right type, null asks only; the previous action is kept before
    // ours can run, and `on_fault` has the signature that SA_SIGINFO wants.
    unsafe {
        check(libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut previous))?;
        PREVIOUS.get_or_init(|| previous);
        check(libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()))?;
    }
    Ok(page)
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The handler. `information` is the kernel's.
extern "C" fn on_fault(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel gives a valid pointer; for a SIGBUS of a fault the address is set, for one
    // that was sent by `kill` the field is some number, which is why the code is looked at first.
    let (address, code) = unsafe { ((*information).si_addr() as usize, (*information).si_code) };
    let ours = if code > 0 { TABLE.iter().find(|place| place.holds(address)) } else { None };
    match ours {
        Some(place) if zero_page(address) => place.failed.store(true, Ordering::Release),
        _ => pass_on(signal, information, context, code),
    }
}

/// Puts a page of zeros where `address` lies.
fn zero_page(address: usize) -> bool {
    let page = PAGE_BYTES.load(Ordering::Acquire);
    let start = (address & !(page - 1)) as *mut libc::c_void;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: the page lies in a live map of ours (the table says so, and a window leaves the table before its map
    // goes), so nothing else is replaced. `mmap` is a bare system call; it changes `errno` only when it fails.
    unsafe {
        let errno = std::io::Error::last_os_error().raw_os_error();
        let placed = libc::mmap(start, page, libc::PROT_READ, flags, -1, 0) != libc::MAP_FAILED;
        restore_errno(errno);
        placed
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn restore_errno(errno: Option<i32>) {
    // SAFETY: the location is this thread's own.
    unsafe { *libc::__errno_location() = errno.unwrap_or(0) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn restore_errno(_: Option<i32>) {}

/// Does what would have happened without us.
fn pass_on(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut libc::c_void, code: libc::c_int) {
    let previous = PREVIOUS.get();
    let handler = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    let detailed = previous.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0);
    match handler {
        // A fault can't be ignored, a signal that someone sent can.
        libc::SIG_IGN if code <= 0 => {}
        libc::SIG_DFL | libc::SIG_IGN => die(signal),
        _ if detailed => {
            // SAFETY: it was installed with SA_SIGINFO, so it is a function of these three arguments.
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, information, context);
        }
        _ => {
            // SAFETY: it was installed without SA_SIGINFO, so it is a function of the signal alone.
            let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

/// The default action, as soon as this handler returns: the signal is blocked until then.
fn die(signal: libc::c_int) {
    // SAFETY: zeros are the default action; `sigaction` and `raise` are async-signal-safe.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        libc::raise(signal);
    }
}

/// For the test of `pass_on`: installs the handler, then faults in a map that no window guards.
#[cfg(test)]
pub(super) fn foreign_fault() {
    install().expect("installed");
    let file = tempfile::tempfile().expect("a file");
    file.set_len(8192).expect("long");
    // SAFETY: meant to fault; the process ends here.
    let map = unsafe { Mmap::map(&file).expect("mapped") };
    file.set_len(0).expect("cut");
    assert_ne!(std::hint::black_box(&map)[4096], 0, "unreachable: the read faults");
}
