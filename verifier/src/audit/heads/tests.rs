use engine::destination::Operation;
use engine::destination::memory::{Fault, Faults, MemoryPlace};
use engine::model::{Digest, Time};
use engine::port::SystemEntropy;

use super::*;
use crate::report::Key;

const VERIFIER: VerifierId = VerifierId([7; 16]);

struct Writer {
    key: Key,
    place: MemoryPlace,
}

impl Writer {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        Self { key: Key::make(state.path(), &SystemEntropy).expect("made"), place: MemoryPlace::new(1) }
    }

    fn leave(&self, sequence: u64) -> Result<(), String> {
        let (report, created) = (Digest([3; 32]), Time::from_seconds(9));
        let head = DrillHead { verifier: VERIFIER, sequence, report, public_key: self.key.public().0, created };
        let file = head.encode(&self.key.sign(&head.signed_bytes()));
        leave(&self.place.open().expect("plugged"), &head, &file)
    }

    fn seen(&self) -> SeenHeads {
        seen(&self.place.open().expect("plugged"), &[VERIFIER]).expect("listed")
    }

    fn damage(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.place.contents().into_keys().next().expect("one head");
        assert!(self.place.damage(&path, change));
    }
}

#[test]
fn heads_read_back_and_the_newest_stay() {
    let writer = Writer::new();
    (1..=40).for_each(|number| writer.leave(number).expect("room"));
    let found = writer.seen();
    let numbers: Vec<u64> = found.heads.iter().map(|seen| seen.body.as_ref().expect("sound").sequence).collect();
    assert_eq!(numbers, (9..=40).collect::<Vec<_>>());
    writer.leave(40).expect("the same again is no error");
}

#[test]
fn where_nothing_can_be_deleted_all_stay_and_that_is_no_failure() {
    let writer = Writer::new();
    writer.place.set_faults(Faults::none().with(Operation::Delete, Fault::Refused, 1000));
    (1..=40).for_each(|number| writer.leave(number).expect("adding is allowed"));
    assert_eq!(writer.seen().heads.len(), 40);
}

#[test]
fn a_place_that_takes_nothing_says_why_and_keeps_what_it_has() {
    let writer = Writer::new();
    writer.leave(1).expect("room");
    for operation in [Operation::Create, Operation::Write, Operation::Finish] {
        writer.place.set_faults(Faults::none().with(operation, Fault::Refused, 1000));
        assert!(writer.leave(2).is_err(), "{operation:?}");
    }
    writer.place.set_faults(Faults::none());
    writer.place.set_capacity(Some(1));
    assert!(writer.leave(2).is_err());
    assert_eq!(writer.seen().heads.len(), 1);
}

#[test]
fn every_damage_of_a_head_is_told_and_so_is_one_by_another_key() {
    let length = {
        let writer = Writer::new();
        writer.leave(1).expect("room");
        writer.place.contents().into_values().next().expect("one head").len()
    };
    let writer = Writer::new();
    writer.leave(1).expect("room");
    for at in 0..length {
        writer.damage(|bytes| bytes[at] ^= 1);
        assert!(writer.seen().heads[0].body.is_err(), "bit flipped at {at}");
        writer.damage(|bytes| bytes[at] ^= 1);
    }
    assert!(writer.seen().heads[0].body.is_ok());
}

#[test]
fn a_signature_of_another_key_does_not_hold_and_a_newer_head_is_no_damage() {
    let (writer, other) = (Writer::new(), Writer::new());
    let head = DrillHead {
        verifier: VERIFIER,
        sequence: 1,
        report: Digest([3; 32]),
        public_key: writer.key.public().0,
        created: Time::from_seconds(9),
    };
    let store = writer.place.open().expect("plugged");
    leave(&store, &head, &head.encode(&other.key.sign(&head.signed_bytes()))).expect("room");
    assert_eq!(writer.seen().heads[0].body.as_ref().map_err(String::as_str), Err("its signature does not hold"));

    let mut newer = head.encode(&[0; 64]);
    newer.truncate(newer.len() - 32);
    newer[10] = 9;
    let digest = blake3::hash(&newer);
    newer.extend_from_slice(digest.as_bytes());
    let path = folder_of(VERIFIER).child(&DrillHeadName::of(2, &newer).to_string()).expect("a name");
    put(&store, &path, &newer).expect("room");
    let found = writer.seen();
    assert_eq!((found.heads.len(), found.unread.len()), (1, 1), "{found:?}");
}

#[test]
fn the_documents_example_is_read_by_this_program_too() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/FORMAT.md")).expect("there");
    let block = |label: &str| {
        let (_, rest) = text.split_once(&format!("```hex {label}\n")).expect("a block");
        let digits: String = rest.split("```").next().expect("its end").split_whitespace().collect();
        data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("hex digits")
    };
    let file = block("drill-head-file");
    let (head, signature) = DrillHead::decode(&file).expect("a head");
    assert_eq!(head.signed_bytes(), block("drill-head-signed"));
    assert!(PublicKey(head.public_key).has_signed(&head.signed_bytes(), &signature));
    let name = DrillHeadName::of(head.sequence, &file);
    assert!(text.contains(&format!("drill-head-file drills/{}/{name}", head.verifier)));
    assert!(opened(head.verifier, name, &file).is_ok());
}
