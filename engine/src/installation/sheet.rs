//! The recovery sheet: two files to print one of, text and a page with a QR code; and the secret read back from either.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::InstallationError;
use super::init::write_private;
use super::sheet_page::page;
use crate::config::{Config, Endpoint, FtpData, FtpTls, Place};
use crate::model::{FamilyId, Time};
use crate::seal::{SheetError, sheet_read, sheet_words};

/// What the first sheet's files are called, without what tells their kind.
pub const SHEET: &str = "recovery-sheet";
/// More than any sheet has, in bytes.
const SHEET_MAX: u64 = 256 << 10;

/// One sheet, twice: either is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetFiles {
    /// As text.
    pub text: PathBuf,
    /// As a page for a browser, with a QR code.
    pub page: PathBuf,
}

impl SheetFiles {
    /// Those of that name in the state folder, whether they are there or not.
    #[must_use]
    pub fn of(config: &Config, name: &str) -> Self {
        let path = |kind: &str| config.state.join(format!("{name}.{kind}"));
        Self { text: path("txt"), page: path("html") }
    }

    /// Takes them away, as far as they are there.
    pub(crate) fn remove(&self) {
        [&self.text, &self.page].into_iter().for_each(|path| drop(std::fs::remove_file(path)));
    }
}

/// What stands on a sheet.
pub struct Sheet<'s> {
    /// Where everything lies.
    pub config: &'s Config,
    /// Whose.
    pub family: FamilyId,
    /// The letters, in their groups.
    pub letters: &'s str,
    /// When it was made.
    pub made: Time,
}

/// Writes both files to the state folder under this name, for their owner only.
///
/// # Errors
/// If one can't be written; then there is none.
pub fn write_sheet(name: &str, sheet: &Sheet<'_>) -> Result<SheetFiles, InstallationError> {
    let files = SheetFiles::of(sheet.config, name);
    let words = sheet_words(sheet.letters)?;
    let written = write_private(&files.text, &sheet_file(sheet, &words))
        .and_then(|()| write_private(&files.page, &page(sheet, &words)));
    written.inspect_err(|_| files.remove())?;
    Ok(files)
}

/// Each place's name, and what `engine recover` needs to find it.
pub(super) fn places(config: &Config) -> Vec<(String, String)> {
    config.destinations.iter().map(|it| (it.name.to_string(), format!("--from {}", words(&it.place)))).collect()
}

/// The text.
#[must_use]
pub fn sheet_file(sheet: &Sheet<'_>, words: &[Zeroizing<String>]) -> Zeroizing<String> {
    let Sheet { config, family, letters, made } = sheet;
    let places: Vec<String> =
        places(config).into_iter().map(|(name, words)| format!("    {name:<12} {words}")).collect();
    let words: Zeroizing<String> = Zeroizing::new(
        (1..).zip(words).map(|(at, line)| format!("    {at}  {}", line.as_str())).collect::<Vec<_>>().join("\n"),
    );
    let made = made.text();
    Zeroizing::new(format!(
        "OFFSITE RECOVERY SHEET

Print this page, keep it away from this computer, and delete the file and the page (.html) beside it.
Whoever has it and one of the places below can read everything that is backed up.

    {letters}

The same in words, which are easier to type; either is enough:

{}

family {family}
made   {made}

The backup copies are at:

{}

Servers also want to know who asks: keep the account's password or key with this page (it is not on it), and what tells
that the server is the right one: the host key of an SFTP server, the file of an authority of your own.

To get files back on a new computer, install Offsite and type, with the words that stand beside one of the places,

    engine recover --from PLACE --sheet THIS-FILE
    engine recover --from PLACE --sheet THIS-FILE --to NEW-FOLDER

THIS-FILE is a file that you type what stands here into: the line of letters, or the four lines of words. The first line
lists what is there, the second restores the newest point of each job. `engine recover --help` names the options for logins.
",
        words.as_str(),
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

/// Why a file is no recovery sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetFileError {
    /// It can't be read.
    #[error("can't read {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// It holds no sheet.
    #[error(transparent)]
    Sheet(#[from] SheetError),
}

/// The secret on the sheet in a file: what this program wrote, or what a person typed from it.
///
/// # Errors
/// [`SheetFileError`].
pub fn read_sheet(file: &Path) -> Result<Zeroizing<Vec<u8>>, SheetFileError> {
    let mut text = Zeroizing::new(String::new());
    let opened = std::fs::File::open(file).map(|file| file.take(SHEET_MAX));
    let read = opened.and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|error| SheetFileError::Read(file.to_owned(), error))?;
    Ok(sheet_read(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const LETTERS: &str = "A18N-4MTM-ANB5-EP2S-B9DN-RQAY-BXG6-2RK3-532W";

    #[test]
    fn the_sheet_leads_to_every_place() {
        let text = "[key]\npassphrase-file = \"p\"\n[destination.usb]\nurl = \"file:///media/usb\"\n\
                    [destination.b]\nurl = \"s3://vaults/ann\"\nendpoint = \"https://s3.example:8333\"\npath-style = true\n\
                    access-key-id-file = \"a\"\nsecret-access-key-file = \"s\"\n\
                    [destination.f]\nurl = \"ftps://ann@ftp.example/x\"\ntls = \"implicit\"\npassword-file = \"p\"\n";
        let config = parse(text, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        let sheet = Sheet { config: &config, family: FamilyId([1; 16]), letters: LETTERS, made: Time::from_seconds(0) };
        let words = sheet_words(LETTERS).expect("letters");
        let (page, sheet) = (page(&sheet, &words), sheet_file(&sheet, &words));
        for words in [
            "--from file:///media/usb\n",
            "--from s3://vaults/ann --endpoint https://s3.example:8333 --path-style --access-key-id-file FILE",
            "--from ftps://ann@ftp.example:990/x --tls implicit --password-file FILE",
        ] {
            assert!(sheet.contains(words), "{words}: {}", *sheet);
            let page = page.replace("<span>", "").replace("</span>", "");
            assert!(page.contains(words.trim_end()), "{words}: {page}");
        }
    }

    #[test]
    fn either_file_and_either_form_of_the_secret_reads_back() {
        let text = "[key]\npassphrase-file = \"p\"\n[destination.usb]\nurl = \"file:///media/a&b/<usb>\"\n";
        let config = parse(text, std::path::Path::new("/etc/offsite.toml")).expect("a configuration");
        let sheet = Sheet { config: &config, family: FamilyId([1; 16]), letters: LETTERS, made: Time::from_seconds(0) };
        let words = sheet_words(LETTERS).expect("letters");
        for file in [sheet_file(&sheet, &words), page(&sheet, &words)] {
            let secret = sheet_read(&file).expect("the letters");
            let without = file.replace(LETTERS, "");
            assert!(!without.contains(&LETTERS[..9]));
            assert_eq!(sheet_read(&without).as_ref(), Ok(&secret), "the words alone: {without}");
        }
        let page = page(&sheet, &words);
        assert!(page.contains("a&amp;b/&lt;usb&gt;") && !page.contains("<usb>"), "{}", *page);
    }
}
