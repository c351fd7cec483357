//! Deterministic CBOR (RFC 8949, section 4.2.1) for the few shapes that the formats use.
//!
//! In: values, or bytes from outside. Out: bytes, or values with every read checked. Maps have small unsigned keys in
//! ascending order. Deliberately absent: floats, tags, indefinite lengths.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::FormatError;
use crate::model::Time;

const INFALLIBLE: &str = "writing to memory can't fail";

/// Writes CBOR into memory.
#[derive(Debug)]
pub struct Out(Encoder<Vec<u8>>);

impl Default for Out {
    fn default() -> Self {
        Self(Encoder::new(Vec::new()))
    }
}

impl Out {
    /// Goes on behind `bytes`.
    #[must_use]
    pub fn after(bytes: Vec<u8>) -> Self {
        Self(Encoder::new(bytes))
    }

    /// A map of `len` fields follows.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.0.map(len as u64).expect(INFALLIBLE);
        self
    }

    /// An array of `len` items follows.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.0.array(len as u64).expect(INFALLIBLE);
        self
    }

    /// The number of a field; its value follows.
    pub fn key(&mut self, key: u64) -> &mut Self {
        self.uint(key)
    }

    /// An unsigned number.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.0.u64(value).expect(INFALLIBLE);
        self
    }

    /// A signed number.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.0.i64(value).expect(INFALLIBLE);
        self
    }

    /// Bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.bytes(value).expect(INFALLIBLE);
        self
    }

    /// Text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.0.str(value).expect(INFALLIBLE);
        self
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.0.bool(value).expect(INFALLIBLE);
        self
    }

    /// Nothing.
    pub fn null(&mut self) -> &mut Self {
        self.0.null().expect(INFALLIBLE);
        self
    }

    /// A moment: `[seconds, nanoseconds]`. Nanoseconds that no second has (some file systems say so) are cut.
    pub fn time(&mut self, value: Time) -> &mut Self {
        self.array(2).int(value.seconds).uint(u64::from(value.nanos.min(999_999_999)))
    }

    /// An item that is encoded already.
    pub fn raw(&mut self, item: &[u8]) -> &mut Self {
        self.0.writer_mut().extend_from_slice(item);
        self
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// Reads CBOR from bytes that may be anything.
#[derive(Debug, Clone)]
pub struct In<'b> {
    decoder: Decoder<'b>,
    what: &'static str,
}

impl<'b> In<'b> {
    /// Reads `bytes`, which are said to be `what`.
    #[must_use]
    pub fn new(bytes: &'b [u8], what: &'static str) -> Self {
        Self { decoder: Decoder::new(bytes), what }
    }

    /// The error that `why` is wrong here.
    pub fn damaged(&self, why: impl Into<String>) -> FormatError {
        FormatError::damaged(self.what, why)
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.decoder.position()
    }

    /// Is everything read?
    #[must_use]
    pub fn at_end(&self) -> bool {
        self.position() >= self.decoder.input().len()
    }

    /// The number of fields of the map here.
    ///
    /// # Errors
    /// If there is none of definite length.
    pub fn map(&mut self) -> Result<u64, FormatError> {
        let len = self.decoder.map();
        self.definite(len)
    }

    /// The number of items of the array here. Never allocate by it: it is only a claim.
    ///
    /// # Errors
    /// If there is none of definite length.
    pub fn array(&mut self) -> Result<u64, FormatError> {
        let len = self.decoder.array();
        self.definite(len)
    }

    /// An array of exactly `len` items starts here.
    ///
    /// # Errors
    /// If it does not.
    pub fn array_of(&mut self, len: u64) -> Result<(), FormatError> {
        let found = self.array()?;
        if found == len { Ok(()) } else { Err(self.damaged(format!("{found} items where {len} are wanted"))) }
    }

    /// Field `key` of a map is next.
    ///
    /// # Errors
    /// If another one is.
    pub fn key(&mut self, key: u64) -> Result<(), FormatError> {
        let found = self.uint::<u64>()?;
        if found == key { Ok(()) } else { Err(self.damaged(format!("field {found} where {key} is wanted"))) }
    }

    /// An unsigned number that fits `T`.
    ///
    /// # Errors
    /// If there is none.
    pub fn uint<T: TryFrom<u64>>(&mut self) -> Result<T, FormatError> {
        let value = self.decoder.u64();
        let value = self.ok(value)?;
        T::try_from(value).map_err(|_| self.damaged(format!("number {value} is too large")))
    }

    /// A signed number.
    ///
    /// # Errors
    /// If there is none.
    pub fn int(&mut self) -> Result<i64, FormatError> {
        let value = self.decoder.i64();
        self.ok(value)
    }

    /// Bytes.
    ///
    /// # Errors
    /// If there are none.
    pub fn bytes(&mut self) -> Result<&'b [u8], FormatError> {
        let value = self.decoder.bytes();
        self.ok(value)
    }

    /// Bytes of a fixed width, as an identifier.
    ///
    /// # Errors
    /// If they are not.
    pub fn id<T: TryFrom<&'b [u8]>>(&mut self) -> Result<T, FormatError> {
        let bytes = self.bytes()?;
        T::try_from(bytes)
            .map_err(|_| self.damaged(format!("{} bytes where an id of another width is wanted", bytes.len())))
    }

    /// Text.
    ///
    /// # Errors
    /// If there is none.
    pub fn text(&mut self) -> Result<&'b str, FormatError> {
        let value = self.decoder.str();
        self.ok(value)
    }

    /// True or false.
    ///
    /// # Errors
    /// If it is neither.
    pub fn bool(&mut self) -> Result<bool, FormatError> {
        let value = self.decoder.bool();
        self.ok(value)
    }

    /// A moment.
    ///
    /// # Errors
    /// If the nanoseconds are no fraction of a second, or there is none.
    pub fn time(&mut self) -> Result<Time, FormatError> {
        self.array_of(2)?;
        let time = Time { seconds: self.int()?, nanos: self.uint()? };
        if time.nanos < 1_000_000_000 { Ok(time) } else { Err(self.damaged("more nanoseconds than a second has")) }
    }

    /// What follows, or none where null stands.
    ///
    /// # Errors
    /// As `read`.
    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, FormatError>,
    ) -> Result<Option<T>, FormatError> {
        if self.peek()? == Type::Null {
            let null = self.decoder.null();
            self.ok(null)?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// All items of an array.
    ///
    /// # Errors
    /// As `read`.
    pub fn all<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, FormatError>) -> Result<Vec<T>, FormatError> {
        let len = self.array()?;
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// One item of whatever kind, as it stands.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn skip(&mut self) -> Result<&'b [u8], FormatError> {
        let start = self.position();
        let skipped = self.decoder.skip();
        self.ok(skipped)?;
        Ok(&self.decoder.input()[start..self.position()])
    }

    /// Is the number zero next? Reads the item in either case, whatever it is.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub fn is_zero(&mut self) -> Result<bool, FormatError> {
        Ok(self.skip()? == [0])
    }

    /// Is an array next?
    ///
    /// # Errors
    /// At the end.
    pub fn is_array(&self) -> Result<bool, FormatError> {
        Ok(self.peek()? == Type::Array)
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// If something does.
    pub fn end(&self) -> Result<(), FormatError> {
        if self.at_end() { Ok(()) } else { Err(self.damaged("bytes after the end")) }
    }

    fn peek(&self) -> Result<Type, FormatError> {
        self.ok(self.decoder.datatype())
    }

    fn definite(&self, len: Result<Option<u64>, minicbor::decode::Error>) -> Result<u64, FormatError> {
        self.ok(len)?.ok_or_else(|| self.damaged("indefinite length"))
    }

    fn ok<T>(&self, result: Result<T, minicbor::decode::Error>) -> Result<T, FormatError> {
        result.map_err(|error| self.damaged(error.to_string()))
    }
}

/// Decoding must give back exactly the bytes: so each value has one form only.
///
/// # Errors
/// If `again`, the encoding of what was decoded from `bytes`, differs from them.
pub fn require_same(bytes: &[u8], again: &[u8], what: &'static str) -> Result<(), FormatError> {
    if bytes == again { Ok(()) } else { Err(FormatError::damaged(what, "not in its one deterministic form")) }
}
