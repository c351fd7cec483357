//! The recovery sheet: a page to print, and the secret read back from it.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::InstallationError;
use super::init::write_private;
use crate::config::{Config, Endpoint, FtpData, FtpTls, Place};
use crate::model::{FamilyId, Time};
use crate::seal::{SlotError, sheet_text_parse};

/// What the first sheet is called.
pub const SHEET: &str = "recovery-sheet.txt";

/// Writes the page to the state folder under this name, for its owner only; gives where.
///
/// # Errors
/// If it can't be written.
pub fn write_sheet(
    config: &Config,
    name: &str,
    family: FamilyId,
    secret: &str,
    now: Time,
) -> Result<PathBuf, InstallationError> {
    let page = sheet_file(config, family, secret, &now.text());
    let path = config.state.join(name);
    write_private(&path, &page)?;
    Ok(path)
}

/// The page's text.
#[must_use]
pub fn sheet_file(config: &Config, family: FamilyId, secret: &str, made: &str) -> Zeroizing<String> {
    let places: Vec<String> =
        config.destinations.iter().map(|d| format!("    {:<12} --from {}", d.name, words(&d.place))).collect();
    Zeroizing::new(format!(
        "OFFSITE RECOVERY SHEET

Print this page, keep it away from this computer, and delete the file.
Whoever has it and one of the places below can read everything that is backed up.

    {secret}

family {family}
made   {made}

The backup copies are at:

{}

Servers also want to know who asks: keep the account's password or key with this page (it is not on it), and what tells
that the server is the right one: the host key of an SFTP server, the file of an authority of your own.

To get files back on a new computer, install Offsite and type, with the words that stand beside one of the places,

    engine recover --from PLACE --sheet THIS-FILE
    engine recover --from PLACE --sheet THIS-FILE --to NEW-FOLDER

The first line lists what is there, the second restores the newest point of each job. `engine recover --help` names the
options for logins.
",
        places.join("\n")
    ))
}

/// What `engine recover --from` needs to find the place, and marks for what is not on the sheet.
fn words(place: &Place) -> String {
    let text = super::place_text(place);
    let told = |option: &str, is_set: bool| if is_set { format!(" {option}") } else { String::new() };
    match place {
        Place::File(_) => format!("file://{text}"),
        Place::Sftp(sftp) if sftp.password.is_some() => format!("{text} --known-hosts FILE --password-file FILE"),
        Place::Sftp(_) => format!("{text} --known-hosts FILE --identity-file FILE"),
        Place::Ftp(ftp) => {
            let tls = told("--tls implicit", ftp.tls == FtpTls::Implicit);
            let (active, ca) =
                (told("--active", ftp.data == FtpData::Active), told("--ca-file FILE", ftp.ca_file.is_some()));
            format!("{text}{tls}{active}{ca} --password-file FILE")
        }
        Place::WebDav(dav) => format!("{text}{} --password-file FILE", told("--ca-file FILE", dav.ca_file.is_some())),
        Place::S3(s3) => {
            let endpoint = s3.endpoint.as_ref().map(|endpoint| format!(" --endpoint {}", endpoint_text(endpoint)));
            let region = s3.region.as_ref().map(|region| format!(" --region {region}"));
            let (style, ca) = (told("--path-style", s3.path_style), told("--ca-file FILE", s3.ca_file.is_some()));
            let keys = " --access-key-id-file FILE --secret-access-key-file FILE";
            format!("{text}{}{}{style}{ca}{keys}", endpoint.unwrap_or_default(), region.unwrap_or_default())
        }
    }
}

fn endpoint_text(endpoint: &Endpoint) -> String {
    let Endpoint { tls, host, port, path } = endpoint;
    let scheme = if *tls { "https" } else { "http" };
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!("{scheme}://{host}:{port}{}", path.trim_end_matches('/'))
}

/// The secret on a sheet: the first line that holds one.
///
/// # Errors
/// [`SlotError::Wrong`] if no line does.
pub fn read_sheet(text: &str) -> Result<Zeroizing<Vec<u8>>, SlotError> {
    text.lines().find_map(|line| sheet_text_parse(line).ok()).ok_or(SlotError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn the_sheet_leads_to_every_place() {
        let text = "[key]\npassphrase-file = \"p\"\n[destination.usb]\nurl = \"file:///media/usb\"\n\
                    [destination.b]\nurl = \"s3://vaults/ann\"\nendpoint = \"https://s3.example:8333\"\npath-style = true\n\
                    access-key-id-file = \"a\"\nsecret-access-key-file = \"s\"\n\
                    [destination.f]\nurl = \"ftps://ann@ftp.example/x\"\ntls = \"implicit\"\npassword-file = \"p\"\n";
        let config = parse(text, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        let sheet = sheet_file(&config, FamilyId([1; 16]), "SECRET", "now");
        for words in [
            "--from file:///media/usb\n",
            "--from s3://vaults/ann --endpoint https://s3.example:8333 --path-style --access-key-id-file FILE",
            "--from ftps://ann@ftp.example:990/x --tls implicit --password-file FILE",
        ] {
            assert!(sheet.contains(words), "{words}: {}", *sheet);
        }
    }
}
