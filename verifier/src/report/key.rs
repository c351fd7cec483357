//! The key of this verifier installation: made once, kept in `state/verifier-key`, wiped from memory.
//!
//! In: a file of 64 hex digits (the 32 bytes of an Ed25519 seed, RFC 8032) and a line end, or none yet. Out:
//! signatures. Deliberately absent: a passphrase over it. Who may write to the state folder may drill in this
//! installation's name; what such a one can't do is write to every destination (heads).

use std::fs;
use std::io;
use std::path::Path;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use engine::port::Entropy;
use zeroize::Zeroizing;

use super::file::write_new;

/// The file's name in the state folder.
const NAME: &str = "verifier-key";

/// The public half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads its 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self(data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?))
    }

    /// Is this its signature of these bytes? Strictly by RFC 8032: keys of small order sign nothing.
    #[must_use]
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok())
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// The key.
pub struct Key(SigningKey);

impl Key {
    /// The one in `state`; none if there is none yet.
    ///
    /// # Errors
    /// Of the system; `InvalidData` if the file holds no key.
    pub fn read(state: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(state.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => Zeroizing::new(text?),
        };
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        let seed = data_encoding::HEXLOWER.decode(digits).ok().map(Zeroizing::new);
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.as_slice().try_into().ok());
        let seed = seed.map(Zeroizing::new).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Some(Self(SigningKey::from_bytes(&seed))))
    }

    /// Makes one and keeps it in `state`, where there is none.
    ///
    /// # Errors
    /// Of the system.
    pub fn make(state: &Path, entropy: &dyn Entropy) -> io::Result<Self> {
        let key = Self::fresh(entropy)?;
        let seed = Zeroizing::new(key.0.to_bytes());
        let text = Zeroizing::new(data_encoding::HEXLOWER.encode(&*seed) + "\n");
        write_new(state, NAME, text.as_bytes())?;
        Ok(key)
    }

    /// One that nothing keeps.
    ///
    /// # Errors
    /// Of the system.
    pub fn fresh(entropy: &dyn Entropy) -> io::Result<Self> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs these bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use engine::port::SystemEntropy;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let state = tempfile::tempdir().expect("a temporary folder");
        assert!(Key::read(state.path()).expect("readable").is_none());
        let made = Key::make(state.path(), &SystemEntropy).expect("made");
        let read = Key::read(state.path()).expect("readable").expect("there");
        assert_eq!(made.public(), read.public());
        assert!(made.public().has_signed(b"bytes", &read.sign(b"bytes")));
        assert!(!made.public().has_signed(b"other bytes", &read.sign(b"bytes")));
        assert_eq!(state.path().join(NAME).metadata().expect("there").mode() & 0o777, 0o600);
        assert!(Key::make(state.path(), &SystemEntropy).is_err(), "a key is never replaced");
        assert!(!format!("{made:?}").contains(&data_encoding::HEXLOWER.encode(made.0.as_bytes())));
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_replaced() {
        let state = tempfile::tempdir().expect("a temporary folder");
        for wrong in ["", "nonsense\n", &"A".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            fs::write(state.path().join(NAME), wrong).expect("writable");
            assert_eq!(Key::read(state.path()).expect_err("refused").kind(), io::ErrorKind::InvalidData, "{wrong}");
        }
    }

    #[test]
    fn the_first_example_of_rfc_8032_holds() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex");
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = Key(SigningKey::from_bytes(&seed.try_into().expect("32 bytes")));
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e\
                         39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(key.public().to_string(), public);
        assert_eq!(key.sign(b"").to_vec(), hex(signature));
        assert_eq!(PublicKey::parse(public), Some(key.public()));
        assert!(!PublicKey([0; 32]).has_signed(b"", &[0; 64]), "a key of small order");
    }
}
