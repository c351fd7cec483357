//! One object from where it is good to where it is owed: hashed and sent in one pass, checkpointed, resumed in the
//! middle, and believed only after it was read back.

use std::time::Duration;

use super::Tools;
use super::error::{CopyError, TAKEN, chain};
use super::evidence::{ReadBack, read_back};
use super::mapped::{MappedFile, PassError, Reading, hash_and_send};
use crate::catalog::{CheckpointRow, Evidence, EvidenceKind};
use crate::destination::{ErrorKind, Finish, ObjectWrite, ReadStore, Resume, WriteStore, temporary};
use crate::model::{Digest, Distance, ObjectName, VaultId, VaultPath, Verify};

/// Bytes sent at once.
const BLOCK: usize = 4 << 20;
/// A checkpoint is taken no more often.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Times that a place may fail in the middle of an object without any progress, and how long each is waited out.
const FAILURES_MAX: u32 = 2;
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of an object that a copy came past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// They were sent.
    Sent(u64),
    /// They lay there from an earlier session.
    LayThere(u64),
}

impl Passed {
    pub(super) const fn count(self) -> u64 {
        match self {
            Self::Sent(bytes) | Self::LayThere(bytes) => bytes,
        }
    }

    const fn of(self, bytes: u64) -> Self {
        match self {
            Self::Sent(_) => Self::Sent(bytes),
            Self::LayThere(_) => Self::LayThere(bytes),
        }
    }
}

/// What one object at a time is sent with: the parts of a session that several threads may use at once.
#[derive(Clone, Copy)]
pub(super) struct Lane<'l> {
    pub tools: Tools<'l>,
    pub store: &'l dyn WriteStore,
    pub medium: VaultId,
    pub verify: Verify,
}

impl<'l> Lane<'l> {
    /// The same, stopped by something else.
    pub(super) fn stopped_by<'s>(self, stop: &'s (dyn Fn() -> bool + Sync)) -> Lane<'s>
    where
        'l: 's,
    {
        Lane { tools: Tools { stop, ..self.tools }, ..self }
    }

    /// Did the place say that it is full, and tells no room that the plan could have gone by?
    pub(super) fn is_unforeseen(&self, error: &CopyError) -> bool {
        error.store_kind() == Some(ErrorKind::Full) && !matches!(self.store.space(), Ok(Some(_)))
    }
}

/// An object to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load<'l> {
    pub object: &'l ObjectName,
    pub digest: &'l Digest,
    pub bytes: u64,
    pub lies_there: LiesThere,
}

/// What is known of an object before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LiesThere {
    /// It was never there: no look is spent on it, as beginning it looks too.
    No,
    /// It may.
    Perhaps,
}

/// Sends an object and takes the evidence; an object that lies there already is only read back. `passed` is told of
/// bytes as they go.
///
/// # Errors
/// [`CopyError::Source`] if the origin's bytes are wrong, [`CopyError::NotKept`] if the place does not keep them, or as
/// the place answers.
pub(super) fn send(
    lane: Lane<'_>,
    from: &dyn ReadStore,
    load: Load<'_>,
    passed: &mut dyn FnMut(Passed),
) -> Result<Evidence, CopyError> {
    let path = load.object.path();
    if let Some(most) = too_long(lane, load) {
        return Err(unfit(lane, load, &format!("a file there has {most} bytes at most, and it has {}", load.bytes)));
    }
    let mut is_ours = load.lies_there == LiesThere::Perhaps || !is_file(lane, load);
    for turn in 0..2 {
        let is_new = turn == 0 && load.lies_there == LiesThere::No && is_ours;
        if is_new || lane.store.stat(&path)?.is_none() {
            is_ours = true;
            if let Finish::Confirmed = transfer_on(lane, from, load, passed)?
                && lane.verify == Verify::Checksum
            {
                lane.store.still_there()?;
                return Ok(Evidence { kind: EvidenceKind::ServerChecksum, time: lane.tools.clock.now() });
            }
        }
        match read_back(lane.store, &path, load.digest, lane.tools.clock)? {
            ReadBack::Good(evidence) => return Ok(evidence),
            // What lies there under this name is not the object: only so it can be written again. It goes only when
            // the origin is known to be good: parts of it may be the last that there is.
            // At a mirror another program's file may have the name: only what was put there is replaced.
            ReadBack::Damaged if !is_ours => {
                return Err(unfit(lane, load, TAKEN));
            }
            ReadBack::Damaged if turn == 0 => {
                require_good(lane, from, load)?;
                lane.store.delete(&path)?;
            }
            // What was written anew and still does not read back says more of the place than of the object: it stays.
            ReadBack::Damaged | ReadBack::Missing => {}
        }
    }
    Err(CopyError::NotKept { object: load.object.to_string() })
}

/// Transfers; where the place failed in the middle and may work a little later, goes on from the checkpoint. What came
/// through meanwhile counts: only so many failures without a byte of progress end it.
fn transfer_on(
    lane: Lane<'_>,
    from: &dyn ReadStore,
    load: Load<'_>,
    passed: &mut dyn FnMut(Passed),
) -> Result<Finish, CopyError> {
    let (mut failures, mut furthest) = (0, 0);
    loop {
        let mut reached = 0;
        let outcome = transfer(lane, from, load, &mut |bytes| {
            reached += bytes.count();
            // What was told of before is not told again.
            if reached > furthest {
                passed(bytes.of((reached - furthest).min(bytes.count())));
            }
        });
        let error = match outcome {
            Ok(finish) => return Ok(finish),
            Err(error) => judged(lane, load, error),
        };
        if lane.is_unforeseen(&error) {
            give_back(lane, load)?;
            return Err(error);
        }
        failures = if reached > furthest { 1 } else { failures + 1 };
        furthest = furthest.max(reached);
        // A manifest is sent after a look at the heads, and not again without another (FORMAT 12.2).
        let may_go_on = matches!(error.store_kind(), Some(ErrorKind::Transient | ErrorKind::Ambiguous))
            && !(lane.store.distance() == Distance::Server && matches!(load.object, ObjectName::Point(..)));
        if !may_go_on || failures > FAILURES_MAX || (lane.tools.stop)() {
            return Err(error);
        }
        lane.tools.clock.sleep(PAUSE);
        // An answer that was lost may have been a yes.
        if lane.store.stat(&load.object.path())?.is_some() {
            return Ok(Finish::Named);
        }
    }
}

/// What was written of an object that a full place has no room for goes at once: something smaller may fit there. Where
/// nothing may be deleted it stays.
fn give_back(lane: Lane<'_>, load: Load<'_>) -> Result<(), CopyError> {
    lane.tools.catalog.drop_checkpoint(lane.medium, load.object)?;
    let _ = temporary(&load.object.path()).and_then(|left| lane.store.delete(&left));
    Ok(())
}

fn is_file(lane: Lane<'_>, load: Load<'_>) -> bool {
    lane.store.mirror().is_some_and(|index| index.file_of(load.object).is_some())
}

/// Bytes of the largest file that the mirror can hold, if this one has more.
fn too_long(lane: Lane<'_>, load: Load<'_>) -> Option<u64> {
    let most = lane.store.mirror().and_then(crate::destination::Index::largest_file)?;
    (is_file(lane, load) && load.bytes > most).then_some(most)
}

fn unfit(lane: Lane<'_>, load: Load<'_>, why: &str) -> CopyError {
    let file = lane.store.mirror().and_then(|index| index.file_of(load.object)).map(|file| file.path.to_string());
    CopyError::Unfit { file: file.unwrap_or_else(|| load.object.to_string()), why: why.to_owned() }
}

/// What a place that is there refuses of a file of another program's says something of the file: its name, its length.
fn judged(lane: Lane<'_>, load: Load<'_>, error: CopyError) -> CopyError {
    let refused = match error.store_kind() {
        Some(ErrorKind::Permanent) => lane.store.still_there().is_ok(),
        // Some file systems call a name that they can't hold forbidden, or not there.
        Some(ErrorKind::Denied | ErrorKind::NotFound) => takes_ours(lane),
        _ => false,
    };
    if is_file(lane, load) && refused { unfit(lane, load, &chain(&error)) } else { error }
}

/// Does the place take a file with a name that every place can hold?
fn takes_ours(lane: Lane<'_>) -> bool {
    let Ok(path) = VaultPath::parse("probe-0") else { return false };
    let begun = lane.store.create(&path).map(drop);
    begun.and_then(|()| lane.store.delete(&temporary(&path)?)).is_ok()
}

fn transfer(
    lane: Lane<'_>,
    from: &dyn ReadStore,
    load: Load<'_>,
    passed: &mut dyn FnMut(Passed),
) -> Result<Finish, CopyError> {
    let path = load.object.path();
    let begun = match left_by_earlier(lane, load)? {
        Some(left) => lane.store.resume(&path, &left),
        None => lane.store.create(&path),
    };
    let mut writer = match begun {
        Err(error) if error.kind == ErrorKind::Exists => return Ok(Finish::Named),
        begun => begun?,
    };
    let start = writer.kept();
    let mut flow = Flow { lane, load, start, done: start, checkpointed: lane.tools.clock.monotonic(), failed: None };
    let whole = flow.run(from, &mut *writer, passed)?;
    if whole != *load.digest {
        drop(writer);
        // Whatever was sent of wrong bytes must not be gone on from.
        lane.tools.catalog.drop_checkpoint(lane.medium, load.object)?;
        let _ = lane.store.create(&path);
        return Err(CopyError::Source {
            object: load.object.to_string(),
            why: "its bytes are not what its name says".into(),
        });
    }
    match writer.finish() {
        Err(error) if error.kind == ErrorKind::Exists => Ok(Finish::Named),
        finished => Ok(finished?),
    }
}

/// The origin's object reads back as what it should be.
fn require_good(lane: Lane<'_>, from: &dyn ReadStore, load: Load<'_>) -> Result<(), CopyError> {
    match read_back(from, &load.object.path(), load.digest, lane.tools.clock)? {
        ReadBack::Good(_) => Ok(()),
        ReadBack::Damaged | ReadBack::Missing => {
            let why = "it is damaged or missing where it comes from".to_owned();
            Err(CopyError::Source { object: load.object.to_string(), why })
        }
    }
}

/// Where an earlier session left off: a hint, as the whole is read back in the end.
fn left_by_earlier(lane: Lane<'_>, load: Load<'_>) -> Result<Option<Resume>, CopyError> {
    let hint = lane.tools.catalog.checkpoint_of(lane.medium, load.object)?;
    Ok(hint.map(|hint| Resume { bytes: hint.done_bytes.min(load.bytes), token: hint.token }))
}

/// Bytes on their way.
struct Flow<'f> {
    lane: Lane<'f>,
    load: Load<'f>,
    start: u64,
    done: u64,
    checkpointed: Duration,
    failed: Option<CopyError>,
}

#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Halt;

impl Flow<'_> {
    /// Sends all blocks; gives the hash of what the origin has.
    fn run(
        &mut self,
        from: &dyn ReadStore,
        writer: &mut dyn ObjectWrite,
        passed: &mut dyn FnMut(Passed),
    ) -> Result<Digest, CopyError> {
        let path = self.load.object.path();
        let found = from.stat(&path).map_err(|error| self.source(&error))?;
        if found != Some(self.load.bytes) {
            let why = found.map_or_else(
                || "it is missing".to_owned(),
                |bytes| format!("it has {bytes} bytes and should have {}", self.load.bytes),
            );
            return Err(CopyError::Source { object: self.load.object.to_string(), why });
        }
        match from.finished_file(&path).map_err(|error| self.source(&error))? {
            Some(file) => self.run_mapped(file, writer, passed),
            None => self.run_plain(from, writer, passed),
        }
    }

    fn run_mapped(
        &mut self,
        file: std::fs::File,
        writer: &mut dyn ObjectWrite,
        passed: &mut dyn FnMut(Passed),
    ) -> Result<Digest, CopyError> {
        let file = MappedFile::open(file, Reading::from_environment()).map_err(|error| self.source(&error))?;
        let outcome = hash_and_send(&file, |offset, block| {
            self.block(offset, block, writer, passed).map_err(|error| {
                self.failed = Some(error);
                Halt
            })
        });
        match outcome {
            Ok(hashes) => Ok(hashes.whole),
            Err(PassError::Read { source, .. }) => Err(self.source(&source)),
            Err(PassError::Send { .. }) => Err(self.failed.take().unwrap_or(CopyError::Stopped)),
        }
    }

    fn run_plain(
        &mut self,
        from: &dyn ReadStore,
        writer: &mut dyn ObjectWrite,
        passed: &mut dyn FnMut(Passed),
    ) -> Result<Digest, CopyError> {
        let path = self.load.object.path();
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        while offset < self.load.bytes {
            let block = from.read(&path, offset, BLOCK).map_err(|error| self.source(&error))?;
            if block.is_empty() {
                break;
            }
            hasher.update_rayon(&block);
            self.block(offset, &block, writer, passed)?;
            offset += block.len() as u64;
        }
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    /// One block: skipped where it lies there already, else written, and now and then made durable.
    fn block(
        &mut self,
        offset: u64,
        block: &[u8],
        writer: &mut dyn ObjectWrite,
        passed: &mut dyn FnMut(Passed),
    ) -> Result<(), CopyError> {
        if (self.lane.tools.stop)() {
            self.checkpoint(writer)?;
            return Err(CopyError::Stopped);
        }
        let lies_there = self.start.saturating_sub(offset).min(block.len() as u64);
        if lies_there > 0 {
            passed(Passed::LayThere(lies_there));
        }
        let missing = usize::try_from(lies_there).map_or(&block[..0], |from| &block[from..]);
        if !missing.is_empty() {
            writer.write(missing)?;
            self.done += missing.len() as u64;
            passed(Passed::Sent(missing.len() as u64));
        }
        let now = self.lane.tools.clock.monotonic();
        if self.done < self.load.bytes && now.saturating_sub(self.checkpointed) >= CHECKPOINT_EVERY {
            self.checkpointed = now;
            self.checkpoint(writer)?;
        }
        Ok(())
    }

    /// Flushed first, recorded then: a hint never promises more than there is. After a flush that failed there is none
    /// (D-7), unless the connection broke: what was flushed before is still there, and more than that is not kept.
    fn checkpoint(&self, writer: &mut dyn ObjectWrite) -> Result<(), CopyError> {
        let (catalog, medium, object) = (self.lane.tools.catalog, self.lane.medium, self.load.object);
        let left = match writer.flush() {
            Ok(left) => left,
            Err(error) if error.kind == ErrorKind::Transient => return Err(error.into()),
            Err(error) => {
                catalog.drop_checkpoint(medium, object)?;
                return Err(error.into());
            }
        };
        let time = self.lane.tools.clock.now();
        let row = CheckpointRow { done_bytes: left.bytes, token: left.token, blocks: Vec::new(), time };
        catalog.checkpoint(medium, object, &row)?;
        Ok(())
    }

    fn source(&self, error: &dyn std::error::Error) -> CopyError {
        CopyError::Source { object: self.load.object.to_string(), why: chain(error) }
    }
}
