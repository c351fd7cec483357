//! One file system → its own tool's word, and how many files are in it.

use std::ffi::OsString;
use std::path::Path;

use engine::drive::{FileSystem, FileSystemKind};

use super::super::budget::Budget;
use super::super::sandbox::{Said, Sandbox, Whom};
use super::super::{Answer, Finding, tool, unable};
use super::place::{Place, Span};

/// Mounts and counts, in namespaces that end with it.
const COUNT: &str =
    "mount -t \"$1\" -o \"ro,nosuid,nodev,noexec$2\" \"$3\" \"$4\" && find \"$4\" -xdev -type f -printf x | wc -c";
/// Mounts a copy, for its log to be replayed.
const REPLAY: &str = "mount -t xfs -o loop,nosuid,nodev,noexec,nouuid \"$1\" \"$2\" && umount \"$2\"";

/// What checks a kind of file system, with words that keep it from writing.
struct Tool {
    name: &'static str,
    words: &'static [&'static str],
    /// It says so where the file system was in use, and its log is still to be replayed.
    in_use: &'static str,
    /// As `mount` knows it, with further options; none that this mounts.
    mount: Option<(&'static str, &'static str)>,
}

const fn tool_for(kind: FileSystemKind) -> Tool {
    match kind {
        FileSystemKind::Ext => Tool {
            name: "e2fsck",
            words: &["-f", "-n"],
            in_use: "skipping journal recovery",
            mount: Some(("ext4", ",noload")),
        },
        FileSystemKind::Xfs => Tool {
            name: "xfs_repair",
            words: &["-n"],
            in_use: "valuable metadata changes in a log",
            mount: Some(("xfs", ",norecovery,nouuid")),
        },
        FileSystemKind::Btrfs => Tool { name: "btrfs", words: &["check", "--readonly"], in_use: "\0", mount: None },
        FileSystemKind::Fat => {
            Tool { name: "fsck.fat", words: &["-n"], in_use: "Dirty bit is set", mount: Some(("vfat", "")) }
        }
        FileSystemKind::ExFat => Tool { name: "fsck.exfat", words: &["-n"], in_use: "\0", mount: Some(("exfat", "")) },
        FileSystemKind::Ntfs => {
            Tool { name: "ntfsfix", words: &["--no-action"], in_use: "\0", mount: Some(("ntfs3", "")) }
        }
    }
}

/// Checks what stands in that part of the image.
pub(super) fn check(sandbox: &Sandbox<'_>, image: &Path, system: &FileSystem, span: Span, budget: &Budget) -> Answer {
    let (kind, tool) = (system.kind, tool_for(system.kind));
    let program = tool::find(tool.name).map_err(|finding| unable(format!("{}: {}", kind.as_str(), finding.text())))?;
    let place = match kind {
        FileSystemKind::Btrfs => Place::copied(sandbox, image, span, budget)?,
        _ => Place::to_read(sandbox, image, span, budget)?,
    };
    let mut said = run(sandbox, &program, &tool, &place)?;
    let mut told = String::new();
    if said.out.contains(tool.in_use) || said.errors.contains(tool.in_use) {
        said = after_replay(sandbox, (image, span), kind, (&program, &tool), budget)?;
        told.push_str(" (in use when it was read: on a copy whose log was replayed)");
    } else if place.is_copy() {
        told.push_str(" (on a copy)");
    }
    let shown = format!("{}: {} {}", kind.as_str(), tool.name, tool.words.join(" "));
    if !said.is_good() {
        return Err(of_tool(&shown, &said));
    }
    let counted = count(sandbox, &tool, &place)?;
    Ok(format!("{shown}: ok{told}, {counted}"))
}

fn of_tool(shown: &str, said: &Said) -> Finding {
    let text = format!("{shown}: {}", said.how());
    // e2fsck's operational error and misuse, and what shells say of programs that can't run.
    if matches!(said.status.code(), Some(8 | 16 | 126 | 127) | None) {
        Finding::Unable(text)
    } else {
        Finding::Broken(text)
    }
}

fn run(sandbox: &Sandbox<'_>, program: &Path, tool: &Tool, place: &Place) -> Result<Said, Finding> {
    let file = (tool.name == "xfs_repair" && place.is_copy()).then_some("-f");
    let call = sandbox.call(program).words(tool.words).words(file).words([place.path().as_os_str()]);
    call.whom(Whom::Driller).run()
}

/// A file system that was in use is whole only with its log, which only a copy can be given.
fn after_replay(
    sandbox: &Sandbox<'_>,
    (image, span): (&Path, Span),
    kind: FileSystemKind,
    (program, tool): (&Path, &Tool),
    budget: &Budget,
) -> Result<Said, Finding> {
    let copy = Place::copied(sandbox, image, span, budget)?;
    let replayed = match kind {
        FileSystemKind::Ext => {
            sandbox.call(program).words(["-E", "journal_only", "-y"]).words([copy.path().as_os_str()])
        }
        FileSystemKind::Xfs if sandbox.is_root() => {
            let mount = folder(sandbox)?;
            let words = [OsString::from("-c"), REPLAY.into(), "sh".into(), copy.path().into(), mount];
            sandbox.call(&tool::find("sh")?).words(words)
        }
        _ => {
            return Err(unable(format!(
                "{}: it was in use when it was read, and its log can't be replayed here",
                kind.as_str()
            )));
        }
    };
    let said = replayed.whom(Whom::Driller).run()?;
    // e2fsck calls what it did by 1.
    if !matches!(said.status.code(), Some(0 | 1)) {
        return Err(Finding::Broken(format!("{}: its log can't be replayed: {}", kind.as_str(), said.how())));
    }
    run(sandbox, program, tool, &copy)
}

fn folder(sandbox: &Sandbox<'_>) -> Result<OsString, Finding> {
    let mount = sandbox.stage().join("mount");
    crate::private::folder(&mount).map_err(|error| unable(error.to_string()))?;
    Ok(mount.into_os_string())
}

/// What is in it, where that can be seen.
fn count(sandbox: &Sandbox<'_>, tool: &Tool, place: &Place) -> Answer {
    let Some((name, options)) = tool.mount.filter(|_| !place.is_copy()) else {
        return Ok("files not counted".to_owned());
    };
    let words = [COUNT, "sh", name, options].map(OsString::from);
    let call =
        sandbox.call(&tool::find("sh")?).words(["-c"]).words(words).words([place.path().into(), folder(sandbox)?]);
    let said = call.whom(Whom::Driller).run()?;
    match said.out.trim().parse::<u64>() {
        Ok(files) if said.is_good() => Ok(format!("{files} files in it")),
        _ => Ok(format!("files not counted: it can't be mounted here ({})", said.how())),
    }
}
