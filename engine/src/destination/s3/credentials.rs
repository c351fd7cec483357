//! Whose signature requests carry: the configuration's key, or what the usual AWS chain finds.
//!
//! The chain, in its order: `AWS_ACCESS_KEY_ID` and its kin; the profile `AWS_PROFILE` (or `default`) of
//! `~/.aws/credentials` and `~/.aws/config`; single sign-on; a web identity; the profile's `credential_process`; a
//! container's; the instance's metadata. Keys that expire are got anew in time.
//! Invariants: a computer that has none of them knows within seconds; no secret is in an error.
//! Deliberately absent: a region from a profile.

use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner, StaticCredentialProvider};
use reqsign_core::{CommandExecute, CommandOutput, Context, Error, FileRead, HttpSend, OsEnv, Result, Signer};

use super::failure::Failure;
use crate::config::{S3Credentials, SecretSource};
use crate::destination::ErrorKind;

/// The metadata of a container or an instance is near, or not there at all.
const METADATA_MAX: Duration = Duration::from_secs(2);
/// Longest answer of such a service, in bytes.
const ANSWER_MAX: usize = 1 << 20;
const ROLE_MAX: Duration = Duration::from_secs(15);
/// All of the chain together.
const CHAIN_MAX: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct Signature {
    signer: Signer<Credential>,
}

impl Signature {
    /// Reads the keys of the configuration, if it names some. `warn` is told what the user should change about them.
    pub fn of(
        given: Option<&S3Credentials>,
        region: &str,
        http: &reqwest::Client,
        warn: &dyn Fn(&str),
    ) -> std::result::Result<Self, Failure> {
        let signer = RequestSigner::new("s3", region);
        let Some(given) = given else {
            let chain = DefaultCredentialProvider::new();
            return Ok(Self { signer: Signer::new(context(http), chain, signer) });
        };
        let (id, key) = (text(&given.access_key_id, warn)?, text(&given.secret_access_key, warn)?);
        let fixed = StaticCredentialProvider::new(&id, &key);
        Ok(Self { signer: Signer::new(Context::new(), fixed, signer) })
    }

    /// Signs a request's head.
    pub async fn sign(&self, head: &mut http::request::Parts) -> std::result::Result<(), Failure> {
        match tokio::time::timeout(CHAIN_MAX, self.signer.sign(head, None)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == reqsign_core::ErrorKind::CredentialInvalid => Err(none()),
            Ok(Err(error)) => Err(Failure::Found(ErrorKind::Denied, format!("the request can't be signed: {error}"))),
            Err(_) => Err(Failure::Found(ErrorKind::Transient, "whoever has the keys does not answer".to_owned())),
        }
    }
}

fn none() -> Failure {
    let why = "no credentials were found: set `access-key-id-…` and `secret-access-key-…`, or AWS_ACCESS_KEY_ID and \
               AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials";
    Failure::Found(ErrorKind::Denied, why.to_owned())
}

fn text(source: &SecretSource, warn: &dyn Fn(&str)) -> std::result::Result<zeroize::Zeroizing<String>, Failure> {
    let denied = |why: String| Failure::Found(ErrorKind::Denied, why);
    let secret = source.read().map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        denied(format!("{error}{cause}"))
    })?;
    if let Some(warning) = &secret.warning {
        warn(&warning.to_string());
    }
    let printable = secret.bytes.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(&secret.bytes).ok().filter(|_| printable);
    let text = text.ok_or_else(|| denied(format!("what {source} holds is no key: it has blanks or odd characters")))?;
    Ok(zeroize::Zeroizing::new(text.to_owned()))
}

fn context(http: &reqwest::Client) -> Context {
    let http = Services(http.clone());
    Context::new().with_env(OsEnv).with_file_read(Files).with_http_send(http).with_command_execute(Programs)
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        // They are small and on this computer.
        std::fs::read(path).map_err(|error| Error::config_invalid("a file can't be read").with_source(error))
    }
}

#[derive(Debug)]
struct Services(reqwest::Client);

impl HttpSend for Services {
    async fn http_send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let local = request.uri().host().is_some_and(|host| host.starts_with("169.254.") || host.starts_with('['));
        let patience = if local { METADATA_MAX } else { ROLE_MAX };
        let asked = tokio::time::timeout(patience, self.ask(request)).await;
        asked.unwrap_or_else(|_| Err(Error::unexpected("it does not answer").set_retryable(true)))
    }
}

impl Services {
    async fn ask(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let failed = |error: reqwest::Error| Error::unexpected("it can't be asked").with_source(error.without_url());
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.0.execute(request).await.map_err(failed)?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_MAX {
                return Err(Error::unexpected("its answer is too long"));
            }
        }
        response.body(body.into()).map_err(|error| Error::unexpected("its answer is unfit").with_source(error))
    }
}

#[derive(Debug)]
struct Programs;

impl CommandExecute for Programs {
    async fn command_execute<'a>(&'a self, program: &'a str, words: &'a [&'a str]) -> Result<CommandOutput> {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await;
        let failed = || Error::config_invalid("the profile's credential_process can't be run");
        let output = ran.map_err(|_| failed())?.map_err(|error| failed().with_source(error))?;
        Ok(CommandOutput { status: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr: output.stderr })
    }
}
