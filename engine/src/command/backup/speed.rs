//! How fast this machine seals and writes at home: tried now, for who has to know how long a whole point takes.

use std::io::Write as _;

use crate::command::{Context, Failure};
use crate::model::{ChunkId, GroupId};
use crate::seal::Keyring;
use crate::vault::{PackBuilder, encode_chunk};

const CHUNK: usize = 1 << 20;
const CHUNKS: u8 = 16;

/// Bytes a second: one pack of what does not compress, sealed, written and flushed. Reading the source is not in it.
///
/// # Errors
/// If it can't be written at home.
pub(in crate::command) fn sealing_speed(context: &Context, keyring: &Keyring) -> Result<u64, Failure> {
    let call = &context.call;
    let noise = random(call)?;
    let cant = |error: &dyn std::error::Error| {
        Failure::of("how long it takes can't be tried", error, "check home's disk; nothing was changed")
    };
    let began = call.clock.monotonic();
    let mut pack = PackBuilder::new(keyring, GroupId([0; 8]), &*call.entropy).map_err(|error| cant(&error))?;
    for number in 0..CHUNKS {
        let length = u32::try_from(noise.len()).expect("a MiB");
        let _at = pack.add(ChunkId([number; 32]), length, encode_chunk(&noise));
    }
    let bytes = pack.finish().bytes;
    let name = u64::from_be_bytes(context.random()?);
    let path = context.installation.config.home.path.join(format!(".tmp-speed-{name:016x}"));
    let written = std::fs::File::create_new(&path).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    let _ = std::fs::remove_file(&path);
    written.map_err(|error| cant(&error))?;
    let nanos = call.clock.monotonic().saturating_sub(began).as_nanos().max(1);
    Ok(u64::try_from(bytes.len() as u128 * 1_000_000_000 / nanos).unwrap_or(u64::MAX))
}

fn random(call: &crate::command::Call) -> Result<Vec<u8>, Failure> {
    let mut noise = vec![0; CHUNK];
    call.entropy.fill(&mut noise).map_err(|error| Failure::of("no random bytes from the system", &error, ""))?;
    Ok(noise)
}
