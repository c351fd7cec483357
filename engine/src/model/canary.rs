//! Canaries: files of known content that `canary = true` plants in a job's folders. Who has the job's name knows what must
//! be in them, without any backup: a drill finds by them that something rewrote the files before they were backed up.

use super::JobName;

/// What such a file is called.
pub const CANARY: &str = ".offsite-canary";
/// What its content begins with.
pub const CANARY_BEGINS: &str = "offsite canary 1\njob ";
/// Lines behind the words for people.
const LINES: u32 = 64;

/// The content of a job's canaries.
#[must_use]
pub fn canary(job: &JobName) -> String {
    let words = "\n\nThis file was planted by the backup of this folder, and its content is known: a test restore looks whether\n\
                 it comes back so. Leave it as it is. It is planted anew when it is deleted.\n\n";
    let line = |number: u32| format!("{number:02} {job} {:08x}\n", number.wrapping_mul(0x9e37_79b9));
    format!("{CANARY_BEGINS}{job}{words}{}", (1..=LINES).map(line).collect::<String>())
}

/// Is it the content of a canary as it was planted, of whichever job it names?
#[must_use]
pub fn is_canary(content: &[u8]) -> bool {
    let named =
        content.strip_prefix(CANARY_BEGINS.as_bytes()).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let job = named.and_then(|name| std::str::from_utf8(name).ok()).and_then(|name| name.parse::<JobName>().ok());
    job.is_some_and(|job| canary(&job).as_bytes() == content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_every_cut_and_another_job_show() {
        let good = canary(&"documents".parse().expect("a name")).into_bytes();
        assert!(is_canary(&good));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(!is_canary(&bad) && !is_canary(&good[..at]), "{at}");
        }
        assert!(!is_canary(&[&good[..], b"\n"].concat()) && !is_canary(b""));
        assert!(is_canary(canary(&"other".parse().expect("a name")).as_bytes()));
    }
}
