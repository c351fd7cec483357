//! Each probe against good, cut, flipped and empty data, and against anything at all.

use std::sync::Arc;
use std::time::Duration;

use engine::port::SystemClock;
use proptest::prelude::*;

use super::*;

fn budget() -> Budget {
    limited(Limits::default())
}

fn limited(limits: Limits) -> Budget {
    let clock: Arc<dyn engine::port::Clock> = Arc::new(SystemClock);
    Budget::start(&clock, limits)
}

struct Place {
    held: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let held = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(held.path().join("work")).expect("writable");
        Self { held }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.held.path().join(name)
    }

    fn sample(&self, kind: ProbeKind) -> Vec<u8> {
        let path = self.path("sample");
        samples::write(kind, &path).expect("a sample");
        let bytes = std::fs::read(&path).expect("there");
        std::fs::remove_file(path).expect("there");
        bytes
    }

    fn probe(&self, kind: ProbeKind, bytes: &[u8]) -> Outcome {
        self.probe_within(kind, bytes, &budget())
    }

    fn probe_within(&self, kind: ProbeKind, bytes: &[u8], budget: &Budget) -> Outcome {
        let path = self.path("probed");
        std::fs::write(&path, bytes).expect("writable");
        probe(kind, &path, &self.path("work"), budget)
    }
}

#[test]
fn good_data_are_recognised_and_pass() {
    let place = Place::new();
    for kind in ProbeKind::SAMPLED {
        let good = place.sample(kind);
        assert_eq!(recognise(&good), Some(kind));
        let outcome = place.probe(kind, &good);
        assert_eq!(outcome.verdict, ProbeVerdict::Pass, "{kind}: {}", outcome.detail);
    }
}

#[test]
fn every_cut_fails() {
    let place = Place::new();
    for kind in ProbeKind::SAMPLED {
        let good = place.sample(kind);
        let step = (good.len() / 61).max(1);
        // The second block of zeros of a tar archive, and what pads it, may be missing.
        let end = if kind == ProbeKind::Tar { good.len() - 1024 } else { good.len() - 1 };
        for cut in (0..end).step_by(step).chain([end]) {
            let outcome = place.probe(kind, &good[..cut]);
            assert_eq!(outcome.verdict, ProbeVerdict::Fail, "{kind} cut at {cut}: {}", outcome.detail);
        }
    }
}

#[test]
fn a_flipped_byte_in_checked_data_fails() {
    let place = Place::new();
    for (kind, at) in [
        (ProbeKind::Zip, vec![60, 100]),
        (ProbeKind::Gzip, vec![30, 100]),
        (ProbeKind::Zstd, vec![10, 40]),
        (ProbeKind::Tar, vec![0, 100, 150]),
        (ProbeKind::Sqlite, vec![100, 4096, 8192]),
        (ProbeKind::Xz, vec![20, 100]),
        (ProbeKind::Bzip2, vec![20, 100]),
        (ProbeKind::Png, vec![20, 100, 200]),
    ] {
        let good = place.sample(kind);
        for at in at {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let outcome = place.probe(kind, &bad);
            assert_eq!(outcome.verdict, ProbeVerdict::Fail, "{kind} flipped at {at}: {}", outcome.detail);
        }
    }
}

/// Telephones put a film behind a picture; bytes that look like marks are none there.
#[test]
fn what_lies_behind_the_end_of_a_jpeg_is_no_part_of_it_and_none_of_its_own_may_lack() {
    let place = Place::new();
    let good = place.sample(ProbeKind::Jpeg);
    let film = [&good[..], b"MotionPhoto \xff\xda\xff\xc0\x00"].concat();
    let outcome = place.probe(ProbeKind::Jpeg, &film);
    assert_eq!(outcome.verdict, ProbeVerdict::Pass, "{}", outcome.detail);
    let cut = [&good[..good.len() - 40], b"MotionPhoto"].concat();
    assert_eq!(place.probe(ProbeKind::Jpeg, &cut).verdict, ProbeVerdict::Fail);
}

#[test]
fn a_member_of_a_zip_that_is_packed_in_a_way_not_known_here_is_skipped() {
    let place = Place::new();
    let mut bytes = place.sample(ProbeKind::Zip);
    // The method, in the member's own header and in the directory's: LZMA.
    let header = bytes.windows(4).position(|part| part == b"PK\x03\x04").expect("a member");
    let listed = bytes.windows(4).position(|part| part == b"PK\x01\x02").expect("a directory");
    (bytes[header + 8], bytes[listed + 10]) = (14, 14);
    let outcome = place.probe(ProbeKind::Zip, &bytes);
    assert_eq!(outcome.verdict, ProbeVerdict::Skipped, "{}", outcome.detail);
}

#[test]
fn a_flipped_byte_in_a_packed_stream_of_a_pdf_fails() {
    let place = Place::new();
    let mut bytes = place.sample(ProbeKind::Pdf);
    let stream = bytes.windows(7).position(|part| part == b"stream\n").expect("a stream");
    bytes[stream + 60] ^= 0xff;
    let outcome = place.probe(ProbeKind::Pdf, &bytes);
    assert_eq!(outcome.verdict, ProbeVerdict::Fail, "{}", outcome.detail);
}

#[test]
fn every_gzip_member_counts_and_zeros_may_follow() {
    let place = Place::new();
    let member = samples::gzip(b"one").expect("in memory");
    let two = [member.clone(), samples::gzip(b"two").expect("in memory")].concat();
    assert_eq!(place.probe(ProbeKind::Gzip, &[&two[..], &[0; 4000]].concat()).verdict, ProbeVerdict::Pass);
    for bad in [&two[..two.len() - 1], &two[..member.len() + 5], &[&two[..], b"junk"].concat()] {
        assert_eq!(place.probe(ProbeKind::Gzip, bad).verdict, ProbeVerdict::Fail);
    }
}

#[test]
fn a_tar_inside_is_read_too() {
    let place = Place::new();
    let tar = samples::tar().expect("in memory");
    for (kind, pack) in [
        (ProbeKind::Gzip, samples::gzip as fn(&[u8]) -> io::Result<Vec<u8>>),
        (ProbeKind::Zstd, samples::zstd),
        (ProbeKind::Xz, samples::xz),
        (ProbeKind::Bzip2, samples::bzip2),
    ] {
        let good = place.probe(kind, &pack(&tar).expect("in memory"));
        assert!(good.verdict == ProbeVerdict::Pass && good.detail.contains("tar inside: 2 entries"), "{}", good.detail);
        let cut = place.probe(kind, &pack(&tar[..tar.len() / 2]).expect("in memory"));
        assert_eq!(cut.verdict, ProbeVerdict::Fail, "{kind}: {}", cut.detail);
    }
}

#[test]
fn a_bomb_is_skipped_and_never_passes() {
    let place = Place::new();
    let bomb = samples::gzip(&vec![0; 4 << 20]).expect("in memory");
    let small = limited(Limits { bytes: 1 << 20, time: Duration::from_secs(3600) });
    assert_eq!(place.probe_within(ProbeKind::Gzip, &bomb, &small).verdict, ProbeVerdict::Skipped);
    let late = limited(Limits { bytes: 1 << 30, time: Duration::ZERO });
    for kind in [ProbeKind::Zip, ProbeKind::Tar, ProbeKind::Zstd] {
        let outcome = place.probe_within(kind, &place.sample(kind), &late);
        assert_eq!(outcome.verdict, ProbeVerdict::Skipped, "{kind}: {}", outcome.detail);
    }
}

/// A clock that can be read once.
#[derive(Debug, Default)]
struct Broken(std::sync::atomic::AtomicBool);

impl engine::port::Clock for Broken {
    fn now(&self) -> engine::model::Time {
        engine::model::Time::from_seconds(0)
    }

    fn monotonic(&self) -> Duration {
        assert!(!self.0.swap(true, std::sync::atomic::Ordering::SeqCst), "as the test wanted");
        Duration::ZERO
    }

    fn since_boot(&self) -> Option<engine::port::SinceBoot> {
        None
    }

    fn sleep(&self, _: Duration) {}
}

#[test]
fn a_probe_that_breaks_off_is_skipped_and_never_passes() {
    let place = Place::new();
    for kind in [ProbeKind::Zip, ProbeKind::Tar, ProbeKind::Gzip, ProbeKind::Zstd] {
        let clock: Arc<dyn engine::port::Clock> = Arc::new(Broken::default());
        let budget = Budget::start(&clock, Limits::default());
        let outcome = place.probe_within(kind, &place.sample(kind), &budget);
        assert_eq!(outcome.verdict, ProbeVerdict::Skipped, "{kind}: {}", outcome.detail);
        assert!(outcome.detail.contains("broke off"), "{kind}: {}", outcome.detail);
    }
}

#[test]
fn a_probe_that_is_told_to_stop_is_skipped() {
    let place = Place::new();
    let stop: crate::run::StopAsked = Arc::new(|| true);
    for kind in [ProbeKind::Zip, ProbeKind::Tar, ProbeKind::Gzip, ProbeKind::Zstd] {
        let outcome = place.probe_within(kind, &place.sample(kind), &budget().until(&stop));
        assert_eq!(outcome.verdict, ProbeVerdict::Skipped, "{kind}: {}", outcome.detail);
        assert!(outcome.detail.contains("told to stop"), "{kind}: {}", outcome.detail);
    }
}

#[test]
fn a_hot_log_is_used_and_its_loss_or_the_databases_is_noticed() {
    let place = Place::new();
    let live = place.path("live.db");
    let connection = rusqlite::Connection::open(&live).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (parent REFERENCES parent (id));
             PRAGMA wal_checkpoint(TRUNCATE);
             PRAGMA foreign_keys = OFF;
             INSERT INTO child VALUES (7);",
        )
        .expect("valid");
    let (copy, log) = (place.path("copy.db"), place.path("copy.db-wal"));
    std::fs::copy(&live, &copy).expect("there");
    std::fs::copy(place.path("live.db-wal"), &log).expect("there");
    let look = || probe(ProbeKind::Sqlite, &copy, &place.path("work"), &budget());
    let dangling = look();
    assert!(dangling.verdict == ProbeVerdict::Fail && dangling.detail.contains("foreign_key_check"), "{dangling:?}");
    assert_eq!(std::fs::read_dir(place.path("work")).expect("there").count(), 0, "no copy stays");
    connection.execute_batch("INSERT INTO parent VALUES (7);").expect("valid");
    std::fs::copy(place.path("live.db-wal"), &log).expect("there");
    let whole = look();
    assert!(whole.verdict == ProbeVerdict::Pass && whole.detail.starts_with("with its -wal"), "{whole:?}");
    std::fs::write(&log, b"").expect("writable");
    let emptied = look();
    assert!(emptied.verdict == ProbeVerdict::Pass && !emptied.detail.contains("WAL mode"), "{emptied:?}");
    std::fs::remove_file(&log).expect("there");
    let without = look();
    // The rows of the log are gone, and nothing in the database tells: it is as it was at the checkpoint.
    assert_eq!(without.verdict, ProbeVerdict::Pass, "{without:?}");
    assert!(without.detail.ends_with("in WAL mode and without its log: as of its last checkpoint"), "{without:?}");
    let bytes = std::fs::read(&copy).expect("there");
    std::fs::write(&copy, &bytes[..100]).expect("writable");
    assert_eq!(look().verdict, ProbeVerdict::Fail);
}

#[test]
fn a_database_that_writes_no_log_misses_none() {
    let place = Place::new();
    let outcome = place.probe(ProbeKind::Sqlite, &place.sample(ProbeKind::Sqlite));
    assert_eq!(outcome.detail, "integrity_check: ok; foreign_key_check: ok");
}

#[test]
fn a_probe_changes_nothing_and_takes_any_name() {
    let place = Place::new();
    let name = std::ffi::OsStr::from_bytes(b"odd %3f?#&\xff name");
    let path = place.held.path().join(name);
    samples::write(ProbeKind::Sqlite, &path).expect("a sample");
    let before = std::fs::read(&path).expect("there");
    assert_eq!(probe(ProbeKind::Sqlite, &path, &place.path("work"), &budget()).verdict, ProbeVerdict::Pass);
    assert_eq!(std::fs::read(&path).expect("there"), before);
    assert_eq!(std::fs::read_dir(place.held.path()).expect("there").count(), 2, "the file and `work`");
}

use std::os::unix::ffi::OsStrExt;

fn magic(kind: ProbeKind) -> Vec<u8> {
    match kind {
        ProbeKind::Sqlite => b"SQLite format 3\0".to_vec(),
        ProbeKind::Zip => b"PK\x03\x04".to_vec(),
        ProbeKind::Gzip => vec![0x1f, 0x8b, 8],
        ProbeKind::Zstd => vec![0x28, 0xb5, 0x2f, 0xfd],
        ProbeKind::Tar => [&[0; 257][..], b"ustar"].concat(),
        ProbeKind::Xz => b"\xfd7zXZ\0".to_vec(),
        ProbeKind::Bzip2 => b"BZh91AY&SY".to_vec(),
        ProbeKind::Pdf => b"%PDF-1.5".to_vec(),
        ProbeKind::Png => b"\x89PNG\r\n\x1a\n".to_vec(),
        ProbeKind::Jpeg => vec![0xff, 0xd8, 0xff],
        ProbeKind::Canary => engine::model::CANARY_BEGINS.as_bytes().to_vec(),
        other => panic!("{other} is not sampled"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_panic_a_probe_or_pass_it(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let place = Place::new();
        for kind in ProbeKind::SAMPLED {
            let outcome = place.probe(kind, &[magic(kind), bytes.clone()].concat());
            prop_assert_ne!(outcome.verdict, ProbeVerdict::Pass);
        }
    }

    #[test]
    fn a_good_file_with_any_byte_changed_never_panics(at in any::<prop::sample::Index>(), to: u8) {
        let place = Place::new();
        for kind in ProbeKind::SAMPLED {
            let mut bytes = place.sample(kind);
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = place.probe(kind, &bytes);
        }
    }
}
