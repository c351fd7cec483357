//! Single words of a command line.

use clap::builder::{OsStringValueParser, TypedValueParser};

use engine::model::{DestinationName, HOME};

/// A path's bytes as they were given; any but none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathBytes(pub Vec<u8>);

/// Takes a word as it is.
pub fn bytes() -> impl TypedValueParser<Value = PathBytes> {
    OsStringValueParser::new().map(|word| PathBytes(word.into_encoded_bytes()))
}

/// A destination's name, or `home`.
pub fn place_name(text: &str) -> Result<DestinationName, engine::model::NameError> {
    if text == HOME { Ok(DestinationName::home()) } else { text.parse() }
}
