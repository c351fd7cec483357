//! `canary = true`: a file of known content in each folder of the job, planted where there is none. One that is there and is
//! not as it was planted is told with each point, and left: what rewrote it may have rewritten other files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::config::{Job, Source};
use crate::model::{CANARY, Problem, canary, is_canary};

/// A longer file is none of ours.
const BYTES_MAX: u64 = 64 << 10;

/// Plants what is missing; gives what is wrong with those that are there, or can't be.
pub(super) fn plant(job: &Job) -> Vec<Problem> {
    let Source::Folders(folders) = &job.source else { return Vec::new() };
    let roots = folders.paths.iter().filter(|path| job.canary && path.is_dir());
    let paths = roots.map(|path| path.join(CANARY));
    paths.filter_map(|path| Some(Problem::new(in_point(&path), look(&path, job)?))).collect()
}

fn in_point(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    bytes.strip_prefix(b"/").unwrap_or(bytes)
}

fn look(path: &Path, job: &Job) -> Option<String> {
    match read(path) {
        Ok(content) if is_canary(&content) => None,
        Ok(_) => Some("the canary is not as it was planted: did something rewrite the files beside it?".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write(path, canary(&job.name).as_bytes()).err().map(|error| format!("no canary can be planted: {error}"))
        }
        Err(error) => Some(format!("the canary can't be read: {error}")),
    }
}

/// Never through a link, and no pipe is waited for.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut content = Vec::new();
    if file.metadata()?.is_file() {
        file.take(BYTES_MAX).read_to_end(&mut content)?;
    }
    Ok(content)
}

/// Half of one would be taken for one that was rewritten.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content).inspect_err(|_| drop(fs::remove_file(path)))
}
