//! zip: the central directory, and every member to its end with its checksum compared.

use std::io::{self, Read, Seek};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::budget::Budget;
use super::{Answer, Finding, broken, office};

pub(super) fn probe(file: impl Read + Seek, budget: &Budget) -> Answer {
    let mut archive = ZipArchive::new(io::BufReader::with_capacity(64 << 10, file)).map_err(of_archive)?;
    let mut unread = Vec::new();
    let (mut members, mut bytes) = (0_u64, 0_u64);
    for index in 0..archive.len() {
        match read_member(&mut archive, index, budget) {
            Ok(read) => {
                members += 1;
                bytes = bytes.saturating_add(read);
            }
            Err(Finding::Unable(why)) => unread.push(why),
            Err(broken) => return Err(broken),
        }
    }
    let document = office::kind(&mut archive);
    match (unread.first(), document) {
        (None, None) => Ok(format!("{members} members, checksums hold, {bytes} bytes")),
        (None, Some(kind)) => {
            let parts = office::parts(&mut archive, kind, budget)?;
            Ok(format!("{members} members, checksums hold, {bytes} bytes; {parts}"))
        }
        (Some(why), _) => Err(Finding::Unable(format!("{} of {} members: {why}", unread.len(), archive.len()))),
    }
}

fn read_member<R: Read + Seek>(archive: &mut ZipArchive<R>, index: usize, budget: &Budget) -> Result<u64, Finding> {
    let member = archive.by_index(index).map_err(of_archive)?;
    let name = String::from_utf8_lossy(member.name_raw()).escape_debug().to_string();
    if !matches!(member.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(Finding::Unable(format!("member {name}: {} is not read here", member.compression())));
    }
    let wanted = member.size();
    let read = io::copy(&mut budget.meter(member), &mut io::sink())
        .map_err(|error| Finding::Broken(format!("member {name}: {error}")))?;
    if read == wanted { Ok(read) } else { Err(Finding::Broken(format!("member {name}: {read} of {wanted} bytes"))) }
}

/// Encrypted members and rare methods can't be read here: that is no damage.
fn of_archive(error: ZipError) -> Finding {
    match error {
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) | ZipError::InvalidPassword => {
            Finding::Unable(error.to_string())
        }
        error => broken(error),
    }
}
