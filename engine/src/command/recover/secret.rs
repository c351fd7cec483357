//! The secret that opens a vault: from a file, from the recovery sheet, or typed on the terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::command::{Failure, Voice};
use crate::config::SecretSource;
use crate::format::SlotKind;
use crate::installation::read_sheet;
use crate::platform::without_echo;
use crate::seal::sheet_read;

/// A secret, and which slots it may open.
pub type VaultSecret = (SlotKind, Zeroizing<Vec<u8>>);

/// Reads it. What is typed counts as a sheet's letters or words if their checks fit, and as a passphrase else.
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
    let advice = "compare it with the paper; a file with its line of letters, or its four lines of words, is enough";
    read_sheet(file)
        .map_err(|error| Failure::of(format!("can't use the recovery sheet {}", file.display()), &error, advice))
}

fn asked() -> Result<VaultSecret, Failure> {
    if !std::io::stdin().is_terminal() {
        let why = "neither --passphrase-file nor --sheet is given, and there is no terminal to ask on";
        return Err(Failure::usage("what opens the vault?", why, "give --passphrase-file FILE or --sheet FILE"));
    }
    let failed = |error: std::io::Error| Failure::of("can't ask for the passphrase", &error, "use --passphrase-file");
    let mut told = std::io::stderr();
    write!(told, "Passphrase, or the recovery sheet's letters or words: ")
        .and_then(|()| told.flush())
        .map_err(failed)?;
    let mut line = Zeroizing::new(String::new());
    let read = without_echo(|| std::io::stdin().lock().read_line(&mut line));
    writeln!(told).map_err(failed)?;
    read.map_err(failed)?;
    let typed = line.trim_end_matches(['\r', '\n']);
    if typed.is_empty() {
        return Err(Failure::usage("no passphrase was typed", "the line is empty", "try again"));
    }
    match sheet_read(typed) {
        Ok(letters) => Ok((SlotKind::Sheet, letters)),
        Err(_) => Ok((SlotKind::Passphrase, Zeroizing::new(typed.as_bytes().to_vec()))),
    }
}
