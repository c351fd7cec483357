//! Where a probe runs programs: in a folder of their own in scratch, as nobody, without network, never for long.
//!
//! In: a program, its words and what it reads. Out: how it ended and the end of what it printed, which may hold what
//! lies in files: it is for a terminal, and a report has of it what is known to be a name or a number. As root each program
//! has namespaces of its own (processes, mounts, network): the stage is its `/tmp`, nothing else of the drill can be
//! reached, and all that it started is gone with it, also when the drill itself is killed. A user's have their own
//! processes and network where the system lets users do that; where not, only the program itself is sure to go.
//! Invariants: no program sees our environment; none outlives the sandbox; what it prints is bounded.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use engine::platform;
use rustix::process::{Pid, Signal, kill_process_group};

use super::budget::Budget;
use super::tool::{self, PATH};
use super::{Finding, unable};
use crate::private;

/// Who owns nothing: by number, as `/etc/passwd` may have no name for it.
pub(super) const NOBODY: u32 = 65534;
/// Of what is printed so much is looked at, from the end.
const TAIL_BYTES: u64 = 256 << 10;
/// More than that is printed by what has lost its way.
const PRINTED_MAX: u64 = 64 << 20;
/// So often a program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A server that was asked to end is given so many looks.
const LOOKS_TO_END: u32 = 500;
/// Words of it that are told.
const TOLD_CHARS: usize = 400;
/// What runs inside the namespaces: the stage becomes `/tmp`, and nothing of root stays.
const AS_NOBODY: &str = "mount --bind \"$1\" /tmp && cd /tmp && shift && exec setpriv --reuid 65534 --regid 65534 \
                         --clear-groups --inh-caps=-all --no-new-privs --pdeathsig KILL -- \"$@\"";
/// For programs that need devices or mount: their mounts are gone with them.
const AS_DRILLER: &str = "shift && exec \"$@\"";

/// As whom a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    /// Who owns nothing, where that can be.
    Nobody,
    /// Who drills: for what needs devices. The stage is seen where it is.
    Driller,
}

/// A place to run programs.
pub(super) struct Sandbox<'b> {
    stage: PathBuf,
    printed: PathBuf,
    budget: &'b Budget,
    apart: Apart,
}

/// What keeps programs from the rest of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Namespaces and another user.
    Root,
    /// Namespaces that a user may make: processes and network.
    User,
    /// Nothing.
    No,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Said {
    pub status: ExitStatus,
    /// The end of what it printed.
    pub out: String,
    /// The end of what it printed as errors.
    pub errors: String,
}

impl Said {
    /// The last lines of what it printed, in one.
    pub fn words(&self) -> String {
        let all = format!("{}\n{}", self.out, self.errors);
        last_words(&all)
    }

    /// How it ended.
    pub fn how(&self) -> String {
        self.status.code().map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit status {code}"))
    }

    pub fn is_good(&self) -> bool {
        self.status.success()
    }
}

/// The end of a text, in one line without control characters.
pub(super) fn last_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(4)..].join("; ");
    let last: Vec<char> = last.chars().filter(|one| !one.is_control()).collect();
    last[last.len().saturating_sub(TOLD_CHARS)..].iter().collect()
}

impl<'b> Sandbox<'b> {
    /// Makes the stage in `work`.
    ///
    /// # Errors
    /// If programs can't be run apart here.
    pub fn open(work: &Path, budget: &'b Budget) -> Result<Self, Finding> {
        let is_root = rustix::process::geteuid().is_root();
        let (stage, printed) = (work.join("stage"), work.join("printed"));
        let make = || {
            private::new_folder(&stage)?;
            private::new_folder(&printed)?;
            if is_root { chown(&stage, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
        };
        make().map_err(|error| unable(format!("no place for programs can be made: {error}")))?;
        let apart = if is_root { Apart::Root } else { Apart::User };
        let mut this = Self { stage, printed, budget, apart };
        let why = match this.call(&tool::find("true")?).run() {
            Ok(said) if said.is_good() => return Ok(this),
            Ok(said) => unable(format!("programs can't be run apart on this system: {}", said.words())),
            Err(finding) => finding,
        };
        // Root's programs could reach everything; a user's own only what is that user's.
        this.apart = Apart::No;
        if is_root { Err(why) } else { Ok(this) }
    }

    /// The stage, for us.
    pub fn stage(&self) -> &Path {
        &self.stage
    }

    /// The same, as programs see it.
    pub fn inside(&self) -> &Path {
        if self.is_root() { Path::new("/tmp") } else { &self.stage }
    }

    /// Keeps a program's words for a terminal.
    pub fn hear(&self, program: &str, words: &str) {
        self.budget.hear(program, &last_words(words));
    }

    /// May programs of the driller's mount and use devices?
    pub fn is_root(&self) -> bool {
        self.apart == Apart::Root
    }

    /// Can programs reach others' computers?
    pub fn has_network(&self) -> bool {
        self.apart == Apart::No
    }

    /// Gives to whom programs run as what we made on the stage.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        if self.is_root() { std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
    }

    /// Writes a file on the stage for programs.
    pub fn write(&self, name: &str, text: &str) -> Result<(), Finding> {
        let path = self.stage.join(name);
        let write = fs::write(&path, text).and_then(|()| self.give(&path));
        write.map_err(|error| unable(format!("{name} can't be written in scratch: {error}")))
    }

    /// Bytes that can be written to the stage.
    pub fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.stage);
        stat.map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Is there room for so many bytes, and some?
    pub fn needs_room(&self, bytes: u64) -> Result<(), Finding> {
        let (needed, free) = (bytes.saturating_add(64 << 20), self.free());
        if needed <= free {
            return Ok(());
        }
        Err(unable(format!("scratch is too small: {needed} bytes are needed, {free} are free")))
    }

    pub fn call(&self, program: &Path) -> Call<'_, 'b> {
        let words = vec![program.as_os_str().to_owned()];
        Call { sandbox: self, words, input: None, whom: Whom::Nobody, elsewhere: None, budget: self.budget.clone() }
    }
}

/// A program to run.
pub(super) struct Call<'s, 'b> {
    sandbox: &'s Sandbox<'b>,
    words: Vec<OsString>,
    input: Option<File>,
    whom: Whom,
    elsewhere: Option<(PathBuf, Vec<(OsString, OsString)>)>,
    budget: Budget,
}

impl Call<'_, '_> {
    pub fn words<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// What it reads; nothing else.
    pub fn input(mut self, file: File) -> Self {
        self.input = Some(file);
        self
    }

    /// It reads this text.
    ///
    /// # Errors
    /// If it can't be kept.
    pub fn text(self, text: &str) -> Result<Self, Finding> {
        let path = self.sandbox.printed.join("input");
        let write = || {
            let mut file = private::options().create(true).truncate(true).open(&path)?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        };
        let file = write().map_err(|error: io::Error| unable(error.to_string()))?;
        Ok(self.input(file))
    }

    pub const fn whom(mut self, whom: Whom) -> Self {
        self.whom = whom;
        self
    }

    /// It runs in that folder, with these variables and no others.
    pub fn within(mut self, folder: &Path, variables: Vec<(OsString, OsString)>) -> Self {
        self.elsewhere = Some((folder.to_owned(), variables));
        self
    }

    /// Its time is that of a part of the sandbox's budget.
    pub fn by(mut self, budget: &Budget) -> Self {
        self.budget = budget.clone();
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// If it can't be, or not in time. That it fails is no error.
    pub fn run(self) -> Result<Said, Finding> {
        let budget = self.budget.clone();
        let mut running = self.start("once")?;
        running.looks_to_end = 0;
        loop {
            if let Some(status) = running.ended()? {
                let said = running.said(status);
                if !said.is_good() {
                    budget.hear(&running.name, &said.words());
                }
                return Ok(said);
            }
            if !budget.spend(0) {
                return Err(unable(budget.overrun().unwrap_or_default()));
            }
            if running.printed() > PRINTED_MAX {
                budget.hear(&running.name, &running.words());
                return Err(unable(format!("{} prints without end", running.name)));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Starts it; what it prints goes to files of that name.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(mut self, name: &str) -> Result<Running, Finding> {
        let shown = Path::new(&self.words[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let failed = |error: io::Error| unable(format!("`{shown}` can't be started: {error}"));
        let [out, errors] = ["out", "err"].map(|end| self.sandbox.printed.join(format!("{name}.{end}")));
        let open = |path: &Path| private::options().create(true).truncate(true).open(path);
        let input = self.input.take().map_or_else(Stdio::null, Stdio::from);
        let mut command = self.command()?;
        command.stdin(input).stdout(open(&out).map_err(failed)?).stderr(open(&errors).map_err(failed)?);
        platform::lead_group(&mut command);
        let child = command.spawn().map_err(failed)?;
        Ok(Running { name: shown, child, out, errors, looks_to_end: LOOKS_TO_END })
    }

    /// The program, in what it runs in.
    fn command(&self) -> Result<Command, Finding> {
        let Sandbox { stage, apart, .. } = self.sandbox;
        let mut command = match tool::find("setpriv") {
            Ok(setpriv) => wrapped(&setpriv),
            Err(missing) if *apart != Apart::No => return Err(missing),
            Err(_) => Command::new("env"),
        };
        if *apart != Apart::No {
            command.arg(tool::find("unshare")?).args(["--fork", "--pid", "--kill-child=KILL", "--net", "--ipc"]);
        }
        match apart {
            Apart::Root => {
                let within = if self.whom == Whom::Nobody { AS_NOBODY } else { AS_DRILLER };
                command.args(["--mount", "--mount-proc", "sh", "-c", within, "sh"]).arg(stage);
            }
            Apart::User => drop(command.args(["--map-current-user", "--"])),
            Apart::No => {}
        }
        command.args(&self.words).env_clear();
        if let Some((folder, variables)) = &self.elsewhere {
            command.current_dir(folder).envs(variables.iter().map(|(name, value)| (name, value)));
            return Ok(command);
        }
        let inside = self.sandbox.inside();
        command.current_dir(stage);
        command.env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("HOME", inside).env("TMPDIR", inside);
        // Firebird's own places are elsewhere.
        command.env("FIREBIRD_LOCK", inside).env("FIREBIRD_TMP", inside);
        Ok(command)
    }
}

/// It dies with us.
fn wrapped(setpriv: &Path) -> Command {
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]);
    command
}

/// A program that runs. Dropped, it is ended with all that it started.
pub(super) struct Running {
    name: String,
    child: Child,
    out: PathBuf,
    errors: PathBuf,
    looks_to_end: u32,
}

impl Running {
    /// How it ended, if it has.
    ///
    /// # Errors
    /// Of the system.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Finding> {
        self.child.try_wait().map_err(|error| unable(format!("`{}` can't be waited for: {error}", self.name)))
    }

    pub fn words(&self) -> String {
        last_words(&format!("{}\n{}", tail(&self.out), tail(&self.errors)))
    }

    /// How much it has printed as errors.
    pub fn errors_bytes(&self) -> u64 {
        self.errors.metadata().map_or(0, |meta| meta.len())
    }

    /// What it printed as errors behind the first so many bytes; the end of it.
    pub fn errors_since(&self, bytes: u64) -> String {
        let new = self.errors_bytes().saturating_sub(bytes).min(TAIL_BYTES);
        String::from_utf8_lossy(&tail_bytes(&self.errors, new)).into_owned()
    }

    fn said(&self, status: ExitStatus) -> Said {
        Said { status, out: tail(&self.out), errors: tail(&self.errors) }
    }

    fn printed(&self) -> u64 {
        let bytes = |path: &Path| path.metadata().map_or(0, |meta| meta.len());
        bytes(&self.out).saturating_add(bytes(&self.errors))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // A group that is gone needs none.
            let _ = kill_process_group(pid, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.looks_to_end > 0 {
            self.signal(Signal::TERM);
        }
        for _ in 0..self.looks_to_end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        platform::kill_group(&self.child);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(path: &Path) -> String {
    String::from_utf8_lossy(&tail_bytes(path, TAIL_BYTES)).into_owned()
}

fn tail_bytes(path: &Path, most: u64) -> Vec<u8> {
    let read = || {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(most)))?;
        let mut tail = Vec::new();
        file.take(most).read_to_end(&mut tail)?;
        Ok::<_, io::Error>(tail)
    };
    read().unwrap_or_default()
}

/// A word that is a path below the stage, as programs see it.
pub(super) fn at(sandbox: &Sandbox<'_>, name: impl AsRef<OsStr>) -> OsString {
    sandbox.inside().join(name.as_ref()).into_os_string()
}
