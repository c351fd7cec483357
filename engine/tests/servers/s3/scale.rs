//! Many installations, many nodes, little room: whole stories through the binary on a store that others share.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::config::S3;
use engine::destination::{ErrorKind, ReadStore, WriteStore};
use fixtures::bench::wait_until;
use fixtures::data::noisy_files;
use fixtures::{Bench, Server, same};
use rustix::process::Signal;
use serde_json::Value;

use super::places::{at_port, bucket_of, keyed, made, names, opened, place, set_quota, started, uploads};
use super::proxy::{Deed, Proxy};
use crate::common::{kind, path, pattern, put, told, whole};

/// Three volume servers that no test harms, and keys for ten. It ends with this process.
fn cluster() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || {
        let folder = tempfile::tempdir().unwrap().keep();
        started(&["--nodes", "3", "--identities", "10"], &folder)
    };
    SERVER.get_or_init(start).as_ref()
}

/// The destination `office` below this prefix, with the keys of `access_key…` and `secret_key…`.
fn destination(server: &Server, port: u16, who: &str, prefix: &str) -> String {
    let bucket = who.parse().map_or_else(|_| server.told("bucket"), |who| bucket_of(server, who));
    let key = |name: &str| server.folder.join(format!("{name}{who}")).display().to_string();
    format!(
        "[destination.office]\nurl = \"s3://{bucket}/{prefix}\"\nendpoint = \"http://127.0.0.1:{port}\"\npath-style = true\n\
         access-key-id-file = \"{}\"\nsecret-access-key-file = \"{}\"\n",
        key("access_key"),
        key("secret_key")
    )
}

/// A bench with one job of the folder `data`, for these destinations.
fn bench(offsite: &str, destinations: &str) -> Bench {
    let bench = Bench::new(env!("CARGO_BIN_EXE_engine"));
    let _ = bench.folder("data");
    bench.configure(&format!(
        "[job.data]\nsource = {{ folders = [\"data\"] }}\noffsite = [{offsite}]\n\n{destinations}"
    ));
    bench
}

/// One more point, with so many new bytes of noise in files of 250,000.
fn point(bench: &Bench, number: u64, bytes: u64) {
    noisy_files(&bench.path(&format!("data/{number}")), number * 1_000, bytes / 250_000, 250_000).unwrap();
    bench.done(&["backup"]);
}

/// All that is said to be complete at this place can be restored from it alone.
fn what_is_complete_restores(bench: &Bench, at: &str) {
    for id in bench.complete_at(at) {
        let _ = bench.restored(&id, at, &bench.path("data"));
    }
}

fn newest_restores(bench: &Bench, at: &str) {
    let restored = bench.restored("data", at, &bench.path("data"));
    assert_eq!(same(&bench.path("data"), &restored.path), Vec::<String>::new());
}

fn is_sound(bench: &Bench, at: &str) {
    let verified = bench.done(&["verify", at]);
    assert_eq!(verified["places"][0]["damaged"], Value::Array(vec![]), "{verified}");
}

/// How often the server said that an object, or a part of one, is there, for each of them.
fn stored(proxy: &Proxy) -> BTreeMap<String, usize> {
    let mut stored = BTreeMap::new();
    let answered = proxy.answered().into_iter().filter(|(line, status)| line.starts_with("PUT ") && *status == 200);
    for (line, _) in answered {
        // Two uploads of one object would be one too many.
        let name = line.split("&uploadId=").next().unwrap_or_default();
        *stored.entry(name.to_owned()).or_insert(0) += 1;
    }
    stored
}

/// These nodes die just before the first such request; then what this gives is true.
fn kill_before(proxy: &Proxy, server: &Server, nodes: &[u32], is_it: fn(&str) -> bool) -> Arc<AtomicBool> {
    let nodes: Vec<_> = nodes.iter().map(|node| server.node(*node)).collect();
    let done = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&done);
    proxy.choose(move |_, line| {
        if is_it(line) && !done.swap(true, Ordering::Relaxed) {
            nodes.iter().for_each(|node| rustix::process::kill_process(*node, Signal::KILL).unwrap());
        }
        Deed::Pass
    });
    dead
}

/// Each object lies on two of three nodes, so a death costs nothing; after a second one nothing can be written.
#[test]
fn nodes_that_die_in_mid_copy_and_come_back_lose_nothing_and_nothing_is_sent_twice() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = started(&["--nodes", "3"], folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let bench = bench("\"office\"", &destination(&server, proxy.port, "", "vault"));
    bench.done(&["init"]);
    point(&bench, 1, 1_000_000);
    bench.done(&["copy"]);

    (2..5).for_each(|number| point(&bench, number, 1_000_000));
    point(&bench, 5, 10_000_000);
    kill_before(&proxy, &server, &[3], |line| line.starts_with("PUT ") && line.contains("/packs/"));
    let one_dead = bench.engine(&["copy"]);
    assert!(matches!(one_dead.code, 0 | 3), "{one_dead}");
    told_as_it_is(&bench, one_dead.code, 5);
    what_is_complete_restores(&bench, "office");

    // With two of three dead nothing can be written, and the server keeps who asks waiting; then one of them is back.
    point(&bench, 6, 10_000_000);
    let dead = kill_before(&proxy, &server, &[2], |line| line.contains("partNumber=2"));
    let copying = bench.begin(&["copy"]);
    wait_until("the second node is dead", || dead.load(Ordering::Relaxed));
    server.start_node(3);
    let one_back = copying.end();
    assert!(matches!(one_back.code, 0 | 3), "{one_back}");
    told_as_it_is(&bench, one_back.code, 6);
    what_is_complete_restores(&bench, "office");

    server.start_node(2);
    bench.done(&["copy"]);
    assert_eq!(told_as_it_is(&bench, 0, 6), 0);
    is_sound(&bench, "office");
    newest_restores(&bench, "office");
    if server.tells("garage").is_some() {
        // A node of it that was away tells of what is over until it has heard of it.
        wait_until("no part stays", || uploads(&server) == 0);
    }
    assert_eq!(uploads(&server), 0, "no part stays");
    let twice: Vec<_> = stored(&proxy).into_iter().filter(|(_, times)| *times > 1).collect();
    assert_eq!(twice, [], "nothing is sent twice");
}

/// Every point is complete there or owed, and the exit code says whether one is. How many are owed?
fn told_as_it_is(bench: &Bench, code: i32, points: u64) -> u64 {
    let status = bench.done(&["status"]);
    let owed = status["destinations"][0]["pending-points"].as_u64().unwrap();
    assert_eq!(code == 0, owed == 0, "exit {code}: {status}");
    assert_eq!(bench.complete_at("office").len() as u64 + owed, points, "{status}");
    owed
}

#[test]
fn a_quota_that_is_reached_is_told_of_the_next_destination_is_served_and_more_room_is_used_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&[], folder.path()) else { return };
    let usb = folder.path().join("usb");
    let bucket = destination(&server, server.port(), "", "vault");
    let both = format!("{bucket}\n[destination.usb]\nurl = \"file://{}\"\n", usb.display());
    let bench = bench("\"office\", \"usb\"", &both);
    bench.done(&["init"]);
    point(&bench, 1, 2_000_000);
    bench.done(&["copy"]);
    set_quota(&server, 1);

    point(&bench, 2, 2_000_000);
    let _ = bench.engine(&["copy"]).exits(3).says("quota is reached");
    let at = |place: &str| bench.complete_at(place).len();
    assert_eq!((at("office"), at("usb")), (1, 2), "the next one is served in the same run");
    let status = bench.done(&["status"]);
    let office = &status["destinations"][0];
    assert_eq!(office["pending-points"], 1, "{status}");
    assert!(office["problems"].to_string().contains("quota is reached"), "{status}");
    let _ = bench.engine(&["status"]).exits(0).says("quota is reached");
    what_is_complete_restores(&bench, "office");

    set_quota(&server, 1_000);
    bench.done(&["copy"]);
    assert_eq!((at("office"), at("usb")), (2, 2));
    is_sound(&bench, "office");
    newest_restores(&bench, "office");
    assert_eq!(uploads(&server), 0);
}

/// As it really is, for those who look at once from another connection, and where a server has several gateways through
/// another of them: an object that was acknowledged is there, whole, and listed; one that was deleted can't be read. On
/// SeaweedFS it is not listed either; on Garage it may be, for a moment, where one of three nodes has not heard of it yet
/// (so the engine believes in no absence or presence but by a read).
#[test]
fn what_was_acknowledged_is_seen_at_once_from_everywhere() {
    let Some(server) = cluster() else { return };
    let writer = made(&place(server, "vault"));
    let gateway = server.tells("port2").map_or(server.port(), |port| port.parse().unwrap());
    let reader = opened(&at_port(&place(server, "vault"), gateway)).unwrap();
    for number in 0..100 {
        let name = format!("packs/ab/{number:03}");
        let bytes = pattern(1_000 + number * 300);
        put(&writer, &name, &bytes).unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(reader.stat(&path(&name)).unwrap(), Some(bytes.len() as u64), "{name}");
        assert!(whole(&reader, &name).unwrap() == bytes, "{name}");
        assert_eq!(names(&reader, "packs/ab"), [name.as_str()]);
        writer.delete(&path(&name)).unwrap();
        assert_eq!(reader.stat(&path(&name)).unwrap(), None, "{name}");
        assert_eq!(kind(reader.read(&path(&name), 0, 1)), Some(ErrorKind::NotFound), "{name}");
        let listed = names(&reader, "packs/ab");
        if server.tells("garage").is_some() {
            wait_until("it is not listed", || names(&reader, "packs/ab").is_empty());
        } else {
            assert_eq!(listed, Vec::<String>::new());
        }
    }
    // In parts, too.
    put(&writer, "packs/ab/large", &pattern(17 << 20)).unwrap();
    assert_eq!(names(&reader, "packs/ab"), ["packs/ab/large"]);
    assert!(whole(&reader, "packs/ab/large").unwrap() == pattern(17 << 20));
}

/// Requests of one installation at most: for `init`, for the copy of a first point of one pack, for that of a second one,
/// and for a copy that finds nothing to do. Who else works on the bucket does not count in.
const REQUESTS_MAX: [usize; 4] = [24, 54, 46, 30];

/// An installation, and the proxy that counts its requests.
struct Installation {
    number: usize,
    bench: Bench,
    proxy: Proxy,
}

impl Installation {
    fn of(server: &Server, number: usize) -> Self {
        let proxy = Proxy::to(server.port(), Duration::ZERO);
        let office = destination(server, proxy.port, &number.to_string(), &format!("one{number}/vault"));
        Self { number, bench: bench("\"office\"", &office), proxy }
    }

    /// Runs a command, and tells how many requests it made.
    fn requests(&self, words: &[&str]) -> usize {
        let _ = self.proxy.take();
        self.bench.done(words);
        self.proxy.take().len()
    }

    /// From nothing to a second point that is copied: requests of each step.
    fn works(&self) -> [usize; 4] {
        let made = self.requests(&["init"]);
        point(&self.bench, self.number as u64, 1_000_000);
        let first = self.requests(&["copy"]);
        point(&self.bench, 100 + self.number as u64, 500_000);
        let second = self.requests(&["copy"]);
        let nothing = self.requests(&["copy"]);
        newest_restores(&self.bench, "office");
        [made, first, second, nothing]
    }
}

/// The store's answer to one of the ten who asks for that object of a bucket.
fn answer(server: &Server, who: usize, method: &str, (bucket, key): (&str, &str)) -> String {
    let secret = |name: &str| std::fs::read_to_string(server.folder.join(format!("{name}{who}"))).unwrap();
    let login = format!("{}:{}", secret("access_key").trim(), secret("secret_key").trim());
    let url = format!("http://127.0.0.1:{}/{bucket}/{key}", server.port());
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--aws-sigv4",
        "aws:amz:us-east-1:s3",
        "--header",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
    ]);
    curl.args(["--user", &login, &url]);
    match method {
        "HEAD" => curl.arg("--head"),
        "PUT" => curl.args(["--request", method, "--data-binary", "overwritten"]),
        _ => curl.args(["--request", method]),
    };
    String::from_utf8(curl.output().unwrap().stdout).unwrap()
}

/// Ten at once on one bucket, each with keys that open its own prefix only.
#[test]
fn ten_installations_share_a_bucket_and_none_sees_another_or_asks_more_than_stated() {
    let Some(server) = cluster() else { return };
    let all: Vec<Installation> = (1..=10).map(|number| Installation::of(server, number)).collect();
    let requests: Vec<[usize; 4]> = std::thread::scope(|scope| {
        let working: Vec<_> = all.iter().map(|one| scope.spawn(|| one.works())).collect();
        working.into_iter().map(|one| one.join().unwrap()).collect()
    });
    eprintln!("requests of each of ten for init, first copy, second copy, nothing to copy: {requests:?}");
    for mine in 1..=10 {
        let of = |who: usize| keyed(server, &mine.to_string(), &bucket_of(server, who), &format!("one{who}/vault"));
        assert!(opened(&of(mine)).is_ok());
        let others = of(mine % 10 + 1);
        assert_eq!(kind(opened(&others)), Some(ErrorKind::Denied));
        assert_eq!(kind(opened(&S3 { prefix: String::new(), ..others })), Some(ErrorKind::Denied));
        let object = |who: usize| (bucket_of(server, who), format!("one{who}/vault/VAULT"));
        let (own, (bucket, key)) = (object(mine), object(mine % 10 + 1));
        assert_eq!(answer(server, mine, "GET", (&own.0, &own.1)), "200", "its own");
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let told = answer(server, mine, method, (&bucket, &key));
            assert_eq!(told, "403", "{method} {bucket}/{key} by {mine}");
        }
    }
    for one in requests {
        assert!(one.iter().zip(REQUESTS_MAX).all(|(made, most)| *made <= most), "{one:?}");
    }
}
