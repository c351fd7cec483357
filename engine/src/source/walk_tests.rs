//! The walk over real folders.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;

/// Writes down what it is shown.
#[derive(Default)]
struct Witness {
    entries: Vec<(EntryPath, FileKind, Option<EntryPath>)>,
    problems: Vec<Problem>,
    left_out: Vec<(EntryPath, LeftOut)>,
    warnings: Vec<Problem>,
    /// Names that are not kept.
    drop: Vec<&'static str>,
    /// Stop after so many entries.
    stop_after: Option<usize>,
}

impl Visitor for Witness {
    fn entry(&mut self, walked: &Walked, _: &mut dyn Item) -> Verdict {
        self.entries.push((walked.path.clone(), walked.stat.kind, walked.first_name.clone()));
        if self.stop_after == Some(self.entries.len()) {
            return Verdict::Stop;
        }
        let name = walked.path.file_name();
        if self.drop.iter().any(|drop| drop.as_bytes() == name) { Verdict::Dropped } else { Verdict::Kept }
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn left_out(&mut self, path: &EntryPath, why: LeftOut) {
        self.left_out.push((path.clone(), why));
    }

    fn warning(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }
}

/// A folder of our own, without links on the way to it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &[u8]) -> PathBuf {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("below the place")).expect("writable");
        fs::write(&path, text).expect("writable");
        path
    }

    fn options(&self, roots: &[&str]) -> FoldersOptions {
        FoldersOptions { roots: roots.iter().map(|root| self.at(root)).collect(), ..FoldersOptions::default() }
    }

    /// The part of a path below this place; none for what lies above.
    fn short(&self, path: &EntryPath) -> Option<String> {
        let base = self.0.path().strip_prefix("/").expect("absolute").to_str().expect("UTF-8");
        path.to_string().strip_prefix(base)?.strip_prefix('/').map(str::to_owned)
    }

    fn short_entries(&self, witness: &Witness) -> Vec<String> {
        witness.entries.iter().filter_map(|(path, ..)| self.short(path)).collect()
    }

    fn short_left_out(&self, witness: &Witness) -> Vec<(String, LeftOut)> {
        witness.left_out.iter().filter_map(|(path, why)| Some((self.short(path)?, *why))).collect()
    }
}

fn walk(options: &FoldersOptions, witness: Witness) -> Witness {
    let mut witness = witness;
    let _ = Folders::new(options).expect("good options").walk(&mut witness);
    witness
}

#[test]
fn every_entry_comes_once_in_order_however_roots_overlap() {
    let place = Place::new();
    for path in ["r/a/b", "r/a-b", "r/a.txt", "r/a/c/d", "r/z", "other/x", "not/y"] {
        place.file(path, b"");
    }
    let seen = walk(&place.options(&["r", "r/a", "other", "r/a/c/d", "r"]), Witness::default());
    let expected = ["other", "other/x", "r", "r/a", "r/a/b", "r/a/c", "r/a/c/d", "r/a-b", "r/a.txt", "r/z"];
    assert_eq!(place.short_entries(&seen), expected);
    assert!(seen.entries.is_sorted_by(|a, b| a.0 < b.0));
    let above: Vec<_> = seen.entries.iter().take_while(|(path, ..)| place.short(path).is_none()).collect();
    assert!(!above.is_empty() && above.iter().all(|(_, kind, _)| *kind == FileKind::Folder));
    assert_eq!(seen.problems, []);
}

#[test]
fn a_root_that_is_a_link_is_followed_and_no_other() {
    let place = Place::new();
    place.file("real/in/x", b"");
    symlink("in", place.at("real/inner")).expect("a link");
    symlink("real", place.at("root")).expect("a link");
    let seen = walk(&place.options(&["root"]), Witness::default());
    assert_eq!(place.short_entries(&seen), ["root", "root/in", "root/in/x", "root/inner"]);
    assert_eq!(seen.entries.last().map(|e| e.1), Some(FileKind::Symlink));
}

#[test]
fn a_root_that_is_missing_is_told_and_the_others_are_walked() {
    let place = Place::new();
    place.file("b/x", b"");
    let seen = walk(&place.options(&["a", "b", "b/x/below a file"]), Witness::default());
    assert_eq!(place.short_entries(&seen), ["b", "b/x"]);
    let problems: Vec<_> = seen.problems.iter().map(|p| String::from_utf8_lossy(&p.path).into_owned()).collect();
    assert!(problems.len() == 2 && problems[0].ends_with("/a") && problems[1].ends_with("/b/x"), "{problems:?}");
}

#[test]
fn the_first_name_that_is_kept_stands_for_the_inode() {
    let place = Place::new();
    place.file("r/a", b"same");
    for name in ["r/b", "r/c"] {
        fs::hard_link(place.at("r/a"), place.at(name)).expect("a hard link");
    }
    let firsts = |witness: &Witness| -> Vec<Option<String>> {
        witness.entries.iter().rev().take(3).rev().map(|e| e.2.as_ref().and_then(|p| place.short(p))).collect()
    };
    let a = Some("r/a".to_owned());
    assert_eq!(firsts(&walk(&place.options(&["r"]), Witness::default())), [None, a.clone(), a]);
    let dropped = walk(&place.options(&["r"]), Witness { drop: vec!["a"], ..Witness::default() });
    assert_eq!(firsts(&dropped), [None, None, Some("r/b".to_owned())]);
}

#[test]
fn patterns_markers_and_own_folders_leave_out_what_they_say() {
    let place = Place::new();
    for path in ["r/keep", "r/x.tmp", "r/no/.nobackup", "r/no/lost", "r/vault/pack", "r/fake/kept", "r/cache/lost"] {
        place.file(path, b"");
    }
    place.file("r/cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55\n# more");
    place.file("r/fake/CACHEDIR.TAG", b"Signature: none");
    let mut options = place.options(&["r"]);
    options.exclude = vec!["*.tmp".to_owned()];
    options.own = vec![place.at("r/vault"), place.at("r/not there yet")];
    let seen = walk(&options, Witness::default());
    let expected =
        ["r", "r/cache", "r/cache/CACHEDIR.TAG", "r/fake", "r/fake/CACHEDIR.TAG", "r/fake/kept", "r/keep", "r/no"];
    assert_eq!(place.short_entries(&seen)[..8], expected);
    assert_eq!(place.short_entries(&seen)[8..], ["r/no/.nobackup"]);
    let left_out = [
        ("r/cache", LeftOut::CacheTag),
        ("r/no", LeftOut::NoBackup),
        ("r/vault", LeftOut::OwnFolder),
        ("r/x.tmp", LeftOut::Excluded),
    ];
    assert_eq!(place.short_left_out(&seen), left_out.map(|(path, why)| (path.to_owned(), why)));
}

#[test]
fn a_configured_folder_is_walked_even_inside_one_that_is_left_out() {
    let place = Place::new();
    place.file("r/cache/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");
    place.file("r/cache/wanted/x.tmp", b"");
    place.file("r/cache/wanted/y", b"");
    let mut options = place.options(&["r", "r/cache/wanted"]);
    options.exclude = vec!["wanted/".to_owned(), "*.tmp".to_owned()];
    let seen = walk(&options, Witness::default());
    let expected = ["r", "r/cache", "r/cache/CACHEDIR.TAG", "r/cache/wanted", "r/cache/wanted/y"];
    assert_eq!(place.short_entries(&seen), expected);
}

#[test]
fn a_marker_in_a_configured_folder_itself_empties_nothing_and_is_told() {
    let place = Place::new();
    for path in ["r/.nobackup", "r/x", "r/in/.nobackup", "r/in/lost", "c/y", "r/named/.nobackup", "r/named/z"] {
        place.file(path, b"");
    }
    place.file("c/CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");
    let seen = walk(&place.options(&["r", "c", "r/named"]), Witness::default());
    let expected = [
        "c",
        "c/CACHEDIR.TAG",
        "c/y",
        "r",
        "r/.nobackup",
        "r/in",
        "r/in/.nobackup",
        "r/named",
        "r/named/.nobackup",
        "r/named/z",
        "r/x",
    ];
    assert_eq!(place.short_entries(&seen), expected);
    assert_eq!(place.short_left_out(&seen), [("r/in".to_owned(), LeftOut::NoBackup)]);
    let told: Vec<_> = seen.warnings.iter().filter(|warning| warning.problem.contains("not heeded")).collect();
    assert!(told.len() == 3 && seen.problems.is_empty(), "{told:?}");
}

#[test]
fn a_pattern_that_fits_a_configured_folder_takes_nothing_away_and_is_told() {
    let place = Place::new();
    place.file("r/x", b"");
    place.file("r/in/r/lost", b"");
    let mut options = place.options(&["r"]);
    options.exclude = vec!["r/".to_owned(), "x*/".to_owned()];
    let seen = walk(&options, Witness::default());
    assert_eq!(place.short_entries(&seen), ["r", "r/in", "r/x"]);
    assert_eq!(seen.warnings.len(), 1, "{:?}", seen.warnings);
    assert!(seen.warnings[0].problem.contains("`exclude` fits this folder itself"));
}

#[test]
fn a_configured_folder_that_is_the_engines_own_or_lies_in_one_is_a_problem() {
    let place = Place::new();
    place.file("vault/packs/x", b"");
    place.file("docs/y", b"");
    for root in ["vault", "vault/packs"] {
        let mut options = place.options(&[root, "docs"]);
        options.own = vec![place.at("vault")];
        let seen = walk(&options, Witness::default());
        assert_eq!(place.short_entries(&seen), ["docs", "docs/y"]);
        assert!(seen.problems.len() == 1 && seen.problems[0].problem.contains("engine's own"), "{:?}", seen.problems);
    }
}

#[test]
fn a_name_that_vanishes_during_the_walk_is_no_problem() {
    let place = Place::new();
    for path in ["r/a", "r/b", "r/c"] {
        place.file(path, b"");
    }
    struct Remover<'a>(&'a Place, Witness);
    impl Visitor for Remover<'_> {
        fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
            if walked.path.file_name() == b"a" {
                fs::remove_file(self.0.at("r/b")).expect("there");
            }
            self.1.entry(walked, item)
        }
        fn problem(&mut self, problem: Problem) {
            self.1.problem(problem);
        }
        fn left_out(&mut self, path: &EntryPath, why: LeftOut) {
            self.1.left_out(path, why);
        }
        fn warning(&mut self, warning: Problem) {
            self.1.warning(warning);
        }
    }
    let mut remover = Remover(&place, Witness::default());
    let _ = Folders::new(&place.options(&["r"])).expect("good options").walk(&mut remover);
    assert_eq!(place.short_entries(&remover.1), ["r", "r/a", "r/c"]);
    assert_eq!(remover.1.problems, []);
}

#[test]
fn a_mount_point_stays_empty_on_one_file_system() {
    let options = FoldersOptions {
        roots: vec![PathBuf::from("/dev")],
        file_systems: FileSystems::One,
        ..FoldersOptions::default()
    };
    if fs::read_dir("/dev/shm").is_err() {
        eprintln!("SKIPPED: no /dev/shm");
        return;
    }
    let held = tempfile::tempdir_in("/dev/shm").expect("a temporary folder");
    let seen = walk(&options, Witness::default());
    let below = EntryPath::parse(&held.path().as_os_str().as_encoded_bytes()[1..]).expect("valid");
    let mount = EntryPath::parse(b"dev/shm").expect("valid");
    assert!(seen.entries.iter().any(|e| e.0 == mount) && !seen.entries.iter().any(|e| e.0 == below));
    assert!(seen.left_out.contains(&(mount, LeftOut::OtherFileSystem)));
    let all = walk(&FoldersOptions { file_systems: FileSystems::All, ..options }, Witness::default());
    assert!(all.entries.iter().any(|e| e.0 == below));
}

#[test]
fn a_stop_ends_the_walk() {
    let place = Place::new();
    place.file("r/a", b"");
    let mut witness = Witness { stop_after: Some(1), ..Witness::default() };
    Folders::new(&place.options(&["r"])).expect("good options").walk(&mut witness).expect("it was told to stop");
    assert_eq!(witness.entries.len(), 1);
}

#[test]
fn a_folder_deeper_than_what_is_kept_open_is_walked_whole() {
    let place = Place::new();
    let mut folder = place.at("r");
    for _ in 0..450 {
        folder.push("d");
    }
    fs::create_dir_all(&folder).expect("writable");
    for above in folder.ancestors().take(451) {
        fs::write(above.join("z"), b"").expect("writable");
    }
    let seen = walk(&place.options(&["r"]), Witness::default());
    assert_eq!((seen.problems.len(), place.short_entries(&seen).len()), (0, 451 + 451));
    assert!(seen.entries.is_sorted_by(|a, b| a.0 < b.0));
}

/// From here on this thread reads what its user's modes allow, root or not.
fn give_up_capabilities() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let mut sets = capabilities(None).expect("Linux");
    sets.effective = CapabilitySet::empty();
    set_capabilities(None, sets).expect("less is always allowed");
}

#[test]
fn an_unreadable_folder_is_told_and_stays_as_an_entry() {
    let place = Place::new();
    place.file("r/locked/x", b"");
    fs::set_permissions(place.at("r/locked"), fs::Permissions::from_mode(0o0)).expect("ours");
    let walked = || {
        give_up_capabilities();
        walk(&place.options(&["r"]), Witness::default())
    };
    let seen = std::thread::scope(|scope| scope.spawn(walked).join().expect("a walk"));
    assert_eq!(place.short_entries(&seen), ["r", "r/locked"]);
    assert_eq!(seen.problems.iter().map(|p| p.problem.as_str()).collect::<Vec<_>>(), ["permission denied"]);
}

/// Swaps folders for links as soon as `b` is shown.
struct Swapper<'a> {
    place: &'a Place,
    names: Vec<String>,
}

impl Visitor for Swapper<'_> {
    fn entry(&mut self, walked: &Walked, _: &mut dyn Item) -> Verdict {
        self.names.extend(self.place.short(&walked.path));
        if walked.path.file_name() == b"b" {
            for name in ["b", "c"] {
                fs::rename(self.place.at(&format!("r/{name}")), self.place.at(&format!("was {name}"))).expect("ours");
                symlink(self.place.at("outside"), self.place.at(&format!("r/{name}"))).expect("a link");
            }
        }
        Verdict::Kept
    }

    fn problem(&mut self, problem: Problem) {
        panic!("{problem}");
    }

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

    fn warning(&mut self, warning: Problem) {
        panic!("{warning}");
    }
}

#[test]
fn a_folder_that_is_swapped_for_a_link_during_the_walk_leads_nowhere() {
    let place = Place::new();
    for path in ["r/b/in b", "r/c/in c", "outside/secret"] {
        place.file(path, b"");
    }
    let mut swapper = Swapper { place: &place, names: Vec::new() };
    let _ = Folders::new(&place.options(&["r"])).expect("good options").walk(&mut swapper);
    assert_eq!(swapper.names, ["r", "r/b", "r/b/in b", "r/c"]);
}

/// Reads one file whole, and does something to it after the first run.
struct Reader<'a> {
    meddle: &'a mut dyn FnMut(),
    read: Vec<u8>,
    holes: u64,
    stillness: Option<Stillness>,
}

impl Visitor for Reader<'_> {
    fn entry(&mut self, walked: &Walked, item: &mut dyn Item) -> Verdict {
        if walked.stat.kind == FileKind::File {
            let mut content = item.open().expect("readable");
            let mut block = Vec::new();
            while let Some(run) = content.next_run(&mut block).expect("readable") {
                match run {
                    Run::Data => self.read.extend_from_slice(&block),
                    Run::Hole(bytes) => self.holes += bytes,
                }
                (self.meddle)();
            }
            self.stillness = Some(content.finish().expect("it is open"));
        }
        Verdict::Kept
    }

    fn problem(&mut self, problem: Problem) {
        panic!("{problem}");
    }

    fn left_out(&mut self, _: &EntryPath, _: LeftOut) {}

    fn warning(&mut self, warning: Problem) {
        panic!("{warning}");
    }
}

fn read<'a>(path: &Path, meddle: &'a mut dyn FnMut()) -> Reader<'a> {
    let options = FoldersOptions { roots: vec![path.to_owned()], ..FoldersOptions::default() };
    let mut reader = Reader { meddle, read: Vec::new(), holes: 0, stillness: None };
    let _ = Folders::new(&options).expect("good options").walk(&mut reader);
    reader
}

#[test]
fn a_file_that_grows_is_read_as_far_as_it_was_and_called_changed() {
    let place = Place::new();
    let path = place.file("f", &vec![7; BLOCK_BYTES + 10]);
    let mut more = File::options().append(true).open(&path).expect("writable");
    let mut meddle = || more.write_all(&vec![8; 5000]).expect("writable");
    let reader = read(&path, &mut meddle);
    assert_eq!((reader.read, reader.stillness), (vec![7; BLOCK_BYTES + 10], Some(Stillness::Changed)));
}

#[test]
fn a_file_that_shrinks_ends_where_it_ended() {
    let place = Place::new();
    let path = place.file("f", &vec![7; 3 * BLOCK_BYTES]);
    let file = File::options().write(true).open(&path).expect("writable");
    let mut meddle = || file.set_len(BLOCK_BYTES as u64 + 3).expect("writable");
    let reader = read(&path, &mut meddle);
    assert_eq!((reader.read.len(), reader.stillness), (BLOCK_BYTES + 3, Some(Stillness::Changed)));
}

#[test]
fn a_still_file_is_read_whole_and_holes_are_not() {
    let place = Place::new();
    let path = place.file("f", b"start");
    let file = File::options().write(true).open(&path).expect("writable");
    file.set_len(5 << 20).expect("writable");
    let mut nothing = || ();
    let reader = read(&path, &mut nothing);
    assert_eq!(reader.stillness, Some(Stillness::Still));
    assert_eq!(reader.read.len() as u64 + reader.holes, 5 << 20);
    assert!(reader.read.starts_with(b"start") && reader.read.len() <= 64 << 10);
}
