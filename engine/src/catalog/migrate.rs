//! Older schemas → this one: on a copy of the file, which then takes the file's place. While that goes on no handle is
//! in a transaction; whatever fails, the older file is still there.
//!
//! A step reads rows in the shape that they had (`schema1.rs`) and writes them in the next one. Steps are never changed
//! once a schema was released; golden files hold them to that.

use std::sync::Arc;

use redb::WriteTransaction;

use super::disk::{StartFrom, Which};
use super::error::Result;
use super::handle::{Handle, SCHEMA, set_schema};
use super::redb_error::{damaged_file, from_io};
use super::{schema1, schema2, schema3};

/// Migrates the current file, if it still is older once no other process can be doing the same.
pub fn migrate(handle: &Handle) -> Result<()> {
    let disk = handle.disk();
    handle.close();
    let _lock = Handle::lock_alone(disk, handle.options().deadline)?;
    disk.begin_next(StartFrom::Current).map_err(|e| from_io("be copied", e))?;
    let next = Handle::new(Arc::clone(disk), Which::Next, handle.options());
    let migrated = migrate_next(&next);
    next.close();
    match migrated {
        Ok(Migrated::Yes) => disk.publish().map_err(|e| from_io("be put in place", e)),
        other => {
            // What stays is replaced by the next one that needs the name.
            let _ = disk.discard_next();
            other.map(|_| ())
        }
    }
}

enum Migrated {
    Yes,
    /// Another process was faster, or came from the future: opening goes on and sees.
    NotNeeded,
}

fn migrate_next(next: &Handle) -> Result<Migrated> {
    let found = next.schema()?;
    if found >= SCHEMA {
        return Ok(Migrated::NotNeeded);
    }
    next.write_raw(|transaction| {
        for schema in found..SCHEMA {
            step(transaction, schema)?;
        }
        set_schema(transaction, SCHEMA)
    })?;
    Ok(Migrated::Yes)
}

/// From one schema to the next.
fn step(transaction: &WriteTransaction, from: u64) -> Result<()> {
    match from {
        1 => schema1::to_schema2(transaction),
        2 => schema2::to_schema3(transaction),
        3 => schema3::to_schema4(transaction),
        unknown => Err(damaged_file(&format!("there never was a schema {unknown}"))),
    }
}
