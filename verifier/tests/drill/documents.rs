//! Documents that people keep, sound and broken.

use std::fs;
use std::io::Write as _;

use crate::databases::{drilled, prepared, says};

/// A zip of these members.
fn zipped(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("zip");
        zip.write_all(text.as_bytes()).expect("zip");
    }
    zip.finish().expect("zip").into_inner()
}

#[test]
fn documents_are_opened_and_what_is_cut_or_ends_in_the_middle_is_told() {
    use verifier::probe::{ProbeKind, samples};
    let bench = prepared();
    let data = bench.path("data");
    let types = "<?xml version=\"1.0\"?><Types><Default Extension=\"xml\"/></Types>";
    let text = "<?xml version=\"1.0\"?><document><body>text</body></document>";
    let write = |name: &str, bytes: &[u8]| fs::write(data.join(name), bytes).expect("writable");
    write("docx", &zipped(&[("[Content_Types].xml", types), ("word/document.xml", text)]));
    write("docx broken", &zipped(&[("[Content_Types].xml", types), ("word/document.xml", &text[..40])]));
    let kind = "application/vnd.oasis.opendocument.text";
    write("odt", &zipped(&[("mimetype", kind), ("content.xml", text), ("picture", "no XML <")]));
    write("odt broken", &zipped(&[("mimetype", kind), ("content.xml", "<a><b></a></b>")]));
    for kind in [ProbeKind::Pdf, ProbeKind::Png, ProbeKind::Jpeg, ProbeKind::Xz, ProbeKind::Bzip2] {
        let path = data.join(kind.as_str());
        samples::write(kind, &path).expect("a sample");
        let bytes = fs::read(path).expect("there");
        write(&format!("{kind} broken"), &bytes[..bytes.len() / 3 * 2]);
    }
    let probes = drilled(&bench, &[], 4);
    says(&probes, "data/docx", &["pass zip", "OOXML, 2 parts of XML are well-formed"]);
    says(&probes, "data/odt", &["pass zip", "ODF, 1 parts of XML are well-formed"]);
    says(&probes, "data/docx broken", &["fail", "word/document.xml: it ends in the middle"]);
    says(&probes, "data/odt broken", &["fail", "content.xml: "]);
    for (kind, said) in [
        ("pdf", "1 pages"),
        ("png", "64 x 64 pixels, checksums hold"),
        ("jpeg", "64 x 64 pixels decoded"),
        ("xz", "blocks read to the end"),
        ("bzip2", "checksums hold"),
    ] {
        says(&probes, &format!("data/{kind}"), &[&format!("pass {kind}"), said]);
        says(&probes, &format!("data/{kind} broken"), &["fail"]);
    }
}
