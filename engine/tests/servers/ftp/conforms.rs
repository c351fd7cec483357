//! The rules of the stores, against real servers.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{Server, open};
use engine::config::FtpData;
use engine::destination::conformance;

fn conforms(server: &Server, data: FtpData) {
    let next = AtomicU32::new(0);
    conformance::run(|| {
        let place = server.place(&format!("place{}", next.fetch_add(1, Ordering::SeqCst)));
        open(&engine::config::Ftp { data, ..place }).expect("open")
    });
}

#[test]
fn proftpd_in_clear() {
    conforms(&Server::start("proftpd", &[]), FtpData::Passive);
}

#[test]
fn proftpd_in_clear_active() {
    conforms(&Server::start("proftpd", &[]), FtpData::Active);
}

#[test]
fn proftpd_over_ipv6() {
    let server = Server::start("proftpd", &["address=::1"]);
    conforms(&server, FtpData::Passive);
}

#[test]
fn proftpd_over_ipv6_active() {
    conforms(&Server::start("proftpd", &["address=::1"]), FtpData::Active);
}

#[test]
fn proftpd_with_explicit_tls() {
    conforms(&Server::start("proftpd", &["tls=explicit"]), FtpData::Passive);
}

#[test]
fn proftpd_with_explicit_tls_active() {
    conforms(&Server::start("proftpd", &["tls=explicit"]), FtpData::Active);
}

#[test]
fn proftpd_with_implicit_tls() {
    conforms(&Server::start("proftpd", &["tls=implicit"]), FtpData::Passive);
}

#[test]
fn proftpd_with_a_checksum() {
    conforms(&Server::start("proftpd", &["tls=explicit", "checksum"]), FtpData::Passive);
}

#[test]
fn proftpd_that_does_not_restart() {
    conforms(&Server::start("proftpd", &["no-restart"]), FtpData::Passive);
}

#[test]
fn vsftpd_in_clear() {
    conforms(&Server::start("vsftpd", &[]), FtpData::Passive);
}

#[test]
fn vsftpd_that_wants_its_tls_session() {
    conforms(&Server::start("vsftpd", &["tls=explicit"]), FtpData::Passive);
}

#[test]
fn vsftpd_without_size() {
    conforms(&Server::start("vsftpd", &["hide-size"]), FtpData::Passive);
}

#[test]
fn a_server_with_hardly_any_command() {
    conforms(&Server::start("pyftpd", &["no-size", "no-facts", "no-epsv", "no-feat", "no-rest"]), FtpData::Passive);
}

#[test]
fn a_server_that_names_another_host() {
    conforms(&Server::start("pyftpd", &["no-epsv", "pasv-elsewhere"]), FtpData::Passive);
}

#[test]
fn proftpd_with_one_connection() {
    conforms(&Server::start("proftpd", &["max=1"]), FtpData::Passive);
}
