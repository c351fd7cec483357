//! The HTTP client: whom it trusts and what it never does.
//!
//! In: a file of certificates, or none. Out: a client that trusts the system's authorities and those of the file, follows
//! no redirect, uses no proxy of the environment, keeps no cookies and repeats nothing by itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::failure::Failure;
use crate::destination::ErrorKind;

const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Servers close connections that nobody uses; ours go before that.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// See the module.
pub(super) fn client(ca_file: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let unfit = |text: String| Failure::Found(ErrorKind::Permanent, format!("no TLS can be had: {text}"));
    let mut roots = RootCertStore::empty();
    // What of the system's own can't be read is not trusted; the server's certificate decides whether that matters.
    let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        add(&mut roots, file)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| unfit(error.to_string()))?.with_root_certificates(roots).with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .pool_idle_timeout(IDLE_MAX);
    client.build().map_err(|error| unfit(error.to_string()))
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), Failure> {
    let wrong = |why: String| {
        let why = format!("{}: {why}; `ca-file` is a file of certificates in PEM form", file.display());
        Failure::Found(ErrorKind::Denied, why)
    };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(wrong("it holds no certificate that can be used".to_owned())),
        _ => Ok(()),
    }
}
