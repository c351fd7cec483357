//! TLS for one server: whom to trust, and sessions that data connections resume.
//!
//! In: the system's authorities and a `ca-file`. Out: a configuration for each control connection.
//!
//! Every control connection has its own cache of sessions, which its data connections share: servers that ask for a
//! resumed session (`require_ssl_reuse`; usual) ask for that of *this* control connection, and another one's is refused.
//! A ticket of TLS 1.3 is good for one use here. Servers give new ones with downloads and lists, but some (ProFTPD) give
//! none with uploads: a control connection ends then after two. So where tickets run out, later connections are made
//! with TLS 1.2, whose session can be resumed without end, if the server still offers it.
//!
//! Deliberately absent: trust without a check, client certificates.

use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup, RootCertStore, SupportedProtocolVersion};
use suppaftp::{FtpError, FtpResult, RustlsConnector, TlsConnector};

use super::channel::{Ahead, Channel, Flow};
use super::cut::Cut;
use super::session::bound;
use super::{ErrorKind, StoreError};

/// Sessions kept for one control connection.
const SESSIONS: usize = 8;

/// Whom to trust, and by which version.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    newest: ClientConfig,
    tls12: ClientConfig,
}

/// The versions that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    /// 1.3, or 1.2 where the server has no other.
    Newest,
    /// 1.2
    Tls12,
}

impl Trust {
    /// Reads the authorities.
    ///
    /// # Errors
    /// `Denied` if `ca_file` can't be read or holds no certificate.
    pub fn read(ca_file: Option<&Path>) -> Result<Self, StoreError> {
        let mut roots = RootCertStore::empty();
        // What of the system's own can't be read is not trusted; the server's certificate decides whether that matters.
        let _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = ca_file {
            add(&mut roots, file)?;
        }
        let roots = Arc::new(roots);
        Ok(Self {
            newest: config(&roots, rustls::DEFAULT_VERSIONS)?,
            tls12: config(&roots, &[&rustls::version::TLS12])?,
        })
    }
}

fn config(
    roots: &Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    let builder = builder.map_err(|error| StoreError::new(ErrorKind::Permanent, "open", "TLS", error.to_string()))?;
    Ok(builder.with_root_certificates(Arc::clone(roots)).with_no_client_auth())
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), StoreError> {
    let wrong = |why: String| {
        let why = format!("{why}; `ca-file` is a file of certificates in PEM form");
        StoreError::new(ErrorKind::Denied, "read", file.display().to_string(), why)
    };
    let found = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    match roots.add_parsable_certificates(found) {
        (0, _) => Err(wrong("it holds no certificate that can be used".to_owned())),
        _ => Ok(()),
    }
}

/// The client's stream with TLS, which it has no name for.
pub(super) type RustlsStream = <RustlsConnector as TlsConnector>::Stream;

/// Makes channels of a control connection and its data connections, with TLS or in clear.
#[derive(Debug)]
pub(super) struct Connector {
    tls: Option<RustlsConnector>,
    cut: Option<Cut>,
    /// Of the control connection, which is the first one.
    ahead: Mutex<Option<Ahead>>,
}

impl Connector {
    /// For one control connection in clear.
    pub fn clear(ahead: &Ahead) -> Self {
        Self { tls: None, cut: None, ahead: Mutex::new(Some(ahead.clone())) }
    }

    /// For one control connection, with sessions of its own.
    pub fn new(trust: &Trust, versions: Versions, ahead: &Ahead) -> (Self, Arc<Sessions>) {
        let mut config = if versions == Versions::Tls12 { trust.tls12.clone() } else { trust.newest.clone() };
        let sessions = Arc::new(Sessions::default());
        config.resumption = Resumption::store(Arc::clone(&sessions) as Arc<dyn ClientSessionStore>);
        (Self { tls: Some(Arc::new(config).into()), ..Self::clear(ahead) }, sessions)
    }

    /// The same, whose first connection can be cut off.
    pub fn with_cut(self, cut: &Cut) -> Self {
        Self { cut: Some(cut.clone()), ..self }
    }
}

impl TlsConnector for Connector {
    type Stream = Channel;

    fn connect(&self, domain: &str, stream: TcpStream) -> FtpResult<Channel> {
        let held = self.cut.as_ref().map_or(Ok(()), |cut| cut.hold(&stream));
        bound(&stream).and(held).map_err(FtpError::ConnectionError)?;
        let flow = match &self.tls {
            Some(tls) => Flow::Tls(Box::new(tls.connect(domain, stream)?)),
            None => Flow::Clear(stream),
        };
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Channel::new(flow, ahead))
    }
}

/// The TLS sessions of one control connection, and whether there is one left.
#[derive(Debug)]
pub(super) struct Sessions {
    cache: ClientSessionMemoryCache,
    tickets: AtomicUsize,
    tls12: AtomicBool,
}

impl Default for Sessions {
    fn default() -> Self {
        let cache = ClientSessionMemoryCache::new(SESSIONS);
        Self { cache, tickets: AtomicUsize::new(0), tls12: AtomicBool::new(false) }
    }
}

impl Sessions {
    /// Can the next data connection resume one?
    pub fn can_resume(&self) -> bool {
        self.tickets.load(Ordering::SeqCst) > 0 || self.tls12.load(Ordering::SeqCst)
    }
}

#[deny(clippy::missing_trait_methods)]
impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.cache.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.cache.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.tls12.store(true, Ordering::SeqCst);
        self.cache.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.cache.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.tls12.store(false, Ordering::SeqCst);
        self.cache.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.tickets.fetch_add(1, Ordering::SeqCst);
        self.cache.insert_tls13_ticket(server, ticket);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let ticket = self.cache.take_tls13_ticket(server);
        // The cache forgets the oldest by itself: what is gone is found out here.
        let left = self.tickets.load(Ordering::SeqCst).saturating_sub(1);
        self.tickets.store(if ticket.is_some() { left } else { 0 }, Ordering::SeqCst);
        ticket
    }
}
