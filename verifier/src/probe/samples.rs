//! Small good data of every kind: the negative control breaks them, and the probes must notice.

use std::io::{self, Write};
use std::path::Path;

use engine::model::canary;

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
        ProbeKind::Xz => xz(&content())?,
        ProbeKind::Bzip2 => bzip2(&content())?,
        ProbeKind::Pdf => pdf()?,
        ProbeKind::Png => png()?,
        ProbeKind::Jpeg => jpeg(),
        ProbeKind::Canary => canary(&"sample".parse().map_err(io::Error::other)?).into_bytes(),
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
pub(crate) fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// One frame, with a checksum.
pub(crate) fn zstd(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    encoder.include_checksum(true)?;
    encoder.write_all(plain)?;
    encoder.finish()
}

pub(crate) fn tar() -> io::Result<Vec<u8>> {
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

/// One stream, with a checksum.
pub(crate) fn xz(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0))?;
    encoder.write_all(plain)?;
    encoder.finish()
}

/// One stream.
pub(crate) fn bzip2(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

fn png() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&content()[..64 * 64])?;
    writer.finish()?;
    Ok(bytes)
}

/// One page whose content is packed.
fn pdf() -> io::Result<Vec<u8>> {
    use lopdf::{Document, Object, Stream, dictionary};
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let mut stream = Stream::new(dictionary! {}, content());
    stream.compress().map_err(io::Error::other)?;
    let content = document.add_object(stream);
    let page = document.add_object(dictionary! { "Type" => "Page", "Parent" => pages, "Contents" => content });
    let list = dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 };
    document.objects.insert(pages, Object::Dictionary(list));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes)?;
    Ok(bytes)
}

/// 64 by 64 pixels of grey, in blocks that are lighter and darker in turn (ITU T.81, baseline).
fn jpeg() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xff, 0xc0, 0, 11, 8, 0, 64, 0, 64, 1, 1, 0x11, 0]);
    // Two codes for steps, `00` for none and `01` for one of three bits; one for the end of a block, `0`.
    bytes.extend([0xff, 0xc4, 0, 21, 0, 0, 2]);
    bytes.extend([0; 14]);
    bytes.extend([0, 3]);
    bytes.extend([0xff, 0xc4, 0, 20, 0x10, 1]);
    bytes.extend([0; 15]);
    bytes.extend([0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    let bits: String = ["011000", "010110"].repeat(32).concat();
    bytes.extend(bits.as_bytes().chunks(8).map(|eight| eight.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'))));
    bytes.extend([0xff, 0xd9]);
    bytes
}
