//! Who is trusted and who gets in.

use engine::config::{Ftp, FtpTls};
use engine::destination::ErrorKind;

use super::{opened, start};
use crate::common::{secret, told};

fn refused(place: &Ftp) -> String {
    let error = opened(place).err().expect("refused");
    assert_eq!(error.kind, ErrorKind::Denied, "{}", told(&error));
    assert!(!told(&error).contains("wrong-horse"), "{}", told(&error));
    told(&error)
}

#[test]
fn a_wrong_password_is_tried_once() {
    let Some(running) = start("pyftpd", &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = refused(&Ftp { password: secret(folder.path(), "wrong-horse"), ..running.place("") });
    assert!(text.contains("check the user"), "{text}");
    assert_eq!(running.noted("PASS"), 1, "{}", running.server.log());
}

#[test]
fn a_certificate_that_can_t_be_trusted_is_denied_with_what_to_do() {
    for (cert, advice) in [("expired", "renew it"), ("elsewhere", "another name"), ("server", "`ca-file`")] {
        for tls in ["tls=explicit", "tls=implicit"] {
            let Some(running) = start("proftpd", &[tls, &format!("cert={cert}")]) else { return };
            let place = running.place("");
            let ca_file = place.ca_file.clone().filter(|_| cert != "server");
            let text = refused(&Ftp { ca_file, ..place });
            assert!(text.contains(advice), "{text}");
            assert!(!running.server.log().contains("USER"), "no login: {}", running.server.log());
        }
    }
}

#[test]
fn a_server_without_tls_is_not_talked_to_in_clear() {
    let Some(running) = start("pyftpd", &[]) else { return };
    refused(&Ftp { tls: FtpTls::Explicit, ..running.place("") });
    assert_eq!(running.noted("USER"), 0, "{}", running.server.log());
}
