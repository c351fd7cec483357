//! Which modules and crates the production code of a crate names, by reading its source as text.
//!
//! In: a `src` folder. Out: pairs (module, what it names), with the file that names it first. A module is a top-level
//! file or folder of `src`; `bin` is one. Comments, literals and what is compiled for tests only do not count.
//! Deliberately absent: macros, name resolution, `super` (nothing above a module is reached that way: asserted).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// (module, named) and where it stands first.
pub type Edges = BTreeMap<(String, String), PathBuf>;

/// The production code below a `src` folder: path relative to it, and text without comments, literals and tests.
pub fn production(src: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    read(src, src, &mut files);
    let mut tests = BTreeSet::new();
    let kept: BTreeMap<_, _> = files
        .iter()
        .map(|(path, text)| (path.clone(), without_tests(path, text, &blanked(text), &mut tests)))
        .collect();
    let is_test =
        |path: &Path| tests.iter().any(|test: &PathBuf| path.starts_with(test) || path == test.with_extension("rs"));
    kept.into_iter().filter(|(path, _)| !is_test(path)).collect()
}

fn read(src: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder of the source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(src, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("source is UTF-8");
            files.insert(path.strip_prefix(src).expect("below it").to_owned(), text);
        }
    }
}

/// The top-level module that a file belongs to; none for `lib.rs`.
pub fn module_of(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
    (first != "lib").then_some(first)
}

/// What each module names behind `prefix::` or in `prefix::{…}`.
pub fn edges_behind(files: &BTreeMap<PathBuf, String>, prefix: &str) -> Edges {
    let mut edges = Edges::new();
    for (path, text) in files {
        let Some(module) = module_of(path) else { continue };
        for named in named_behind(text, prefix).into_iter().filter(|named| *named != module) {
            edges.entry((module.clone(), named)).or_insert_with(|| path.clone());
        }
    }
    edges
}

/// Which of `crates` each module names; what stands in `lib.rs` belongs to `lib`.
pub fn edges_to_crates(files: &BTreeMap<PathBuf, String>, crates: &[String]) -> Edges {
    let mut edges = Edges::new();
    for (path, text) in files {
        let module = module_of(path).unwrap_or_else(|| "lib".to_owned());
        for named in crates.iter().filter(|name| !places(text, name).is_empty()) {
            edges.entry((module.clone(), named.clone())).or_insert_with(|| path.clone());
        }
    }
    edges
}

/// Where `word` begins a path: as a whole word before `::`, and not behind one.
fn places(text: &str, word: &str) -> Vec<usize> {
    let begins = |at: usize| {
        let before = text[..at].trim_end();
        let whole = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        whole && (!before.ends_with("::") || before.ends_with(|c: char| c.is_whitespace()))
    };
    let ends = |at: usize| text[at + word.len()..].starts_with("::");
    text.match_indices(word).map(|(at, _)| at).filter(|&at| begins(at) && ends(at)).collect()
}

fn named_behind(text: &str, prefix: &str) -> Vec<String> {
    let mut named = Vec::new();
    for at in places(text, prefix) {
        let rest = &text[at + prefix.len() + 2..];
        match rest.strip_prefix('{') {
            Some(group) => named.extend(firsts_of_group(group)),
            None => named.push(word(rest)),
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

/// The first word of each member of a `{…}` whose inside begins the text.
fn firsts_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut firsts, mut expect) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expect = true,
            c if expect && !c.is_whitespace() => {
                firsts.push(word(&group[at..]));
                expect = false;
            }
            _ => {}
        }
    }
    firsts
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The text with comments and literals as spaces, byte for byte.
pub fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = literal_bytes(rest);
        if skipped > 0 {
            out.extend(rest[..skipped].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
            continue;
        }
        // A word is taken whole, so that the `r` at a word's end begins no raw string.
        let taken = word(rest).len().max(c.len_utf8());
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

/// Bytes of the comment or literal that begins the text; 0 if none does.
fn literal_bytes(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    let quote = rest.strip_prefix('b').unwrap_or(rest);
    let before = rest.len() - quote.len();
    if let Some(raw) = quote.strip_prefix('r') {
        let hashes = raw.bytes().take_while(|&byte| byte == b'#').count();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = raw[hashes + 1..].find(&end).expect("a raw string ends");
            return before + 1 + hashes + 1 + body + end.len();
        }
    }
    match quote.as_bytes() {
        [b'"', body @ ..] => before + 1 + quoted_bytes(body, b'"'),
        [b'\'', b'\\', body @ ..] => before + 2 + 1 + quoted_bytes(&body[1..], b'\''),
        [b'\'', ..] if quote.chars().nth(2) == Some('\'') => {
            before + quote.chars().take(3).map(char::len_utf8).sum::<usize>()
        }
        _ => 0,
    }
}

/// Bytes up to and with the closing `quote`.
fn quoted_bytes(body: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while body[at] != quote {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The blanked text without items for tests; the files of modules for tests go to `tests`, without `.rs`.
fn without_tests(path: &Path, text: &str, blanked: &str, tests: &mut BTreeSet<PathBuf>) -> String {
    let mut kept = String::new();
    let mut from = 0;
    while let Some(at) = blanked[from..].find("#[cfg(").map(|at| from + at) {
        let condition_end = at + item_end(&blanked[at..], ']');
        let condition = &blanked[at..condition_end];
        kept.push_str(&blanked[from..at]);
        if named_words(condition).any(|word| word == "test") && !condition.contains("not(test") {
            let end = condition_end + item_end(&blanked[condition_end..], ';');
            note_test_file(path, &text[condition_end..end], &blanked[condition_end..end], tests);
            from = end;
        } else {
            kept.push_str(condition);
            from = condition_end;
        }
    }
    kept.push_str(&blanked[from..]);
    kept
}

fn named_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Bytes up to and with the first `end` outside of brackets, or the `}` that closes the first block.
fn item_end(text: &str, end: char) -> usize {
    let mut depth = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        let closes = c == end || (end == ';' && (c == '}' || c == ','));
        if depth <= 0 && closes {
            return at + 1;
        }
    }
    text.len()
}

/// Notes the file of `mod NAME;`, beside or below the one that declares it, or where `#[path]` says.
fn note_test_file(path: &Path, text: &str, blanked: &str, tests: &mut BTreeSet<PathBuf>) {
    let item = blanked.rsplit(']').next().unwrap_or(blanked).trim();
    let Some(name) = item.trim_start_matches("pub").trim_start_matches("(crate)").trim().strip_prefix("mod ") else {
        return;
    };
    if !item.ends_with(';') {
        return;
    }
    let folder = path.parent().expect("a file has a folder");
    let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
    let file = match text.split_once("#[path = \"").and_then(|(_, rest)| rest.split_once('"')) {
        Some((file, _)) => folder.join(file).with_extension(""),
        None if matches!(stem, "mod" | "lib" | "main") => folder.join(word(name)),
        None => folder.join(stem).join(word(name)),
    };
    tests.insert(file);
}
