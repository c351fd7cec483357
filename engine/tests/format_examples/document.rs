//! The labelled blocks of `FORMAT.md`: code fences whose first line is ```` ```hex LABEL ```` or ```` ```text LABEL ````.

use std::collections::BTreeMap;

const TEXT: &str = include_str!("../../FORMAT.md");

/// The blocks by label.
pub struct Document(BTreeMap<&'static str, String>);

impl Document {
    /// Reads the document; a label that stands twice is an error in it.
    pub fn read() -> Self {
        let mut blocks = BTreeMap::new();
        let mut lines = TEXT.lines();
        while let Some(line) = lines.next() {
            let label = line.strip_prefix("```hex ").or_else(|| line.strip_prefix("```text "));
            if let Some(label) = label {
                let body: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
                assert!(blocks.insert(label, body.join("\n")).is_none(), "two blocks `{label}`");
            }
        }
        Self(blocks)
    }

    /// A block as it stands.
    pub fn text(&self, label: &str) -> &str {
        self.0.get(label).unwrap_or_else(|| panic!("FORMAT.md has no block `{label}`"))
    }

    /// The bytes of a block of hex digits.
    pub fn bytes(&self, label: &str) -> Vec<u8> {
        let digits: String = self.text(label).split_whitespace().collect();
        data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hex digits")
    }

    /// All labels.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.keys().copied()
    }
}

/// Hex digits, 32 bytes a line.
pub fn hex(bytes: &[u8]) -> String {
    let lines: Vec<_> = bytes.chunks(32).map(|line| data_encoding::HEXLOWER.encode(line)).collect();
    lines.join("\n")
}
