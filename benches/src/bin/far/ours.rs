//! Our own stores, used as a copy uses them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use engine::config::{Given, place_given};
use engine::destination::WriteStore;
use engine::installation::open_place;
use engine::model::VaultPath;

use super::tools::files;
use super::{Line, Load, Row};

const BLOCK: usize = 4 << 20;

/// Everything that is measured.
pub fn row(line: &Line, load: &Load, round: usize) -> Result<Row> {
    let [to, alone, few] = ["large", "one", "small"].map(|name| format!("{name}-{round}"));
    let large = timed(line, &load.large, &|store, file| put(store, &to, file))?;
    let one = timed(line, &load.one, &|store, file| put(store, &alone, file))?;
    let small = timed(line, &load.small, &|store, file| put(store, &few, file))?;
    let back = timed(line, &load.large, &|store, file| get(store, &to, file))?;
    Ok(Row { tool: "ours".to_owned(), large: Some(large), one: Some(one), small: Some(small), back: Some(back) })
}

fn open(line: &Line) -> Result<Arc<dyn WriteStore>> {
    let keys = line.keys.iter().chain(&line.far_keys);
    let given = |value: &str| if value == "true" { Given::Flag } else { Given::Text(value.to_owned()) };
    let keys: Vec<_> = keys.map(|(key, value)| (*key, given(value))).collect();
    let place = place_given(&line.url, &keys).map_err(|why| anyhow!(why))?;
    Ok(open_place(&place)?)
}

/// Does this with each file, over as many lanes as the store says; with the login.
fn timed(line: &Line, folder: &Path, what: &(dyn Fn(&dyn WriteStore, &Path) -> Result<()> + Sync)) -> Result<Duration> {
    let (next, files) = (AtomicUsize::new(0), files(folder)?);
    let begun = Instant::now();
    let store = open(line)?;
    let lane = |number: usize| -> Result<()> {
        // As a copy does: the first object goes while it is found out how many may go beside it.
        if number > 0 && number >= store.lanes() {
            return Ok(());
        }
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            what(&*store, file)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let lanes = store.lanes_max().min(files.len());
        let lanes: Vec<_> = (0..lanes).map(|number| scope.spawn(move || lane(number))).collect();
        lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow!("a lane broke off"))?)
    })?;
    Ok(begun.elapsed())
}

fn path(below: &str, file: &Path) -> Result<VaultPath> {
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    Ok(VaultPath::parse(&format!("{below}/{}", name.display()))?)
}

fn put(store: &dyn WriteStore, below: &str, file: &Path) -> Result<()> {
    let mut writer = store.create(&path(below, file)?)?;
    let (mut from, mut block) = (File::open(file)?, vec![0; BLOCK]);
    loop {
        match from.read(&mut block)? {
            0 => break,
            bytes => writer.write(&block[..bytes])?,
        }
    }
    writer.finish()?;
    Ok(())
}

fn get(store: &dyn WriteStore, below: &str, file: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut reader = store.read_medium(&path(below, file)?)?;
    while reader.read(&mut buffer)? > 0 {}
    Ok(())
}
