//! Many small points that are owed at once: what each costs on the line, and that nothing else grows with them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fixtures::Bench;
use fixtures::data::noise;

use super::counted::Counted;
use super::{S3, SFTP, at, bench, configure, office_at, restores, right, start};
use crate::s3::proxy::Proxy;

/// Points that are owed at once.
const POINTS: u64 = 40;
/// What each point more may cost on a line where each answer is waited for, in round trips; 11.5 were counted.
const TRIPS: u64 = 16;
/// The same in requests of a bucket; 12.3 were counted: two packs and a manifest, each looked for, put and read back.
const REQUESTS: u64 = 16;
/// Lists of a session for forty points more than those of one for one; 4 were counted.
const LISTS_MORE: u64 = 8;

/// So many points, of which each has one new small file.
fn owe(bench: &Bench, points: u64) {
    for number in 0..points {
        std::fs::write(bench.path("data/changes"), noise(number + 7, 1_000)).unwrap();
        bench.done(&["backup"]);
    }
}

/// Copies so many points more, and says what that cost by these counts.
fn cost<const N: usize>(bench: &Bench, points: u64, so_far: &dyn Fn() -> [u64; N]) -> [u64; N] {
    let there = bench.complete_at("office").len() as u64;
    owe(bench, points);
    let before = so_far();
    bench.done(&["copy"]);
    let after = so_far();
    assert_eq!(bench.complete_at("office").len() as u64, there + points);
    std::array::from_fn(|one| after[one] - before[one])
}

#[test]
fn forty_small_points_to_an_sftp_server_cost_a_bounded_number_of_round_trips_each() {
    let folder = tempfile::tempdir().unwrap();
    let Some(far) = Counted::start(SFTP, folder.path()) else { return };
    let bench = bench(&far.server, 2, "");
    configure(&bench, "\"office\"", &far.office);
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let [one] = cost(&bench, 1, &|| [far.trips()]);
    let [forty] = cost(&bench, POINTS, &|| [far.trips()]);
    println!("round trips: {one} for one point, {forty} for {POINTS}");
    assert!(forty <= one + TRIPS * POINTS, "{one} round trips for one point, {forty} for {POINTS}");
    restores(&bench);
}

#[test]
fn forty_small_points_to_a_bucket_cost_a_bounded_number_of_requests_each_and_no_list_more() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(S3, folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let bench = bench(&server, 2, "");
    let office = office_at(&server.url(), &server, &right(&server));
    configure(&bench, "\"office\"", &office.replace(&at(server.port()), &at(proxy.port)));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    let so_far = || {
        let answered = proxy.answered();
        let lists = answered.iter().filter(|(line, _)| is_list(line)).count();
        [answered.len() as u64, lists as u64, proxy.rules.trips.load(Ordering::SeqCst)]
    };
    let one = cost(&bench, 1, &so_far);
    let forty = cost(&bench, POINTS, &so_far);
    println!("requests, lists, round trips: {one:?} for one point, {forty:?} for {POINTS}");
    assert!(forty[0] <= one[0] + REQUESTS * POINTS, "{one:?} for one point, {forty:?} for {POINTS}");
    assert!(forty[1] <= one[1] + LISTS_MORE, "lists: {one:?} for one point, {forty:?} for {POINTS}");
    restores(&bench);
}

/// A backup writes nothing there: it asks whether this computer was set back, each time, for that is when a point takes
/// its place in the order. A list of a bucket is two requests: unfinished uploads have one of their own.
#[test]
fn a_backup_costs_a_bucket_one_look_at_whose_it_is_and_one_at_its_heads() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = start(S3, folder.path()) else { return };
    let proxy = Proxy::to(server.port(), Duration::ZERO);
    let bench = bench(&server, 2, "");
    let office = office_at(&server.url(), &server, &right(&server));
    configure(&bench, "\"office\"", &office.replace(&at(server.port()), &at(proxy.port)));
    bench.done(&["init"]);
    bench.done(&["run", "--once"]);
    std::fs::write(bench.path("data/changes"), noise(7, 1_000)).unwrap();
    let _ = proxy.take();
    bench.done(&["backup"]);
    let seen = proxy.take();
    let asked = ["max-keys=1", "/VAULT ", "list-type=2", "uploads="];
    let is_asked = |(line, what): (&String, &&str)| line.starts_with("GET ") && line.contains(*what);
    assert!(seen.len() == asked.len() && seen.iter().zip(&asked).all(is_asked), "{seen:#?}");
}

/// Of names, or of uploads that were not finished.
fn is_list(line: &str) -> bool {
    line.starts_with("GET ") && (line.contains("list-type=2") || line.contains("uploads="))
}
