//! `engine dump`.

use std::io::{ErrorKind, Write};

use super::inside;
use super::ls::{entry_path, not_in_point, target_of};
use super::resolve::resolve;
use super::sources::Sources;
use crate::browse::{self, DumpError};
use crate::command::{Call, Context, Exit, Failure};
use crate::restore::{Cause, Lane};

/// Writes one file's content to `out`. A reader that wants no more ends it well.
///
/// # Errors
/// Exit 2 if `point` or `path` names nothing that can be written out; exit 4 if damage keeps the content from being
/// had, exit 1 for the rest. What was written until then is no whole file.
pub fn dump(call: &Call, point: &str, path: &[u8], out: &mut dyn Write) -> Result<Exit, Failure> {
    let context = Context::open(call)?;
    let catalog = &context.installation.catalog;
    let point = resolve(catalog, point)?;
    let advice = "`engine ls POINT` shows what it holds";
    let path = entry_path(path)?.ok_or_else(|| Failure::usage("that is no file", "it is the root", advice))?;
    let sources = Sources::look(&context)?;
    let looking = sources.begin(&[&point])?;
    let fallover = looking.source(&point)?;
    let opened = looking.open(&fallover, &point)?;
    if let Some(target) = target_of(&fallover.lane(Lane::Tree), &opened.manifest, Some(&path), false) {
        let dumped = inside::dump((&fallover.lane(Lane::Content), &opened.manifest), &target, out);
        looking.end(&fallover, &point)?;
        return dumped;
    }
    let dumped = browse::dump(&fallover.lane(Lane::Content), &opened.manifest, &path, out);
    looking.end(&fallover, &point)?;
    match dumped {
        Ok(_) => Ok(Exit::Done),
        Err(DumpError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(DumpError::NotFound(path)) => Err(not_in_point(&path)),
        Err(error) => Err(failed(&error)),
    }
}

fn failed(error: &DumpError) -> Failure {
    let exit = match error {
        DumpError::NotAFile { .. } => Exit::Usage,
        DumpError::Digest(_) => Exit::Damage,
        DumpError::Read { source, .. } if Cause::of(source) == Cause::Damage => Exit::Damage,
        _ => Exit::Failed,
    };
    let advice = if exit == Exit::Damage { "an older point may have it whole: `engine find`" } else { "" };
    Failure::of("the file could not be written out whole", error, advice).with_exit(exit)
}
