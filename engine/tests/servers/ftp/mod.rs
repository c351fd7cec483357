//! Real servers for tests, started by the scripts that a developer uses too, and a proxy that spoils connections.
#![allow(dead_code)] // each test file uses a part of it

pub mod proxy;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::config::{Ftp, FtpData, FtpTls, SecretSource, Server as At};
use engine::destination::{StoreError, WriteStore};
use engine::model::VaultPath;
use lab_ftp::FtpStore;

/// One server, ended when dropped.
pub struct Server {
    script: Child,
    pub port: u16,
    pub data: PathBuf,
    ca: Option<PathBuf>,
    user: String,
    command: (String, Vec<String>),
    pub folder: tempfile::TempDir,
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

impl Server {
    pub fn start(name: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("changed");
        std::fs::write(folder.path().join("password"), "secret\n").expect("written");
        std::fs::write(folder.path().join("wrong"), "hunter2\n").expect("written");
        for file in ["password", "wrong"] {
            std::fs::set_permissions(folder.path().join(file), std::fs::Permissions::from_mode(0o600))
                .expect("changed");
        }
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let command = (name.to_owned(), options);
        let (script, port, data, ca, user) = Self::run(&command, folder.path());
        Self { script, port, data, ca, user, command, folder }
    }

    fn run(command: &(String, Vec<String>), folder: &Path) -> (Child, u16, PathBuf, Option<PathBuf>, String) {
        let mut script = Command::new(script(&command.0))
            .arg(folder.join("server"))
            .args(&command.1)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the script runs");
        let mut line = String::new();
        BufReader::new(script.stdout.take().expect("piped")).read_line(&mut line).expect("it speaks");
        let told = |key: &str| {
            let value = line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_else(|| panic!("{key} in {line:?}")).to_owned()
        };
        let ca = Some(told("ca")).filter(|ca| !ca.is_empty()).map(PathBuf::from);
        (script, told("port").parse().expect("a port"), told("data").into(), ca, told("user"))
    }

    /// Kills the server and every session of it, at once.
    pub fn kill(&mut self) {
        let group = format!("-{}", self.script.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.script.wait();
    }

    /// Starts it again, on the same port and data.
    pub fn again(&mut self) {
        let mut command = self.command.clone();
        command.1.push(format!("port={}", self.port));
        let (script, ..) = Self::run(&command, self.folder.path());
        self.script = script;
    }

    /// A folder of its own, in which the server's user may write.
    pub fn place(&self, name: &str) -> Ftp {
        let folder = self.data.join(name);
        let _ = std::fs::create_dir(&folder);
        let owner = std::fs::metadata(&self.data).expect("data");
        let owner = std::os::unix::fs::MetadataExt::uid(&owner);
        chown(&folder, Some(owner), None).expect("owned");
        let above = if self.user == "labann" { "/data" } else { "" };
        let option = |wanted: &str| self.command.1.iter().any(|option| option == wanted);
        Ftp {
            server: At {
                user: Some(self.user.clone()),
                host: if option("address=::1") { "::1".into() } else { "localhost".into() },
                port: self.port,
                path: format!("{above}/{name}"),
            },
            tls: match (option("tls=explicit"), option("tls=implicit")) {
                (true, _) => FtpTls::Explicit,
                (_, true) => FtpTls::Implicit,
                _ => FtpTls::None,
            },
            password: Some(SecretSource::File(self.folder.path().join("password"))),
            ca_file: self.ca.clone(),
            data: FtpData::Passive,
        }
    }

    pub fn on_disk(&self, place: &Ftp, path: &str) -> PathBuf {
        let name = place.server.path.rsplit('/').next().expect("a name");
        self.data.join(name).join(path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn open(place: &Ftp) -> Result<FtpStore, StoreError> {
    FtpStore::open(place, &|warning| panic!("{warning}"))
}

pub fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("a path")
}

pub fn pattern(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

pub fn put(store: &dyn WriteStore, at: &str, bytes: &[u8]) -> Result<engine::destination::Finish, StoreError> {
    let mut writer = store.create(&path(at))?;
    writer.write(bytes)?;
    writer.finish()
}

pub fn whole(store: &dyn WriteStore, at: &str) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.read_medium(&path(at))?;
    let (mut all, mut piece) = (Vec::new(), vec![0; 100_000]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(all),
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
}

/// Everything an error says, as a person sees it.
pub fn told(error: &StoreError) -> String {
    format!("{error}: {}", error.source)
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "{what} does not come true");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn read_all(mut from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = from.read_to_end(&mut all);
    all
}
