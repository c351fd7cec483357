//! Secrets: where the configuration says they are, and reading them.
//!
//! Invariants: a secret is never in the configuration itself, never in an error, a warning or a debug print.
//! Deliberately absent: keys, prompts, keeping a secret longer than its caller does.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use zeroize::Zeroizing;

/// Longest secret, in bytes.
const SECRET_MAX: usize = 64 * 1024;

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// What a command prints.
    Command {
        /// For the system's shell.
        line: String,
        /// Where it runs: the configuration's folder.
        folder: PathBuf,
    },
}

/// A secret that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Without the one trailing line end; never empty. Wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Something that the user should change.
    pub warning: Option<SecretWarning>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("warning", &self.warning).finish_non_exhaustive()
    }
}

/// Something about a secret that the user should change; it is used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretWarning {
    /// The file's mode lets its group or everyone read it.
    OthersCanRead(PathBuf),
}

impl fmt::Display for SecretWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::OthersCanRead(file) = self;
        write!(f, "others can read the secret in {}: `chmod 600` it", file.display())
    }
}

/// Why a secret can't be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("the secret's file {} can't be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The variable is not there.
    #[error("the environment has no variable `{0}` for the secret")]
    Env(String),
    /// The command can't be started or its output not read.
    #[error("the secret's command can't be run")]
    Start(#[source] std::io::Error),
    /// The command says that it failed.
    #[error("the secret's command failed: {0}")]
    Failed(ExitStatus),
    /// There is nothing, or nothing but a line end.
    #[error("the secret from {0} is empty")]
    Empty(String),
    /// More than any secret has.
    #[error("the secret from {0} is longer than 64 KiB")]
    TooLong(String),
}

impl SecretSource {
    /// What the user should change about it, without reading it. One that is not there is no matter of this look.
    #[must_use]
    pub fn look(&self) -> Option<SecretWarning> {
        let Self::File(path) = self else { return None };
        let open = path.metadata().is_ok_and(|metadata| is_open_to_others(&metadata));
        open.then(|| SecretWarning::OthersCanRead(path.clone()))
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// If it can't be had, is empty, or is longer than 64 KiB.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let (mut bytes, warning) = match self {
            Self::File(path) => read_file(path).map_err(|source| SecretError::File { path: path.clone(), source })?,
            Self::Env(name) => (read_env(name)?, None),
            Self::Command { line, folder } => (read_command(line, folder)?, None),
        };
        if bytes.len() > SECRET_MAX {
            return Err(SecretError::TooLong(self.to_string()));
        }
        strip_line_end(&mut bytes);
        if bytes.is_empty() { Err(SecretError::Empty(self.to_string())) } else { Ok(Secret { bytes, warning }) }
    }
}

impl fmt::Display for SecretSource {
    /// Where, for people; not the command's words, which may be private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the variable `{name}`"),
            Self::Command { .. } => write!(f, "the command"),
        }
    }
}

fn strip_line_end(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

/// At most one byte more than allowed, in one piece of memory, so that no copy is left behind.
fn read_some(from: impl std::io::Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let limit = SECRET_MAX + 1;
    let mut bytes = Zeroizing::new(vec![0; limit]);
    let (mut from, mut filled) = (from, 0);
    while filled < limit {
        match from.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn read_file(path: &PathBuf) -> std::io::Result<(Zeroizing<Vec<u8>>, Option<SecretWarning>)> {
    let file = File::open(path)?;
    let warning = is_open_to_others(&file.metadata()?).then(|| SecretWarning::OthersCanRead(path.clone()));
    Ok((read_some(file)?, warning))
}

#[cfg(unix)]
fn is_open_to_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.is_file() && metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_metadata: &Metadata) -> bool {
    false
}

fn read_env(name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let value = std::env::var_os(name).ok_or_else(|| SecretError::Env(name.to_owned()))?;
    Ok(Zeroizing::new(OsString::into_encoded_bytes(value)))
}

fn read_command(line: &str, folder: &PathBuf) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut shell = shell(line);
    let mut child =
        shell.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(SecretError::Start)?;
    let output = child.stdout.take().expect("stdout was piped");
    let bytes = read_some(output);
    let status = child.wait().map_err(SecretError::Start)?;
    let bytes = bytes.map_err(SecretError::Start)?;
    // A command that had more to say was cut off, and can only fail.
    if status.success() || bytes.len() > SECRET_MAX { Ok(bytes) } else { Err(SecretError::Failed(status)) }
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(line);
    shell
}

#[cfg(not(unix))]
fn shell(line: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(line);
    shell
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, SecretSource) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("passphrase");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changed");
        (folder, SecretSource::File(path))
    }

    fn command(line: &str) -> Result<Secret, SecretError> {
        SecretSource::Command { line: line.to_owned(), folder: std::env::temp_dir() }.read()
    }

    #[test]
    fn exactly_one_line_end_is_not_part_of_it() {
        let table: [(&[u8], &[u8]); 6] = [
            (b"pass", b"pass"),
            (b"pass\n", b"pass"),
            (b"pass\r\n", b"pass"),
            (b"pass\n\n", b"pass\n"),
            (b" pass \r", b" pass \r"),
            (b"\xff\n", b"\xff"),
        ];
        for (content, expected) in table {
            let (_folder, source) = file(content, 0o600);
            assert_eq!(source.read().expect("read").bytes.as_slice(), expected, "{content:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_used_with_a_warning() {
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o622, false)] {
            let (_folder, source) = file(b"pass", mode);
            assert_eq!(source.read().expect("read").warning.is_some(), warned, "{mode:o}");
            assert_eq!(source.look().is_some(), warned, "{mode:o}: without reading it");
        }
    }

    #[test]
    fn nothing_is_no_secret() {
        for content in [&b""[..], b"\n", b"\r\n"] {
            let (_folder, source) = file(content, 0o600);
            assert!(matches!(source.read(), Err(SecretError::Empty(_))), "{content:?}");
        }
        assert!(matches!(command("true"), Err(SecretError::Empty(_))));
    }

    #[test]
    fn too_much_is_no_secret() {
        let (_folder, source) = file(&vec![b'x'; SECRET_MAX + 1], 0o600);
        assert!(matches!(source.read(), Err(SecretError::TooLong(_))));
        assert!(matches!(command("yes"), Err(SecretError::TooLong(_))));
    }

    #[test]
    fn a_command_gives_its_output_and_fails_if_it_fails() {
        assert_eq!(command("printf 'a b\\n'").expect("read").bytes.as_slice(), b"a b");
        assert!(matches!(command("echo pass; exit 3"), Err(SecretError::Failed(status)) if status.code() == Some(3)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let file = SecretSource::File("/nowhere/passphrase".into()).read().expect_err("no file");
        assert_eq!(file.to_string(), "the secret's file /nowhere/passphrase can't be read");
        let variable = SecretSource::Env("OFFSITE_NO_SUCH_VARIABLE".into()).read().expect_err("no variable");
        assert_eq!(variable.to_string(), "the environment has no variable `OFFSITE_NO_SUCH_VARIABLE` for the secret");
    }

    #[test]
    fn a_secret_is_never_printed() {
        let secret = command("echo hunter2").expect("read");
        assert!(!format!("{secret:?}").contains("hunter2"));
        let source = SecretSource::Command { line: "echo hunter2".into(), folder: "/".into() };
        assert!(!source.to_string().contains("hunter2"));
    }
}
