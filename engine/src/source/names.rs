//! The names of one folder, packed: a million of them in one buffer, not in a million allocations.

use std::ffi::CStr;
use std::io;

/// Names in the order of the entries: sorted by their bytes.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Each name with the NUL that ends it.
    bytes: Vec<u8>,
    /// Where each stands, without its NUL.
    places: Vec<Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    start: u32,
    length: u16,
}

impl Names {
    /// Adds a name, in no order yet.
    ///
    /// # Errors
    /// If the names of one folder are more than 4 GiB.
    pub(super) fn push(&mut self, name: &CStr) -> io::Result<()> {
        let too_many = |_| io::Error::other("too many names in one folder");
        let start = u32::try_from(self.bytes.len()).map_err(too_many)?;
        let length = u16::try_from(name.to_bytes().len()).map_err(too_many)?;
        self.places.push(Place { start, length });
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        Ok(())
    }

    /// This name, of those that are here, alone.
    pub(super) fn only(name: &CStr) -> Self {
        let mut names = Self::default();
        names.push(name).expect("it was among a folder's names");
        names
    }

    /// Puts them in order, each once.
    pub(super) fn sort(&mut self) {
        let Self { bytes, places } = self;
        // Without the NUL, for a NUL sorts before every byte that a name can have.
        places.sort_unstable_by(|a, b| a.of(bytes).cmp(b.of(bytes)));
        places.dedup_by(|a, b| a.of(bytes) == b.of(bytes));
    }

    pub(super) fn get(&self, index: usize) -> Option<&CStr> {
        let Place { start, length } = *self.places.get(index)?;
        let start = start as usize;
        CStr::from_bytes_with_nul(self.bytes.get(start..=start + usize::from(length))?).ok()
    }

    /// Needs order.
    pub(super) fn contains(&self, wanted: &CStr) -> bool {
        self.places.binary_search_by(|place| place.of(&self.bytes).cmp(wanted.to_bytes())).is_ok()
    }

    /// Memory that it holds.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<Place>()
    }
}

impl Place {
    /// The name that stands here.
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..usize::from(self.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn names(of: &[&[u8]]) -> Names {
        let mut names = Names::default();
        for name in of {
            names.push(&CString::new(*name).expect("no NUL")).expect("few");
        }
        names.sort();
        names
    }

    #[test]
    fn names_come_sorted_by_bytes_each_once() {
        let names = names(&[b"b", b"a.txt", b"a", b"\xff", b"a-b", b"a"]);
        let all: Vec<_> = (0..).map_while(|i| names.get(i)).map(CStr::to_bytes).collect();
        assert_eq!(all, [&b"a"[..], b"a-b", b"a.txt", b"b", b"\xff"]);
        assert!(names.contains(c"a-b") && !names.contains(c"a-"));
    }

    #[test]
    fn two_hundred_thousand_names_take_a_few_megabytes() {
        let mut names = Names::default();
        for number in 0..200_000_u32 {
            let name = CString::new(format!("file-{:06}.txt", number.wrapping_mul(7919) % 200_000)).expect("no NUL");
            names.push(&name).expect("few");
        }
        names.sort();
        assert_eq!(names.get(199_999).map(CStr::to_bytes), Some(&b"file-199999.txt"[..]));
        assert_eq!(names.get(200_000), None);
        assert!(names.heap_bytes() < 8 << 20, "{}", names.heap_bytes());
    }

    proptest::proptest! {
        #[test]
        fn any_names_come_as_a_sorted_set(given in proptest::collection::vec("[a-z./ -]{1,5}", 0..50)) {
            let names = names(&given.iter().map(String::as_bytes).collect::<Vec<_>>());
            let all: Vec<_> = (0..).map_while(|i| names.get(i)).map(CStr::to_bytes).collect();
            let expected: std::collections::BTreeSet<_> = given.iter().map(String::as_bytes).collect();
            proptest::prop_assert_eq!(all, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
