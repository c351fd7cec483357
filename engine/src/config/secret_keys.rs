//! The three keys of one secret: `…-file`, `…-env`, `…-command`.

use super::error::{Wrong, quoted};
use super::path::path;
use super::reader::Read;
use super::secret::SecretSource;
use super::table::{Item, Table};

/// The keys of one secret.
pub(super) type SecretKeys = [&'static str; 3];

pub(super) const PASSPHRASE: SecretKeys = ["passphrase-file", "passphrase-env", "passphrase-command"];
pub(super) const PASSWORD: SecretKeys = ["password-file", "password-env", "password-command"];
pub(super) const ACCESS_KEY_ID: SecretKeys = ["access-key-id-file", "access-key-id-env", "access-key-id-command"];
pub(super) const SECRET_ACCESS_KEY: SecretKeys =
    ["secret-access-key-file", "secret-access-key-env", "secret-access-key-command"];

/// The secret, if one of its keys is there; two are an error.
pub(super) fn secret(table: &mut Table<'_>, keys: SecretKeys) -> Read<Option<SecretSource>> {
    let [file, env, command] = keys.map(|key| table.take(key));
    let second = [&file, &env, &command].into_iter().flatten().nth(1);
    if let Some(second) = second {
        let what = format!("`{}` is a second way to the same secret", second.key);
        return Err(second.reader.wrong(second.key_at, what, format!("one of {}", keys.join(", "))));
    }
    let file = file.map(|item| path(&item).map(SecretSource::File));
    let env = env.map(|item| item.parse(variable).map(SecretSource::Env));
    file.or(env).or(command.map(|item| command_line(&item))).transpose()
}

fn variable(text: &str) -> Result<String, Wrong> {
    let good = !text.is_empty() && !text.contains(['=', '\0']);
    let wrong = || Wrong::new(format!("{} is not a variable's name", quoted(text)), "an environment variable's name");
    good.then(|| text.to_owned()).ok_or_else(wrong)
}

fn command_line(item: &Item<'_>) -> Read<SecretSource> {
    let line = item.text()?;
    if line.trim().is_empty() || line.contains('\0') {
        return item.wrong(Wrong::new(format!("`{}` is not a command", item.key), "a command line for the shell"));
    }
    let folder = item.reader.folder;
    let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder.to_owned() };
    Ok(SecretSource::Command { line: line.to_owned(), folder })
}
