//! `engine restore --to-device`: the image of a drive onto a drive.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use super::super::read::is_drive;
use super::super::{DryRun, Exit, Failure};
use super::{Chosen, ToDevice};
use crate::model::{Content, Entry, EntryPath, Kind, PointId};
use crate::report::{DamageMet, PathProblem, PathText, RestoreReport};
use crate::restore::{Device, DeviceError, Fallover, Lane, Writing};
use crate::vault::Entries;

/// An image in the point.
struct Image {
    path: EntryPath,
    content: Content,
}

/// Writes the one image of the point to the device.
///
/// # Errors
/// Exit 2 if the point has none, or several and no path says which, or nobody confirms it; exit 1 if the device is not
/// fit or fails.
pub(super) fn to_device(chosen: &Chosen<'_>, to: &ToDevice) -> Result<(RestoreReport, Exit), Failure> {
    let fallover = Fallover::new(chosen.places, chosen.context.installation.keyring()?);
    let told = restored(chosen, to, &fallover);
    chosen.record(&fallover.damage())?;
    told
}

fn restored(chosen: &Chosen<'_>, to: &ToDevice, fallover: &Fallover<'_>) -> Result<(RestoreReport, Exit), Failure> {
    let (call, point) = (&chosen.context.call, chosen.point);
    let opened = fallover.manifest(point.job, point.name()).map_err(|tried| {
        let why: Vec<String> = tried.iter().map(|absent| format!("{}: {}", absent.place, absent.why)).collect();
        let exit = if fallover.damage().is_empty() { Exit::Failed } else { Exit::Damage };
        let advice = format!("`engine explain {}` tells where it is", point.id);
        Failure::new(format!("can't read the point {}", point.id), why.join("; "), advice).with_exit(exit)
    })?;
    let tree = fallover.lane(Lane::Tree);
    let image = one_image(Entries::new(&opened.manifest, &tree), chosen, is_drive(&opened.manifest))?;
    let device = Device::claim(&to.device, image.content.bytes).map_err(|error| unfit(point.id, &error))?;
    let names =
        fallover.pack_names(&opened.manifest).map_err(|error| Failure::of("can't read the point", &error, ""))?;
    let begun = call.clock.monotonic();
    let mut lost = Vec::new();
    if chosen.options.dry_run == DryRun::No {
        confirm(to, &image, device.bytes())?;
        let what = format!("{}: to {}", chosen.job, to.device.display());
        let total = image.content.bytes.saturating_mul(2);
        let stop = || (call.stop)();
        let progress = |bytes: u64| call.voice.progress(&what, bytes, total);
        let source = fallover.lane(Lane::Content);
        let writing = Writing { source: &source, names: &names, stop: &stop, progress: &progress };
        let written = device.write(&image.content, &writing);
        call.voice.progress_done(&what);
        lost = written.map_err(|error| unfit(point.id, &error))?;
        if device.bytes() > image.content.bytes {
            let device = to.device.display();
            call.voice.warn(&format!(
                "{device} is larger than the image; if that has a GPT, `sgdisk -e {device}` moves its copy to the end"
            ));
        }
    }
    let mut from = fallover.served().into_iter();
    let damage = |damage: crate::restore::Damage| DamageMet {
        destination: damage.place,
        object: damage.object.to_string(),
        problem: damage.why,
    };
    let problem = |part: &crate::restore::LostPart| PathProblem {
        path: PathText::new(image.path.as_bytes()),
        problem: format!("bytes {} to {} are lost, and zeros now: {}", part.bytes.start, part.bytes.end, part.why),
    };
    let report = RestoreReport {
        point: point.id,
        job: chosen.job.clone(),
        created: point.created,
        from: from.next(),
        also_from: from.collect(),
        to: to.device.display().to_string(),
        dry_run: chosen.options.dry_run == DryRun::Yes,
        files: 1,
        bytes: image.content.bytes,
        seconds: call.clock.monotonic().saturating_sub(begun).as_secs_f64(),
        kept_by_restorer: 0,
        problems: lost.iter().map(problem).collect(),
        lost: u64::from(!lost.is_empty()),
        damaged: fallover.damage().into_iter().map(damage).collect(),
        not_there: Vec::new(),
    };
    Ok((report, if lost.is_empty() { Exit::Done } else { Exit::Damage }))
}

/// The image that is meant: the one that `--path` names, or the only one of a drive's point.
fn one_image(entries: Entries<'_>, chosen: &Chosen<'_>, is_drive: bool) -> Result<Image, Failure> {
    let what = "which image?";
    let which = match chosen.paths {
        [] if !is_drive => {
            let why = format!("{} is not a point of a drive", chosen.point.id);
            return Err(Failure::usage("there is no image of a drive", why, "`--path` names the file that is one"));
        }
        [] => None,
        [path] => Some(path),
        _ => return Err(Failure::usage(what, "several paths are given", "give one --path")),
    };
    let mut found = Vec::new();
    for entry in entries {
        let Entry { path, kind, .. } = entry.map_err(|error| {
            Failure::of("the point's list can't be read", &error, "an older point may be whole").with_exit(Exit::Damage)
        })?;
        if let Kind::File(content) = kind
            && which.is_none_or(|which| *which == path)
        {
            found.push(Image { path, content });
        }
    }
    if found.len() > 1 {
        let why = format!("the point has {} of them", found.len());
        return Err(Failure::usage(what, why, "`--path` says which one; `engine ls` shows them"));
    }
    found.pop().ok_or_else(|| {
        Failure::usage(
            "there is no image of a drive",
            "no such file is in the point",
            "`engine ls POINT` shows what is",
        )
    })
}

fn unfit(point: PointId, error: &DeviceError) -> Failure {
    let advice = match error {
        DeviceError::Small { .. } => "take a device of the same or a larger size, or restore into a file with --to",
        DeviceError::InUse { .. } => "unmount it, or take another device",
        DeviceError::NoDevice(_) => "give a block device as in /dev/sdb; --to restores into a file",
        DeviceError::Open { .. } => "only root may write to devices",
        DeviceError::Failed { .. } | DeviceError::Differs(_) => "try another device: this one can't be relied on",
        DeviceError::Unreachable { .. } => "see that a place that has the point is there, and restore again",
        DeviceError::Stopped => "restore again",
    };
    Failure::of(format!("{point} can't be restored to that device"), error, advice)
}

/// The person says the device's name once more, or the script does.
fn confirm(to: &ToDevice, image: &Image, bytes: u64) -> Result<(), Failure> {
    let device = to.device.display();
    let refused = |why: String| Failure::usage("nothing was written", why, format!("--confirm {device} says yes"));
    let same = |given: &Path| given == to.device;
    if let Some(given) = &to.confirm {
        let differs = || refused(format!("--confirm says {}, --to-device {device}", given.display()));
        return if same(given) { Ok(()) } else { Err(differs()) };
    }
    if !std::io::stdin().is_terminal() {
        return Err(refused(format!("all that is on {device} would be lost, and there is no terminal to ask on")));
    }
    let failed = |error: std::io::Error| Failure::of("can't ask", &error, format!("use --confirm {device}"));
    let mut told = std::io::stderr();
    let question = format!("All that is on {device} ({bytes} bytes) will be lost to {}.\nType its path: ", image.path);
    told.write_all(question.as_bytes()).and_then(|()| told.flush()).map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(failed)?;
    let typed = Path::new(line.trim_end_matches(['\r', '\n']));
    if same(typed) { Ok(()) } else { Err(Failure::new("nothing was written", "that is not its path", "try again")) }
}
