//! The HTTP client of a place: whom it trusts, and what it logs in with.
//!
//! In: a place. Out: a client that follows nobody elsewhere, repeats nothing, asks no proxy and keeps no cookies.
//! Login: Basic, sent with each request from the first one on, so that a login costs no round trip. Digest is not
//! offered: it would protect the password on lines without TLS only, which the configuration allows as an exception.
//! Invariant: the password is in a header that is never shown, and in no text.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::{Transport, WebDav};
use crate::destination::ErrorKind;

/// Longest wait for a connection, TLS included.
const CONNECT_WAIT: Duration = Duration::from_secs(20);
/// Shorter than any server keeps an idle connection (Apache 5 s), so that none closes it below a request.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// See the module.
pub(super) fn client(place: &WebDav) -> Result<Client, Failure> {
    let builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .http1_only()
        .tcp_nodelay(true)
        .https_only(place.transport == Transport::Tls)
        .connect_timeout(CONNECT_WAIT)
        .pool_idle_timeout(IDLE_MAX)
        .tls_backend_preconfigured(trust(place)?);
    builder.build().map_err(Failure::from)
}

fn trust(place: &WebDav) -> Result<ClientConfig, Failure> {
    let roots =
        if place.transport == Transport::Tls { roots(place.ca_file.as_deref())? } else { RootCertStore::empty() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Failure::permanent(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The system's authorities, and those of the file.
fn roots(file: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(file) = file else { return Ok(roots) };
    let bad = |why: String| Failure::Found(ErrorKind::Denied, format!("the `ca-file` {} {why}", file.display()));
    let before = roots.len();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(format!("can't be read: {error}")))? {
        let certificate = certificate.map_err(|error| bad(format!("can't be read: {error}")))?;
        roots.add(certificate).map_err(|error| bad(format!("has a certificate that can't be used: {error}")))?;
    }
    if roots.len() == before { Err(bad("holds no certificate (PEM)".to_owned())) } else { Ok(roots) }
}

/// The header to log in with; none where no user is named.
pub(super) fn login(place: &WebDav, warn: &dyn Fn(&str)) -> Result<Option<HeaderValue>, Failure> {
    let denied = |why: String| Failure::Found(ErrorKind::Denied, why);
    let Some(user) = &place.server.user else { return Ok(None) };
    let mut plain = Zeroizing::new(format!("{user}:").into_bytes());
    if let Some(source) = &place.password {
        let secret = source.read().map_err(|error| denied(format!("the password can't be had: {}", chain(&error))))?;
        if let Some(warning) = &secret.warning {
            warn(&warning.to_string());
        }
        plain.extend_from_slice(&secret.bytes);
    }
    let encoded = Zeroizing::new(format!("Basic {}", data_encoding::BASE64.encode(&plain)));
    let mut header =
        HeaderValue::from_str(&encoded).map_err(|_| Failure::permanent("the login does not fit a header"))?;
    header.set_sensitive(true);
    Ok(Some(header))
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
