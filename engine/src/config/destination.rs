//! One destination: its place, its bounds, and what may happen there.

use super::error::{Position, Wrong};
use super::job::counted;
use super::place::Place;
use super::place_read::place;
use super::quantity::{Window, rate, size, window};
use super::reader::Read;
use super::table::{Item, Table};
use crate::model::{DestinationName, Verify};

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: DestinationName,
    /// Where `url` stands in the file.
    pub url_at: Position,
    /// Where it is.
    pub place: Place,
    /// Bytes of objects on each medium; no bound if none.
    pub limit: Option<u64>,
    /// Bytes left free; see [`reserve_bytes`](super::reserve_bytes) if none.
    pub reserve: Option<u64>,
    /// What happens when it is full.
    pub evict: Evict,
    /// Points of each job that eviction leaves, always.
    pub keep_at_least: u32,
    /// May a point be evicted that exists nowhere else offsite?
    pub evict_unique: bool,
    /// Where evidence comes from.
    pub verify: Verify,
    /// Do several drives take turns here?
    pub rotation: bool,
    /// What lies there.
    pub layout: Layout,
    /// Bytes for each second; no bound if none.
    pub rate: Option<u64>,
    /// When it may be written to; always if none.
    pub window: Option<Window>,
}

/// What happens when a destination is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evict {
    /// Its oldest points make room.
    Oldest,
    /// Nothing: it stays full.
    Never,
}

/// What lies at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A sealed vault.
    Vault,
    /// Adopted recovery points, file by file as the other program made them; not encrypted.
    Mirror,
}

/// Reads `[destination.name]`.
pub(super) fn destination(name: DestinationName, item: &Item<'_>) -> Read<Destination> {
    let mut table = item.table(format!("[destination.{name}]"))?;
    let mut url_at = item.reader.position(table.at);
    let limit = table.optional("limit", |item| bound(&item));
    let reserve = table.optional("reserve", |item| bytes(&item));
    let evict =
        table.or("evict", Evict::Oldest, |item| item.choice(&[("oldest", Evict::Oldest), ("never", Evict::Never)]));
    let keep_at_least = table.or("keep-at-least", 1, |item| item.count());
    let evict_unique = table.or("evict-unique", true, |item| item.flag());
    let verify = table.or("verify", Verify::ReadBack, |item| {
        item.choice(&[("read-back", Verify::ReadBack), ("checksum", Verify::Checksum)])
    });
    let rotation = table.or("rotation", false, |item| item.flag());
    let layout = layout(&mut table);
    let rate = table.optional("rate", |item| item.parse(rate));
    let window = table.optional("window", |item| item.parse(window));
    let url = table.required("url", "url = \"file:///path\" or another URL", Ok);
    let place = url.and_then(|url| {
        url_at = url.reader.position(url.at);
        place(&url, &mut table)
    });
    // Which keys are allowed beside it depends on the place.
    let place = place?;
    table.finish()?;
    Ok(Destination {
        name,
        url_at,
        place,
        limit: limit?,
        reserve: reserve?,
        evict: evict?,
        keep_at_least: keep_at_least?,
        evict_unique: evict_unique?,
        verify: verify?,
        rotation: rotation?,
        layout: layout?,
        rate: rate?,
        window: window?,
    })
}

/// A mirror is not encrypted and the configuration has to say so; a vault always is.
fn layout(table: &mut Table<'_>) -> Read<Layout> {
    let layout_item = table.take("layout");
    let words = [("vault", Layout::Vault), ("mirror", Layout::Mirror)];
    let layout = layout_item.as_ref().map_or(Ok(Layout::Vault), |item| item.choice(&words));
    let encrypt_item = table.take("encrypt");
    let encrypt = encrypt_item.as_ref().map_or(Ok(true), Item::flag);
    match (layout?, encrypt?, layout_item, encrypt_item) {
        (Layout::Mirror, true, Some(item), _) => {
            item.wrong(Wrong::new("a mirror is not encrypted", "`encrypt = false` beside it, or layout = \"vault\""))
        }
        (Layout::Vault, false, _, Some(item)) => {
            item.wrong(Wrong::new("a vault is always encrypted", "true, or `layout = \"mirror\"` beside it"))
        }
        (layout, ..) => Ok(layout),
    }
}

/// A size, as text or plain bytes.
pub(super) fn bytes(item: &Item<'_>) -> Read<u64> {
    if item.is_integer() { item.integer(u64::MAX) } else { item.parse(size) }
}

/// A size of one byte at least.
pub(super) fn bound(item: &Item<'_>) -> Read<u64> {
    counted(item, bytes(item)?, 1, "a size of one byte at least, or no such key for no bound")
}
