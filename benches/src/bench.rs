//! A place to work in: a configuration, a source, and the engine run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use engine::destination::{FileStore, Privacy};
use engine::vault;

const PASSPHRASE: &str = "a passphrase of the benchmarks";
/// How often a process is asked for its peak memory.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A folder with a source, a home vault, state and a configuration.
pub struct Bench {
    folder: PathBuf,
    engine: PathBuf,
}

/// How a process ran.
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    /// From its start to its end.
    pub took: Duration,
    /// Peak resident memory in bytes, as the system last told before the end.
    pub peak_bytes: u64,
}

impl Bench {
    /// Works in `folder`, which is made; the engine is the one built beside this program, or `$ENGINE`.
    ///
    /// # Errors
    /// If there is no engine, or the folder can't be written.
    pub fn new(folder: &Path) -> Result<Self> {
        let beside = std::env::current_exe()?.with_file_name("engine");
        let engine = std::env::var_os("ENGINE").map_or(beside, PathBuf::from);
        ensure!(engine.is_file(), "no {}: cargo build --release -p engine", engine.display());
        fs::create_dir_all(folder)?;
        let bench = Self { folder: fs::canonicalize(folder)?, engine };
        bench.write_passphrase()?;
        let source = bench.source();
        let text = format!(
            "[home]\npath = \"vault\"\nreserve = 0\n[state]\npath = \"state\"\n[key]\npassphrase-file = \"passphrase\"\n\
             [job.files]\nsource = {{ folders = [\"{}\"] }}\noffsite = [\"away\"]\n\
             [destination.away]\nurl = \"file:///nowhere/offsite\"\n",
            source.display()
        );
        fs::write(bench.folder.join("offsite.toml"), text)?;
        Ok(bench)
    }

    fn write_passphrase(&self) -> Result<()> {
        let file = self.folder.join("passphrase");
        fs::write(&file, PASSPHRASE)?;
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(())
    }

    /// What is protected.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        self.folder.join("source")
    }

    /// Was a vault made here before?
    #[must_use]
    pub fn has_vault(&self) -> bool {
        self.folder.join("vault/VAULT").exists()
    }

    /// Runs the engine to its end.
    ///
    /// # Errors
    /// If it ends with anything but 0 or 3 (the destination is away).
    pub fn engine(&self, arguments: &[&str]) -> Result<Ran> {
        let mut command = Command::new(&self.engine);
        command.arg("--config").arg(self.folder.join("offsite.toml")).arg("--quiet").args(arguments);
        run(&mut command)
    }

    /// The time of one key unwrap, by the production code, on this vault's slots.
    ///
    /// # Errors
    /// If there is no vault.
    pub fn unwrap_key(&self) -> Result<Duration> {
        let store = FileStore::open(&self.folder.join("vault"), Privacy::Private)?;
        let keys = vault::keys_of(&store, vault::identity_of(&store)?.family)?;
        let begun = Instant::now();
        vault::unlock(&keys, engine::format::SlotKind::Passphrase, PASSPHRASE.as_bytes())?;
        Ok(begun.elapsed())
    }
}

/// Runs a command to its end, its standard output thrown away.
///
/// # Errors
/// If it can't be run, or fails.
fn run(command: &mut Command) -> Result<Ran> {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().with_context(|| format!("{command:?}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let looks = thread::spawn(move || {
        let mut peak = 0;
        // An ended process that nobody waited for has no memory in its status, a waited-for one no status.
        while let Some(bytes) = peak_bytes(&status_file) {
            peak = bytes;
            thread::sleep(LOOK_EVERY);
        }
        peak
    });
    let status = child.wait()?;
    let took = begun.elapsed();
    ensure!(matches!(status.code(), Some(0 | 3)), "{command:?} ended with {status}");
    Ok(Ran { took, peak_bytes: looks.join().unwrap_or(0) })
}

fn peak_bytes(status_file: &str) -> Option<u64> {
    let status = fs::read_to_string(status_file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
