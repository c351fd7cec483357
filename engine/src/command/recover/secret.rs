//! The secret that opens a vault: from a file, from the recovery sheet, or typed on the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::command::{Failure, Voice};
use crate::config::SecretSource;
use crate::format::SlotKind;
use crate::installation::read_sheet;
use crate::platform::without_echo;
use crate::seal::sheet_text_parse;

/// More than any sheet has, in bytes.
const SHEET_MAX: u64 = 64 << 10;

/// A secret, and which slots it may open.
pub type VaultSecret = (SlotKind, Zeroizing<Vec<u8>>);

/// Reads it. What is typed counts as a sheet's letters if their check fits, and as a passphrase else.
///
/// # Errors
/// Exit 1 if the file holds none; exit 2 if both are given, or none is and nobody can be asked.
pub fn vault_secret(
    voice: &dyn Voice,
    passphrase_file: Option<&Path>,
    sheet: Option<&Path>,
) -> Result<VaultSecret, Failure> {
    match (passphrase_file, sheet) {
        (Some(_), Some(_)) => {
            let why = "--passphrase-file and --sheet are both given";
            Err(Failure::usage("which secret opens the vault?", why, "give one of them"))
        }
        (Some(file), None) => Ok((SlotKind::Passphrase, passphrase(voice, file)?)),
        (None, Some(file)) => Ok((SlotKind::Sheet, from_sheet(file)?)),
        (None, None) => asked(),
    }
}

/// The passphrase in a file.
///
/// # Errors
/// Exit 1 if there is none.
pub(in crate::command) fn passphrase(voice: &dyn Voice, file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = SecretSource::File(file.to_owned()).read();
    let secret = read.map_err(|error| Failure::of("can't read the passphrase", &error, "check the file"))?;
    if let Some(warning) = &secret.warning {
        voice.warn(&warning.to_string());
    }
    Ok(secret.bytes)
}

fn from_sheet(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let opened = std::fs::File::open(file).map(|file| std::io::Read::take(file, SHEET_MAX));
    opened.and_then(|mut file| std::io::Read::read_to_string(&mut file, &mut text)).map_err(|error| {
        Failure::of(format!("can't read the recovery sheet {}", file.display()), &error, "check the file")
    })?;
    read_sheet(&text).map_err(|_| {
        let why = "no line of it is a recovery sheet's secret, or a letter was mistyped";
        Failure::new(format!("can't use the recovery sheet {}", file.display()), why, "compare it with the paper")
    })
}

fn asked() -> Result<VaultSecret, Failure> {
    if !std::io::stdin().is_terminal() {
        let why = "neither --passphrase-file nor --sheet is given, and there is no terminal to ask on";
        return Err(Failure::usage("what opens the vault?", why, "give --passphrase-file FILE or --sheet FILE"));
    }
    let failed = |error: std::io::Error| Failure::of("can't ask for the passphrase", &error, "use --passphrase-file");
    let mut told = std::io::stderr();
    write!(told, "Passphrase, or the recovery sheet's letters: ").and_then(|()| told.flush()).map_err(failed)?;
    let mut line = Zeroizing::new(String::new());
    let read = without_echo(|| std::io::stdin().lock().read_line(&mut line));
    writeln!(told).map_err(failed)?;
    read.map_err(failed)?;
    let typed = line.trim_end_matches(['\r', '\n']);
    if typed.is_empty() {
        return Err(Failure::usage("no passphrase was typed", "the line is empty", "try again"));
    }
    match sheet_text_parse(typed) {
        Ok(letters) => Ok((SlotKind::Sheet, letters)),
        Err(_) => Ok((SlotKind::Passphrase, Zeroizing::new(typed.as_bytes().to_vec()))),
    }
}
