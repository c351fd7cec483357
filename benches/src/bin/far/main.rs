//! Uploads to servers that are 50 ms away (there and back) without a bound on bandwidth: our stores beside the tools that
//! people use, each with its best settings, in one run on the same server.
//!
//!     cargo build --release -p benches
//!     target/release/far [MEBIBYTES]          as root: the servers' scripts make users
//!
//! Ours is what `engine copy` sends with: as many objects at once as the store says, each with its temporary name, flushed,
//! looked at and renamed. Reading back is told for itself: the tools do none. Claim: at least 90 % of the best tool.
#![allow(clippy::print_stdout, reason = "a benchmark's product is what it prints")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use engine::config::{Given, place_given};
use engine::destination::WriteStore;
use engine::installation::open_place;
use engine::model::VaultPath;
use fixtures::data::noisy_files;
use fixtures::{Proxy, Server};

const ONE_WAY: Duration = Duration::from_millis(25);
/// As large as packs are.
const OBJECT_BYTES: usize = 64 << 20;
const SMALL: usize = 400;
const SMALL_BYTES: usize = 4 << 10;

fn main() -> Result<()> {
    let mebibytes = std::env::args().nth(1).map_or(Ok(512), |word| word.parse())?;
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let objects = files(&folder.path().join("large"), (mebibytes << 20) / OBJECT_BYTES, OBJECT_BYTES)?;
    let small = files(&folder.path().join("small"), SMALL, SMALL_BYTES)?;
    println!("{mebibytes} MiB in {} objects, and {SMALL} of {} KiB, over 50 ms", objects.len(), SMALL_BYTES >> 10);
    sftp(folder.path(), &objects, &small)
}

fn files(folder: &Path, count: usize, bytes: usize) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    noisy_files(folder, 1, count as u64, bytes)?;
    Ok((0..count).map(|number| folder.join(number.to_string())).collect())
}

/// A tool's name, and its command for a folder of files.
type Tool<'t> = (&'static str, &'t dyn Fn(&Path) -> Result<Command>);

/// Times of one tool: the large objects, the small ones.
struct Row {
    tool: &'static str,
    large: Option<Duration>,
    small: Option<Duration>,
}

fn sftp(folder: &Path, objects: &[PathBuf], small: &[PathBuf]) -> Result<()> {
    let server = Server::start("sftp", &folder.join("sftp")).ok_or_else(|| anyhow!("it needs root"))?;
    let line = Proxy::to(server.port(), ONE_WAY);
    let known = fs::read_to_string(server.folder.join("known_hosts"))?;
    let known_hosts = server.folder.join("known-through-line");
    fs::write(&known_hosts, known.replace(&format!(":{} ", server.port()), &format!(":{} ", line.port)))?;
    let at = Sftp {
        user: server.told("user"),
        port: line.port,
        key: server.folder.join("id_ed25519"),
        known_hosts,
        data: server.data(),
    };
    let mut rows = vec![at.ours(objects, small)?];
    let tools: [Tool<'_>; 3] = [
        ("sftp -R 256", &|from| at.openssh(from)),
        ("lftp, 4 at once", &|from| at.lftp(from)),
        ("rclone, 8 at once", &|from| at.rclone(from)),
    ];
    for (tool, command) in tools {
        let run = |name: &str| command(&folder.join(name)).and_then(|mut command| timed(&mut command));
        rows.push(Row { tool, large: run("large").map_err(tell).ok(), small: run("small").map_err(tell).ok() });
        println!("  {tool}: {:?}, {:?}", rows.last().and_then(|row| row.large), rows.last().and_then(|row| row.small));
    }
    table("sftp", objects.len() * OBJECT_BYTES, &rows);
    Ok(())
}

fn tell(error: anyhow::Error) {
    println!("  {error:#}");
}

fn table(scheme: &str, bytes: usize, rows: &[Row]) {
    println!("{scheme:<20} {:>10} {:>9} {:>12}", "MiB/s", "of best", "small/s");
    let best = rows.iter().skip(1).filter_map(|row| row.large).min();
    for row in rows {
        let rate =
            row.large.map_or_else(String::new, |took| format!("{:.1}", (bytes >> 20) as f64 / took.as_secs_f64()));
        let ratio = row.large.zip(best).map_or_else(String::new, |(took, best)| {
            format!("{:.0} %", 100.0 * best.as_secs_f64() / took.as_secs_f64())
        });
        let small = row.small.map_or_else(String::new, |took| format!("{:.1}", SMALL as f64 / took.as_secs_f64()));
        println!("{:<20} {rate:>10} {ratio:>9} {small:>12}", row.tool);
    }
}

/// Runs to the end; a tool that is not there or fails has no time.
fn timed(command: &mut Command) -> Result<Duration> {
    let begun = Instant::now();
    let mut limited = Command::new("timeout");
    limited.arg("120").arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    let output = limited.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(begun.elapsed())
}

/// Sends the files as objects, over the store's lanes.
fn send(store: &dyn WriteStore, below: &str, files: &[PathBuf]) -> Result<Duration> {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let lane = || -> Result<()> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let mut writer = store.create(&VaultPath::parse(&format!("{below}/{name}"))?)?;
            for block in fs::read(file)?.chunks(4 << 20) {
                writer.write(block)?;
            }
            writer.finish()?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..store.lanes()).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow!("a lane broke off"))?)
    })?;
    Ok(begun.elapsed())
}

/// Reads the objects back over one lane after the other.
fn read_back(store: &dyn WriteStore, below: &str, files: &[PathBuf]) -> Result<Duration> {
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let lane = || -> Result<()> {
        let mut buffer = vec![0; 1 << 20];
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let mut reader = store.read_medium(&VaultPath::parse(&format!("{below}/{name}"))?)?;
            while reader.read(&mut buffer)? > 0 {}
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..store.lanes()).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow!("a lane broke off"))?)
    })?;
    Ok(begun.elapsed())
}

/// An SFTP server behind the line.
struct Sftp {
    user: String,
    port: u16,
    key: PathBuf,
    known_hosts: PathBuf,
    data: PathBuf,
}

impl Sftp {
    fn ours(&self, objects: &[PathBuf], small: &[PathBuf]) -> Result<Row> {
        let text = |path: &Path| Given::Text(path.display().to_string());
        let keys = [("identity-file", text(&self.key)), ("known-hosts", text(&self.known_hosts))];
        let url = format!("sftp://{}@127.0.0.1:{}{}", self.user, self.port, self.data.display());
        let store: Arc<dyn WriteStore> = open_place(&place_given(&url, &keys).map_err(|why| anyhow!(why))?)?;
        let row = Row {
            tool: "ours",
            large: Some(send(&*store, "large", objects)?),
            small: Some(send(&*store, "small", small)?),
        };
        let took = read_back(&*store, "large", objects)?;
        println!("  ours, read back: {:.1} MiB/s", ((objects.len() * OBJECT_BYTES) >> 20) as f64 / took.as_secs_f64());
        Ok(row)
    }

    fn ssh(&self) -> Vec<String> {
        let option = |text: String| ["-o".to_owned(), text];
        let mut words = vec!["-i".to_owned(), self.key.display().to_string()];
        words.extend(option(format!("UserKnownHostsFile={}", self.known_hosts.display())));
        words.extend(option("BatchMode=yes".to_owned()));
        words
    }

    fn openssh(&self, from: &Path) -> Result<Command> {
        let to = self.data.join(format!("sftp-{}", name(from)));
        let batch = from.with_extension("batch");
        fs::write(&batch, format!("mkdir {}\nput {}/* {}/\n", to.display(), from.display(), to.display()))?;
        let mut command = Command::new("sftp");
        command.args(["-P", &self.port.to_string(), "-R", "256", "-B", "261120", "-b"]).arg(batch).args(self.ssh());
        command.arg(format!("{}@127.0.0.1", self.user));
        Ok(command)
    }

    fn lftp(&self, from: &Path) -> Result<Command> {
        let mut command = Command::new("lftp");
        let ssh = format!("ssh -a -x {}", self.ssh().join(" "));
        let script = format!(
            "set sftp:connect-program '{ssh}'; set sftp:max-packets-in-flight 256; set sftp:size-write 256k; set cmd:fail-exit yes; \
             open -u {},none -p {} sftp://127.0.0.1; mirror -R --parallel=4 {} {}/lftp-{}",
            self.user,
            self.port,
            from.display(),
            self.data.display(),
            name(from)
        );
        command.args(["-c", &script]);
        Ok(command)
    }

    fn rclone(&self, from: &Path) -> Result<Command> {
        let rclone = rclone()?;
        let mut command = Command::new(rclone);
        let to = format!(":sftp:{}/rclone-{}", self.data.display(), name(from));
        command.arg("copy").arg(from).arg(to).args(["--transfers", "8", "--checkers", "8", "--config", "/dev/null"]);
        command.args(["--sftp-host", "127.0.0.1", "--sftp-port", &self.port.to_string(), "--sftp-user", &self.user]);
        command.args(["--sftp-concurrency", "256", "--sftp-chunk-size", "255k", "--sftp-disable-hashcheck"]);
        command.arg("--sftp-key-file").arg(&self.key).arg("--sftp-known-hosts-file").arg(&self.known_hosts);
        Ok(command)
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// As the servers' scripts install it, or the system's.
fn rclone() -> Result<PathBuf> {
    let tools = std::env::var_os("OFFSITE_TEST_TOOLS")
        .map_or_else(|| PathBuf::from("/var/tmp/offsite-test-tools"), PathBuf::from);
    let installed = tools.join("rclone/bin/rclone");
    if installed.exists() { Ok(installed) } else { Ok(PathBuf::from("rclone")) }
}
