//! A destination as it is reached: its address for people, its store, what lies there.

use engine::config::{Ftp, Place, S3, Server, Sftp, WebDav};
use engine::destination::{ErrorKind, FileStore, Privacy, ReadStore};
use engine::model::chain;

use crate::survey::{Closed, Survey, survey};

/// A destination that opened.
pub(super) struct Opened {
    pub store: Box<dyn ReadStore>,
    pub survey: Survey,
}

/// Opens it as after a fire: by its address and a secret.
pub(super) fn open(place: &Place, address: &str, secret: &[u8]) -> Result<Opened, Closed> {
    let Place::File(folder) = place else {
        return Err(Closed::Away(format!("this version can't reach {address}")));
    };
    let store = FileStore::open(folder, Privacy::Umask).map_err(|error| match error.kind {
        ErrorKind::NotFound => Closed::Away(format!("no vault at {}: the drive is not there", folder.display())),
        ErrorKind::Denied => Closed::Refused(chain(&error)),
        _ => Closed::Away(chain(&error)),
    })?;
    let survey = survey(&store, &folder.display().to_string(), secret)?;
    Ok(Opened { store: Box::new(store), survey })
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
