//! A recovery sheet's secret as it is written down, as letters and as words, and read back from what was typed.
//!
//! In: entropy, or text that a person typed. Out: the letters, lines of words, or the secret that opens the slot: the letters
//! themselves, upper case, without the dashes (FORMAT.md 5.5). What is wrong is told by its line and never repeated: it is a
//! part of a secret.
//! Deliberately absent: the page around it.

use bip39::Language;
use zeroize::Zeroizing;

use super::slots::{SlotError, random};
use crate::port::Entropy;

/// Bytes of a sheet's secret: 160 bits.
const SHEET_BYTES: usize = 20;
/// Letters that are not mistaken for one another (Crockford's base 32).
const SHEET_LETTERS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Lines of words.
const LINES: usize = 4;
/// Words in each.
const WORDS: usize = 5;
/// Bytes of the secret in each; the rest of its 55 bits is a check.
const LINE_BYTES: usize = SHEET_BYTES / LINES;
const CHECK_BITS: usize = 15;

/// Why what was typed from a sheet can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    /// Nothing of it looks like a sheet's.
    #[error("no line of it holds a recovery sheet's letters, or a letter was mistyped; and no line holds its words")]
    None,
    /// Not as many lines as a sheet has.
    #[error("{0} of the 4 lines of words are there")]
    Lines(usize),
    /// Words that are on no list, or in no place of theirs.
    #[error("{}", .0.join("; "))]
    Words(Vec<String>),
}

/// A recovery sheet's secret as it is written down: groups of four letters, the last with a check.
///
/// # Errors
/// [`SlotError::Entropy`] if the system has none.
pub fn sheet_text(entropy: &dyn Entropy) -> Result<Zeroizing<String>, SlotError> {
    let secret = random::<SHEET_BYTES>(entropy)?;
    let text = letters(&secret);
    let groups: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..at + 4]).collect();
    Ok(Zeroizing::new(groups.join("-")))
}

/// Reads the letters that were typed from a sheet; gives the secret.
///
/// # Errors
/// [`SlotError::Wrong`] if a letter was mistyped.
pub fn sheet_text_parse(typed: &str) -> Result<Zeroizing<Vec<u8>>, SlotError> {
    let plain: Zeroizing<String> =
        Zeroizing::new(typed.chars().filter(char::is_ascii_alphanumeric).map(correct_letter).collect());
    let split = plain.len().checked_sub(4).ok_or(SlotError::Wrong)?;
    let (text, check) = plain.split_at(split);
    if text.len() == SHEET_BYTES * 8 / 5 && sheet_check(text) == check && bytes_of(text).is_some() {
        Ok(Zeroizing::new(plain.as_bytes().to_vec()))
    } else {
        Err(SlotError::Wrong)
    }
}

/// The same secret as four lines of five words, each line with a check of its own.
///
/// # Errors
/// [`SlotError::Wrong`] if those are not a sheet's letters.
pub fn sheet_words(letters: &str) -> Result<Vec<Zeroizing<String>>, SlotError> {
    let secret = sheet_text_parse(letters)?;
    let text = std::str::from_utf8(&secret).map_err(|_| SlotError::Wrong)?;
    let bytes = bytes_of(&text[..text.len() - 4]).ok_or(SlotError::Wrong)?;
    Ok(bytes.chunks_exact(LINE_BYTES).enumerate().map(|(at, part)| words_of(at, part)).collect())
}

/// The secret in a text that holds a sheet: the first line that its letters are on, or else its lines of words, with or
/// without their numbers.
///
/// # Errors
/// [`SheetError`], which names lines and places and repeats nothing.
pub fn sheet_read(text: &str) -> Result<Zeroizing<Vec<u8>>, SheetError> {
    if let Some(secret) = text.lines().find_map(|line| sheet_text_parse(line).ok()) {
        return Ok(secret);
    }
    let lines: Vec<Vec<&str>> = text.lines().flat_map(lines_of_words).collect();
    match lines.len() {
        0 => Err(SheetError::None),
        LINES => secret_of(&lines),
        few => Err(SheetError::Lines(few)),
    }
}

fn secret_of(lines: &[Vec<&str>]) -> Result<Zeroizing<Vec<u8>>, SheetError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SHEET_BYTES));
    let mut wrong = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match bytes_of_words(at, line) {
            Ok(part) => bytes.extend_from_slice(&*part),
            Err(why) => wrong.push(format!("line {} of the words: {why}", at + 1)),
        }
    }
    let secret: Option<Zeroizing<[u8; SHEET_BYTES]>> = bytes.as_slice().try_into().ok().map(Zeroizing::new);
    match secret.filter(|_| wrong.is_empty()) {
        Some(secret) => Ok(Zeroizing::new(letters(&secret).as_bytes().to_vec())),
        None => Err(SheetError::Words(wrong)),
    }
}

/// The letters of a secret, with their check.
fn letters(secret: &[u8; SHEET_BYTES]) -> Zeroizing<String> {
    let letters = SHEET_LETTERS.as_bytes();
    let text = (0..SHEET_BYTES * 8).step_by(5).map(|at| char::from(letters[number(secret, at, 5)]));
    let mut text = Zeroizing::new(text.collect::<String>());
    let check = sheet_check(&text);
    text.push_str(&check);
    text
}

/// The bytes that letters without their check stand for.
fn bytes_of(letters: &str) -> Option<Zeroizing<[u8; SHEET_BYTES]>> {
    let mut bytes = Zeroizing::new([0; SHEET_BYTES]);
    for (at, letter) in letters.chars().enumerate() {
        let value = SHEET_LETTERS.find(letter)?;
        set_bits(&mut *bytes, at * 5, 5, value);
    }
    Some(bytes)
}

/// Letters that people confuse, as Crockford's base 32 reads them.
fn correct_letter(typed: char) -> char {
    match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

fn sheet_check(text: &str) -> String {
    let digest = blake3::hash(text.as_bytes());
    let letters = SHEET_LETTERS.as_bytes();
    digest.as_bytes()[..4].iter().map(|byte| char::from(letters[usize::from(byte % 32)])).collect()
}

/// Line `at` (from 0): its bytes and their check, 11 bits a word.
fn words_of(at: usize, part: &[u8]) -> Zeroizing<String> {
    let mut bits = Zeroizing::new(part.to_vec());
    bits.extend_from_slice(&line_check(at, part));
    let list = Language::English.word_list();
    let words: Vec<&str> = (0..WORDS).map(|word| list[number(&bits, word * 11, 11)]).collect();
    Zeroizing::new(words.join(" "))
}

fn bytes_of_words(at: usize, words: &[&str]) -> Result<Zeroizing<[u8; LINE_BYTES]>, String> {
    let mut bits = Zeroizing::new([0; LINE_BYTES + 2]);
    let mut unknown = Vec::new();
    for (place, word) in words.iter().enumerate() {
        match Language::English.find_word(&word.to_ascii_lowercase()) {
            Some(value) => set_bits(&mut *bits, place * 11, 11, usize::from(value)),
            None => unknown.push((place + 1).to_string()),
        }
    }
    if !unknown.is_empty() {
        let (words, are) = if unknown.len() == 1 { ("word", "is") } else { ("words", "are") };
        return Err(format!("{words} {} {are} not on the list of words", unknown.join(", ")));
    }
    let mut part = Zeroizing::new([0; LINE_BYTES]);
    part.copy_from_slice(&bits[..LINE_BYTES]);
    let check = line_check(at, &*part);
    if number(&*bits, LINE_BYTES * 8, CHECK_BITS) == number(&check, 0, CHECK_BITS) {
        Ok(part)
    } else {
        Err("a word was mistyped for another one, or the line stands in another's place".to_owned())
    }
}

/// Of the line's number and its bytes.
fn line_check(at: usize, part: &[u8]) -> [u8; 2] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::try_from(at + 1).expect("a sheet has four lines")]);
    hasher.update(part);
    let [first, second, ..] = *hasher.finalize().as_bytes();
    [first, second]
}

/// The lines of words that a line of text holds: five words, a number before them or not; or several such, typed on one. A
/// sentence is none: most of a line's words are on the list.
fn lines_of_words(line: &str) -> Vec<Vec<&str>> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if words.first().is_some_and(|first| first.starts_with(|c: char| c.is_ascii_digit())) {
        words.remove(0);
    }
    let is_known = |word: &&&str| Language::English.find_word(&word.to_ascii_lowercase()).is_some();
    let is_line = |part: &[&str]| part.len() == WORDS && part.iter().filter(is_known).count() * 2 > WORDS;
    if !words.is_empty() && words.chunks(WORDS).all(is_line) {
        words.chunks(WORDS).map(<[&str]>::to_vec).collect()
    } else {
        Vec::new()
    }
}

/// So many bits from that one on, the most significant first.
fn number(bytes: &[u8], from: usize, bits: usize) -> usize {
    (from..from + bits).fold(0, |value, at| value * 2 + usize::from(bytes[at / 8] >> (7 - at % 8) & 1))
}

fn set_bits(bytes: &mut [u8], from: usize, bits: usize, value: usize) {
    for at in (0..bits).filter(|at| value >> (bits - 1 - at) & 1 == 1) {
        bytes[(from + at) / 8] |= 1 << (7 - (from + at) % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::SystemEntropy;

    fn sheet() -> (Zeroizing<String>, Vec<String>) {
        let letters = sheet_text(&SystemEntropy).expect("entropy");
        let words = sheet_words(&letters).expect("its own letters");
        (letters, words.iter().map(|line| line.to_string()).collect())
    }

    #[test]
    fn a_mistyped_letter_is_noticed() {
        let (sheet, _) = sheet();
        let other = if sheet.starts_with('7') { "8" } else { "7" };
        assert!(sheet_text_parse(&format!("{other}{}", &sheet[1..])).is_err());
        assert!(sheet_text_parse("").is_err());
        assert_eq!(sheet_read("nothing of a sheet\n"), Err(SheetError::None));
    }

    #[test]
    fn words_give_the_secret_that_the_letters_give_however_they_are_typed() {
        for _ in 0..200 {
            let (letters, words) = sheet();
            let secret = sheet_text_parse(&letters).expect("its own");
            let numbered: Vec<String> = (1..).zip(&words).map(|(at, line)| format!("  {at}.  {line}")).collect();
            for typed in [words.join("\n"), numbered.join("\n").to_uppercase(), words.join(" ")] {
                assert_eq!(sheet_read(&typed), Ok(secret.clone()));
            }
        }
    }

    #[test]
    fn a_wrong_word_is_named_by_its_line_and_never_repeated() {
        let (_, words) = sheet();
        let mut typed = words.clone();
        typed[1] = format!("abandom {}", words[1].split_once(' ').expect("five words").1);
        let why = sheet_read(&typed.join("\n")).expect_err("mistyped").to_string();
        assert_eq!(why, "line 2 of the words: word 1 is not on the list of words");
        typed = words.clone();
        typed.swap(0, 3);
        let why = sheet_read(&typed.join("\n")).expect_err("swapped").to_string();
        assert!(why.starts_with("line 1 of the words: a word was mistyped") && why.contains("line 4"), "{why}");
        assert_eq!(sheet_read(&words[..3].join("\n")), Err(SheetError::Lines(3)));
    }

    /// 15 bits each: one of 32,768 wrong lines passes, so of these none is to be expected.
    #[test]
    fn a_word_of_the_list_in_another_ones_place_is_noticed() {
        let (_, words) = sheet();
        let list = Language::English.word_list();
        let first = words[2].split(' ').next().expect("a word");
        let mut missed = 0;
        for other in list.iter().filter(|other| **other != first) {
            let mut typed = words.clone();
            typed[2] = words[2].replacen(first, other, 1);
            missed += u32::from(sheet_read(&typed.join("\n")).is_ok());
        }
        assert!(missed < 5, "{missed} of 2047");
    }

    const EXAMPLE: &str = "expect melody network pool evidence\nfetch razor stock rate obvious\n\
                           fog sustain blanket rural credit\ngarage adapt flat side return";

    /// FORMAT.md 5.5 and 15.3.
    #[test]
    fn the_list_and_the_words_are_those_that_are_written_down() {
        let list = Language::English.word_list().map(|word| format!("{word}\n")).concat();
        let digest = blake3::hash(list.as_bytes()).to_hex();
        assert_eq!(digest.as_str(), "43afe08c75f902534cfd2a694bef11db381f4804cd3ef76cd05a8ad0d7199122");
        let words = sheet_words("A18N-4MTM-ANB5-EP2S-B9DN-RQAY-BXG6-2RK3-532W").expect("the example");
        assert_eq!(words.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n"), EXAMPLE);
    }
}
