//! From what was typed to the command that does it. One place, one line or two for each command.

use engine::capture::Reading;
use engine::command::{
    self as commands, AbsorbOptions, BackupOptions, Call, CopyOptions, DryRun, Exit, ExportOptions, Failure,
    ForgetOptions, GoOn, KeyChange, Moved, Opener, RecoverOptions, Repair, RestoreOptions, RestoreTo, Rotation,
    TakeOver, ToDevice, VerifyOptions, read,
};
use engine::doubt::Wish;
use engine::report::KeyReport;
use engine::restore::{Existing, Owners};

use crate::args::{self, Alarm, Catalog, Command, Seed};
use crate::show::Show;

/// Does it and prints what came of it.
pub fn perform(command: Command, call: &Call, show: &Show) -> Exit {
    match command {
        Command::Init => show.result(commands::init(call)),
        Command::Enrol(args) => show.outcome(commands::enrol(call, &args.name, moved(args.moved))),
        Command::Retire(args) => show.outcome(commands::retire(call, &args.name, args.medium.as_deref())),
        Command::Backup(args) if args.dry_run => show.outcome(commands::backup(call, &args.into())),
        Command::Backup(args) => show.result(commands::backup(call, &args.into())),
        Command::Copy(args) if args.dry_run => show.outcome(commands::copy(call, &args.into())),
        Command::Copy(args) => show.result(commands::copy(call, &args.into())),
        Command::Run(args) if args.once => show.result(commands::run_once(call)),
        Command::Run(_) => show.ended(commands::run(call)),
        Command::Status => show.outcome(commands::status(call)),
        Command::Points(args) => show.outcome(read::points(call, args.job.as_ref())),
        Command::Explain(args) => show.outcome(read::explain(call, args.what.as_deref())),
        Command::Ls(args) => {
            let path = args.path.as_ref().map(|path| &path.0[..]);
            show.streamed(|rows| read::ls(call, &args.point, path, rows))
        }
        Command::Find(args) => show.streamed(|rows| read::find(call, &pattern(args)?, rows)),
        Command::Diff(args) => show.streamed(|rows| read::diff(call, &args.from, &args.to, rows)),
        Command::Dump(args) => show.ended(read::dump(call, &args.point, &args.path.0, &mut show.raw())),
        Command::Restore(args) => show.outcome(commands::restore(call, &args.into())),
        Command::Verify(args) => show.result(commands::verify(call, &args.into())),
        Command::Forget(args) => show.outcome(commands::forget(call, &args.into())),
        Command::Pin(args) => show.outcome(commands::pin(call, &args.point)),
        Command::Unpin(args) => show.outcome(commands::unpin(call, &args.point)),
        Command::Alarm(Alarm::Clear { job }) => show.outcome(commands::clear_alarm(call, &job)),
        Command::Key(key) => show.outcome(keys(call, key)),
        Command::Catalog(Catalog::Rebuild { from }) => show.outcome(commands::rebuild(call, from)),
        Command::Seed(Seed::Export(args)) => show.result(commands::seed_export(call, &args.into())),
        Command::Seed(Seed::Absorb(args)) => show.result(commands::seed_absorb(call, &(*args).into())),
        Command::Seed(Seed::Status) => show.outcome(commands::seed_status(call)),
        Command::Seed(Seed::Forget { name }) => show.outcome(commands::seed_forget(call, &name)),
        Command::Recover(args) => show.outcome(commands::recover(call, &(*args).into())),
    }
}

fn keys(call: &Call, key: args::Key) -> Result<(KeyReport, Exit), Failure> {
    let (change, opener) = match key {
        args::Key::List => return commands::key_list(call),
        args::Key::Add { new_passphrase_file, label, opener } => {
            (KeyChange::Add { passphrase_file: new_passphrase_file, label }, opener)
        }
        args::Key::Remove { slot, opener } => (KeyChange::Remove(slot), opener),
        args::Key::Change { new_passphrase_file, opener } => {
            (KeyChange::Change { passphrase_file: new_passphrase_file }, opener)
        }
        args::Key::Sheet { opener } => (KeyChange::Sheet, opener),
        args::Key::Rotate { reuse_old, yes, dry_run: dry, opener } => {
            (KeyChange::Rotate(Rotation { reuse: reuse_old, yes, dry_run: dry_run(dry) }), opener)
        }
    };
    let opener = Opener { passphrase_file: opener.passphrase_file, sheet: opener.sheet };
    commands::key_change(call, &opener, &change)
}

fn pattern(args: args::Find) -> Result<String, Failure> {
    let advice = "use `?` or `*` for the bytes that are not text";
    args.pattern.into_string().map_err(|_| Failure::usage("that pattern can't be used", "it is not UTF-8", advice))
}

fn plain(paths: Vec<args::PathBytes>) -> Vec<Vec<u8>> {
    paths.into_iter().map(|path| path.0).collect()
}

const fn moved(moved: bool) -> Moved {
    if moved { Moved::Yes } else { Moved::No }
}

const fn owners(no_owner: bool) -> Owners {
    if no_owner { Owners::Restorer } else { Owners::Recorded }
}

const fn dry_run(dry_run: bool) -> DryRun {
    if dry_run { DryRun::Yes } else { DryRun::No }
}

impl From<args::Backup> for BackupOptions {
    fn from(args: args::Backup) -> Self {
        let reading = if args.paranoid { Reading::Everything } else { Reading::Changed };
        Self { jobs: args.jobs, reading, dry_run: dry_run(args.dry_run) }
    }
}

impl From<args::Copy> for CopyOptions {
    fn from(args: args::Copy) -> Self {
        Self { jobs: args.jobs, destination: args.destination, dry_run: dry_run(args.dry_run) }
    }
}

impl From<args::Restore> for RestoreOptions {
    fn from(args: args::Restore) -> Self {
        Self {
            point: args.point,
            to: match (args.to, args.to_device) {
                (_, Some(device)) => RestoreTo::Device(ToDevice { device, confirm: args.confirm }),
                (to, None) => RestoreTo::Folder(to.expect("the parser wants one of the two")),
            },
            from: args.from,
            paths: plain(args.paths),
            existing: if args.overwrite { Existing::Replace } else { Existing::Keep },
            owners: owners(args.no_owner),
            dry_run: dry_run(args.dry_run),
        }
    }
}

impl From<args::Verify> for VerifyOptions {
    fn from(args: args::Verify) -> Self {
        Self {
            names: args.names,
            repair: if args.repair { Repair::Yes } else { Repair::No },
            wish: Wish { sample: args.sample, older_than: args.older_than },
            max_duration: args.max_duration,
        }
    }
}

impl From<args::Forget> for ForgetOptions {
    fn from(args: args::Forget) -> Self {
        Self { jobs: args.jobs, point: args.point, dry_run: dry_run(args.dry_run) }
    }
}

impl From<args::SeedExport> for ExportOptions {
    fn from(args: args::SeedExport) -> Self {
        let go_on = if args.go_on { GoOn::Yes } else { GoOn::No };
        Self { destination: args.destination, to: args.to, jobs: args.jobs, go_on }
    }
}

impl From<args::SeedAbsorb> for AbsorbOptions {
    fn from(args: args::SeedAbsorb) -> Self {
        Self { from: args.from, into: args.into, keys: args.login.keys() }
    }
}

impl From<args::Recover> for RecoverOptions {
    fn from(args: args::Recover) -> Self {
        Self {
            from: args.from,
            keys: args.login.keys(),
            passphrase_file: args.passphrase_file,
            sheet: args.sheet,
            new_passphrase_file: args.new_passphrase_file,
            point: args.point,
            paths: plain(args.paths),
            to: args.to,
            owners: owners(args.no_owner),
            take_over: if args.take_over { TakeOver::Yes } else { TakeOver::No },
        }
    }
}
