//! A head's plain body: who writes to a medium, in which session, and the state that must not be lost.
//!
//! Fields with numbers that this version does not know are kept as they are and written again.

use std::fmt;
use std::str::FromStr;

use super::FormatError;
use super::cbor::{In, Out, require_same};
use super::manifest::{decode_name, decode_order};
use crate::model::{
    DestinationName, GroupId, JobId, JobName, PointId, PointName, PointOrder, Proof, Time, VaultId, WriterId,
};

const WHAT: &str = "the head";
/// Fields that every head has; those above may be absent.
const FIELDS_ALWAYS: u64 = 12;
/// Which points should lie where; absent if there are none.
const NEWEST_AT: u64 = 13;
/// What the writer works by; absent if it is not known.
const CONFIGURATION: u64 = 14;

/// A job, as heads tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadJob {
    /// As it is named at destinations.
    pub id: JobId,
    /// As people name it.
    pub name: JobName,
    /// Its dedup group.
    pub group: GroupId,
    /// Why eviction and retention stand still for it, if they do.
    pub alarm: Option<String>,
}

/// The newest point of a job that was evicted at a medium: nothing older is owed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadMark {
    /// The medium.
    pub medium: VaultId,
    /// The job.
    pub job: JobId,
    /// The newest point evicted.
    pub evicted: PointOrder,
}

/// A medium of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadMedium {
    /// Its vault.
    pub medium: VaultId,
    /// Its destination's name, `home` for the home vault.
    pub destination: DestinationName,
    /// Nothing is owed to it any more.
    pub retired: bool,
    /// Epoch of the last session there.
    pub epoch: u32,
    /// Number of the last session there.
    pub session: u64,
}

/// How far a placement was shown to be good by a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadProof {
    /// The medium.
    pub medium: VaultId,
    /// The point.
    pub point: PointId,
    /// What was shown.
    pub proof: Proof,
    /// When.
    pub time: Time,
}

/// The newest point of a job that should lie at a medium, damaged ones included, as of when the head was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadNewest {
    /// The medium.
    pub medium: VaultId,
    /// The job.
    pub job: JobId,
    /// The point.
    pub point: PointName,
}

/// A seed under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSeed {
    /// The seed's id.
    pub id: [u8; 8],
    /// The medium that it is for.
    pub medium: VaultId,
    /// Its state, in DESIGN's words.
    pub state: String,
}

/// The configuration that the writer works by, so that a computer that has nothing can go on where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadConfiguration {
    /// The folder that its relative paths are relative to, for people.
    pub folder: String,
    /// The file's text. Secrets are not in it, as no configuration may hold any.
    pub text: String,
}

/// A field that a later release added, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The field's number.
    pub key: u64,
    /// Its encoded value.
    pub value: Vec<u8>,
}

/// The plain body of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Who writes.
    pub writer: WriterId,
    /// The writer's epoch.
    pub epoch: u32,
    /// The session's number at this medium.
    pub session: u64,
    /// When the session began.
    pub created: Time,
    /// The newest point that the catalog knows, if any.
    pub newest: Option<PointOrder>,
    /// All jobs ever known, by id.
    pub jobs: Vec<HeadJob>,
    /// Pinned points, by id.
    pub pins: Vec<PointId>,
    /// Eviction marks of all media.
    pub marks: Vec<HeadMark>,
    /// All media.
    pub media: Vec<HeadMedium>,
    /// Seeds under way.
    pub seeds: Vec<HeadSeed>,
    /// What drills have shown.
    pub proofs: Vec<HeadProof>,
    /// Points removed on purpose that may still lie at media which are away: they are not missing, and not owed.
    pub removed: Vec<PointId>,
    /// The newest point of each job that should lie at each medium: one that does not is lost.
    pub newest_at: Vec<HeadNewest>,
    /// What the writer works by.
    pub configuration: Option<HeadConfiguration>,
    /// Fields of later releases.
    pub unknown: Vec<Unknown>,
}

/// What a head is called: `<epoch, 8 digits>-<session, 12 digits>-<first 16 hex digits of its BLAKE3>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeadName {
    /// The writer's epoch.
    pub epoch: u32,
    /// The session's number.
    pub session: u64,
    /// Of the whole file.
    pub digest: [u8; 8],
}

impl Head {
    /// The plain bytes, to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        let present = [!self.newest_at.is_empty(), self.configuration.is_some()].into_iter().filter(|it| *it).count();
        out.map(12 + present + self.unknown.len())
            .key(1)
            .bytes(&self.writer.0)
            .key(2)
            .uint(u64::from(self.epoch))
            .key(3)
            .uint(self.session);
        out.key(4).time(self.created);
        encode_optional_order(out.key(5), self.newest);
        list(out.key(6), &self.jobs, |out, job| {
            out.array(4).bytes(&job.id.0).text(job.name.as_str()).bytes(&job.group.0);
            match &job.alarm {
                Some(why) => out.text(why),
                None => out.null(),
            };
        });
        list(out.key(7), &self.pins, |out, pin| {
            out.bytes(&pin.0);
        });
        list(out.key(8), &self.marks, |out, mark| {
            out.array(3).bytes(&mark.medium.0).bytes(&mark.job.0);
            encode_optional_order(out, Some(mark.evicted));
        });
        list(out.key(9), &self.media, |out, m| {
            out.array(5)
                .bytes(&m.medium.0)
                .text(m.destination.as_str())
                .bool(m.retired)
                .uint(u64::from(m.epoch))
                .uint(m.session);
        });
        list(out.key(10), &self.seeds, |out, seed| {
            out.array(3).bytes(&seed.id).bytes(&seed.medium.0).text(&seed.state);
        });
        list(out.key(11), &self.proofs, |out, p| {
            out.array(4).bytes(&p.medium.0).bytes(&p.point.0).text(p.proof.as_str()).time(p.time);
        });
        list(out.key(12), &self.removed, |out, point| {
            out.bytes(&point.0);
        });
        if !self.newest_at.is_empty() {
            list(out.key(NEWEST_AT), &self.newest_at, |out, newest| {
                out.array(4).bytes(&newest.medium.0).bytes(&newest.job.0);
                encode_optional_order(out, Some(newest.point.order));
                out.bytes(&newest.point.id.0);
            });
        }
        if let Some(configuration) = &self.configuration {
            out.key(CONFIGURATION).array(2).text(&configuration.folder).text(&configuration.text);
        }
        for field in &self.unknown {
            out.key(field.key).raw(&field.value);
        }
        out.finish()
    }

    /// Reads plain bytes.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut map = In::new(bytes, WHAT);
        let fields = map.map()?;
        let mut head = Self::decode_fields(&mut map)?;
        let mut last = FIELDS_ALWAYS;
        for _ in FIELDS_ALWAYS..fields {
            let key = map.uint()?;
            if key <= last {
                return Err(map.damaged("its fields are out of order"));
            }
            last = key;
            match key {
                NEWEST_AT => head.newest_at = map.all(decode_newest)?,
                CONFIGURATION => head.configuration = Some(decode_configuration(&mut map)?),
                key => head.unknown.push(Unknown { key, value: map.skip()?.to_vec() }),
            }
        }
        require_same(bytes, &head.encode(), WHAT)?;
        Ok(head)
    }

    fn decode_fields(map: &mut In<'_>) -> Result<Self, FormatError> {
        map.key(1)?;
        let writer = map.id()?;
        map.key(2)?;
        let epoch = map.uint()?;
        map.key(3)?;
        let session = map.uint()?;
        map.key(4)?;
        let created = map.time()?;
        map.key(5)?;
        let newest = map.optional(decode_order)?;
        map.key(6)?;
        let jobs = map.all(decode_job)?;
        map.key(7)?;
        let pins = map.all(In::id)?;
        map.key(8)?;
        let marks = map.all(|item| {
            item.array_of(3)?;
            Ok(HeadMark { medium: item.id()?, job: item.id()?, evicted: decode_order(item)? })
        })?;
        map.key(9)?;
        let media = map.all(decode_medium)?;
        map.key(10)?;
        let seeds = map.all(|item| {
            item.array_of(3)?;
            Ok(HeadSeed { id: item.id()?, medium: item.id()?, state: item.text()?.to_owned() })
        })?;
        map.key(11)?;
        let proofs = map.all(decode_proof)?;
        map.key(12)?;
        let removed = map.all(In::id)?;
        Ok(Self {
            writer,
            epoch,
            session,
            created,
            newest,
            jobs,
            pins,
            marks,
            media,
            seeds,
            proofs,
            removed,
            newest_at: Vec::new(),
            configuration: None,
            unknown: Vec::new(),
        })
    }
}

fn list<T>(out: &mut Out, items: &[T], mut write: impl FnMut(&mut Out, &T)) {
    out.array(items.len());
    items.iter().for_each(|item| write(out, item));
}

fn encode_optional_order(out: &mut Out, order: Option<PointOrder>) {
    match order {
        Some(order) => out.array(2).uint(u64::from(order.epoch)).uint(order.sequence),
        None => out.null(),
    };
}

fn decode_job(item: &mut In<'_>) -> Result<HeadJob, FormatError> {
    item.array_of(4)?;
    let (id, name, group) = (item.id()?, decode_name(item)?, item.id()?);
    Ok(HeadJob { id, name, group, alarm: item.optional(|item| Ok(item.text()?.to_owned()))? })
}

fn decode_medium(item: &mut In<'_>) -> Result<HeadMedium, FormatError> {
    item.array_of(5)?;
    let medium = item.id()?;
    let text = item.text()?;
    let home = DestinationName::home();
    let destination = if text == home.as_str() {
        home
    } else {
        text.parse().map_err(|_| item.damaged(format!("`{text}` is no name")))?
    };
    Ok(HeadMedium { medium, destination, retired: item.bool()?, epoch: item.uint()?, session: item.uint()? })
}

fn decode_newest(item: &mut In<'_>) -> Result<HeadNewest, FormatError> {
    item.array_of(4)?;
    let (medium, job) = (item.id()?, item.id()?);
    Ok(HeadNewest { medium, job, point: PointName { order: decode_order(item)?, id: item.id()? } })
}

fn decode_configuration(item: &mut In<'_>) -> Result<HeadConfiguration, FormatError> {
    item.array_of(2)?;
    Ok(HeadConfiguration { folder: item.text()?.to_owned(), text: item.text()?.to_owned() })
}

fn decode_proof(item: &mut In<'_>) -> Result<HeadProof, FormatError> {
    item.array_of(4)?;
    let (medium, point, text) = (item.id()?, item.id()?, item.text()?);
    let all = [
        Proof::None,
        Proof::Present,
        Proof::Complete,
        Proof::BytesRead,
        Proof::Restored,
        Proof::Opened,
        Proof::RestoredCold,
    ];
    let proof = all
        .into_iter()
        .find(|proof| proof.as_str() == text)
        .ok_or_else(|| item.damaged(format!("`{text}` is no proof")))?;
    Ok(HeadProof { medium, point, proof, time: item.time()? })
}

impl fmt::Display for HeadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{:012}-{}", self.epoch, self.session, data_encoding::HEXLOWER.encode(&self.digest))
    }
}

impl FromStr for HeadName {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = || FormatError::damaged("the name of a head", format!("`{text}`"));
        let parts: Vec<_> = text.split('-').collect();
        let [epoch, session, digest] = parts[..] else { return Err(wrong()) };
        let digest =
            data_encoding::HEXLOWER.decode(digest.as_bytes()).ok().and_then(|d| d.try_into().ok()).ok_or_else(wrong)?;
        let name =
            Self { epoch: epoch.parse().map_err(|_| wrong())?, session: session.parse().map_err(|_| wrong())?, digest };
        if name.to_string() == text { Ok(name) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let medium = VaultId([3; 16]);
        let order = PointOrder { epoch: 1, sequence: 4 };
        Head {
            writer: WriterId([1; 16]),
            epoch: 1,
            session: 9,
            created: Time::from_seconds(7),
            newest: Some(order),
            jobs: vec![HeadJob {
                id: JobId([1; 8]),
                name: "documents".parse().expect("a name"),
                group: GroupId([2; 8]),
                alarm: Some("shrank".into()),
            }],
            pins: vec![PointId([4; 8])],
            marks: vec![HeadMark { medium, job: JobId([1; 8]), evicted: order }],
            media: vec![HeadMedium {
                medium,
                destination: DestinationName::home(),
                retired: false,
                epoch: 1,
                session: 8,
            }],
            seeds: vec![HeadSeed { id: [1; 8], medium, state: "shipped".into() }],
            proofs: vec![HeadProof {
                medium,
                point: PointId([4; 8]),
                proof: Proof::Opened,
                time: Time::from_seconds(8),
            }],
            removed: vec![PointId([5; 8])],
            newest_at: vec![HeadNewest { medium, job: JobId([1; 8]), point: PointName { order, id: PointId([4; 8]) } }],
            configuration: Some(HeadConfiguration { folder: "/etc/offsite".into(), text: "[key]\n".into() }),
            unknown: Vec::new(),
        }
    }

    #[test]
    fn a_head_reads_back() {
        assert_eq!(Head::decode(&head().encode()), Ok(head()));
    }

    #[test]
    fn a_head_of_the_first_release_has_no_field_13_and_an_empty_one_is_never_written() {
        let first = Head { newest_at: Vec::new(), configuration: None, ..head() };
        let bytes = first.encode();
        assert_eq!((bytes[0], Head::decode(&bytes)), (0xac, Ok(first)));
        let mut empty = bytes;
        empty[0] = 0xad;
        empty.extend([0x0d, 0x80]);
        assert!(Head::decode(&empty).is_err(), "one form only");
    }

    #[test]
    fn fields_of_a_later_release_are_kept() {
        let mut later = head();
        let mut value = Out::default();
        value.array(2).text("new").uint(3);
        later.unknown.push(Unknown { key: 77, value: value.finish() });
        let read = Head::decode(&later.encode()).expect("valid");
        assert_eq!(read, later);
        assert_eq!(read.encode(), later.encode());
    }

    #[test]
    fn a_name_has_one_form() {
        let name = HeadName { epoch: 2, session: 30, digest: [0xab; 8] };
        assert_eq!(name.to_string(), "00000002-000000000030-abababababababab");
        assert_eq!(name.to_string().parse(), Ok(name));
        assert!("2-30-abababababababab".parse::<HeadName>().is_err());
    }
}
