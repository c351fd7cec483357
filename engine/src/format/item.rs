//! How long the CBOR item at the beginning of a growing buffer is, looking at each byte once.
//!
//! In: the buffer from the item's first byte, again and again as it grows. Out: the item's length once it is whole.
//! Only what the formats use is let through: no tags, floats, indefinite lengths. Deliberately absent: values.

/// The least that is still to come is `left` items, the first of which begins at `at`.
#[derive(Debug)]
pub(super) struct ItemScan {
    at: usize,
    left: u64,
}

impl Default for ItemScan {
    fn default() -> Self {
        Self { at: 0, left: 1 }
    }
}

impl ItemScan {
    /// Length of the item at the start of `bytes`; none if it goes on past their end.
    ///
    /// # Errors
    /// What is wrong, if it is no item, or claims to be longer than `bytes_max`.
    pub(super) fn whole(&mut self, bytes: &[u8], bytes_max: usize) -> Result<Option<usize>, &'static str> {
        while self.left > 0 {
            let Some(head) = bytes.get(self.at..).and_then(Head::read) else { break };
            self.step(&head?)?;
        }
        // Each item still to come takes a byte at least.
        let least = usize::try_from(self.left).ok().and_then(|left| self.at.checked_add(left));
        if least.is_none_or(|least| least > bytes_max) {
            return Err("an entry is longer than one can be");
        }
        Ok((self.left == 0 && self.at <= bytes.len()).then_some(self.at))
    }

    fn step(&mut self, head: &Head) -> Result<(), &'static str> {
        const TOO_LONG: &str = "a length that nothing has";
        let (skipped, items) = match head.major {
            0 | 1 | 7 => (0, 0),
            2 | 3 => (head.value, 0),
            4 => (0, head.value),
            5 => (0, head.value.checked_mul(2).ok_or(TOO_LONG)?),
            _ => return Err("a tag"),
        };
        let skipped = usize::try_from(skipped).ok().and_then(|skipped| skipped.checked_add(head.bytes));
        self.at = skipped.and_then(|skipped| self.at.checked_add(skipped)).ok_or(TOO_LONG)?;
        self.left = (self.left - 1).checked_add(items).ok_or(TOO_LONG)?;
        Ok(())
    }
}

/// The first bytes of an item.
struct Head {
    major: u8,
    value: u64,
    bytes: usize,
}

impl Head {
    /// None if `bytes` end within it.
    fn read(bytes: &[u8]) -> Option<Result<Self, &'static str>> {
        let (&first, rest) = bytes.split_first()?;
        let (major, info) = (first >> 5, first & 31);
        let width = match info {
            0..=23 => return Some(Ok(Self { major, value: u64::from(info), bytes: 1 })),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Some(Err("an indefinite length")),
        };
        let value = rest.get(..width)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        Some(Ok(Self { major, value, bytes: 1 + width }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_items_are_measured_whatever_pieces_they_come_in() {
        // {1: h'0102', 2: [3, {4: "a"}]} and one byte of what follows.
        let bytes = [0xa2, 1, 0x42, 1, 2, 2, 0x82, 3, 0xa1, 4, 0x61, b'a', 0];
        let mut scan = ItemScan::default();
        for cut in 0..12 {
            assert_eq!(scan.whole(&bytes[..cut], 100), Ok(None), "cut at {cut}");
        }
        assert_eq!(scan.whole(&bytes, 100), Ok(Some(12)));
    }

    #[test]
    fn claims_beyond_the_bound_are_refused_before_they_are_waited_for() {
        for claim in [&[0x5a, 0, 0, 1, 0][..], &[0x9b, 0xff, 0, 0, 0, 0, 0, 0, 0], &[0xbb, 0xff, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(ItemScan::default().whole(claim, 255).is_err(), "{claim:x?}");
        }
        assert!(ItemScan::default().whole(&[0x9f], 255).is_err(), "indefinite");
        assert!(ItemScan::default().whole(&[0xc0], 255).is_err(), "a tag");
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(Some(length)) = ItemScan::default().whole(&bytes, 1000) {
                let mut decoder = minicbor::Decoder::new(&bytes);
                if decoder.skip().is_ok() {
                    prop_assert_eq!(decoder.position(), length);
                }
            }
        }
    }
}
