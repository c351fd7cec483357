//! Places on the servers, and what is put there and read.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use engine::config::{Endpoint, ObjectLock, S3, S3Credentials, SecretSource};
use engine::destination::{ReadStore, S3Store, StoreError, WriteStore};
use engine::model::VaultPath;

use fixtures::Server;
use fixtures::bench::wait_until;

use crate::common::{path, told};

/// One server for all tests that do not harm it. It ends with this process.
pub fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let folder = || tempfile::tempdir().unwrap().keep();
    SERVER.get_or_init(|| started(&[], &folder())).as_ref()
}

/// A server of the kind that `OFFSITE_S3_SERVER` names, a script of `scripts/servers`; SeaweedFS if it names none.
pub fn started(words: &[&str], folder: &Path) -> Option<Server> {
    let script = std::env::var("OFFSITE_S3_SERVER").unwrap_or_else(|_| "seaweedfs".to_owned());
    Server::start_as(&script, words, folder)
}

/// The bucket that these keys are for: that of all, if the server can let a key into a part of it.
pub fn bucket_of(server: &Server, who: usize) -> String {
    server.tells(&format!("bucket{who}")).unwrap_or_else(|| server.told("bucket"))
}

/// From now on the server's bucket has room for so many MB in all.
pub fn set_quota(server: &Server, megabytes: u32) {
    if let Some(garage) = server.tells("garage") {
        let (config, size) = (server.folder.join("node1.toml"), format!("{megabytes}MB"));
        let words = ["bucket", "set-quotas", "vaults", "--max-size", &size];
        assert!(Command::new(garage).arg("-c").arg(config).args(words).output().unwrap().status.success());
        return;
    }
    shell(server, &format!("s3.bucket.quota -name=vaults -op=set -sizeMB={megabytes}"));
    // What lies there is counted now and then only; and told is what was changed, once.
    wait_until("the quota is enforced", || {
        let said = shell(server, "s3.bucket.quota.enforce -apply");
        said.contains(if megabytes > 100 { "writable" } else { "read only" })
    });
}

/// Ends the server's bucket, which holds `a` of this store.
pub fn remove_bucket(server: &Server, store: &S3Store) {
    let Some(garage) = server.tells("garage") else {
        shell(server, "s3.bucket.delete -name=vaults");
        return;
    };
    // It ends empty ones only.
    store.delete(&path("a")).unwrap();
    let mut command = Command::new(garage);
    command.arg("-c").arg(server.folder.join("node1.toml")).args(["bucket", "delete", "--yes", "vaults"]);
    wait_until("the bucket is gone", || command.output().unwrap().status.success());
}

/// A key of the server's bucket that may do all until [`revoke_writing`]: what `keyed` calls it.
pub fn granted(server: &Server) -> &'static str {
    if server.tells("garage").is_some() {
        return "";
    }
    for (file, key) in [("access_key-lost", "LOSTKEY"), ("secret_key-lost", "LOSTSECRET")] {
        std::fs::write(server.folder.join(file), key).unwrap();
    }
    let user = "-user=lost -access_key=LOSTKEY -secret_key=LOSTSECRET -buckets=vaults -actions=Read,Write,List";
    let said = shell(server, &format!("s3.configure {user} -apply"));
    assert!(said.contains("Write:vaults"), "{said}");
    "-lost"
}

/// From now on that key may read and list only.
pub fn revoke_writing(server: &Server) {
    let Some(garage) = server.tells("garage") else {
        let said = shell(server, "s3.configure -user=lost -buckets=vaults -actions=Write -delete -apply");
        assert!(said.contains("Read:vaults") && !said.contains("Write:vaults"), "{said}");
        return;
    };
    let (config, key) = (server.folder.join("node1.toml"), server.told("access_key"));
    let words = ["bucket", "deny", "--write", "vaults", "--key", &key];
    assert!(Command::new(garage).arg("-c").arg(config).args(words).output().unwrap().status.success());
}

/// What SeaweedFS's administrator would type, and what he would see.
fn shell(server: &Server, line: &str) -> String {
    let script = format!("echo '{line}' | timeout 30 {} shell -master={}", server.told("weed"), server.told("master"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What lies below this is this test's alone.
pub fn own(below: &str) -> String {
    let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
    format!("{test}/{below}")
}

/// A place of this test's own in the server's bucket, as its administrator.
pub fn place(server: &Server, below: &str) -> S3 {
    keyed(server, "", &server.told("bucket"), &own(below))
}

/// The same in another bucket, with the keys of `access_key…` and `secret_key…`.
pub fn keyed(server: &Server, who: &str, bucket: &str, below: &str) -> S3 {
    let file = |name: &str| SecretSource::File(server.folder.join(format!("{name}{who}")));
    S3 {
        bucket: bucket.to_owned(),
        prefix: below.to_owned(),
        endpoint: Some(Endpoint { tls: false, host: "127.0.0.1".into(), port: server.port(), path: "/".into() }),
        region: None,
        path_style: true,
        credentials: Some(S3Credentials { access_key_id: file("access_key"), secret_access_key: file("secret_key") }),
        ca_file: None,
        object_lock: ObjectLock::Off,
    }
}

/// The same place behind another port.
pub fn at_port(place: &S3, port: u16) -> S3 {
    let endpoint = place.endpoint.clone().map(|endpoint| Endpoint { port, ..endpoint });
    S3 { endpoint, ..place.clone() }
}

/// A secret in a file.
pub fn secret(folder: &Path, name: &str, text: &str) -> SecretSource {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    SecretSource::File(file)
}

pub fn opened(place: &S3) -> Result<S3Store, StoreError> {
    S3Store::open(place, &|_| {})
}

pub fn made(place: &S3) -> S3Store {
    S3Store::create_root(place, &|_| {}).unwrap_or_else(|error| panic!("{}", told(&error)))
}

pub fn names(store: &S3Store, folder: &str) -> Vec<String> {
    let folder = if folder.is_empty() { VaultPath::root() } else { path(folder) };
    store.list(&folder).unwrap().into_iter().map(|one| one.path.to_string()).collect()
}

/// Uploads in parts that the server holds and that are not finished.
pub fn uploads(server: &Server) -> usize {
    let url = format!("http://127.0.0.1:{}/{}?uploads=", server.port(), server.told("bucket"));
    let user = format!("{}:{}", server.told("access_key"), server.told("secret_key"));
    let words =
        ["-s", "--aws-sigv4", "aws:amz:us-east-1:s3", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-u", &user];
    let output = Command::new("curl").args(words).arg(url).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ListMultipartUploadsResult"), "{text}");
    text.matches("<UploadId>").count()
}
