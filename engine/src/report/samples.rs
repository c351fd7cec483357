//! Reports for the tests: small, and with every key that can be there.

use super::*;
use crate::model::{JobName, Name, PointId, Proof, State, Time, VaultId};

/// 2026-11-21T18:00:00Z
pub const SIX: Time = Time::from_seconds(1_795_284_000);
pub const POINT: PointId = PointId([0xab; 8]);
pub const MEDIUM: VaultId = VaultId([0xcd; 16]);

pub fn name(text: &str) -> JobName {
    text.parse().expect("a name")
}

fn placement(destination: Name, state: State, done_bytes: u64) -> PlacementReport {
    let verified = (state == State::Complete).then_some(Time { seconds: SIX.seconds + 4, nanos: 0 });
    let proof = if state == State::Complete { Proof::BytesRead } else { Proof::None };
    let medium = Some(MEDIUM);
    PlacementReport { destination, medium, state, done_bytes, total_bytes: 1 << 20, verified, proof }
}

pub fn point() -> PointReport {
    PointReport {
        id: POINT,
        job: name("documents"),
        sequence: 12,
        created: SIX,
        files: 1204,
        bytes: 83_886_080,
        stored_bytes: 1_048_576,
        pinned: false,
        base: None,
        placements: vec![
            placement(Name::home(), State::Complete, 1 << 20),
            placement(name("usb"), State::Copying, 1 << 18),
            placement(name("office"), State::NotWanted, 0),
        ],
    }
}

pub fn status() -> StatusReport {
    let problem = StatusProblem {
        problem: "no copy offsite was verified for 30 h, 26 h are allowed".to_owned(),
        advice: "plug in usb".to_owned(),
    };
    let job = |text, newest, offsite, problems| JobStatus {
        job: name(text),
        newest,
        next: Some(Time::from_seconds(SIX.seconds + 86_400)),
        offsite,
        complete_at: Vec::new(),
        begun: Begun::UnderWay,
        proofs: Vec::new(),
        problems,
    };
    let proof = |destination, proof| NewestProof { destination, medium: MEDIUM, point: POINT, created: SIX, proof };
    let proofs = vec![proof(Name::home(), Proof::BytesRead), proof(name("usb"), Proof::RestoredCold)];
    StatusReport {
        jobs: vec![
            JobStatus { proofs, ..job("documents", Some(SIX), Offsite::State(State::Complete), Vec::new()) },
            job("ledger", Some(SIX), Offsite::State(State::Pending), vec![problem]),
            JobStatus { next: None, ..job("photos", None, Offsite::None, Vec::new()) },
        ],
        destinations: vec![DestinationStatus {
            destination: name("usb"),
            available: false,
            reason: Some("no vault at /media/ann/BACKUP/offsite: the drive is not there".to_owned()),
            used_bytes: 0,
            free_bytes: None,
            points: 0,
            pending_points: 2,
            same_disk: false,
            window: None,
            media: Vec::new(),
            problems: Vec::new(),
        }],
        home: Some(HomeStatus {
            place: "/srv/vault".to_owned(),
            available: true,
            used_bytes: 3 << 30,
            free_bytes: Some(50 << 30),
            limit_bytes: Some(200 << 30),
            points: 2,
            problems: Vec::new(),
        }),
        problems: Vec::new(),
    }
}

pub fn backup() -> BackupPoint {
    BackupPoint {
        id: Some(POINT),
        job: name("documents"),
        created: SIX,
        files: 1204,
        bytes: 83_886_080,
        new_bytes: 4096,
        rewritten_bytes: 0,
        stored_bytes: 1024,
        seconds: 1.2,
        problems: vec![PathProblem { path: PathText::new(b"srv/x\xff"), problem: "permission denied".to_owned() }],
        warnings: vec!["the source is much smaller than before: 3 files, 1200 before".to_owned()],
        left_out: vec!["2 by pattern".to_owned()],
        adopted: None,
    }
}

pub fn copied(state: State, reason: &str) -> CopiedPoint {
    CopiedPoint {
        point: POINT,
        job: name("documents"),
        destination: name("usb"),
        medium: Some(MEDIUM),
        state,
        bytes: 1 << 20,
        seconds: 2.5,
        reason: reason.to_owned(),
    }
}

pub fn evicted() -> EvictedPoint {
    let reason = "the medium is full".to_owned();
    EvictedPoint { point: POINT, destination: name("usb"), medium: Some(MEDIUM), bytes: 1 << 20, reason }
}

pub fn removed() -> RemovedPoint {
    RemovedPoint { point: POINT, destination: name("usb"), bytes: 512, reason: "no keep rule keeps it".to_owned() }
}

pub fn verify() -> VerifyReport {
    let damaged = |object: &str, healed| DamagedObject {
        object: object.to_owned(),
        problem: "its content is not what its name says".to_owned(),
        points: vec![POINT],
        healed,
        good_at: Some(if object.ends_with('z') { Vec::new() } else { vec![Name::home()] }),
        name: None,
    };
    let coverage = CoverageShows { bytes: 5 << 20, damaged_bytes: 0, never_read_bytes: 0, oldest_read: Some(SIX) };
    let place = |destination, damaged| VerifiedPlace {
        destination,
        medium: Some(MEDIUM),
        objects: 7,
        bytes: 5 << 20,
        damaged,
        unread: Vec::new(),
        unfinished: None,
        is_part: false,
        shows: VerifiedShows { left: 0, sample: None, coverage },
    };
    VerifyReport {
        places: vec![
            place(Name::home(), Vec::new()),
            place(
                name("usb"),
                vec![damaged("packs/ab/x", true), damaged("packs/cd/y", false), damaged("packs/ef/z", false)],
            ),
        ],
        not_there: vec![PlaceNotThere { destination: name("office"), reason: "connection refused".to_owned() }],
    }
}

pub fn restore() -> RestoreReport {
    RestoreReport {
        point: POINT,
        job: name("documents"),
        created: SIX,
        from: Some(Name::home()),
        also_from: vec![name("usb")],
        to: "/tmp/back".to_owned(),
        dry_run: false,
        files: 1,
        bytes: 12,
        seconds: 125.0,
        kept_by_restorer: 0,
        problems: vec![PathProblem { path: PathText::new(b"a/b"), problem: "permission denied".to_owned() }],
        lost: 2,
        damaged: vec![DamageMet {
            destination: Name::home(),
            object: "packs/ab/x".to_owned(),
            problem: "it is not there".to_owned(),
        }],
        not_there: Vec::new(),
    }
}

pub fn entry() -> EntryReport {
    EntryReport {
        path: PathText::new(b"home/ann/Documents/a.txt"),
        kind: "file",
        bytes: 12,
        mode: "0644".to_owned(),
        uid: 1000,
        gid: 1000,
        modified: Time { seconds: 1_795_165_200, nanos: 500_000_000 },
        digest: Some(crate::model::Digest([0xee; 32])),
        target: None,
        target_bytes: None,
        device: None,
        major: None,
        minor: None,
        unstable: false,
    }
}
