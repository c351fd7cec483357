//! Tables and values of TOML with their place in the file, read key by key.
//!
//! Invariant: a key that nobody asked for is an error when the table is finished, with the keys that were asked for.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Wrong, quoted};
use super::reader::{Read, Reader};

/// Keys that would hold a secret in clear; each has `-file`, `-env` and `-command` forms.
const IN_CLEAR: [&str; 5] = ["password", "passphrase", "access-key-id", "secret-access-key", "secret"];

/// A table on its way to a struct.
pub(super) struct Table<'r> {
    pub reader: &'r Reader<'r>,
    /// As people write it: `[home]`, `keep`.
    pub name: String,
    /// Byte where it begins.
    pub at: usize,
    entries: BTreeMap<&'r str, Entry<'r>>,
    known: Vec<&'static str>,
}

#[derive(Clone, Copy)]
struct Entry<'r> {
    key_at: usize,
    value: &'r Spanned<DeValue<'r>>,
}

impl<'r> Table<'r> {
    pub(super) fn new(reader: &'r Reader<'r>, name: impl Into<String>, at: usize, table: &'r DeTable<'r>) -> Self {
        let entry = |(key, value): (&'r Spanned<_>, _)| {
            let key_text: &'r std::borrow::Cow<'r, str> = key.get_ref();
            (&**key_text, Entry { key_at: key.span().start, value })
        };
        Self { reader, name: name.into(), at, entries: table.iter().map(entry).collect(), known: Vec::new() }
    }

    /// Takes a key out, if it is there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<'r>> {
        self.known.push(key);
        let entry = self.entries.remove(key)?;
        Some(self.item(key, entry))
    }

    fn item(&self, key: &str, entry: Entry<'r>) -> Item<'r> {
        // A table that only its parts' headers imply has no place of its own: its key does.
        let span = entry.value.span();
        let at = if span.is_empty() { entry.key_at } else { span.start };
        Item { reader: self.reader, key: key.to_owned(), key_at: entry.key_at, at, value: entry.value.get_ref() }
    }

    /// Is the key there and not yet taken?
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of a key that may be missing.
    pub(super) fn optional<T>(&mut self, key: &'static str, read: impl FnOnce(Item<'r>) -> Read<T>) -> Read<Option<T>> {
        self.take(key).map(read).transpose()
    }

    /// The value of a key that has a default.
    pub(super) fn or<T>(&mut self, key: &'static str, default: T, read: impl FnOnce(Item<'r>) -> Read<T>) -> Read<T> {
        self.take(key).map_or(Ok(default), read)
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(Item<'r>) -> Read<T>,
    ) -> Read<T> {
        match self.take(key) {
            Some(item) => read(item),
            None => Err(self.reader.wrong(self.at, format!("{} has no `{key}`", self.name), example)),
        }
    }

    /// All entries that were not taken, in the order of the file.
    pub(super) fn rest(&mut self) -> Vec<Item<'r>> {
        let rest = std::mem::take(&mut self.entries);
        let mut items: Vec<_> = rest.into_iter().map(|(key, entry)| self.item(key, entry)).collect();
        items.sort_by_key(|item| item.key_at);
        items
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(mut self) -> Read<()> {
        let reports: Vec<_> = self.rest().iter().map(|item| self.unknown(item)).collect();
        reports.into_iter().next().map_or(Ok(()), Err)
    }

    fn unknown(&self, item: &Item<'r>) -> super::reader::Reported {
        if IN_CLEAR.contains(&item.key.as_str()) {
            return self.reader.wrong(item.key_at, in_clear(&item.key), self.secret_keys(&item.key));
        }
        let what = format!("unknown key {} in {}", quoted(&item.key), self.name);
        self.reader.wrong(item.key_at, what, self.known.join(", "))
    }

    /// The forms of that secret which the table knows, or of any secret that it knows.
    fn secret_keys(&self, key: &str) -> String {
        let ends = |known: &str| ["-file", "-env", "-command"].iter().any(|end| known.ends_with(end));
        let same = |known: &&&str| known.starts_with(key) && ends(known);
        let keys: Vec<&str> = self.known.iter().filter(same).copied().collect();
        if keys.is_empty() { self.known.join(", ") } else { keys.join(", ") }
    }
}

fn in_clear(key: &str) -> String {
    format!("`{key}` would hold a secret in clear: a secret is given by a file, a variable or a command")
}

/// One value with its key.
pub(super) struct Item<'r> {
    pub reader: &'r Reader<'r>,
    pub key: String,
    /// Byte where the key begins.
    pub key_at: usize,
    /// Byte where the value begins.
    pub at: usize,
    value: &'r DeValue<'r>,
}

impl<'r> Item<'r> {
    /// Reports what is wrong with the value.
    pub(super) fn wrong<T>(&self, wrong: Wrong) -> Read<T> {
        Err(self.reader.wrong_at(self.reader.position(self.at), wrong))
    }

    fn wrong_kind<T>(&self, wanted: &str) -> Read<T> {
        let what = format!("{} is {}", quoted(&self.key), kind(self.value));
        self.wrong(Wrong::new(what, wanted))
    }

    pub(super) fn text(&self) -> Read<&'r str> {
        match self.value {
            DeValue::String(text) => Ok(text),
            _ => self.wrong_kind("a text in quotes"),
        }
    }

    /// Text that a pure function reads.
    pub(super) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Read<T> {
        parse(self.text()?).or_else(|wrong| self.wrong(wrong))
    }

    pub(super) fn flag(&self) -> Read<bool> {
        match self.value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => self.wrong_kind("true or false"),
        }
    }

    pub(super) fn is_flag(&self) -> bool {
        matches!(self.value, DeValue::Boolean(_))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    pub(super) fn is_integer(&self) -> bool {
        matches!(self.value, DeValue::Integer(_))
    }

    /// A whole number that is not negative.
    pub(super) fn integer(&self, max: u64) -> Read<u64> {
        let allowed = format!("a whole number from 0 to {max}");
        let DeValue::Integer(number) = self.value else { return self.wrong_kind(&allowed) };
        let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| *number <= max);
        parsed.map_or_else(|| self.wrong(Wrong::new(format!("{} is {number}", quoted(&self.key)), allowed)), Ok)
    }

    pub(super) fn count(&self) -> Read<u32> {
        let number = self.integer(u64::from(u32::MAX))?;
        Ok(u32::try_from(number).expect("it is at most u32::MAX"))
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Read<T> {
        let text = self.text()?;
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let wrong = || self.wrong(Wrong::new(format!("`{}` is {}", self.key, quoted(text)), words.join(" or ")));
        chosen.map_or_else(wrong, Ok)
    }

    /// The elements of a list, each with its own place.
    pub(super) fn list(&self, allowed: &str) -> Read<Vec<Item<'r>>> {
        let DeValue::Array(array) = self.value else { return self.wrong_kind(allowed) };
        let element = |value: &'r Spanned<DeValue<'r>>| Item {
            reader: self.reader,
            key: self.key.clone(),
            key_at: self.key_at,
            at: value.span().start,
            value: value.get_ref(),
        };
        Ok(array.iter().map(element).collect())
    }

    /// Every element read by `read`; all errors are reported.
    pub(super) fn each<T>(&self, allowed: &str, read: impl Fn(Item<'r>) -> Read<T>) -> Read<Vec<T>> {
        let values: Vec<_> = self.list(allowed)?.into_iter().map(read).collect();
        values.into_iter().collect()
    }

    /// The same of a list that must not be empty.
    pub(super) fn some<T>(&self, allowed: &str, read: impl Fn(Item<'r>) -> Read<T>) -> Read<Vec<T>> {
        let values = self.each(allowed, read)?;
        if values.is_empty() { self.wrong(Wrong::new(format!("`{}` is empty", self.key), allowed)) } else { Ok(values) }
    }

    pub(super) fn table(&self, name: impl Into<String>) -> Read<Table<'r>> {
        match self.value {
            DeValue::Table(table) => Ok(Table::new(self.reader, name, self.at, table)),
            _ => self.wrong_kind("a table"),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
