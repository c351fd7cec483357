//! Lists and receipts as files under `seeds/`, of a drive or of a vault.

use std::fmt;

use crate::destination::{ErrorKind, ReadStore, StoreError, WriteStore};
use crate::format::{SEED_LIST_BYTES_MAX, SeedList, SeedName, SeedReceipt};
use crate::model::{Digest, Distance, SeedId, VaultPath, chain};
use crate::seal::{Keyring, SeedSigner, is_signed_by};
use crate::vault::{VaultError, get, put};

/// A list whose digest, form and signature hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundList {
    /// What it says.
    pub list: SeedList,
    /// Its bytes.
    pub file: Vec<u8>,
    /// BLAKE3 of them.
    pub digest: Digest,
}

/// A file that should be a list and is none that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadList {
    /// Where it lies.
    pub path: VaultPath,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for BadList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

/// `seeds/<id>`
#[must_use]
pub fn seed_folder(seed: SeedId) -> VaultPath {
    VaultPath::parse(&format!("seeds/{seed}")).expect("a name of ours")
}

fn path_of(seed: SeedId, name: SeedName) -> VaultPath {
    seed_folder(seed).child(&name.to_string()).expect("a name of ours")
}

/// All lists at a place, those that can't be used too.
///
/// # Errors
/// If the place can't be asked.
pub fn lists_on(store: &dyn ReadStore) -> Result<(Vec<FoundList>, Vec<BadList>), VaultError> {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    let seeds = VaultPath::parse("seeds").expect("a constant");
    for folder in store.list(&seeds)?.into_iter().filter(|listed| listed.bytes.is_none()) {
        let Ok(seed) = folder.path.file_name().parse::<SeedId>() else { continue };
        let (lists, others) = lists_of(store, seed)?;
        found.extend(lists);
        bad.extend(others);
    }
    Ok((found, bad))
}

/// The same of one seed.
///
/// # Errors
/// If the place can't be asked.
pub fn lists_of(store: &dyn ReadStore, seed: SeedId) -> Result<(Vec<FoundList>, Vec<BadList>), VaultError> {
    let (mut found, mut bad) = (Vec::new(), Vec::new());
    for listed in store.list(&seed_folder(seed))? {
        let Ok(name @ SeedName::List { .. }) = listed.path.file_name().parse() else { continue };
        match read_list(store, seed, name) {
            Ok(list) => found.push(list),
            Err(VaultError::Store(error)) if !is_damage(store, &error) => return Err(error.into()),
            Err(error) => bad.push(BadList { path: listed.path, why: chain(&error) }),
        }
    }
    Ok((found, bad))
}

/// A sector that can't be read is damage of its object, if the drive itself is still there. What a server answers is not:
/// it may refuse everything, and have all of it whole.
pub(super) fn is_damage(store: &dyn ReadStore, error: &StoreError) -> bool {
    error.kind == ErrorKind::Permanent && store.distance() == Distance::Local && store.still_there().is_ok()
}

fn read_list(store: &dyn ReadStore, seed: SeedId, name: SeedName) -> Result<FoundList, VaultError> {
    let path = path_of(seed, name);
    let file = read_bounded(store, &path)?;
    let damaged = |why: &str| VaultError::Damaged { object: path.to_string(), why: why.to_owned() };
    let (list, signature) = SeedList::decode(&file)?;
    if list.seed != seed || SeedName::of_list(&list, &file) != name {
        return Err(damaged("it is not the list that its name says"));
    }
    if !is_signed_by(&list.public_key, &list.signed_bytes(), &signature) {
        return Err(damaged("its signature does not hold"));
    }
    let digest = Digest(*blake3::hash(&file).as_bytes());
    Ok(FoundList { list, file, digest })
}

/// A list may be longer than what is small elsewhere.
fn read_bounded(store: &dyn ReadStore, path: &VaultPath) -> Result<Vec<u8>, VaultError> {
    let missing = || VaultError::Missing { object: path.to_string() };
    let bytes = store.stat(path)?.ok_or_else(missing)?;
    let fits = usize::try_from(bytes).ok().filter(|_| bytes <= SEED_LIST_BYTES_MAX);
    let too_long = || VaultError::Damaged { object: path.to_string(), why: "no list is so long".to_owned() };
    Ok(store.read(path, 0, fits.ok_or_else(too_long)?)?)
}

/// Is it a list that this family's engine made?
#[must_use]
pub fn is_ours(list: &SeedList, keyring: &Keyring) -> bool {
    let signer = SeedSigner::of(keyring, list.epoch, list.seed);
    list.family == keyring.family() && signer.is_some_and(|signer| signer.public() == list.public_key)
}

/// Writes a list, signed; gives its digest.
///
/// # Errors
/// As the place answers.
pub fn write_list(store: &dyn WriteStore, list: &SeedList, signer: &SeedSigner) -> Result<Digest, VaultError> {
    let file = list.encode(&signer.sign(&list.signed_bytes()));
    put(store, &path_of(list.seed, SeedName::of_list(list, &file)), &file)?;
    Ok(Digest(*blake3::hash(&file).as_bytes()))
}

/// Puts a list that was found elsewhere where the receipt will lie.
///
/// # Errors
/// As the place answers.
pub(super) fn pass_on(store: &dyn WriteStore, found: &FoundList) -> Result<(), VaultError> {
    put(store, &path_of(found.list.seed, SeedName::of_list(&found.list, &found.file)), &found.file)
}

/// Writes a receipt.
///
/// # Errors
/// As the place answers.
pub fn write_receipt(store: &dyn WriteStore, receipt: &SeedReceipt) -> Result<(), VaultError> {
    let file = receipt.encode();
    put(store, &path_of(receipt.seed, SeedName::of_receipt(receipt, &file)), &file)
}

/// The receipts of a seed that lie at a vault. One that can't be read says nothing.
///
/// # Errors
/// If the place can't be asked.
pub fn receipts_at(store: &dyn ReadStore, seed: SeedId) -> Result<Vec<SeedReceipt>, VaultError> {
    let mut receipts = Vec::new();
    for listed in store.list(&seed_folder(seed))? {
        let Ok(name @ SeedName::Receipt { .. }) = listed.path.file_name().parse() else { continue };
        match get(store, &listed.path) {
            Ok(file) => receipts.extend(
                SeedReceipt::decode(&file)
                    .ok()
                    .filter(|receipt| receipt.seed == seed && SeedName::of_receipt(receipt, &file) == name),
            ),
            Err(VaultError::Store(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    Ok(receipts)
}
