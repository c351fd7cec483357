//! Logs a user in: each key once, the password once.
//!
//! In: an SSH session whose server is trusted, and the means. Out: a session that is logged in, or `Denied` and what to
//! do; `Broken` if the connection ended meanwhile.
//! Invariant: nothing that the server refused is sent to it again.
//!
//! Deliberately absent: RSA with SHA-1; more questions than the password's.

use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};

use super::connect::{Heard, Host};
use super::failure::Failure;
use super::means::{Key, Means};
use crate::destination::ErrorKind;

type Agent = AgentClient<Box<dyn russh::keys::agent::client::AgentStream + Send + Unpin>>;

/// Longest time to wait for a server's last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How far a login came.
enum Step {
    In,
    /// Refused, or not enough; these methods can go on.
    Further(MethodSet),
}

struct Login<'a> {
    ssh: &'a mut Handle<Host>,
    user: &'a str,
    heard: &'a Heard,
    agent: Option<Agent>,
    tried: Vec<String>,
    methods: MethodSet,
}

/// See the module.
pub(super) async fn log_in(ssh: &mut Handle<Host>, user: &str, mut means: Means, heard: &Heard) -> Result<(), Failure> {
    let mut agent = if means.agent || means.keys.iter().any(|key| matches!(key, Key::Agents(_))) {
        find_agent().await
    } else {
        None
    };
    if let (true, Some(agent)) = (means.agent, &mut agent) {
        means.add_agents(identities(agent).await);
    }
    let methods = MethodSet::client_supported();
    let mut login = Login { ssh, user, heard, agent, tried: Vec::new(), methods };
    if login.all(&means).await? { Ok(()) } else { Err(login.denied(&means)) }
}

#[cfg(unix)]
async fn find_agent() -> Option<Agent> {
    AgentClient::connect_env().await.ok().map(AgentClient::dynamic)
}

#[cfg(windows)]
async fn find_agent() -> Option<Agent> {
    AgentClient::connect_named_pipe(r"\\.\pipe\openssh-ssh-agent").await.ok().map(AgentClient::dynamic)
}

/// None if the agent does not answer as it should: the files are still there.
async fn identities(agent: &mut Agent) -> Vec<PublicKey> {
    let found = agent.request_identities().await.unwrap_or_default();
    let plain = |identity| match identity {
        AgentIdentity::PublicKey { key, .. } => Some(key),
        AgentIdentity::Certificate { .. } => None,
    };
    found.into_iter().filter_map(plain).collect()
}

impl Login<'_> {
    async fn all(&mut self, means: &Means) -> Result<bool, Failure> {
        for key in &means.keys {
            if !self.methods.contains(&MethodKind::PublicKey) {
                break;
            }
            if self.key(key).await? {
                return Ok(true);
            }
        }
        match &means.password {
            Some(password) => self.password(password).await,
            None => Ok(false),
        }
    }

    async fn key(&mut self, key: &Key) -> Result<bool, Failure> {
        self.tried.push(key.name());
        let hash = self.hash_for(key.public()).await?;
        let result = match key {
            Key::Ours(_, key) => {
                let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
                self.ssh.authenticate_publickey(self.user, key).await.map_err(|error| error.to_string())
            }
            Key::Agents(key) => {
                let Some(agent) = &mut self.agent else { return Ok(false) };
                let signed = self.ssh.authenticate_publickey_with(self.user, key.clone(), hash, agent).await;
                match signed {
                    // The agent would not sign: the next key may do.
                    Err(_) if !self.ssh.is_closed() => return Ok(false),
                    signed => signed.map_err(|error| error.to_string()),
                }
            }
        };
        self.step(result).await
    }

    /// An RSA key signs with the best hash that the server names, never with SHA-1.
    async fn hash_for(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, Failure> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        match self.ssh.best_supported_rsa_hash().await {
            Ok(named) => Ok(named.flatten().or(Some(HashAlg::Sha512))),
            Err(error) => Err(self.lost(error.to_string()).await),
        }
    }

    /// Asks first which of the two ways the server takes, so that the password is sent once.
    async fn password(&mut self, password: &str) -> Result<bool, Failure> {
        if self.tried.is_empty() {
            let asked = self.ssh.authenticate_none(self.user).await.map_err(|error| error.to_string());
            if self.step(asked).await? {
                return Ok(true);
            }
        }
        if self.methods.contains(&MethodKind::Password) {
            self.tried.push("the password".to_owned());
            let sent = self.ssh.authenticate_password(self.user, password).await.map_err(|error| error.to_string());
            self.step(sent).await
        } else if self.methods.contains(&MethodKind::KeyboardInteractive) {
            self.tried.push("the password".to_owned());
            self.dialogue(password).await
        } else {
            Ok(false)
        }
    }

    /// One question, asked blind, gets the password; what else is asked, the server gets no answer to.
    async fn dialogue(&mut self, password: &str) -> Result<bool, Failure> {
        let mut unsent = Some(password);
        let mut said = self.ssh.authenticate_keyboard_interactive_start(self.user, None).await;
        loop {
            let prompts = match said {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    return self.step(Ok(AuthResult::Failure { remaining_methods, partial_success })).await;
                }
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
                Err(error) => return Err(self.lost(error.to_string()).await),
            };
            let Some(answers) = answers(&prompts, &mut unsent) else { return Ok(false) };
            said = self.ssh.authenticate_keyboard_interactive_respond(answers).await;
        }
    }

    async fn step(&mut self, result: Result<AuthResult, String>) -> Result<bool, Failure> {
        match self.taken(result).await? {
            Step::In => Ok(true),
            Step::Further(methods) => {
                self.methods = methods;
                Ok(false)
            }
        }
    }

    async fn taken(&mut self, result: Result<AuthResult, String>) -> Result<Step, Failure> {
        match result {
            Ok(AuthResult::Success) => Ok(Step::In),
            // So an ended connection looks, too.
            Ok(AuthResult::Failure { remaining_methods, .. }) if remaining_methods.is_empty() => {
                if self.ssh.is_closed() {
                    return Err(self.lost("the connection ended".to_owned()).await);
                }
                Ok(Step::Further(remaining_methods))
            }
            Ok(AuthResult::Failure { remaining_methods, .. }) => Ok(Step::Further(remaining_methods)),
            Err(why) => Err(self.lost(why).await),
        }
    }

    /// The connection ended: a server that has enough of a user's tries says so as it goes.
    async fn lost(&self, why: String) -> Failure {
        let end = tokio::time::Instant::now() + LAST_WORDS;
        while self.heard.farewell().is_none() && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match self.heard.farewell() {
            Some(words) if words.contains("authentication failures") => {
                Failure::Found(ErrorKind::Denied, format!("{} ended the login: {words}", self.user))
            }
            Some(words) => Failure::Broken(format!("the login was cut off: {words}")),
            None => Failure::Broken(format!("the login was cut off: {why}")),
        }
    }

    fn denied(&self, means: &Means) -> Failure {
        let methods: Vec<&str> = self.methods.iter().map(Into::into).collect();
        let mut why = if self.tried.is_empty() {
            "there is no key and no password to log in with".to_owned()
        } else {
            format!("the server refuses {} for user `{}`", self.tried.join(" and "), self.user)
        };
        if !self.tried.is_empty() && !methods.is_empty() {
            why.push_str(&format!("; it takes {}", methods.join(", ")));
        }
        for unused in &means.passed_over {
            why.push_str(&format!("; {unused}"));
        }
        let advice = if means.password.is_some() {
            "check the user's name and the password"
        } else {
            "name the right key with `identity-file` and put its public half (the .pub file) into \
             ~/.ssh/authorized_keys of that user on the server, or give the password with `password-file`"
        };
        Failure::Found(ErrorKind::Denied, format!("{why}. To do: {advice}"))
    }
}

fn answers(prompts: &[Prompt], unsent: &mut Option<&str>) -> Option<Vec<String>> {
    match prompts {
        [] => Some(Vec::new()),
        [Prompt { echo: false, .. }] => unsent.take().map(|password| vec![password.to_owned()]),
        _ => None,
    }
}
