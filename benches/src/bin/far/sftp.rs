//! OpenSSH's server, beside `sftp`, `lftp` and `rclone`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::line::{Line, make_vault, start, to};
use super::tools::{Making, Tool, lftp, options, rclone};

pub fn line(folder: &Path) -> Result<Line> {
    let server = start("sftp", &[], folder)?;
    make_vault(&server)?;
    let port = to(server.port()).port;
    let known = fs::read_to_string(server.folder.join("known_hosts"))?;
    let known_hosts = server.folder.join("known-through-line");
    fs::write(&known_hosts, known.replace(&format!(":{} ", server.port()), &format!(":{port} ")))?;
    let at = At {
        user: server.told("user"),
        port,
        key: server.folder.join("id_ed25519"),
        known_hosts,
        data: server.data().display().to_string(),
        batches: folder.to_owned(),
    };
    Ok(Line {
        url: format!("sftp://{}@127.0.0.1:{port}{}/vault", at.user, at.data),
        near: server.url(),
        keys: server.login(),
        far_keys: vec![("known-hosts", at.known_hosts.display().to_string())],
        near_keys: server.trust(),
        tools: vec![at.openssh(), at.lftp(), at.rclone()],
        _server: server,
    })
}

/// How the server is reached over the line.
#[derive(Clone)]
struct At {
    user: String,
    port: u16,
    key: PathBuf,
    known_hosts: PathBuf,
    data: String,
    batches: PathBuf,
}

impl At {
    fn ssh(&self) -> Vec<String> {
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts.display());
        ["-i", &self.key.display().to_string(), "-o", &known_hosts, "-o", "BatchMode=yes"].map(str::to_owned).to_vec()
    }

    fn openssh(&self) -> Tool {
        let batch = |at: &Self, text: String, name: &str| {
            let file = at.batches.join(format!("{name}.batch"));
            fs::write(&file, text)?;
            let mut command = Command::new("sftp");
            command.args(["-P", &at.port.to_string(), "-R", "256", "-B", "261120", "-b"]).arg(file).args(at.ssh());
            command.arg(format!("{}@127.0.0.1", at.user));
            Ok(command)
        };
        let (up, down) = (self.clone(), self.clone());
        let put: Making = Box::new(move |folder, name| {
            let to = format!("{}/{name}", up.data);
            batch(&up, format!("mkdir {to}\nput {}/* {to}/\n", folder.display()), name)
        });
        let get: Making = Box::new(move |folder, name| {
            batch(&down, format!("get {}/{name}/* {}/\n", down.data, folder.display()), &format!("{name}-back"))
        });
        Tool { name: "sftp -R 256", put, get }
    }

    fn lftp(&self) -> Tool {
        // With packets of 256k it stalls, without any line too.
        let opening = format!(
            "set sftp:connect-program 'ssh -a -x {}'; set sftp:max-packets-in-flight 256; set sftp:size-write 32k; \
             set sftp:size-read 32k; open -u {},none -p {} sftp://127.0.0.1",
            self.ssh().join(" "),
            self.user,
            self.port,
        );
        lftp("lftp, 8 at once", opening, format!("{}/", self.data), 8)
    }

    fn rclone(&self) -> Tool {
        let (key, known) = (self.key.display().to_string(), self.known_hosts.display().to_string());
        let port = self.port.to_string();
        let mut options = options(&[
            ("sftp-host", "127.0.0.1"),
            ("sftp-port", &port),
            ("sftp-user", &self.user),
            ("sftp-concurrency", "256"),
            ("sftp-chunk-size", "255k"),
            ("sftp-key-file", &key),
            ("sftp-known-hosts-file", &known),
        ]);
        options.push("--sftp-disable-hashcheck".to_owned());
        rclone("rclone, 8 at once", format!(":sftp:{}/", self.data), options)
    }
}
