//! A program's standard output → blocks of bytes, and how the program ended.
//!
//! In: a program and what it is given. Out: its output in order, then its end: all went well, or why not, with the last
//! lines that it printed as errors. Invariants: whoever reads can be stopped at any moment, whatever the program does;
//! a program that is not read to its end is killed with all that it started, and waited for; memory is bounded.
//! Deliberately absent: what the output means.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::BLOCK_BYTES;
use crate::platform;

/// So often it is asked whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Blocks that wait to be read.
const WAITING: usize = 4;
/// Of what a program prints as errors so much is kept, from the end.
const ERRORS_MAX: usize = 8 << 10;
/// So many lines of it are told.
const LINES_TOLD: usize = 5;
/// What it printed as errors is waited for no longer, once it has ended: something that it started may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Asked now and then: stop?
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// A program to run: no shell, no standard input, no terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// Its name or path.
    pub name: OsString,
    /// Its arguments; no secret stands in them, for everyone on the computer can see them.
    pub words: Vec<OsString>,
    /// What is added to its environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why a program's output is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("`{name}` can't be started")]
    Start {
        /// The program.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended, and not well.
    #[error("`{name}` ended with {how}{said}")]
    Ended {
        /// The program.
        name: String,
        /// Its exit status or signal.
        how: String,
        /// Its last words, with a colon before them; empty if there were none.
        said: String,
    },
    /// Its output can't be read.
    #[error("the output of `{name}` can't be read")]
    Output {
        /// The program.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// We were told to stop.
    #[error("`{0}` was stopped")]
    Stopped(String),
}

impl Program {
    /// A program by its words.
    pub fn new(name: impl Into<OsString>, words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { name: name.into(), words: words.into_iter().map(Into::into).collect(), environment: Vec::new() }
    }

    /// Its name, for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`ProgramError::Start`].
    pub fn start(&self, stop: Stop) -> Result<Running, ProgramError> {
        let failed = |source| ProgramError::Start { name: self.shown(), source };
        let mut command = Command::new(&self.name);
        command.args(&self.words).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        platform::lead_group(&mut command);
        let mut child = Killed(command.spawn().map_err(failed)?);
        let out = child.0.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let errors = child.0.stderr.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let ((send, output), (say, said)) = (crossbeam_channel::bounded(WAITING), crossbeam_channel::bounded(1));
        // Neither thread is joined: something that the program started may hold its pipes.
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        thread("output").spawn(move || pump(out, &send)).map_err(failed)?;
        thread("errors").spawn(move || drop(say.send(last_words(errors)))).map_err(failed)?;
        Ok(Running { name: self.shown(), child, output, said, stop })
    }

    /// Runs it to its end; its whole output, which may not be longer than `most` bytes.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub fn answer(&self, stop: Stop, most: usize) -> Result<Vec<u8>, ProgramError> {
        let mut running = self.start(stop)?;
        let mut answer = Vec::new();
        while let Some(block) = running.next()? {
            if answer.len() + block.len() > most {
                let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("it prints more than {most} bytes"));
                return Err(ProgramError::Output { name: self.shown(), source });
            }
            answer.extend(block);
        }
        Ok(answer)
    }
}

/// A program that runs. Dropped before its end, it is killed.
pub struct Running {
    name: String,
    child: Killed,
    output: Receiver<io::Result<Vec<u8>>>,
    said: Receiver<String>,
    stop: Stop,
}

impl Running {
    /// The next block of output, [`BLOCK_BYTES`] at most; none once the program has ended with success.
    ///
    /// # Errors
    /// [`ProgramError`]: what was read so far is not all of it.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, ProgramError> {
        loop {
            match self.output.recv_timeout(LOOK_EVERY) {
                Ok(Ok(block)) => return Ok(Some(block)),
                Ok(Err(source)) => return Err(ProgramError::Output { name: self.name.clone(), source }),
                Err(RecvTimeoutError::Disconnected) => return self.end().map(|()| None),
                Err(RecvTimeoutError::Timeout) if (self.stop)() => {
                    return Err(ProgramError::Stopped(self.name.clone()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// It closed its output: waits for its end.
    fn end(&mut self) -> Result<(), ProgramError> {
        let status = loop {
            let ended = self.child.0.try_wait();
            match ended.map_err(|source| ProgramError::Output { name: self.name.clone(), source })? {
                Some(status) => break status,
                None if (self.stop)() => return Err(ProgramError::Stopped(self.name.clone())),
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = self.said.recv_timeout(LAST_WORDS).unwrap_or_default();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Err(ProgramError::Ended { name: self.name.clone(), how: how(status), said })
    }
}

/// A child that does not outlive its handle.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // One that was waited for is gone, and its number may be another's.
        if matches!(self.0.try_wait(), Ok(None)) {
            platform::kill_group(&self.0);
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
}

/// Passes on the output until it ends or nobody reads.
fn pump(mut out: ChildStdout, send: &Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let read = (&mut out).take(BLOCK_BYTES as u64).read_to_end(&mut block);
        let more = match read {
            Ok(0) => return,
            Ok(_) => send.send(Ok(block)),
            Err(error) => {
                let _ = send.send(Err(error));
                return;
            }
        };
        if more.is_err() {
            return;
        }
    }
}

/// The last lines of what is printed as errors, in one line without control characters.
fn last_words(mut errors: ChildStderr) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(bytes @ 1..) = errors.read(&mut piece) {
        kept.extend_from_slice(&piece[..bytes]);
        let surplus = kept.len().saturating_sub(ERRORS_MAX);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join("; ");
    last.chars().filter(|one| !one.is_control()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn never() -> Stop {
        Arc::new(|| false)
    }

    fn shell(script: &str) -> Program {
        Program::new("sh", ["-c", script])
    }

    #[test]
    fn all_that_is_printed_comes_in_order() {
        let answer = shell("seq 300000; echo oops >&2").answer(never(), 10 << 20).expect("it ends well");
        let expected: String = (1..=300_000).map(|number| format!("{number}\n")).collect();
        assert!(answer == expected.into_bytes());
    }

    #[test]
    fn an_end_without_success_is_told_with_its_last_words() {
        let failed = |script: &str| shell(script).answer(never(), 100).expect_err("it fails").to_string();
        assert_eq!(
            failed("echo half; echo first >&2; echo why >&2; exit 3"),
            "`sh` ended with exit status 3: first; why"
        );
        assert_eq!(failed("exit 1"), "`sh` ended with exit status 1");
        assert!(failed("kill -9 $$").contains("signal: 9"), "{}", failed("kill -9 $$"));
        let long = failed("for i in $(seq 9); do printf 'line %d\\033[1m\\n' $i >&2; done; exit 1");
        assert_eq!(long, "`sh` ended with exit status 1: line 5[1m; line 6[1m; line 7[1m; line 8[1m; line 9[1m");
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let error = Program::new("no-such-program", [""; 0]).answer(never(), 1).expect_err("there is none");
        assert!(matches!(&error, ProgramError::Start { source, .. } if source.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn more_than_is_wanted_is_refused() {
        let error = shell("yes").answer(never(), 1000).expect_err("it never ends");
        assert!(error.to_string().contains("can't be read"), "{error}");
    }

    fn is_gone(pid: &str) -> bool {
        // What it started is not our child: the system reaps it when it likes.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| stat.contains(") Z ")) || !std::path::Path::new(&format!("/proc/{pid}")).exists()
    }

    #[test]
    fn a_silent_program_is_stopped_with_all_that_it_started() {
        let stopped = Arc::new(AtomicBool::new(false));
        let ask = Arc::clone(&stopped);
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{0}.tmp; mv {0}.tmp {0}; wait", told.display());
        let mut running = shell(&script).start(Arc::new(move || ask.load(Ordering::SeqCst))).expect("it starts");
        while !told.exists() {
            std::thread::yield_now();
        }
        stopped.store(true, Ordering::SeqCst);
        assert!(matches!(running.next(), Err(ProgramError::Stopped(_))));
        drop(running);
        let pid = std::fs::read_to_string(&told).expect("it told").trim().to_owned();
        while !is_gone(&pid) {
            std::thread::yield_now();
        }
    }
}
