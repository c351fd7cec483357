//! Which keys a server may show: `known_hosts` files, read as OpenSSH does.
//!
//! In: a host, a port, the text of the files. Out: the key types to ask for, and a verdict on the key shown.
//! Invariants: a revoked key is never taken; a key is taken only if a line for this host and port holds it, or a line
//! for the host without a port (OpenSSH looks there too).
//!
//! Deliberately absent: learning keys; certificates (`@cert-authority` lines are passed over); lookup by address.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::hmac;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use crate::config::Sftp;

/// What the files say of one host.
#[derive(Debug, Clone)]
pub(super) struct Known {
    host: String,
    port: u16,
    /// Where a new line would go.
    first_file: PathBuf,
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    at: Spot,
    key: PublicKey,
    rule: Rule,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    file: PathBuf,
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Trusted,
    /// The line names the host without the port.
    TrustedOnAnyPort,
    Revoked,
}

/// May this key be trusted?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Trusted,
    Revoked(Spot),
    Changed(Spot),
    Unknown,
}

impl Known {
    /// Reads the files that the place, or the system, has. A file that is not there says nothing.
    pub fn read(place: &Sftp) -> io::Result<Self> {
        let files = files(place);
        let first_file = files.first().cloned().unwrap_or_default();
        let mut known =
            Self { host: place.server.host.to_lowercase(), port: place.server.port, first_file, lines: Vec::new() };
        for file in files {
            match std::fs::read(&file) {
                Ok(bytes) => known.add(&file, &String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
            }
        }
        Ok(known)
    }

    fn add(&mut self, file: &Path, text: &str) {
        for (number, text) in text.lines().enumerate() {
            if let Some((rule, key)) = self.parsed(text) {
                let at = Spot { file: file.to_owned(), line: number.saturating_add(1) };
                self.lines.push(Line { at, key, rule });
            }
        }
    }

    /// A line that is about this host; others, and those that can't be read, say nothing.
    fn parsed(&self, text: &str) -> Option<(Rule, PublicKey)> {
        let mut words = text.split_ascii_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        let (hosts, kind, blob) = (words.next()?, words.next()?, words.next()?);
        if hosts.starts_with('#') {
            return None;
        }
        let exact = matches(hosts, &self.name());
        let rule = match marker {
            Some("@revoked") if exact || matches(hosts, &self.host) => Rule::Revoked,
            None if exact => Rule::Trusted,
            None if matches(hosts, &self.host) => Rule::TrustedOnAnyPort,
            _ => return None,
        };
        Some((rule, PublicKey::from_openssh(&format!("{kind} {blob}")).ok()?))
    }

    /// How a line names this host.
    fn name(&self) -> String {
        if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }

    /// Key types to offer, those first that the files have for the host: a server with several keys shows one of them.
    /// RSA with SHA-1 is not among them.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let ecdsa = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
        let mut all = vec![Algorithm::Ed25519];
        all.extend(ecdsa.map(|curve| Algorithm::Ecdsa { curve }));
        all.extend([HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }));
        all.sort_by_key(|one| self.rank(one));
        all
    }

    fn rank(&self, algorithm: &Algorithm) -> u8 {
        let has = |rule| self.lines.iter().any(|line| line.rule == rule && same_type(&line.key.algorithm(), algorithm));
        if has(Rule::Trusted) {
            0
        } else if has(Rule::TrustedOnAnyPort) {
            1
        } else {
            2
        }
    }

    /// Judges the key that a server showed.
    pub fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |line: &&Line| line.key.key_data() == key.key_data();
        let revoked = self.lines.iter().filter(same).find(|line| line.rule == Rule::Revoked);
        if let Some(line) = revoked {
            return Verdict::Revoked(line.at.clone());
        }
        if self.lines.iter().any(|line| same(&line)) {
            return Verdict::Trusted;
        }
        let other = self.lines.iter().find(|line| line.rule == Rule::Trusted);
        other.map_or(Verdict::Unknown, |line| Verdict::Changed(line.at.clone()))
    }

    /// Why the key is refused and what to do, for the user.
    pub fn refusal(&self, verdict: &Verdict, key: &PublicKey) -> String {
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let shown = format!("it shows the {} key {fingerprint}", key.algorithm());
        let file = quoted(&self.first_file);
        let scan = format!("`ssh-keyscan -p {} {} >> {file}`", self.port, self.host);
        match verdict {
            Verdict::Trusted => String::new(),
            Verdict::Unknown => format!(
                "its host key is not known: {shown}. Compare this fingerprint with the server's own \
                 (`ssh-keygen -lf` on its host key file there, or ask who runs it); if they agree, run {scan}"
            ),
            Verdict::Changed(at) => format!(
                "its host key has changed: {shown}, but {at} has another one. Someone may be in between. If the server \
                 was really set up anew and its own fingerprint is this one, run \
                 `ssh-keygen -R {} -f {}` and then {scan}",
                quoted(Path::new(&self.name())),
                quoted(&at.file),
            ),
            Verdict::Revoked(at) => format!(
                "its host key is revoked: {shown}, which {at} says must never be trusted. Ask who runs the server for \
                 its new key"
            ),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file.display())
    }
}

fn files(place: &Sftp) -> Vec<PathBuf> {
    if let Some(file) = &place.known_hosts {
        return vec![file.clone()];
    }
    let own = std::env::home_dir().map(|home| home.join(".ssh/known_hosts"));
    own.into_iter().chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect()
}

fn same_type(known: &Algorithm, offered: &Algorithm) -> bool {
    matches!((known, offered), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || known == offered
}

/// For a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+@%,".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Is `name` among the hosts of a line? A `!pattern` that matches takes the whole line away.
fn matches(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return hash_matches(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if pattern_matches(pattern, name) => return false,
            Some(_) => {}
            None => found |= pattern_matches(pattern, name),
        }
    }
    found
}

/// `salt|hash`, both base64; the hash is HMAC-SHA1 of the name with the salt (what the format has; it hides names, and
/// no trust rests on it).
fn hash_matches(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let salt = BASE64.decode(salt.as_bytes()).ok()?;
    let hash = BASE64.decode(hash.as_bytes()).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// `*` is any text, `?` any one byte; case does not count.
fn pattern_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Where to go back to: behind the last star, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at + 1, from));
                at += 1;
            }
            (Some(byte), _) if *byte == b'?' || byte.eq_ignore_ascii_case(&name[from]) => {
                at += 1;
                from += 1;
            }
            (_, Some((behind, taken))) => {
                star = Some((behind, taken + 1));
                at = behind;
                from = taken + 1;
            }
            _ => return false,
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const TWO: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).expect("a key")
    }

    fn judged(port: u16, text: &str) -> Verdict {
        let mut known = Known { host: "nas.example".into(), port, first_file: "/k h".into(), lines: Vec::new() };
        known.add(Path::new("/f"), text);
        known.judge(&key(ONE))
    }

    fn at(line: usize) -> Spot {
        Spot { file: "/f".into(), line }
    }

    #[test]
    fn a_key_is_trusted_by_a_line_of_its_host_and_port_only() {
        let trusted = |port, hosts: &str| judged(port, &format!("{hosts} {ONE} comment")) == Verdict::Trusted;
        for (port, hosts, expected) in [
            (22, "nas.example", true),
            (22, "NAS.example", true),
            (22, "a,nas.example,b", true),
            (22, "nas.exampl", false),
            (22, "[nas.example]:2222", false),
            (2222, "[nas.example]:2222", true),
            (2222, "[nas.example]:2223", false),
            (2222, "nas.example", true),
            (22, "*.example", true),
            (22, "n?s.*", true),
            (22, "*.example,!nas.*", false),
            (22, "*", true),
            (22, "#nas.example", false),
        ] {
            assert_eq!(trusted(port, hosts), expected, "{port} {hosts}");
        }
    }

    #[test]
    fn a_hashed_name_is_the_host_or_not() {
        // HMAC-SHA1 of `nas.example` with the salt of 20 bytes of 7, made by ring's own function.
        let salt = [7; 20];
        let hmac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        for (name, expected) in [("nas.example", Verdict::Trusted), ("nas.other", Verdict::Unknown)] {
            let hash = hmac::sign(&hmac, name.as_bytes());
            let hosts = format!("|1|{}|{}", BASE64.encode(&salt), BASE64.encode(hash.as_ref()));
            assert_eq!(judged(22, &format!("{hosts} {ONE}")), expected);
        }
        assert_eq!(judged(22, &format!("|1|xx {ONE}\n|1|!|? {ONE}")), Verdict::Unknown);
    }

    #[test]
    fn another_key_of_the_host_is_a_change_and_a_revoked_one_never_trusted() {
        assert_eq!(judged(22, &format!("\nnas.example {TWO}")), Verdict::Changed(at(2)));
        assert_eq!(judged(22, &format!("nas.example {TWO}\nnas.example {ONE}")), Verdict::Trusted);
        assert_eq!(judged(22, &format!("nas.example {ONE}\n@revoked * {ONE}")), Verdict::Revoked(at(2)));
        assert_eq!(judged(2222, &format!("@revoked nas.example {ONE}")), Verdict::Revoked(at(1)));
        assert_eq!(judged(2222, &format!("nas.example {TWO}")), Verdict::Unknown, "another server's port");
        assert_eq!(judged(22, &format!("@cert-authority * {ONE}")), Verdict::Unknown);
        assert_eq!(judged(22, "nas.example ssh-dss AAAA\nnonsense\n\n@revoked"), Verdict::Unknown);
    }

    #[test]
    fn the_types_that_are_known_are_asked_for_first() {
        let mut known = Known { host: "h".into(), port: 22, first_file: PathBuf::new(), lines: Vec::new() };
        assert_eq!(known.algorithms()[0], Algorithm::Ed25519);
        known.add(
            Path::new("/f"),
            "h ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMxBTpMIGvo7CnordO7wP0QQRqpBwUjOLl4eMhfucfE1sjTYyK5wmTl1UqoSDS1PtRVTBdl+0+9pquFb46U7fwg=",
        );
        assert_eq!(known.algorithms()[0], Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 });
        assert!(!known.algorithms().contains(&Algorithm::Rsa { hash: None }), "SHA-1");
    }

    #[test]
    fn a_refusal_says_the_line_to_run_and_the_fingerprint() {
        let known = Known { host: "h".into(), port: 2222, first_file: "/my home/k".into(), lines: Vec::new() };
        let text = known.refusal(&Verdict::Unknown, &key(ONE));
        assert!(text.contains("`ssh-keyscan -p 2222 h >> '/my home/k'`") && text.contains("SHA256:"), "{text}");
    }
}
