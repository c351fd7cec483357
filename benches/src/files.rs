//! Many small files.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Files in one folder, and folders in one above.
const IN_FOLDER: u64 = 50;

/// Makes `count` files of a few to a few hundred bytes, 50 a folder, 50 folders in one above. What is there already is
/// left as it is.
///
/// # Errors
/// Of the system.
pub fn make_files(folder: &Path, count: u64) -> Result<()> {
    for number in 0..count {
        let within = folder.join(format!("{:04}/{:02}", number / 2500, number / IN_FOLDER % 50));
        if number % IN_FOLDER == 0 {
            fs::create_dir_all(&within)?;
        }
        let file = within.join(format!("file-{number}.txt"));
        if !file.exists() {
            let line = format!("file {number}\n");
            fs::write(file, line.repeat(1 + usize::try_from(number % 30)?))?;
        }
    }
    Ok(())
}
