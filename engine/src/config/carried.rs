//! The configuration that a take-over writes: the vault's own, led to where the vault was found now.

use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::{Given, Place, parse, place_given};
use crate::model::DestinationName;

/// Where a vault was found: its URL, and the keys that were given beside it.
#[derive(Debug, Clone, Copy)]
pub struct FoundAt<'f> {
    /// The URL.
    pub url: &'f str,
    /// Further keys of its destination.
    pub keys: &'f [(&'static str, Given)],
}

/// The text that a vault carries of a configuration from `folder`. If the vault is not where it says, that destination (or
/// home) is led there; everything else stays, comments too.
///
/// # Errors
/// If it is not TOML; for people.
pub fn as_carried(
    folder: &str,
    text: &str,
    known: Option<&DestinationName>,
    at: FoundAt<'_>,
) -> Result<String, String> {
    let begins = format!("# As it was in {folder}, taken over from {}.", at.url).replace(['\n', '\r'], " ");
    let text = format!("{begins}\n{text}");
    let Some(name) = known else { return Ok(text) };
    let here = std::env::current_dir().unwrap_or_default();
    let now = place_given(at.url, at.keys).ok();
    let before = parse(&text, &here.join("offsite.toml")).ok();
    let before = before.and_then(|config| config.destination(name).map(|destination| destination.place.clone()));
    if now.is_some() && now == before {
        return Ok(text);
    }
    let mut document = text.parse::<DocumentMut>().map_err(|error| error.to_string())?;
    match (name.is_home(), now) {
        (true, Some(Place::File(path))) => {
            set(table(document.as_table_mut(), "home"), "path", value(path.display().to_string()));
        }
        (true, _) => {}
        (false, _) => lead(table(table(document.as_table_mut(), "destination"), name.as_str()), at),
    }
    Ok(document.to_string())
}

/// A configuration of nothing but the vault: that of a release whose heads carried none.
#[must_use]
pub fn of_the_vault_alone(name: &DestinationName, at: FoundAt<'_>) -> String {
    let mut document = DocumentMut::new();
    set(table(document.as_table_mut(), "key"), "passphrase-file", value("passphrase"));
    let mut all = Table::new();
    all.set_implicit(true);
    lead(table(&mut all, name.as_str()), at);
    document.insert("destination", Item::Table(all));
    format!(
        "# Taken over from {}. What is to be protected is not known: write [job.NAME] sections.\n{document}",
        at.url
    )
}

/// Keys that tell how a server is reached: at another kind of place they are wrong.
const OF_A_SERVER: [&str; 8] =
    ["identity-file", "known-hosts", "ca-file", "tls", "active", "plain", "endpoint", "region"];
/// The same, whatever follows.
const OF_A_SERVER_BEGIN: [&str; 6] =
    ["password-", "passphrase-", "access-key-id-", "secret-access-key-", "path-style", "object-lock"];

/// The URL and the keys that were given beside it; paths of files absolute.
fn lead(destination: &mut dyn TableLike, at: FoundAt<'_>) {
    let scheme = |url: &str| url.split(':').next().unwrap_or_default().to_owned();
    let before = destination.get("url").and_then(Item::as_str).map(scheme);
    if before.is_some_and(|before| before != scheme(at.url)) {
        let is_of_a_server =
            |key: &str| OF_A_SERVER.contains(&key) || OF_A_SERVER_BEGIN.iter().any(|begin| key.starts_with(begin));
        let wrong: Vec<String> =
            destination.iter().map(|(key, _)| key.to_owned()).filter(|key| is_of_a_server(key)).collect();
        wrong.iter().for_each(|key| drop(destination.remove(key)));
    }
    set(destination, "url", value(at.url));
    for (key, given) in at.keys {
        let item = match given {
            Given::Flag => value(true),
            Given::Text(text) if key.ends_with("-file") || *key == "known-hosts" => value(absolute(text)),
            Given::Text(text) => value(text),
        };
        set(destination, key, item);
    }
}

/// What stands beside the old value stays beside the new one.
fn set(table: &mut dyn TableLike, key: &str, mut item: Item) {
    if let (Some(old), Some(new)) = (table.get(key).and_then(Item::as_value), item.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, item);
}

fn absolute(path: &str) -> String {
    let kept = path.starts_with('~');
    let absolute = std::path::absolute(path).ok().filter(|_| !kept);
    absolute.map_or_else(|| path.to_owned(), |path| path.display().to_string())
}

/// The table of that name, inline or not, made if it is not there.
fn table<'t>(above: &'t mut dyn TableLike, name: &str) -> &'t mut dyn TableLike {
    if !above.get(name).is_some_and(Item::is_table_like) {
        above.insert(name, Item::Table(Table::new()));
    }
    above.get_mut(name).and_then(Item::as_table_like_mut).expect("a table")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "[key]\npassphrase-file = \"p\" # mine\n\n[destination.usb]\nurl = \"file:///media/usb\"\nlimit = \"1 GiB\"\n";

    fn written(url: &str, keys: &[(&'static str, Given)], known: &str) -> String {
        let known = if known == "home" { DestinationName::home() } else { known.parse().expect("a name") };
        as_carried("/etc", TEXT, Some(&known), FoundAt { url, keys }).expect("TOML")
    }

    #[test]
    fn a_vault_where_it_was_leaves_the_text_as_it_was() {
        assert!(written("file:///media/usb", &[], "usb").ends_with(TEXT));
    }

    #[test]
    fn a_vault_elsewhere_changes_its_url_only() {
        let text = written("file:///mnt/other", &[], "usb");
        assert!(text.ends_with(&TEXT.replace("/media/usb", "/mnt/other")), "{text}");
    }

    #[test]
    fn keys_that_were_given_are_kept_and_files_are_absolute() {
        let keys = [("path-style", Given::Flag), ("access-key-id-file", Given::Text("/a/id".into()))];
        let text = written("s3://bucket/ann", &keys, "usb");
        for line in
            ["url = \"s3://bucket/ann\"", "path-style = true", "access-key-id-file = \"/a/id\"", "limit = \"1 GiB\""]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_table_in_one_line_keeps_its_other_keys() {
        let text = "[key]\npassphrase-file = \"p\"\n[destination]\nusb = { url = \"file:///media/usb\", evict = \"never\" }\n\
                    [home]\nlimit = \"1 GiB\"\n";
        let at = FoundAt { url: "file:///mnt/other", keys: &[] };
        let usb = as_carried("/etc", text, Some(&"usb".parse().expect("a name")), at).expect("TOML");
        let usb = parse(&usb, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        assert_eq!(usb.destinations[0].evict, crate::config::Evict::Never);
        let home =
            text.replace("[home]\nlimit = \"1 GiB\"\n", "").replace("[key]", "home = { limit = \"1 GiB\" }\n[key]");
        let home = as_carried("/etc", &home, Some(&DestinationName::home()), at).expect("TOML");
        let home = parse(&home, std::path::Path::new("/etc/offsite.toml")).expect("a configuration").home;
        assert_eq!((home.limit, home.path), (Some(1 << 30), "/mnt/other".into()));
    }

    #[test]
    fn what_a_server_wanted_goes_where_the_vault_lies_on_a_disk_now() {
        let text =
            TEXT.replace("file:///media/usb", "sftp://ann@host/x").replace("limit", "identity-file = \"~/k\"\nlimit");
        let at = FoundAt { url: "file:///mnt/other", keys: &[] };
        let text = as_carried("/etc", &text, Some(&"usb".parse().expect("a name")), at).expect("TOML");
        parse(&text, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        assert!(text.contains("limit = \"1 GiB\"") && !text.contains("identity-file"), "{text}");
    }

    #[test]
    fn a_home_vault_on_an_old_disk_becomes_home() {
        assert!(written("file:///mnt/old/vault", &[], "home").contains("[home]\npath = \"/mnt/old/vault\""));
    }

    #[test]
    fn without_a_configuration_there_is_one_of_the_vault_alone() {
        let text =
            of_the_vault_alone(&"vault".parse().expect("a name"), FoundAt { url: "file:///media/usb", keys: &[] });
        let config = parse(&text, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        assert_eq!((config.destinations.len(), config.jobs.len()), (1, 0));
    }
}
