//! ProFTPD in clear and with TLS, beside `lftp` and `rclone`.
//!
//! With TLS nobody between the two can read at which port data goes: the server is given a few, and the line stands
//! before all of them at another address.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};
use fixtures::Proxy;
use fixtures::proxy::SECOND_ADDRESS;

use super::line::{Line, make_vault, start};
use super::tools::{Tool, lftp, obscured, options, password, rclone};

/// Ports for data: a used one rests for a minute.
const PORTS: u16 = 2000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    Not,
    Tls,
}

pub fn line(folder: &Path, sealed: Sealed) -> Result<Line> {
    let first = free_ports()?;
    let passive = format!("passive={first}-{}", first + PORTS - 1);
    let words: &[&str] = if sealed == Sealed::Tls { &[&passive, "tls=explicit"] } else { &[&passive] };
    let server = start("proftpd", words, folder)?;
    make_vault(&server)?;
    let _line = Proxy::before(server.port(), first..first + PORTS, super::ONE_WAY);
    let scheme = if sealed == Sealed::Tls { "ftps" } else { "ftp" };
    let url = |host: &str| format!("{scheme}://{}@{host}:{}/vault", server.told("user"), server.port());
    let mut keys = server.login();
    if sealed == Sealed::Tls {
        keys.extend(server.trust());
    }
    let file = server.folder.join("password");
    let (user, port, ca) = (server.told("user"), server.port().to_string(), server.told("ca"));
    let tls = match sealed {
        Sealed::Tls => format!("set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:ca-file {ca}"),
        Sealed::Not => "set ftp:ssl-allow no".to_owned(),
    };
    let opening = format!(
        "{tls}; set ftp:prefer-epsv yes; set ftp:sync-mode no; open -u {user},{} -p {port} ftp://{SECOND_ADDRESS}",
        password(&file)?
    );
    let mut with = options(&[
        ("ftp-host", SECOND_ADDRESS),
        ("ftp-port", &port),
        ("ftp-user", &user),
        ("ftp-pass", &obscured(&file)?),
        ("ca-cert", &ca),
    ]);
    if sealed == Sealed::Tls {
        with.push("--ftp-explicit-tls".to_owned());
    }
    let tools: Vec<Tool> = vec![
        lftp("lftp, 8 at once", opening, "/".to_owned(), 8),
        rclone("rclone, 8 at once", ":ftp:/".to_owned(), with),
    ];
    let (url, near) = (url(SECOND_ADDRESS), url("127.0.0.1"));
    Ok(Line { _server: server, url, near, keys, far_keys: Vec::new(), near_keys: Vec::new(), tools })
}

/// The first of so many ports that are free, below those that the system gives by itself.
fn free_ports() -> Result<u16> {
    let is_free = |port: u16| ["127.0.0.1", SECOND_ADDRESS].iter().all(|at| TcpListener::bind((*at, port)).is_ok());
    let all_free = |first: &u16| (*first..first + PORTS).all(is_free);
    (10_000..30_000).step_by(PORTS.into()).find(all_free).context("no ports are free")
}
