//! Inputs made from seeds by small random changes, the same in every run.

/// Values that parsers tend to stumble over.
const TELLING: [&[u8]; 12] = [
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x9a, 0xff, 0xff, 0xff, 0xff],
    &[0x5a, 0x7f, 0xff, 0xff, 0xff],
    &[0xbf],
    &[0xf6],
    b"..",
    b"\n\"",
    "\u{2028}é".as_bytes(),
];

/// Makes one input after another.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// Inputs from those seeds, at least one.
    pub fn new(seeds: Vec<Vec<u8>>) -> Self {
        Self { seeds, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A seed with one to eight changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        match self.below(7) {
            0 | 1 if at < input.len() => input[at] ^= 1 << self.below(8),
            2 if at < input.len() => input[at] = u8::try_from(self.below(256)).expect("a byte"),
            3 => input.truncate(at),
            4 => drop(input.drain(at..(at + self.below(16)).min(input.len()))),
            5 => {
                let telling = TELLING[self.below(TELLING.len())];
                let end = (at + telling.len() * self.below(2)).min(input.len());
                input.splice(at..end, telling.iter().copied());
            }
            _ => {
                let other = self.seed();
                let from = self.below(other.len() + 1);
                let to = (from + self.below(32)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    /// A number below `bound`, by xorshift64* (Vigna, 2016).
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let mixed = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(mixed).expect("31 bits") % bound
    }
}
