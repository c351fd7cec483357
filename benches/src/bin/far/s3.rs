//! SeaweedFS, beside `rclone`.

use std::path::Path;

use anyhow::Result;

use super::line::{Line, at_port, start, to};
use super::tools::{options, rclone};

pub fn line(folder: &Path) -> Result<Line> {
    let server = start("seaweedfs", &[], folder)?;
    let port = to(server.port()).port;
    let endpoint = format!("http://127.0.0.1:{port}");
    let mut with = options(&[
        ("s3-provider", "Other"),
        ("s3-endpoint", &endpoint),
        ("s3-access-key-id", &server.told("access_key")),
        ("s3-secret-access-key", &server.told("secret_key")),
        ("s3-upload-concurrency", "8"),
        ("s3-chunk-size", "8M"),
    ]);
    with.extend(["--s3-force-path-style", "--s3-no-check-bucket"].map(str::to_owned));
    let tools = vec![rclone("rclone, 8 at once", format!(":s3:{}/", server.told("bucket")), with)];
    Ok(Line {
        url: server.url(),
        near: server.url(),
        keys: server.login(),
        far_keys: at_port(server.trust(), server.port(), port),
        near_keys: server.trust(),
        tools,
        _server: server,
    })
}
