//! Apache with TLS, beside `curl` and `rclone`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::line::{Line, at_port, make_vault, start, to};
use super::tools::{Making, Tool, files, obscured, options, password, rclone};

pub fn line(folder: &Path) -> Result<Line> {
    let server = start("apache-dav", &[], folder)?;
    make_vault(&server)?;
    let tls: u16 = server.told("tls").parse()?;
    let port = to(tls).port;
    let (user, file, ca) = (server.told("user"), server.folder.join("password"), server.told("ca"));
    let at = format!("https://127.0.0.1:{port}{}/", server.told("root").trim_end_matches('/'));
    let pass = obscured(&file)?;
    let with = options(&[
        ("webdav-url", &at),
        ("webdav-user", &user),
        ("webdav-pass", &pass),
        ("webdav-vendor", "other"),
        ("webdav-pacer-min-sleep", "1ms"),
        ("ca-cert", &ca),
    ]);
    let curl = Curl { at, login: format!("{user}:{}", password(&file)?), ca, folder: folder.to_owned() };
    Ok(Line {
        url: server.url_at(port),
        near: server.url_at(tls),
        keys: [server.login(), at_port(server.trust(), tls, port)].concat(),
        far_keys: Vec::new(),
        near_keys: Vec::new(),
        tools: vec![curl.tool(), rclone("rclone, 8 at once", ":webdav:".to_owned(), with)],
        _server: server,
    })
}

#[derive(Clone)]
struct Curl {
    at: String,
    login: String,
    ca: String,
    folder: std::path::PathBuf,
}

impl Curl {
    fn tool(self) -> Tool {
        let (up, down) = (self.clone(), self);
        let put: Making = Box::new(move |folder, name| {
            let made =
                up.command().args(["--output", "/dev/null", "-X", "MKCOL", &format!("{}{name}/", up.at)]).status()?;
            anyhow::ensure!(made.success(), "MKCOL {name}");
            let each = files(folder)?.into_iter().map(|file| {
                let last = file.file_name().unwrap_or_default().display().to_string();
                ("upload-file", file.display().to_string(), last)
            });
            up.all_at_once(name, each)
        });
        let get: Making = Box::new(move |folder, name| {
            // As many as were put.
            let there = files(&folder.with_file_name("data").join(name))?;
            let each = there.into_iter().map(|file| {
                let last = file.file_name().unwrap_or_default().display().to_string();
                ("output", folder.join(&last).display().to_string(), last)
            });
            down.all_at_once(name, each)
        });
        Tool { name: "curl, 8 at once", put, get }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--fail", "--cacert", &self.ca, "--user", &self.login]);
        command
    }

    fn all_at_once(&self, name: &str, each: impl Iterator<Item = (&'static str, String, String)>) -> Result<Command> {
        let mut list = String::new();
        for (what, file, last) in each {
            writeln!(list, "{what} = \"{file}\"\nurl = \"{}{name}/{last}\"", self.at)?;
        }
        let file = self.folder.join("curl.list");
        fs::write(&file, list)?;
        let mut command = self.command();
        command.args(["--parallel", "--parallel-max", "8", "--config"]).arg(file);
        Ok(command)
    }
}
