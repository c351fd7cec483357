//! An open file → its runs of data and holes, and whether it held still meanwhile.

use std::fs::File;
use std::io;

use super::{BLOCK_BYTES, Content, Cut, Run, Stillness};
use crate::model::Xattr;
use crate::platform::{self, CacheWatch, Stat};

/// Reads one file of a folder source.
pub(super) struct FileContent {
    file: File,
    opened: Stat,
    cache: CacheWatch,
    /// Bytes handed out.
    at: u64,
    /// End of the data run that `at` lies in; `at` itself if that is not known yet.
    data_end: u64,
}

impl FileContent {
    pub(super) fn new(file: File, opened: Stat) -> Self {
        let cache = CacheWatch::before(&file);
        Self { file, opened, cache, at: 0, data_end: 0 }
    }

    /// Finds the next run's end; gives a hole's length if it is one.
    fn seek(&mut self) -> io::Result<Option<u64>> {
        let end = self.opened.bytes;
        let data = platform::next_data(&self.file, self.at)?.map_or(end, |data| data.clamp(self.at, end));
        if data > self.at {
            let hole = data - self.at;
            self.at = data;
            self.data_end = data;
            return Ok(Some(hole));
        }
        let hole = platform::next_hole(&self.file, self.at)?;
        // A hole that begins right here: it was punched since. Data, then, is what a read gives: zeros.
        self.data_end = hole.filter(|&hole| hole > self.at).map_or(end, |hole| hole.min(end));
        Ok(None)
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.opened.bytes
    }
}

impl Content for FileContent {
    fn stat(&self) -> Stat {
        self.opened
    }

    fn xattrs(&mut self) -> io::Result<Vec<Xattr>> {
        platform::xattrs_of_file(&self.file)
    }

    fn cut(&self) -> Cut {
        Cut::ByContent
    }

    fn next_run(&mut self, block: &mut Vec<u8>) -> io::Result<Option<Run>> {
        block.clear();
        if self.is_at_end() {
            return Ok(None);
        }
        if self.at == self.data_end
            && let Some(hole) = self.seek()?
        {
            return Ok(Some(Run::Hole(hole)));
        }
        let wanted = usize::try_from(self.data_end - self.at).map_or(BLOCK_BYTES, |rest| rest.min(BLOCK_BYTES));
        let read = platform::read_at(&self.file, self.at, wanted, block)?;
        self.at += read as u64;
        Ok((read > 0).then_some(Run::Data))
    }

    fn finish(self: Box<Self>) -> io::Result<Stillness> {
        let now = platform::stat_file(&self.file)?;
        self.cache.after(&self.file);
        let was = &self.opened;
        let same = now.bytes == was.bytes && now.modified == was.modified && now.changed == was.changed;
        Ok(if same && self.at == was.bytes { Stillness::Still } else { Stillness::Changed })
    }
}
