//! What right configurations become.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{Grouping, KeepRule};

const FILE: &str = "/etc/offsite/offsite.toml";

fn parsed(text: &str) -> Config {
    read::parse(text, Path::new(FILE), Some(Path::new("/home/ann"))).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// A configuration with that job's source, or that destination's lines.
fn job_source(source: &str) -> Source {
    parsed(&format!("[key]\npassphrase-env = \"P\"\n[job.j]\nsource = {source}\n")).jobs.remove(0).source
}

fn destination(lines: &str) -> Destination {
    parsed(&format!("[key]\npassphrase-env = \"P\"\n[destination.d]\n{lines}\n")).destinations.remove(0)
}

fn keep(counts: &[(KeepRule, u32)]) -> Option<Keep> {
    Keep::new(counts.iter().copied())
}

#[test]
fn the_contracts_example_becomes_what_it_says() {
    let config = parsed(include_str!("contract_example.toml"));
    assert_eq!(config.folder, Path::new("/etc/offsite"));
    let home = Home {
        path: "/etc/offsite/vault".into(),
        at: Position { line: 2, column: 8 },
        limit: Some(200 << 30),
        reserve: Some(5 << 30),
        keep: keep(&[(KeepRule::Last, 7)]),
    };
    assert_eq!(config.home, home);
    assert_eq!(config.state, Path::new("/etc/offsite/state"));
    assert_eq!(config.key, SecretSource::File("/etc/offsite/passphrase".into()));
    assert_eq!(config.drill.schedule.as_ref().map(Schedule::to_string).as_deref(), Some("weekly sun 03:00"));
    assert_eq!(config.drill.scratch, Path::new("/var/tmp"));
    assert_eq!(config.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["documents", "ledger", "nightly"]);
    assert_eq!(config.destinations.iter().map(|place| place.name.as_str()).collect::<Vec<_>>(), ["usb", "office"]);
}

#[test]
fn the_examples_first_job_has_every_key() {
    let job = parsed(include_str!("contract_example.toml")).jobs.remove(0);
    let name = |text: &str| text.parse::<crate::model::Name>().expect("a name");
    let expected = Job {
        name: name("documents"),
        at: Position { line: 13, column: 1 },
        source: Source::Folders(Folders {
            paths: vec!["/home/ann/Documents".into(), "/srv/scans".into()],
            exclude: vec!["*.tmp".into(), "**/.cache/".into()],
            exclude_files: vec![],
            one_file_system: false,
            paranoid: false,
            snapshot: Snapshot::Off,
        }),
        source_at: Position { line: 14, column: 10 },
        schedule: "daily 18:00".parse().ok(),
        offsite: vec![name("usb"), name("office")],
        copies: Copies::All,
        keep: keep(&[
            (KeepRule::Last, 3),
            (KeepRule::Daily, 7),
            (KeepRule::Weekly, 4),
            (KeepRule::Monthly, 12),
            (KeepRule::Yearly, 3),
        ]),
        rto: None,
        expect: Some(Duration::from_secs(26 * 3600)),
        dedup_group: name("papers"),
        home: true,
        hooks: Hooks::default(),
        probes: Vec::new(),
        canary: false,
    };
    assert_eq!(job, expected);
}

#[test]
fn the_examples_other_jobs_have_the_defaults() {
    let jobs = parsed(include_str!("contract_example.toml")).jobs;
    assert_eq!(jobs[1].source, Source::Sqlite(Sqlite { pattern: "/srv/app/ledger.db".into() }));
    let ledger = &jobs[1];
    assert_eq!((&ledger.schedule, &ledger.keep, ledger.expect, ledger.copies), (&None, &None, None, Copies::All));
    assert_eq!((&ledger.dedup_group, ledger.home, ledger.offsite.len()), (&ledger.name, true, 0));
    let points = RecoveryPoints {
        folder: "/srv/ghost".into(),
        grouping: Grouping::Ghost,
        settle: Duration::from_secs(60),
        marker: None,
        watch: false,
    };
    assert_eq!(jobs[2].source, Source::RecoveryPoints(points));
}

#[test]
fn the_examples_destinations_have_every_key() {
    let destinations = parsed(include_str!("contract_example.toml")).destinations;
    let usb = Destination {
        name: "usb".parse().expect("a name"),
        url_at: Position { line: 30, column: 7 },
        place: Place::File("/media/ann/BACKUP/offsite".into()),
        limit: Some(500 << 30),
        reserve: Some(5 << 30),
        evict: Evict::Oldest,
        keep_at_least: 1,
        evict_unique: true,
        verify: Verify::ReadBack,
        rotation: false,
        layout: Layout::Vault,
        rate: None,
        window: None,
    };
    assert_eq!(destinations[0], usb);
    let office = &destinations[1];
    let server =
        Server { user: Some("ann".into()), host: "backup.example".into(), port: 2222, path: "/srv/offsite".into() };
    let sftp = Sftp {
        server,
        identity_file: Some("/home/ann/.ssh/id_ed25519".into()),
        known_hosts: Some("/home/ann/.ssh/known_hosts".into()),
        password: None,
        passphrase: None,
    };
    assert_eq!(office.place, Place::Sftp(sftp));
    assert_eq!((office.rate, office.window), (Some(2 << 20), Some(Window { from: 1140, to: 420 })));
    assert_eq!((office.limit, office.reserve, office.keep_at_least), (None, None, 1));
}

#[test]
fn ten_lines_are_enough() {
    let config = parsed("[key]\npassphrase-command = \"pass show backup\"\n");
    let command = SecretSource::Command { line: "pass show backup".into(), folder: "/etc/offsite".into() };
    assert_eq!(config.key, command);
    assert_eq!((config.home.path, config.state), ("/etc/offsite/vault".into(), "/etc/offsite/state".into()));
    assert_eq!((config.home.limit, config.home.reserve, config.home.keep), (None, None, None));
    assert_eq!((config.drill.schedule, config.drill.scratch), (None, "/var/tmp".into()));
}

#[test]
fn sections_keep_the_order_of_the_file_however_they_are_written() {
    let config = parsed(
        "job.z.source.folders = [\"/z\"]\njob.a = { source = { folders = [\"/a\"] } }\n\
         [job.m.source]\nfolders = [\"/m\"]\n\
         [job.b]\nsource.folders = [\"b\"]\n[key]\npassphrase-env = \"P\"\n",
    );
    assert_eq!(config.jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), ["z", "a", "m", "b"]);
}

#[test]
fn every_source_takes_its_own_keys() {
    let folders = r#"{ folders = ["~/d", "../s"], exclude-file = "ex", one-file-system = true, paranoid = true,
        snapshot = "auto" }"#;
    let Source::Folders(folders) = job_source(folders) else { panic!("folders") };
    assert_eq!(folders.paths, [PathBuf::from("/home/ann/d"), "/etc/s".into()]);
    let files: Vec<_> = folders.exclude_files.iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(files, [PathBuf::from("/etc/offsite/ex")]);
    assert!(folders.one_file_system && folders.paranoid && folders.snapshot == Snapshot::Auto);
    assert_eq!(
        job_source(r#"{ drive = "/dev/sda1", live = true }"#),
        Source::Drive(Drive { path: "/dev/sda1".into(), live: true })
    );
    let Source::Postgres(postgres) = job_source(
        r#"{ postgres = "postgresql://ann@db.example:5433", password-env = "PW", socket = "/run/pg",
            method = "basebackup" }"#,
    ) else {
        panic!("postgres")
    };
    assert_eq!(
        (postgres.method, postgres.server.port, &postgres.server.database),
        (PostgresMethod::BaseBackup, 5433, &None)
    );
    assert_eq!(postgres.server.password, Some(SecretSource::Env("PW".into())));
    let Source::MariaDb(mariadb) = job_source(r#"{ mariadb = "mysql://ann@/shop", socket = "/run/my" }"#) else {
        panic!("mariadb")
    };
    assert_eq!((mariadb.host, mariadb.port, mariadb.database), (None, 3306, Some("shop".into())));
    let Source::Firebird(firebird) = job_source(r#"{ firebird = "firebird://sysdba@[::1]/srv/a.fdb" }"#) else {
        panic!("firebird")
    };
    assert_eq!(
        (firebird.host.as_deref(), firebird.port, firebird.database.as_deref()),
        (Some("::1"), 3050, Some("/srv/a.fdb"))
    );
    let command = CommandOutput { words: vec!["tar".into(), "c".into()], name: "all.tar".into() };
    assert_eq!(job_source(r#"{ command = ["tar", "c"], name = "all.tar" }"#), Source::Command(command));
    let pattern = r#"{ recovery-points = "/x", grouping = { pattern = "(?<set>a)(?<point>b)(?<base>c)" },
        marker = "done", watch = true, settle = "0s" }"#;
    let Source::RecoveryPoints(points) = job_source(pattern) else { panic!("points") };
    assert!(matches!(points.grouping, Grouping::Pattern(_)) && points.watch && points.settle.is_zero());
    assert_eq!(points.marker.as_deref(), Some("done"));
}

#[test]
fn a_file_url_becomes_a_path() {
    let table = [
        ("file:///mnt/a%20b/", "/mnt/a b"),
        ("file://localhost/mnt/a", "/mnt/a"),
        ("file:/mnt/a", "/mnt/a"),
        ("file:usb/x", "/etc/offsite/usb/x"),
        ("file://./usb", "/etc/offsite/usb"),
        ("file://../usb", "/etc/usb"),
        ("file://~/usb", "/home/ann/usb"),
        ("file://~//~/usb", "/home/ann/~/usb"),
        ("file:~/usb", "/home/ann/usb"),
        ("file:///~/usb", "/~/usb"),
        ("FILE:///mnt/%E2%82%AC", "/mnt/€"),
    ];
    for (url, path) in table {
        assert_eq!(destination(&format!("url = \"{url}\"")).place, Place::File(path.into()), "{url}");
    }
}

#[test]
fn every_server_takes_its_own_keys() {
    let Place::Ftp(ftp) =
        destination("url = \"ftps://ann@h/x\"\ntls = \"implicit\"\nactive = true\nca-file = \"ca\"").place
    else {
        panic!("ftp")
    };
    assert_eq!((ftp.server.port, ftp.tls, ftp.data), (990, FtpTls::Implicit, FtpData::Active));
    let Place::Ftp(ftp) = destination("url = \"ftp://h/x\"\nplain = true\npassword-file = \"pw\"").place else {
        panic!("ftp")
    };
    assert_eq!(
        (ftp.server.port, ftp.tls, ftp.password),
        (21, FtpTls::None, Some(SecretSource::File("/etc/offsite/pw".into())))
    );
    let Place::WebDav(dav) = destination("url = \"webdav://127.0.0.1/x\"").place else { panic!("webdav") };
    assert_eq!((dav.server.port, dav.transport), (80, Transport::Plain));
    let s3 = "url = \"s3://bucket/a/b/\"\nendpoint = \"http://[::1]:9000\"\nregion = \"eu\"\npath-style = true\n\
              access-key-id-env = \"A\"\nsecret-access-key-env = \"S\"\nobject-lock = \"30d\"";
    let Place::S3(s3) = destination(s3).place else { panic!("s3") };
    assert_eq!((&*s3.bucket, &*s3.prefix, s3.path_style, s3.region.as_deref()), ("bucket", "a/b", true, Some("eu")));
    assert_eq!(s3.endpoint, Some(Endpoint { tls: false, host: "::1".into(), port: 9000, path: "/".into() }));
    assert_eq!(s3.object_lock, ObjectLock::For(Duration::from_secs(30 * 86_400)));
    assert!(s3.credentials.is_some());
}

#[test]
fn plain_bytes_and_mirrors_are_taken() {
    let place =
        destination("url = \"file:///m\"\nlimit = 1_000_000\nreserve = 0\nlayout = \"mirror\"\nencrypt = false");
    assert_eq!((place.limit, place.reserve, place.layout), (Some(1_000_000), Some(0), Layout::Mirror));
}

fn pieces() -> impl Strategy<Value = String> {
    let fixture: Vec<String> = include_str!("contract_example.toml").lines().map(str::to_owned).collect();
    let odd = [
        "[job]",
        "[[job]]",
        "job = 1",
        "[job.home]",
        "source = {}",
        "keep = {}",
        "url = \"file:\"",
        "a.b.c = [",
        "\u{feff}",
        "\"\"\"",
        "x = 0x_",
        "\r",
    ];
    let odd = odd.map(str::to_owned).to_vec();
    let line = prop_oneof![8 => prop::sample::select(fixture), 2 => prop::sample::select(odd), 1 => "\\PC{0,20}"];
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_panics_and_every_error_has_a_place(text in pieces()) {
        if let Err(errors) = parse(&text, Path::new("offsite.toml")) {
            let lines = u32::try_from(text.split('\n').count()).expect("few");
            prop_assert!(!errors.is_empty());
            let is_inside = |error: &ConfigError| (1..=lines).contains(&error.line) && error.column >= 1;
            prop_assert!(errors.iter().all(is_inside), "{errors:?}");
            prop_assert!(errors.iter().all(|error| !error.what.is_empty() && !error.allowed.is_empty()), "{errors:?}");
        }
    }

    #[test]
    fn no_damaged_byte_panics(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = include_bytes!("contract_example.toml").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = parse_bytes(&bytes, Path::new("offsite.toml"));
    }
}

#[test]
fn what_is_endless_is_refused_quickly() {
    for text in [
        "[".repeat(200_000),
        "a.".repeat(100_000),
        "x = [".repeat(50_000),
        "x = {a=".repeat(30_000),
        "#".repeat(300_000),
    ] {
        assert!(parse(&text, Path::new("offsite.toml")).is_err());
    }
    let many: String = (0..1001).map(|n| format!("[destination.d{n}]\nurl = \"file:///{n}\"\n")).collect();
    let errors = parse(&many, Path::new("offsite.toml")).expect_err("too many");
    assert!(errors.iter().any(|error| error.what == "there are 1001 of `destination`"), "{errors:?}");
}

#[test]
fn a_glob_nested_without_end_is_refused() {
    for deep in [40, 2000] {
        let glob = format!("{}{}", "{".repeat(deep), "}".repeat(deep));
        let text =
            format!("key.passphrase-env = \"P\"\n[job.j]\nsource = {{ folders = [\"/a\"], exclude = [\"{glob}\"] }}");
        let errors = parse(&text, Path::new("offsite.toml")).expect_err("too deep");
        assert!(errors[0].what.ends_with("is not a glob"), "{errors:?}");
    }
}

fn probes(lines: &str) -> Vec<JobProbe> {
    let text = format!("[key]\npassphrase-env = \"P\"\n[job.j]\nsource = {{ sqlite = \"/a\" }}\n{lines}\n");
    parsed(&text).jobs.remove(0).probes
}

#[test]
fn probes_are_one_table_or_a_list_of_them() {
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let command = JobProbe::Command(CommandProbe {
        command: Hook(vec!["check".into(), ".".into()]),
        expect: 3,
        time_limit: minutes(10),
    });
    assert_eq!(probes("probe = { command = [\"check\", \".\"], expect = \"exit 3\" }"), std::slice::from_ref(&command));
    let newest = |within, zone: &str, of| {
        JobProbe::Newest(NewestProbe {
            table: "weird\"name".into(),
            column: "at".into(),
            within,
            zone: jiff::tz::TimeZone::get(zone).expect("a zone"),
            of,
            time_limit: minutes(10),
        })
    };
    assert_eq!(
        probes("probe = { newest = { table = 'weird\"name', column = \"at\" } }"),
        [newest(None, "UTC", Databases::All)]
    );
    let query = |query: &str, expect, limit| {
        let (query, of) = (query.to_owned(), Databases::All);
        JobProbe::Query(QueryProbe { query, expect, of, time_limit: minutes(limit) })
    };
    let list = "probe = [{ command = [\"check\", \".\"], expect = \"exit 3\" }, { query = \"select 1\" }]";
    assert_eq!(probes(list), [command, query("select 1", Reply::True, 10)]);
    let headers = "[[job.j.probe]]\nnewest = { table = 'weird\"name', column = \"at\", within = \"2h\", time-zone = \
                   \"Europe/Berlin\" }\nin = \"/app/l.db\"\n[[job.j.probe]]\nquery = \"select 2\"\n\
                   expect = \"rows 1..\"\ntime-limit = \"1m\"";
    let first = newest(Some(minutes(120)), "Europe/Berlin", Databases::In("app/l.db".into()));
    assert_eq!(probes(headers), [first, query("select 2", Reply::Rows { min: 1, max: None }, 1)]);
}

#[test]
fn the_readmes_probes_are_understood() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("there");
    let begin = readme.find("probe = [").expect("an example");
    let end = begin + readme[begin..].find("```").expect("its end");
    let kinds: Vec<&str> = probes(&readme[begin..end]).iter().map(JobProbe::kind).collect();
    assert_eq!(kinds, ["command", "newest", "query", "query"]);
}

#[test]
fn a_number_of_rows_is_exact_or_has_bounds() {
    for (text, good, bad) in [
        ("rows 3", vec![3], vec![2, 4]),
        ("rows 1..", vec![1, u64::MAX], vec![0]),
        ("rows ..2", vec![0, 2], vec![3]),
        ("rows 2..3", vec![2, 3], vec![1, 4]),
    ] {
        let probe = probes(&format!("probe = {{ query = \"x\", expect = \"{text}\" }}")).remove(0);
        let JobProbe::Query(QueryProbe { expect, .. }) = probe else { panic!("{text}") };
        assert!(good.into_iter().all(|rows| expect.has(rows)), "{text}");
        assert!(!bad.into_iter().any(|rows| expect.has(rows)), "{text}");
    }
}

#[test]
fn what_a_probe_is_in_is_a_path_or_a_part_of_it() {
    let of = Databases::In("app/l.db".into());
    for path in ["app/l.db", "srv/app/l.db", "srv/app/l.db/backup_label"] {
        assert!(of.has(path.as_bytes()), "{path}");
    }
    for path in ["srv/xapp/l.db", "app/l.db2", "app", "", "l.db/app"] {
        assert!(!of.has(path.as_bytes()), "{path}");
    }
    assert!(Databases::All.has(b"any"));
}
