//! Small good data of every kind: the negative control breaks them, and the probes must notice.

use std::io::{self, Write};
use std::path::Path;

use super::ProbeKind;

const TEXT: &[u8] = b"A drill that cannot fail proves nothing.\n";

/// Writes a good file of that kind, one of [`ProbeKind::SAMPLED`], at `path`, which must not be there.
///
/// # Errors
/// If it can't be written.
pub fn write(kind: ProbeKind, path: &Path) -> io::Result<()> {
    let bytes = match kind {
        ProbeKind::Sqlite => return sqlite(path).map_err(io::Error::other),
        ProbeKind::Zip => zip()?,
        ProbeKind::Gzip => gzip(&content())?,
        ProbeKind::Zstd => zstd(&content())?,
        ProbeKind::Tar => tar()?,
        // Others are made by servers and other programs.
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    std::fs::write(path, bytes)
}

/// Text that takes a few KiB, compressible and not constant.
fn content() -> Vec<u8> {
    (0..100_u32).flat_map(|line| [line.to_string().as_bytes(), b" ", TEXT].concat()).collect()
}

fn sqlite(path: &Path) -> rusqlite::Result<()> {
    let connection = rusqlite::Connection::open(path)?;
    connection.execute_batch(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent (id), body BLOB);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO parent SELECT i, 'name ' || i FROM n;
         INSERT INTO child SELECT id, id, zeroblob(100) FROM parent;",
    )?;
    connection.close().map_err(|(_, error)| error)
}

fn zip() -> io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for name in ["first.txt", "folder/second.txt"] {
        archive.start_file(name, zip::write::SimpleFileOptions::default())?;
        archive.write_all(&content())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// One gzip member.
pub(super) fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// One frame, with a checksum.
pub(super) fn zstd(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    encoder.include_checksum(true)?;
    encoder.write_all(plain)?;
    encoder.finish()
}

pub(super) fn tar() -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let content = content();
    for name in ["first.txt", "folder/second.txt"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_slice())?;
    }
    archive.into_inner()
}
