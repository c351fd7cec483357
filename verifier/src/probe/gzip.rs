//! gzip: every member to its end, checksum and length compared (RFC 1952), nothing but zeros behind the last.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::budget::Budget;
use super::{Answer, tar};

pub(super) fn probe(file: impl Read, budget: &Budget) -> Answer {
    let mut members = Members { state: State::Between(BufReader::with_capacity(1 << 20, file)), count: 0 };
    let inside = tar::inside(budget.meter(&mut members))?;
    Ok(format!("{} members, checksums hold, {inside}", members.count))
}

/// All members, one after the other, as one stream.
struct Members<R: Read> {
    state: State<R>,
    count: u64,
}

enum State<R: Read> {
    Between(BufReader<R>),
    Within(Box<GzDecoder<BufReader<R>>>),
    Done,
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Between(mut rest) => {
                    if self.count > 0 && only_zeros(&mut rest)? {
                        return Ok(0);
                    }
                    self.count += 1;
                    State::Within(Box::new(GzDecoder::new(rest)))
                }
                State::Within(mut member) => {
                    let read = member.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = State::Within(member);
                        return Ok(read);
                    }
                    State::Between(member.into_inner())
                }
                State::Done => return Ok(0),
            };
        }
    }
}

/// Tapes pad with zeros, as gzip allows; anything else must be one more member.
fn only_zeros(rest: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = rest.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        match bytes.len() {
            0 => return Ok(true),
            length if zeros < length => {
                rest.consume(zeros);
                return Ok(false);
            }
            length => rest.consume(length),
        }
    }
}
