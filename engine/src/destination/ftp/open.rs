//! Opening a store, and making its folder.
//!
//! In: the configuration's place. Out: a store whose folder is there, or why not.
//! Invariants: one login is tried; only the last folder is ever made.

use zeroize::Zeroizing;

use super::connect::{Endpoint, Refusal};
use super::pool::Pool;
use super::reply::Failure;
use super::session::Pace;
use super::tls::{Trust, Versions};
use super::{ErrorKind, Ftp, FtpStore, FtpTls, StoreError};

impl FtpStore {
    /// Opens the folder at `place`. Creates nothing.
    ///
    /// # Errors
    /// `NotFound` if no folder is there, `Denied` if the server can't be trusted or refuses the login, `Transient` if it
    /// does not answer.
    pub fn open(place: &Ftp, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        Self::of(endpoint(place, warn)?)
    }

    /// Makes the folder at `place`, no parent of it, and opens it.
    ///
    /// # Errors
    /// `Exists` if a folder is there; `NotFound` if its parent is not; else as [`Self::open`].
    pub fn create_root(place: &Ftp, warn: &dyn Fn(&str)) -> Result<Self, StoreError> {
        let endpoint = endpoint(place, warn)?;
        make(&endpoint)?;
        Self::of(endpoint)
    }

    fn of(endpoint: Endpoint) -> Result<Self, StoreError> {
        let pool = Pool::new(endpoint);
        drop(pool.take()?);
        Ok(Self { pool, claimed: Default::default(), anew: Default::default() })
    }
}

fn make(endpoint: &Endpoint) -> Result<(), StoreError> {
    let path = endpoint.place.server.path.as_str();
    let error = |kind, why: String| StoreError::new(kind, "make", endpoint.shown(""), why);
    let fail = |failure: Failure| failure.into_error("make", endpoint.shown(""));
    let connected = |pace| endpoint.connect(path, None, (Versions::Newest, pace));
    let connected = match connected(Pace::Tried) {
        Err(Refusal::OneByOne(_)) => connected(Pace::OneByOne),
        connected => connected,
    };
    let (mut session, entered) = connected.map_err(|refusal| match refusal {
        Refusal::Failed(error) | Refusal::NoTls(error) | Refusal::OneByOne(error) => error,
        Refusal::Crowded(said) => error(ErrorKind::Transient, format!("the server takes no more connections ({said})")),
    })?;
    if entered.is_done() {
        return Err(error(ErrorKind::Exists, "a folder is there".to_owned()));
    }
    let made = session.ask(&format!("MKD {path}")).map_err(fail)?;
    if !made.is_done() {
        let parent = path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        if !session.ask(&format!("CWD {parent}")).map_err(fail)?.is_done() {
            return Err(error(ErrorKind::NotFound, format!("the folder {parent} that is to hold it is not there")));
        }
        return Err(fail(Failure::Refused(made)));
    }
    session.quit();
    Ok(())
}

fn endpoint(place: &Ftp, warn: &dyn Fn(&str)) -> Result<Endpoint, StoreError> {
    let trust = match place.tls {
        FtpTls::None => None,
        FtpTls::Explicit | FtpTls::Implicit => Some(Trust::read(place.ca_file.as_deref())?),
    };
    let mut endpoint = Endpoint { place: place.clone(), trust, password: None };
    endpoint.password = password(&endpoint, warn)?;
    Ok(endpoint)
}

fn password(endpoint: &Endpoint, warn: &dyn Fn(&str)) -> Result<Option<Zeroizing<String>>, StoreError> {
    let Some(source) = &endpoint.place.password else { return Ok(None) };
    let wrong = |why: String| StoreError::new(ErrorKind::Denied, "open", endpoint.shown(""), why);
    let secret = source.read().map_err(|error| wrong(error.to_string()))?;
    if let Some(warning) = &secret.warning {
        warn(&warning.to_string());
    }
    let text = std::str::from_utf8(&secret.bytes).ok().filter(|text| !text.contains(['\r', '\n', '\0']));
    let text = text.ok_or_else(|| wrong(format!("the password from {source} is not one line of UTF-8")))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}
