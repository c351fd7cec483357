//! A line that is cut with each request in turn, in the middle of puts, gets, lists and deletes: the same on every kind
//! of server. Whatever was cut, objects are whole, none is lost, none is there twice, and what was told holds.

use std::sync::atomic::Ordering;

use engine::destination::{ErrorKind, StoreError, TEMPORARY_PREFIX, WriteStore};
use fixtures::Proxy;

use crate::common::{path, pattern, put, told, whole};

/// More requests than any operation takes here.
const TURNS_MAX: u64 = 200;
/// Times that an operation of which nothing was cut is begun again.
const ROUNDS_MAX: u32 = 5;

/// A line that can be cut.
pub struct Line<'l> {
    /// From now on it is cut once, with the request of that number; 0: never. Requests are counted from here.
    pub cut: &'l dyn Fn(u64),
    /// Requests since then.
    pub asked: &'l dyn Fn() -> u64,
    /// How often it was cut so far.
    pub cuts: &'l dyn Fn() -> u64,
}

/// What becomes of the request with which the line is cut.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// The server never sees it.
    Cut,
    /// The server does it, and its answer is lost.
    Lose,
}

/// How often the line was cut in the middle of each.
#[derive(Debug, Clone, Copy)]
pub struct Cuts {
    pub puts: u64,
    pub gets: u64,
    pub lists: u64,
    pub deletes: u64,
}

impl Cuts {
    /// Was it cut so often, in the middle of each?
    pub fn are_at_least(self, least: Self) -> bool {
        self.puts >= least.puts && self.gets >= least.gets && self.lists >= least.lists && self.deletes >= least.deletes
    }
}

/// One line behind a proxy of TCP.
pub fn through(proxy: &Proxy, deed: Deed, far: &dyn WriteStore, sound: &dyn WriteStore) -> Cuts {
    let rules = &proxy.rules;
    let rule = match deed {
        Deed::Cut => &rules.cut_request,
        Deed::Lose => &rules.lose_request,
    };
    let begun = std::cell::Cell::new(0);
    let asked = || rules.requests.load(Ordering::SeqCst) - begun.get();
    let cut = |request: u64| {
        begun.set(rules.requests.load(Ordering::SeqCst));
        rule.store(if request == 0 { 0 } else { begun.get() + request }, Ordering::SeqCst);
    };
    let line = Line { cut: &cut, asked: &asked, cuts: &|| rules.cuts.load(Ordering::SeqCst) };
    everywhere(&format!("{deed:?}"), &line, far, sound)
}

/// Cuts each kind of operation at `far` with each of its requests; `sound` is the same place over another line.
pub fn everywhere(tag: &str, line: &Line<'_>, far: &dyn WriteStore, sound: &dyn WriteStore) -> Cuts {
    let bytes = pattern(100_000);
    let all = [1, 2, 3, 4, 5].map(|number| format!("packs/{tag}-list/{number}"));
    all.iter().for_each(|name| assert!(put(sound, name, &bytes).is_ok()));
    let far = Far { tag, line, far, sound, bytes: &bytes };
    let puts = far.puts();
    let get = |_| {
        let got = whole(far.far, &all[0])?;
        assert!(got == bytes, "{tag}: {} bytes", got.len());
        Ok(())
    };
    let gets = line.everywhere(&format!("{tag} get"), get, |_, _| {}).cuts;
    let list = |_| {
        let listed = far.far.list(&path(&format!("packs/{tag}-list")))?;
        assert_eq!(listed.iter().map(|listed| listed.path.as_str()).collect::<Vec<_>>(), all);
        Ok(())
    };
    let lists = line.everywhere(&format!("{tag} list"), list, |_, _| {}).cuts;
    let deletes = far.deletes();
    assert!(all.iter().all(|name| whole(sound, name).unwrap() == bytes), "{tag}: looking changes nothing");
    let cuts = Cuts { puts, gets, lists, deletes };
    eprintln!("{tag}: {cuts:?}");
    cuts
}

/// The end of an operation that was cut with each of its requests.
struct Over {
    /// How often it was done, the last time uncut.
    turns: u64,
    /// How often it was cut.
    cuts: u64,
}

impl Line<'_> {
    /// Does it again and again, cut with its first request, its second, … until it has no more. Each time it is judged
    /// what is there then, by whether it was said to be done.
    fn everywhere(
        &self,
        what: &str,
        mut work: impl FnMut(u64) -> Result<(), StoreError>,
        mut judge: impl FnMut(u64, bool),
    ) -> Over {
        let begun = (self.cuts)();
        let (mut before, mut rounds, mut earlier) = (begun, 1, 0);
        for turn in 1..=TURNS_MAX {
            let request = turn - earlier;
            // One that nobody waits for, a close, may be cut when its operation is over: the next one finds that out.
            let since = std::mem::replace(&mut before, (self.cuts)());
            (self.cut)(request);
            let outcome = work(turn);
            let is_over = outcome.is_ok() && (self.asked)() < request;
            (self.cut)(0);
            if let Err(error) = &outcome {
                let fits = matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous);
                assert!(fits && (self.cuts)() > since, "{what}, cut with request {request}: {}", told(error));
            }
            judge(turn, outcome.is_ok());
            // The last word of the operation before, a close, may come so late that it is taken for the first request.
            let is_in_vain = (self.cuts)() == begun && rounds < ROUNDS_MAX;
            if is_over && is_in_vain {
                (rounds, earlier) = (rounds + 1, turn);
            } else if is_over {
                return Over { turns: turn, cuts: (self.cuts)() - begun };
            }
        }
        panic!("{what}: no end after {TURNS_MAX} requests");
    }
}

struct Far<'f> {
    tag: &'f str,
    line: &'f Line<'f>,
    far: &'f dyn WriteStore,
    sound: &'f dyn WriteStore,
    bytes: &'f [u8],
}

impl Far<'_> {
    /// Puts one object a turn, and once more what failed.
    fn puts(&self) -> u64 {
        let name = |turn: u64| format!("packs/{}-put/{turn:03}", self.tag);
        let over = self.line.everywhere(
            &format!("{} put", self.tag),
            |turn| put(self.far, &name(turn), self.bytes).map(drop),
            |turn, done| self.is_put_once(&name(turn), done),
        );
        let listed = self.sound.list(&path(&name(0)).folder()).unwrap();
        let finished = listed.iter().filter(|listed| !listed.path.file_name().starts_with(TEMPORARY_PREFIX));
        let finished: Vec<&str> = finished.map(|listed| listed.path.as_str()).collect();
        assert_eq!(finished, (1..=over.turns).map(name).collect::<Vec<_>>());
        over.cuts
    }

    fn is_put_once(&self, name: &str, done: bool) {
        let there = self.sound.stat(&path(name)).unwrap();
        assert!(there.is_some() || !done, "{name} was said to be done and is not there");
        if there.is_some() {
            assert!(whole(self.sound, name).unwrap() == self.bytes, "{name} is not whole");
        }
        if !done {
            match patiently(|| put(self.far, name, self.bytes).map(drop)) {
                Ok(()) => assert!(there.is_none(), "{name} was replaced"),
                Err(error) => assert_eq!(error.kind, ErrorKind::Exists, "{name}: {}", told(&error)),
            }
            assert!(whole(self.sound, name).unwrap() == self.bytes, "{name} is not whole");
        }
    }

    /// Deletes one object a turn, and once more what failed; another one beside them stays.
    fn deletes(&self) -> u64 {
        let folder = format!("packs/{}-delete", self.tag);
        let other = format!("{folder}/other");
        put(self.sound, &other, self.bytes).unwrap();
        let name = |turn: u64| format!("{folder}/{turn:03}");
        let over = self.line.everywhere(
            &format!("{} delete", self.tag),
            |turn| {
                put(self.sound, &name(turn), self.bytes)?;
                self.far.delete(&path(&name(turn)))
            },
            |turn, done| {
                let there = self.sound.stat(&path(&name(turn))).unwrap();
                assert!(there.is_none() || !done, "{} was said to be gone and is there", name(turn));
            },
        );
        for listed in self.sound.list(&path(&folder)).unwrap() {
            if listed.path.as_str() != other {
                assert!(whole(self.sound, listed.path.as_str()).unwrap() == self.bytes, "{} is half", listed.path);
                patiently(|| self.far.delete(&listed.path)).unwrap();
            }
        }
        assert_eq!(self.sound.list(&path(&folder)).unwrap().len(), 1);
        assert!(whole(self.sound, &other).unwrap() == self.bytes, "{other} is not whole");
        over.cuts
    }
}

/// As whoever uses a store does: what may pass is asked again.
fn patiently<T>(request: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let may_pass = |error: &StoreError| matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous);
    let mut answer = request();
    for _ in 0..3 {
        match answer {
            Err(error) if may_pass(&error) => answer = request(),
            answer => return answer,
        }
    }
    answer
}
