//! A drive and a vault in memory: stopped before every step in turn, pulled at every block, damaged in every way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::destination::Operation;
use crate::destination::memory::{Fault, Faults, MemoryPlace};
use crate::format::{Identity, SeedList, SeedPack};
use crate::model::{FamilyId, KeyEpoch, ObjectName, PackId, SeedId, Time, VaultId, VaultPath};
use crate::port::SystemClock;
use crate::seal::{Keyring, Master, SeedSigner};
use crate::vault::put;

const FAMILY: FamilyId = FamilyId([1; 16]);
const VAULT: VaultId = VaultId([2; 16]);
const SEED: SeedId = SeedId([3; 8]);

/// Damages a drive.
type Harm<'h> = &'h dyn Fn(&MemoryPlace) -> bool;

fn path(text: &str) -> VaultPath {
    VaultPath::parse(text).expect("valid")
}

fn keyring(master: u8) -> Keyring {
    Keyring::new(FAMILY, BTreeMap::from([(KeyEpoch(1), Master::new([master; 32]))]))
}

fn contents() -> Vec<Vec<u8>> {
    (0..5_u8).map(|n| vec![n; 100 + usize::from(n)]).collect()
}

fn packs() -> Vec<SeedPack> {
    let pack = |bytes: &Vec<u8>| SeedPack {
        id: PackId(*blake3::hash(bytes).as_bytes()),
        bytes: u32::try_from(bytes.len()).expect("small"),
    };
    let mut packs: Vec<_> = contents().iter().map(pack).collect();
    packs.sort_unstable();
    packs
}

fn list(finished: bool) -> (SeedList, SeedSigner) {
    let signer = SeedSigner::of(&keyring(7), KeyEpoch(1), SEED).expect("known");
    let list = SeedList {
        family: FAMILY,
        vault: VAULT,
        seed: SEED,
        drive: 1,
        revision: 2,
        finished,
        created: Time::from_seconds(9),
        epoch: KeyEpoch(1),
        public_key: signer.public(),
        packs: packs(),
    };
    (list, signer)
}

/// A drive that is ready to be sent.
fn drive() -> MemoryPlace {
    let place = MemoryPlace::new(1);
    let store = place.open().expect("there");
    for bytes in contents() {
        let pack = PackId(*blake3::hash(&bytes).as_bytes());
        put(&store, &ObjectName::Pack(pack).path(), &bytes).expect("put");
    }
    let (list, signer) = list(true);
    write_list(&store, &list, &signer).expect("put");
    place
}

/// The vault that it goes to.
fn vault(id: VaultId) -> MemoryPlace {
    let place = MemoryPlace::new(2);
    let identity = Identity { family: FAMILY, vault: id, created: Time::from_seconds(1) };
    put(&place.open().expect("there"), &path("VAULT"), &identity.encode()).expect("put");
    place
}

fn absorbed(
    drive: &MemoryPlace,
    vault: &MemoryPlace,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Absorbed, AbsorbError> {
    let (drive, vault) = (drive.open().expect("there"), vault.open().expect("there"));
    absorb(&Task { drive: &drive, vault: &vault, clock: &SystemClock, stop, progress: &|_, _| {} })
}

/// What has a pack's name is that pack; a receipt is there only with all of them.
fn is_true(vault: &MemoryPlace) -> bool {
    let held = vault.contents();
    let named: Vec<_> = held.iter().filter_map(|(path, bytes)| Some((ObjectName::at(path)?, bytes))).collect();
    for (object, bytes) in &named {
        let ObjectName::Pack(id) = object else { panic!("{object} is no absorber's") };
        assert_eq!(*blake3::hash(bytes).as_bytes(), id.0, "{object}");
    }
    let receipts = receipts_at(&vault.open().expect("there"), SEED).expect("listed");
    assert!(receipts.is_empty() || named.len() == packs().len(), "a receipt for {} packs", named.len());
    !receipts.is_empty()
}

#[test]
fn an_absorption_stopped_before_any_step_is_no_lie_and_is_gone_on_with() {
    let drive = drive();
    let mut steps = 0;
    loop {
        let vault = vault(VAULT);
        vault.stop_after(steps);
        let first = absorbed(&drive, &vault, &|| false);
        vault.crash();
        let is_done = is_true(&vault);
        assert!(first.is_err() || is_done, "{steps} steps");
        let again = absorbed(&drive, &vault, &|| false).expect("nothing is in the way");
        assert_eq!(again.packs, 5);
        assert!(is_true(&vault), "{steps} steps");
        if first.is_ok() {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "{steps}: each write, flush and rename is one");
}

#[test]
fn a_drive_pulled_at_any_block_is_told_from_a_damaged_one_and_gone_on_with() {
    for blocks in 0..10 {
        let (drive, vault) = (drive(), vault(VAULT));
        let passed = AtomicU64::new(0);
        let pull = || {
            if passed.fetch_add(1, Ordering::Relaxed) == blocks {
                drive.unplug();
            }
            false
        };
        let first = absorbed(&drive, &vault, &pull);
        if passed.load(Ordering::Relaxed) > blocks {
            assert!(matches!(first, Err(AbsorbError::Drive(_))), "{blocks} blocks: {first:?}");
            assert!(!is_true(&vault));
        }
        drive.replug();
        absorbed(&drive, &vault, &|| false).expect("it is back");
        assert!(is_true(&vault));
    }
}

#[test]
fn whatever_is_wrong_with_a_drive_is_named_and_gets_no_receipt() {
    let (first, second) = (ObjectName::Pack(packs()[0].id).path(), ObjectName::Pack(packs()[3].id).path());
    let cases: [(Harm<'_>, usize); 5] = [
        (&|drive| drive.flip(&first, 300), 1),
        (&|drive| drive.truncate(&first, 50), 1),
        (&|drive| drive.lose(&first), 1),
        (&|drive| drive.swap(&first, &second), 2),
        (&|drive| drive.lose(&first) && drive.truncate(&second, 3), 2),
    ];
    for (case, (harm, wrong)) in cases.into_iter().enumerate() {
        let (drive, vault) = (drive(), vault(VAULT));
        assert!(harm(&drive), "case {case}");
        match absorbed(&drive, &vault, &|| false) {
            Err(AbsorbError::Refused(Refused::Damaged(unfit))) => {
                assert_eq!(unfit.len(), wrong, "case {case}: {unfit:?}");
                assert!(unfit.iter().any(|it| it.pack == packs()[0].id), "case {case}");
            }
            other => panic!("case {case}: {other:?}"),
        }
        assert!(!is_true(&vault), "case {case}");
    }
}

#[test]
fn a_drive_for_another_vault_without_a_list_or_not_finished_is_refused_and_nothing_is_written() {
    let refused = |drive: &MemoryPlace, vault: &MemoryPlace| {
        let before = vault.contents();
        let outcome = absorbed(drive, vault, &|| false);
        assert_eq!(vault.contents(), before);
        match outcome {
            Err(AbsorbError::Refused(why)) => why,
            other => panic!("{other:?}"),
        }
    };
    let other = VaultId([9; 16]);
    assert_eq!(refused(&drive(), &vault(other)), Refused::Foreign { wanted: VAULT, found: other });
    assert_eq!(refused(&MemoryPlace::new(3), &vault(VAULT)), Refused::NoList);
    let unfinished = MemoryPlace::new(3);
    let (first, signer) = list(false);
    write_list(&unfinished.open().expect("there"), &first, &signer).expect("put");
    assert_eq!(refused(&unfinished, &vault(VAULT)), Refused::Unfinished { drive: 1 });
    let forged = drive();
    let lists = forged.contents().into_keys().find(|path| path.as_str().starts_with("seeds/")).expect("there");
    assert!(forged.flip(&lists, 400));
    assert!(matches!(refused(&forged, &vault(VAULT)), Refused::BadLists(bad) if bad.len() == 1));
}

/// Who has no master can sign a list, but not as us.
#[test]
fn a_list_that_a_stranger_signed_is_whole_and_not_ours() {
    let (mut list, _) = list(true);
    assert!(is_ours(&list, &keyring(7)));
    let stranger = SeedSigner::of(&keyring(8), KeyEpoch(1), SEED).expect("known");
    list.public_key = stranger.public();
    let place = MemoryPlace::new(4);
    write_list(&place.open().expect("there"), &list, &stranger).expect("put");
    let (found, bad) = lists_on(&place.open().expect("there")).expect("listed");
    assert_eq!((found.len(), bad.len()), (1, 0));
    assert!(!is_ours(&found[0].list, &keyring(7)));
}

#[test]
fn what_is_wrong_in_a_vault_is_found_by_its_length_or_by_the_sample_and_then_all_is_read() {
    let looked = |harm: &dyn Fn(&MemoryPlace)| {
        let vault = vault(VAULT);
        absorbed(&drive(), &vault, &|| false).expect("sound");
        harm(&vault);
        let share = "1%".parse().expect("a share");
        let store = vault.open().expect("there");
        look(&store, &packs(), (share, [5; 32]), &|| false).expect("answered").expect("not stopped")
    };
    let pack = |n: usize| ObjectName::Pack(packs()[n].id).path();
    let sound = looked(&|_| {});
    assert!(sound.is_sound() && !sound.read.is_empty() && sound.read.len() < 5, "{sound:?}");
    let missing = looked(&|vault| assert!(vault.lose(&pack(2)) && vault.truncate(&pack(4), 9)));
    assert_eq!((missing.missing.len(), missing.read.len()), (2, 3), "{missing:?}");
    let flipped = looked(&|vault| (0..5).for_each(|n| assert!(n == 1 || vault.flip(&pack(n), 8))));
    assert_eq!(flipped.read.len() + flipped.damaged.len(), if flipped.is_sound() { 1 } else { 5 }, "{flipped:?}");
    let stopped = look(&vault(VAULT).open().expect("there"), &[], ("1%".parse().expect("a share"), [0; 32]), &|| true);
    assert_eq!(stopped.expect("answered"), Some(Looked::default()), "nothing to read");
}

/// What has the name of a pack and is not that pack may be all that is left of it: only the owner's engine replaces it.
#[test]
fn other_bytes_in_the_vault_are_named_and_stay_and_all_else_goes_there() {
    let (drive, vault, wrong) = (drive(), vault(VAULT), packs()[1].id);
    vault.plant(&ObjectName::Pack(wrong).path(), b"half of it");
    match absorbed(&drive, &vault, &|| false) {
        Err(AbsorbError::Refused(Refused::Taken(packs))) => assert_eq!(packs, [wrong]),
        other => panic!("{other:?}"),
    }
    let held = vault.contents();
    assert_eq!(held[&ObjectName::Pack(wrong).path()], b"half of it");
    assert!(packs().iter().all(|pack| held.contains_key(&ObjectName::Pack(pack.id).path())));
    assert!(receipts_at(&vault.open().expect("there"), SEED).expect("listed").is_empty());
    // A drive that is being filled is its filler's own.
    let stores = (vault.open().expect("there"), drive.open().expect("there"));
    let healed = carry(&stores.1, &stores.0, &packs()[1], Wrong::Replaced, &|| false);
    assert_eq!(healed.expect("replaced"), Carried::Sent);
}

/// Which list of a drive is the last one its revision tells, also where the clock was set back between them.
#[test]
fn the_clock_does_not_tell_which_list_of_a_drive_is_the_last_one() {
    let (drive, vault) = (drive(), vault(VAULT));
    let (mut first, signer) = list(false);
    (first.revision, first.created, first.packs) = (1, Time::from_seconds(900), Vec::new());
    write_list(&drive.open().expect("there"), &first, &signer).expect("put");
    assert_eq!(absorbed(&drive, &vault, &|| false).expect("finished").packs, 5);
    // The same drive once more, as the next one.
    let (mut next, signer) = list(true);
    (next.drive, next.created) = (2, Time::from_seconds(8));
    next.packs.truncate(2);
    write_list(&drive.open().expect("there"), &next, &signer).expect("put");
    assert_eq!(absorbed(&drive, &vault, &|| false).expect("finished").drive, 2);
}

#[test]
fn what_a_drive_that_is_there_can_not_read_is_damage_of_what_it_holds() {
    let (drive, vault) = (drive(), vault(VAULT));
    let (store, failing) =
        (vault.open().expect("there"), Faults::none().with(Operation::ReadMedium, Fault::Failed, 1_000));
    absorbed(&drive, &vault, &|| false).expect("sound");
    vault.set_faults(failing);
    let looked = look(&store, &packs(), ("100%".parse().expect("a share"), [0; 32]), &|| false);
    assert_eq!(looked.expect("an answer").expect("not stopped").damaged.len(), 5);
    drive.set_faults(Faults::none().with(Operation::Read, Fault::Failed, 1_000));
    vault.set_faults(Faults::none());
    let refused = absorbed(&drive, &vault, &|| false);
    assert!(matches!(refused, Err(AbsorbError::Refused(Refused::BadLists(_)))), "{refused:?}");
}

#[test]
fn two_absorbers_at_once_leave_what_one_would() {
    for _ in 0..20 {
        let (drive, vault) = (drive(), vault(VAULT));
        std::thread::scope(|scope| {
            let one = scope.spawn(|| absorbed(&drive, &vault, &|| false));
            let _ = absorbed(&drive, &vault, &|| false);
            let _ = one.join().expect("no panic");
        });
        is_true(&vault);
        absorbed(&drive, &vault, &|| false).expect("alone now");
        assert!(is_true(&vault));
    }
}
