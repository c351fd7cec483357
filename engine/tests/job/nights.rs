//! Fourteen nights of a database that changes: what its dumps cost in the vault.

use std::fs;
use std::process::Command;

use fixtures::bench::objects;
use fixtures::{Bench, Server};

use crate::harness::bench;

/// Rows at first, of 400 random hexadecimal digits each; some of the newest change, and some come, each night.
const FIRST: &str = "create table documents (id serial primary key, body text); \
    insert into documents (body) select (select string_agg(md5(random()::text), '') from generate_series(1, 12 + n * 0)) \
    from generate_series(1, 20000) n;";
const NIGHT: &str = "insert into documents (body) select (select string_agg(md5(random()::text), '') \
    from generate_series(1, 12 + n * 0)) from generate_series(1, 400) n; \
    update documents set body = md5(random()::text) || body where id in \
    (select id from documents order by id desc limit 1000) and id % 10 = 0; \
    delete from documents where id in (select id from documents order by id desc limit 50 offset 2000);";

fn run(server: &Server, sql: &str) {
    let password = fs::read_to_string(server.folder.join("password")).expect("there");
    let mut psql = Command::new("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &server.port().to_string()]);
    psql.args(["-U", "admin", "-d", "sample", "-c", sql]).env("PGPASSWORD", password.trim());
    assert!(psql.status().expect("it is installed").success());
}

fn protecting(server: &Server) -> Bench {
    let bench = bench();
    fs::copy(server.folder.join("password"), bench.path("password")).expect("copied");
    bench.configure(&format!(
        "[job.db]\nsource = {{ postgres = \"postgresql://admin@127.0.0.1:{}/sample\", password-file = \"password\" }}\n\
         offsite = [\"usb\"]\n[destination.usb]\nurl = \"file://{}\"\n",
        server.port(),
        bench.path("usb").display()
    ));
    bench.done(&["init"]);
    bench
}

#[test]
fn fourteen_nights_of_dumps_take_less_than_a_third_of_what_copies_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(server) = Server::start("postgres", folder.path()) else { return };
    let bench = protecting(&server);
    run(&server, FIRST);
    let mut copies = 0;
    for night in 1..=14 {
        if night > 1 {
            run(&server, NIGHT);
        }
        copies += bench.done(&["run", "--once"])["points"][0]["bytes"].as_u64().expect("a number");
    }
    assert_eq!(bench.complete_at("usb").len(), 14);
    for place in ["vault", "usb"] {
        let stored: u64 = objects(&bench.path(place)).iter().map(|(_, bytes)| bytes).sum();
        eprintln!("{place}: {copies} bytes of dumps, {stored} stored");
        assert!(stored < copies / 3, "{place}: {stored} of {copies}");
    }
}
