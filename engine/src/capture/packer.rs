//! Plain chunks to packs at home: identity, deduplication, compression, sealing, writing, recording.
//!
//! Chunks are handed in and get a ticket; a ticket becomes a location when its pack has a name.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::error::CaptureError;
use super::{CaptureJob, Ports};
use crate::catalog::{ChunkRow, NewPack, PackNo, ReservationId};
use crate::model::{ChunkId, ChunkRef, ObjectName, PackId};
use crate::vault::{PackBuilder, SealedPack, encode_chunk, put};

/// Bytes of plain chunks that are worked on at once.
const BATCH_BYTES: usize = 16 << 20;
/// Chunks that are worked on at once.
const BATCH_CHUNKS: usize = 4096;

/// What every part of a capture knows.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub job: &'c CaptureJob,
    pub ports: &'c Ports<'c>,
    pub reservation: ReservationId,
}

/// The number of a chunk in the order in which it was handed in.
pub(super) type Ticket = u64;

/// Identities in the order of a batch, and the places of those that are known.
type Identified = (Vec<ChunkId>, HashMap<ChunkId, ChunkRef>);

#[derive(Clone, Copy)]
enum Place {
    /// In the batch.
    Waiting,
    /// In the open pack, at that index.
    Open(usize),
    /// In a pack with a name.
    Known(ChunkRef),
}

/// What a packer stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Stored {
    /// Plain bytes of chunks that were new.
    pub new_bytes: u64,
    /// Bytes of packs written.
    pub stored_bytes: u64,
    /// Packs written.
    pub written: BTreeMap<PackId, (PackNo, u64)>,
}

/// Packs chunks of one kind: content, or tree.
pub(super) struct Packer<'c> {
    context: Context<'c>,
    /// Of chunk identities, newest first: chunks get the first, and are looked for under each.
    identities: Vec<Zeroizing<[u8; 32]>>,
    batch: Vec<(Ticket, Vec<u8>)>,
    batch_bytes: usize,
    open: Option<PackBuilder>,
    /// Chunks of the open pack.
    in_open: HashMap<ChunkId, usize>,
    /// Places of the tickets from `first` on.
    places: VecDeque<Place>,
    first: Ticket,
    /// Every ticket before this one has a location.
    located: Ticket,
    /// No ticket before this one is in the open pack.
    open_from: Ticket,
    /// The ticket that is worked on.
    at: Ticket,
    /// Packs that this capture may refer to.
    reserved: BTreeSet<PackNo>,
    pub stored: Stored,
}

impl<'c> Packer<'c> {
    pub(super) fn new(context: Context<'c>) -> Self {
        let identities = context.ports.keyring.identities_from(context.job.reuse_from);
        Self {
            context,
            identities,
            batch: Vec::new(),
            batch_bytes: 0,
            open: None,
            in_open: HashMap::new(),
            places: VecDeque::new(),
            first: 0,
            located: 0,
            open_from: 0,
            at: 0,
            reserved: BTreeSet::new(),
            stored: Stored::default(),
        }
    }

    /// Takes a chunk.
    pub(super) fn add(&mut self, plain: &[u8]) -> Result<Ticket, CaptureError> {
        let ticket = self.first + self.places.len() as u64;
        self.places.push_back(Place::Waiting);
        self.batch.push((ticket, plain.to_vec()));
        self.batch_bytes += plain.len();
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_CHUNKS {
            self.work()?;
        }
        Ok(ticket)
    }

    /// Where the chunk of a ticket lies, once that is known.
    pub(super) fn location(&self, ticket: Ticket) -> Option<ChunkRef> {
        let at = usize::try_from(ticket.checked_sub(self.first)?).ok()?;
        match self.places.get(at)? {
            Place::Known(chunk) => Some(*chunk),
            Place::Waiting | Place::Open(_) => None,
        }
    }

    /// Have this ticket and all before it a location? A chunk that is known has one at once, before new ones that came
    /// earlier and wait for their pack's name.
    pub(super) fn is_located_through(&mut self, ticket: Ticket) -> bool {
        self.located = self.located.max(self.first);
        while self.location(self.located).is_some() {
            self.located += 1;
        }
        ticket < self.located
    }

    /// Tickets before this one are not asked for again.
    pub(super) fn forget_before(&mut self, ticket: Ticket) {
        while self.first < ticket && self.places.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Names the open pack, so that every ticket has a location.
    pub(super) fn finish(&mut self) -> Result<(), CaptureError> {
        self.work()?;
        match self.open.take() {
            Some(open) if !open.is_empty() => self.write(open.finish()),
            _ => Ok(()),
        }
    }

    /// Identifies the batch's chunks, drops those that are known, packs the others.
    fn work(&mut self) -> Result<(), CaptureError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let (ids, known) = self.identify(&batch)?;
        let new = self.first_of_each(&ids, &known);
        let encoded: Vec<(usize, Vec<u8>)> = new.into_par_iter().map(|at| (at, encode_chunk(&batch[at].1))).collect();
        let mut encoded = encoded.into_iter().peekable();
        for (at, (ticket, plain)) in batch.iter().enumerate() {
            self.at = *ticket;
            let place = match (known.get(&ids[at]), self.in_open.get(&ids[at])) {
                (Some(chunk), _) => Place::Known(*chunk),
                (None, Some(index)) => Place::Open(*index),
                (None, None) => {
                    self.pack(ids[at], plain, encoded.next_if(|(of, _)| *of == at).map(|(_, bytes)| bytes))?
                }
            };
            self.set_place(*ticket, place);
        }
        Ok(())
    }

    /// What each chunk is called, and where those lie that are known. One that is known from an earlier key epoch whose packs
    /// may be referred to keeps that epoch's identity there.
    fn identify(&mut self, batch: &[(Ticket, Vec<u8>)]) -> Result<Identified, CaptureError> {
        let mut newest: Vec<ChunkId> = Vec::new();
        let mut known = HashMap::new();
        for at in 0..self.identities.len() {
            let key = &*self.identities[at];
            let ids: Vec<ChunkId> =
                batch.par_iter().map(|(_, plain)| ChunkId(*blake3::keyed_hash(key, plain).as_bytes())).collect();
            let found = self.find(&ids)?;
            if at == 0 {
                newest = ids;
                known = found;
            } else {
                let older = newest.iter().zip(&ids).filter_map(|(id, older)| Some((*id, *found.get(older)?)));
                older.for_each(|(id, chunk)| {
                    known.entry(id).or_insert(chunk);
                });
            }
        }
        Ok((newest, known))
    }

    /// Indices of the chunks that have to be encoded: of several alike, the first.
    fn first_of_each(&self, ids: &[ChunkId], known: &HashMap<ChunkId, ChunkRef>) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let is_new = |id: &ChunkId| !known.contains_key(id) && !self.in_open.contains_key(id);
        ids.iter().enumerate().filter(|(_, id)| is_new(id) && seen.insert(id.0)).map(|(at, _)| at).collect()
    }

    /// Chunks that lie in healthy packs at home, which are reserved now (D-2).
    fn find(&mut self, ids: &[ChunkId]) -> Result<HashMap<ChunkId, ChunkRef>, CaptureError> {
        let catalog = self.context.ports.catalog;
        let found = catalog.find_chunks(self.context.job.group, ids)?;
        let packs: BTreeSet<PackNo> =
            found.iter().flatten().map(|at| at.pack).filter(|no| !self.reserved.contains(no)).collect();
        if !packs.is_empty() {
            let packs: Vec<PackNo> = packs.into_iter().collect();
            let refused = catalog.reserve_packs(self.context.reservation, &packs)?;
            self.reserved.extend(packs.into_iter().filter(|no| !refused.contains(no)));
        }
        let usable = ids
            .iter()
            .zip(found)
            .filter_map(|(id, at)| at.filter(|at| self.reserved.contains(&at.pack)).map(|at| (id, at)));
        Ok(usable
            .map(|(id, at)| {
                (*id, ChunkRef { pack: at.short, offset: at.offset, stored: at.stored, plain: at.plain, id: *id })
            })
            .collect())
    }

    fn pack(&mut self, id: ChunkId, plain: &[u8], encoded: Option<Vec<u8>>) -> Result<Place, CaptureError> {
        // The first of several alike may have gone with a pack that was finished meanwhile.
        let encoded = encoded.unwrap_or_else(|| encode_chunk(plain));
        if self.open.as_ref().is_some_and(|open| !open.fits(encoded.len())) {
            let full = self.open.take().expect("looked at just now");
            self.write(full.finish())?;
        }
        let ports = self.context.ports;
        let open = match &mut self.open {
            Some(open) => open,
            None => self.open.insert(PackBuilder::new(ports.keyring, self.context.job.group, ports.entropy)?),
        };
        let length = u32::try_from(plain.len()).expect("a chunk is at most 4 MiB");
        let index = open.add(id, length, encoded);
        self.in_open.insert(id, index);
        self.stored.new_bytes += u64::from(length);
        Ok(Place::Open(index))
    }

    /// Writes a finished pack, then records it: a crash in between leaves a file that nothing refers to.
    fn write(&mut self, pack: SealedPack) -> Result<(), CaptureError> {
        let Context { job, ports, reservation } = self.context;
        let bytes = pack.bytes.len() as u64;
        let total = self.stored.stored_bytes + bytes;
        if !ports.room.holds(total) && !(ports.make_room)(bytes) {
            return Err(CaptureError::Full { needed: total, room: ports.room.bytes.unwrap_or(0) });
        }
        put(ports.home, &ObjectName::Pack(pack.id).path(), &pack.bytes)?;
        let chunks: Vec<ChunkRow> = pack
            .chunks
            .iter()
            .map(|c| ChunkRow { id: c.id, offset: c.offset, stored: c.stored, plain: c.plain })
            .collect();
        let new = NewPack { id: pack.id, bytes, group: job.group, chunks };
        let number = ports.catalog.add_pack(reservation, &new, ports.clock.now())?;
        self.reserved.insert(number);
        self.stored.stored_bytes = total;
        self.stored.written.insert(pack.id, (number, bytes));
        self.in_open.clear();
        let from = usize::try_from(self.open_from.saturating_sub(self.first)).expect("places are in memory");
        for place in self.places.iter_mut().skip(from) {
            if let Place::Open(index) = place {
                *place = Place::Known(pack.chunks[*index].reference(&pack.id));
            }
        }
        self.open_from = self.at;
        Ok(())
    }

    fn set_place(&mut self, ticket: Ticket, place: Place) {
        let at = usize::try_from(ticket - self.first).expect("tickets of a batch are kept");
        self.places[at] = place;
    }
}
