//! Extended attributes of an open file or a path, as sorted values.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs as calls;
use rustix::io::Errno;

use super::super::linux;
use crate::model::Xattr;

/// Whose attributes.
pub(in super::super) enum Subject<'a> {
    /// Of an open file or folder.
    Open(BorrowedFd<'a>),
    /// Of the name itself, be it a link.
    Link(&'a CStr),
    /// Of what the name leads to.
    Path(&'a CStr),
}

type Answer<T> = rustix::io::Result<T>;

impl Subject<'_> {
    fn list(&self, into: &mut [u8]) -> Answer<usize> {
        match self {
            Self::Open(fd) => calls::flistxattr(fd, into),
            Self::Link(path) => calls::llistxattr(*path, into),
            Self::Path(path) => calls::listxattr(*path, into),
        }
    }

    fn get(&self, name: &CStr, into: &mut [u8]) -> Answer<usize> {
        match self {
            Self::Open(fd) => calls::fgetxattr(fd, name, into),
            Self::Link(path) => calls::lgetxattr(*path, name, into),
            Self::Path(path) => calls::getxattr(*path, name, into),
        }
    }

    fn set(&self, name: &CStr, value: &[u8]) -> Answer<()> {
        let flags = calls::XattrFlags::empty();
        match self {
            Self::Open(fd) => calls::fsetxattr(fd, name, value, flags),
            Self::Link(path) => calls::lsetxattr(*path, name, value, flags),
            Self::Path(path) => calls::setxattr(*path, name, value, flags),
        }
    }

    fn remove(&self, name: &CStr) -> Answer<()> {
        match self {
            Self::Open(fd) => calls::fremovexattr(fd, name),
            Self::Link(path) => calls::lremovexattr(*path, name),
            Self::Path(path) => calls::removexattr(*path, name),
        }
    }
}

/// Asks with a growing buffer until the answer fits.
fn whole(mut ask: impl FnMut(&mut [u8]) -> Answer<usize>) -> Answer<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match ask(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The system allows 64 KiB; others may allow more, none a gigabyte.
            Err(Errno::RANGE) if buffer.len() < 1 << 30 => buffer.resize(buffer.len() * 8, 0),
            Err(error) => return Err(error),
        }
    }
}

fn names(subject: &Subject<'_>) -> Answer<Vec<u8>> {
    match whole(|into| subject.list(into)) {
        Err(Errno::NOTSUP | Errno::NOSYS) => Ok(Vec::new()),
        answer => answer,
    }
}

/// All attributes that can be read, sorted by name.
pub(super) fn read(subject: &Subject<'_>) -> io::Result<Vec<Xattr>> {
    let names = names(subject)?;
    let mut found = Vec::new();
    for name in names.split_inclusive(|&byte| byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        match whole(|into| subject.get(name, into)) {
            Ok(value) => found.push(Xattr { name: name.to_bytes().into(), value: value.into() }),
            // Gone since it was listed, or listed by a file system that does not give it.
            Err(linux::NO_ATTRIBUTE | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    found.sort();
    Ok(found)
}

/// Which attributes are set. Those of users need the right to write the file, so they come before its mode; the others
/// follow the owner and the mode, which would change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `user.`.
    Users,
    /// All others.
    Systems,
}

impl Part {
    fn has(self, name: &[u8]) -> bool {
        name.starts_with(b"user.") == (self == Self::Users)
    }
}

/// Attributes that a new or merged file may have got from its folder or its earlier self, and that change what it
/// is: they go unless they are wanted. Labels of the system (`security.selinux`) stay.
fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name.starts_with(b"system.posix_acl_") || name == b"security.capability"
}

/// Makes the attributes those `wanted`; each that could not be set is given to `failed`.
pub(super) fn write(subject: &Subject<'_>, part: Part, wanted: &[Xattr], failed: &mut dyn FnMut(&[u8], io::Error)) {
    let listed = names(subject).unwrap_or_default();
    for name in listed.split_inclusive(|&byte| byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        if part.has(name.to_bytes())
            && is_ours(name.to_bytes())
            && !wanted.iter().any(|x| *x.name == *name.to_bytes())
            && let Err(error) = subject.remove(name)
        {
            failed(name.to_bytes(), error.into());
        }
    }
    for attribute in wanted.iter().filter(|attribute| part.has(&attribute.name)) {
        let set = CString::new(&*attribute.name).map_err(|_| Errno::INVAL);
        if let Err(error) = set.and_then(|name| subject.set(&name, &attribute.value)) {
            failed(&attribute.name, error.into());
        }
    }
}
