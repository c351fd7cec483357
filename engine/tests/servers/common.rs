//! What is the same for every kind of server: objects that are put and read, errors as they are told.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::config::SecretSource;
use engine::destination::{ErrorKind, Finish, ReadStore, StoreError, WriteStore, conformance};
use engine::model::VaultPath;

pub fn told(error: &StoreError) -> String {
    format!("{:?}: {error}: {}", error.kind, error.source)
}

pub fn kind<T>(result: Result<T, StoreError>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind)
}

pub fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("a path")
}

pub fn pattern(bytes: usize) -> Vec<u8> {
    (0..u32::try_from(bytes).expect("small")).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}

pub fn put(store: &dyn WriteStore, at: &str, bytes: &[u8]) -> Result<Finish, StoreError> {
    let mut writer = store.create(&path(at))?;
    for piece in bytes.chunks(1 << 20) {
        writer.write(piece)?;
    }
    writer.finish()
}

pub fn whole(store: &dyn ReadStore, at: &str) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.read_medium(&path(at))?;
    let (mut all, mut piece) = (Vec::new(), vec![0; 1 << 20]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(all),
            bytes => all.extend_from_slice(&piece[..bytes]),
        }
    }
}

/// Every rule of stores, each in a folder of its own.
pub fn conforms<S: WriteStore>(made_below: impl Fn(&str) -> S) {
    let mut places = 0;
    conformance::run(|| {
        places += 1;
        made_below(&format!("vault-{places}"))
    });
}

/// A secret in a file.
pub fn secret(folder: &Path, text: &str) -> Option<SecretSource> {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join(format!("secret-{}", text.len()));
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Some(SecretSource::File(file))
}

pub fn timed<T>(what: &str, bytes: usize, work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    let took = begun.elapsed();
    eprintln!("{what}: {took:?}, {:.1} MB/s", bytes as f64 / took.as_secs_f64() / 1e6);
    (result, took)
}

/// Debian's libfaketime, installed if it is missing.
pub fn faketime() -> String {
    let find = || {
        let found = std::fs::read_dir("/usr/lib").ok()?.flatten();
        found.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|file| file.exists())
    };
    if find().is_none() {
        let words = ["-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", "libfaketime"];
        let _ = Command::new("apt-get").args(words).status();
    }
    find().expect("libfaketime could not be installed").display().to_string()
}

/// A round trip, where they are counted.
pub const TRIP: Duration = Duration::from_millis(200);

/// At most so many round trips, as the line counts them: the fewest of three times, since a computer that pauses between
/// two requests that go together makes more of them, and never fewer. The work is told which time it is.
pub fn trips(what: &str, most: u64, so_far: &dyn Fn() -> u64, work: &dyn Fn(u32)) {
    let once = |time| {
        let before = so_far();
        work(time);
        so_far() - before
    };
    let counted: Vec<u64> = (0..3).map(once).collect();
    eprintln!("{what}: {counted:?} round trips");
    assert!(counted.iter().min() <= Some(&most), "{what}: {counted:?} round trips, {most} at most");
}
