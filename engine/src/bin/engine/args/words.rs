//! Single words of a command line.

use clap::builder::{OsStringValueParser, TypedValueParser};

use engine::model::{DestinationName, HOME};

/// A path's bytes as they were given.
pub fn bytes() -> impl TypedValueParser<Value = Vec<u8>> {
    OsStringValueParser::new().map(std::ffi::OsString::into_encoded_bytes)
}

/// A destination's name, or `home`.
pub fn place_name(text: &str) -> Result<DestinationName, engine::model::NameError> {
    if text == HOME { Ok(DestinationName::home()) } else { text.parse() }
}
