//! A manifest's plain body: what a recovery point is, and where its entries and its pack list lie.

use super::FormatError;
use super::cbor::{In, Out, require_same};
use super::entry::{decode_ref, encode_ref};
use crate::model::{
    ChunkRef, FamilyId, GroupId, JobId, KeyEpoch, Name, PackId, PointId, PointName, PointOrder, Time, WriterId,
};

const WHAT: &str = "the manifest";

/// Counts, as `engine points` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Entries that are regular files, each hard link counted.
    pub files: u64,
    /// Apparent bytes, hard links once.
    pub bytes: u64,
    /// Entries of every kind.
    pub entries: u64,
    /// Bytes that this point added to the vault, its manifest not counted.
    pub stored_bytes: u64,
    /// Entries or folders that could not be read.
    pub problems: u64,
}

/// The plain body of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose.
    pub family: FamilyId,
    /// Which job's, as it is named at a destination.
    pub job: JobId,
    /// Which packs it may name.
    pub group: GroupId,
    /// The point's name.
    pub name: PointName,
    /// Which writer made it.
    pub writer: WriterId,
    /// The master key's epoch at that time.
    pub key_epoch: KeyEpoch,
    /// When the capture began; never earlier than the job's point before it.
    pub created: Time,
    /// The point that this one needs besides its own packs, in foreign chains; none for points of ours.
    pub base: Option<PointOrder>,
    /// The job's name.
    pub job_name: Name,
    /// What was protected, for people.
    pub source: String,
    /// Counts.
    pub stats: Stats,
    /// Packs that hold the entry stream and the pack list, sorted.
    pub roots: Vec<PackId>,
    /// The entry stream's chunks, in order; each lies in one of `roots`.
    pub entries: Vec<ChunkRef>,
    /// The pack list's chunks, in order: the sorted 32-byte names of all packs that entries refer to.
    pub packs: Vec<ChunkRef>,
}

impl Manifest {
    /// The plain bytes, to be sealed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Out::default();
        out.map(15).key(1).bytes(&self.family.0).key(2).bytes(&self.job.0).key(3).bytes(&self.group.0);
        out.key(4)
            .array(3)
            .uint(u64::from(self.name.order.epoch))
            .uint(self.name.order.sequence)
            .bytes(&self.name.id.0);
        out.key(5).bytes(&self.writer.0).key(6).uint(u64::from(self.key_epoch.0)).key(7).time(self.created);
        match self.base {
            Some(base) => out.key(8).array(2).uint(u64::from(base.epoch)).uint(base.sequence),
            None => out.key(8).null(),
        };
        out.key(9).text(self.job_name.as_str()).key(10).text(&self.source);
        let s = self.stats;
        out.key(11).array(5).uint(s.files).uint(s.bytes).uint(s.entries).uint(s.stored_bytes).uint(s.problems);
        out.key(12).array(self.roots.len());
        self.roots.iter().for_each(|id| {
            out.bytes(&id.0);
        });
        for (key, refs) in [(13, &self.entries), (14, &self.packs)] {
            out.key(key).array(refs.len());
            refs.iter().for_each(|chunk| encode_ref(&mut out, chunk));
        }
        // Erasure-code objects: none in version 1.
        out.key(15).array(0);
        out.finish()
    }

    /// Reads plain bytes.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly such a body, or refer to a pack that is not among `roots`.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut map = In::new(bytes, WHAT);
        let manifest = Self::decode_fields(&mut map)?;
        let sorted = manifest.roots.is_sorted_by(|a, b| a < b);
        let known = |chunk: &ChunkRef| manifest.roots.binary_search_by_key(&chunk.pack, PackId::short).is_ok();
        if !sorted || !manifest.entries.iter().chain(&manifest.packs).all(known) {
            return Err(FormatError::damaged(WHAT, "its list of packs does not fit its chunks"));
        }
        require_same(bytes, &manifest.encode(), WHAT)?;
        Ok(manifest)
    }

    fn decode_fields(map: &mut In<'_>) -> Result<Self, FormatError> {
        map.map()?;
        map.key(1)?;
        let family = map.id()?;
        map.key(2)?;
        let job = map.id()?;
        map.key(3)?;
        let group = map.id()?;
        map.key(4)?;
        map.array_of(3)?;
        let name =
            PointName { order: PointOrder { epoch: map.uint()?, sequence: map.uint()? }, id: PointId(map.id()?) };
        map.key(5)?;
        let writer = map.id()?;
        map.key(6)?;
        let key_epoch = KeyEpoch(map.uint()?);
        map.key(7)?;
        let created = map.time()?;
        map.key(8)?;
        let base = map.optional(decode_order)?;
        map.key(9)?;
        let job_name = decode_name(map)?;
        map.key(10)?;
        let source = map.text()?.to_owned();
        map.key(11)?;
        let stats = decode_stats(map)?;
        map.key(12)?;
        let roots = map.all(In::id)?;
        map.key(13)?;
        let entries = map.all(decode_ref)?;
        map.key(14)?;
        let packs = map.all(decode_ref)?;
        map.key(15)?;
        if map.array()? > 0 {
            return Err(FormatError::Later { what: WHAT, which: "erasure-code objects" });
        }
        Ok(Self {
            family,
            job,
            group,
            name,
            writer,
            key_epoch,
            created,
            base,
            job_name,
            source,
            stats,
            roots,
            entries,
            packs,
        })
    }
}

/// A point's place in the order, as `[epoch, sequence]`.
pub(super) fn decode_order(map: &mut In<'_>) -> Result<PointOrder, FormatError> {
    map.array_of(2)?;
    Ok(PointOrder { epoch: map.uint()?, sequence: map.uint()? })
}

/// A job's or destination's name.
pub(super) fn decode_name(map: &mut In<'_>) -> Result<Name, FormatError> {
    let text = map.text()?;
    text.parse().map_err(|_| map.damaged(format!("`{text}` is no name")))
}

fn decode_stats(map: &mut In<'_>) -> Result<Stats, FormatError> {
    map.array_of(5)?;
    Ok(Stats {
        files: map.uint()?,
        bytes: map.uint()?,
        entries: map.uint()?,
        stored_bytes: map.uint()?,
        problems: map.uint()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ChunkId;

    fn manifest() -> Manifest {
        let root = PackId([5; 32]);
        let chunk = ChunkRef { pack: root.short(), offset: 8, stored: 42, plain: 9, id: ChunkId([6; 32]) };
        Manifest {
            family: FamilyId([1; 16]),
            job: JobId([2; 8]),
            group: GroupId([3; 8]),
            name: PointName { order: PointOrder { epoch: 1, sequence: 12 }, id: PointId([4; 8]) },
            writer: WriterId([7; 16]),
            key_epoch: KeyEpoch(1),
            created: Time { seconds: -5, nanos: 1 },
            base: Some(PointOrder { epoch: 1, sequence: 11 }),
            job_name: "documents".parse().expect("a name"),
            source: "folders /home/ann".into(),
            stats: Stats { files: 1, bytes: 2, entries: 3, stored_bytes: 4, problems: 5 },
            roots: vec![root],
            entries: vec![chunk, chunk],
            packs: vec![chunk],
        }
    }

    #[test]
    fn a_manifest_reads_back() {
        assert_eq!(Manifest::decode(&manifest().encode()), Ok(manifest()));
    }

    #[test]
    fn a_chunk_in_an_unlisted_pack_is_refused() {
        let mut bad = manifest();
        bad.roots = vec![PackId([9; 32])];
        assert!(Manifest::decode(&bad.encode()).is_err());
        bad.roots = vec![PackId([9; 32]), PackId([5; 32])];
        assert!(Manifest::decode(&bad.encode()).is_err(), "not sorted");
    }

    #[test]
    fn erasure_objects_are_called_later_and_not_damaged() {
        let mut later = manifest().encode();
        *later.last_mut().expect("the empty list") = 0x81;
        later.push(0);
        assert_eq!(Manifest::decode(&later), Err(FormatError::Later { what: WHAT, which: "erasure-code objects" }));
    }

    #[test]
    fn every_cut_is_noticed() {
        let good = manifest().encode();
        for cut in 0..good.len() {
            assert!(Manifest::decode(&good[..cut]).is_err(), "cut at {cut}");
        }
    }
}
