//! A destination as it is reached: its address for people, its store, what lies there.

use std::sync::Arc;

use engine::catalog::Catalog;
use engine::config::{Ftp, Place, S3, Server, Sftp, WebDav};
use engine::destination::{ErrorKind, ReadStore, WriteStore};
use engine::format::Head;
use engine::installation::{as_it_lies, open_place, patient, why_away};
use engine::model::{DestinationName, chain};
use engine::port::{Clock, Entropy, SystemEntropy};
use engine::vault::identity_of;

use crate::local::{self, Whose};
use crate::survey::{Closed, Opener, Survey, survey};

/// A destination that opened.
pub(super) struct Opened {
    pub store: Arc<dyn WriteStore>,
    pub survey: Survey,
}

/// A destination, opened or not.
pub(super) struct Reached {
    pub name: DestinationName,
    pub address: String,
    pub opened: Result<Opened, Closed>,
}

impl Reached {
    /// What its readable heads say.
    pub fn heads(&self) -> impl Iterator<Item = Head> {
        let heads = self.opened.iter().flat_map(|opened| &opened.survey.heads);
        heads.filter_map(|found| found.body.as_ref().ok().cloned())
    }
}

/// What a destination is reached with.
pub(super) struct Means<'m> {
    /// Of the vault.
    pub opener: Opener<'m>,
    /// Asked one thing: is what lies there this destination's?
    pub catalog: Option<&'m Catalog>,
    /// For waits between tries.
    pub clock: &'m Arc<dyn Clock>,
}

/// Reaches it as after a fire: by its address and a secret.
pub(super) fn reach(name: &DestinationName, place: &Place, means: &Means<'_>) -> Reached {
    let address = address(place);
    let opened = store_of(place, &address).and_then(|(store, text)| {
        let store = patient(place, store, means.clock, &(Arc::new(SystemEntropy) as Arc<dyn Entropy>));
        let mut survey = survey(&*store, &text, means.opener);
        if let Some(catalog) = means.catalog {
            survey = survey.and_then(|survey| expected_there(catalog, name, survey));
            survey = survey.map_err(|closed| of_ours((catalog, name), &*store, closed));
        }
        Ok(Opened { survey: survey?, store })
    });
    Reached { name: name.clone(), address, opened }
}

/// A vault that opens and is not this destination's proves nothing of it.
fn expected_there(catalog: &Catalog, name: &DestinationName, mut survey: Survey) -> Result<Survey, Closed> {
    let vault = survey.vault();
    match local::whose(catalog, &survey.identity) {
        Ok(Whose::Destination(known)) if known == *name => Ok(survey),
        Ok(Whose::Destination(known)) => {
            Err(Closed::Refused(format!("the vault {vault} that is there is known as one of `{known}`")))
        }
        Ok(Whose::Family) => Err(Closed::Refused(format!(
            "the vault {vault} that is there is not known here: `engine enrol {name}` makes it one more medium"
        ))),
        Ok(Whose::Others) => Err(Closed::Foreign(format!("the vault {vault} that is there is of another family"))),
        Err(why) => {
            survey.notes.push(format!("the catalog does not tell what should be here: {why}"));
            Ok(survey)
        }
    }
}

/// Another family's name or keys over this destination's points are damage.
fn of_ours((catalog, name): (&Catalog, &DestinationName), store: &dyn ReadStore, closed: Closed) -> Closed {
    let why = match &closed {
        Closed::Foreign(why) => why,
        // Our secret is none of theirs.
        Closed::Refused(why) if is_others(catalog, store) => why,
        _ => return closed,
    };
    if local::is_medium_of(catalog, name, store) {
        Closed::Damaged(format!("the points of {name} lie there, and can't be opened as such: {why}"))
    } else {
        closed
    }
}

fn is_others(catalog: &Catalog, store: &dyn ReadStore) -> bool {
    identity_of(store).is_ok_and(|identity| local::whose(catalog, &identity) == Ok(Whose::Others))
}

fn store_of(place: &Place, address: &str) -> Result<(Arc<dyn WriteStore>, String), Closed> {
    let shown = match place {
        Place::File(folder) => folder.display().to_string(),
        _ => address.to_owned(),
    };
    let store = open_place(place).and_then(as_it_lies).map_err(|error| match error.kind {
        ErrorKind::NotFound => Closed::Away(why_away(place, &error)),
        ErrorKind::Denied => Closed::Refused(chain(&error)),
        _ => Closed::Away(chain(&error)),
    })?;
    Ok((store, shown))
}

/// The address, without users and secrets.
pub(super) fn address(place: &Place) -> String {
    let scheme = place.scheme();
    match place {
        Place::File(path) => format!("{scheme}://{}", path.display()),
        Place::Sftp(Sftp { server, .. }) | Place::Ftp(Ftp { server, .. }) | Place::WebDav(WebDav { server, .. }) => {
            let Server { host, port, path, .. } = server;
            format!("{scheme}://{host}:{port}{path}")
        }
        Place::S3(S3 { bucket, prefix, .. }) => format!("{scheme}://{bucket}/{prefix}"),
    }
}
