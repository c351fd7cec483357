//! A canary: a file whose content is known without any backup. Whole, or something rewrote it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use engine::model::{is_canary, is_canary_file, is_canary_path};

use super::budget::Budget;
use super::{Answer, broken};

/// A longer one is none.
const BYTES_MAX: u64 = 64 << 10;

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let mut content = Vec::new();
    budget.meter(file).take(BYTES_MAX).read_to_end(&mut content).map_err(broken)?;
    if is_canary(&content) {
        Ok("its content is as it was planted".to_owned())
    } else {
        Err(broken("it is not as it was planted: something rewrote it, and maybe other files"))
    }
}

/// Is what lies at that path a file that is called as a canary and is one? It is nobody's content then.
pub(crate) fn is_one(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut content = Vec::new();
    let mut read = || File::open(path)?.take(BYTES_MAX).read_to_end(&mut content);
    let is_file = || fs::symlink_metadata(path).is_ok_and(|stat| stat.is_file());
    is_canary_path(name) && is_file() && read().is_ok() && is_canary_file(name, &content)
}
