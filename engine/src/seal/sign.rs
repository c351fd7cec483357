//! Who made a seed's list: an Ed25519 key that comes from the master, so that it needs no place of its own and is there
//! again after a rebuild.
//!
//! A stranger who carries a drive checks the signature by the key that the list itself names: that shows that it is
//! whole as it was written. Only who has the master knows whose key that is.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::keyring::Keyring;
use crate::model::{KeyEpoch, SeedId};

/// Signs the lists of one seed.
pub struct SeedSigner {
    pair: Ed25519KeyPair,
    /// The master that the key comes from.
    pub epoch: KeyEpoch,
}

impl SeedSigner {
    /// The signer of a seed under the family's master of that epoch; none if that master is not known.
    #[must_use]
    pub fn of(keyring: &Keyring, epoch: KeyEpoch, seed: SeedId) -> Option<Self> {
        let secret = keyring.seed_list(epoch, seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*secret).ok()?;
        Some(Self { pair, epoch })
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        public
    }

    /// The signature of these bytes.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(bytes).as_ref());
        signature
    }
}

/// Does the signature of these bytes hold by that key?
#[must_use]
pub fn is_signed_by(public: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(bytes, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::FamilyId;
    use crate::seal::Master;

    fn signer(master: u8, seed: u8) -> SeedSigner {
        let masters = BTreeMap::from([(KeyEpoch(1), Master::new([master; 32]))]);
        let keyring = Keyring::new(FamilyId([1; 16]), masters);
        SeedSigner::of(&keyring, KeyEpoch(1), SeedId([seed; 8])).expect("known")
    }

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let (ours, other) = (signer(1, 1), signer(1, 2));
        let signature = ours.sign(b"list");
        assert!(is_signed_by(&ours.public(), b"list", &signature));
        assert!(!is_signed_by(&ours.public(), b"lisT", &signature));
        assert!(!is_signed_by(&other.public(), b"list", &signature));
        assert_eq!(signer(1, 1).public(), ours.public(), "the same after a rebuild");
        assert_ne!(signer(2, 1).public(), ours.public(), "another family's");
    }
}
