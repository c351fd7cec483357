//! Dependencies point down the data flow only: the `use` lines of all production code against the tables of what may
//! be named, each row with its reason. A row that is missing fails, and so does one that nothing needs any more.
//!
//! A row whose reason begins with `NOT YET` contradicts the rules of ARCHITECTURE.md and stands there to be seen.

#[path = "edges/scan.rs"]
mod scan;
#[path = "edges/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use scan::Edges;
use table::Row;

fn src(of: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of).join("src")
}

/// The rows of `edges` that `table` has not, and the rows of `table` that nothing needs.
fn differences(edges: &Edges, table: &[Row]) -> Vec<String> {
    let allowed: BTreeMap<_, _> = table
        .iter()
        .flat_map(|(from, to, _)| to.split(' ').map(move |to| (((*from).to_owned(), to.to_owned()), ())))
        .collect();
    let missing = edges
        .iter()
        .filter(|(edge, _)| !allowed.contains_key(*edge))
        .map(|((from, to), path)| format!("`{from}` names `{to}` (in {}), which no row allows", path.display()));
    let unused = allowed
        .keys()
        .filter(|edge| !edges.contains_key(*edge))
        .map(|(from, to)| format!("`{from}` does not name `{to}` any more: the row can go"));
    missing.chain(unused).collect()
}

fn judge(edges: &Edges, table: &[Row]) {
    let found = differences(edges, table);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The crates that a Cargo.toml's `[dependencies]` name, as code spells them.
fn dependencies(of: &str) -> Vec<String> {
    let text = std::fs::read_to_string(src(of).join("../Cargo.toml")).expect("the crate's Cargo.toml");
    let mut wanted = false;
    let mut names = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            wanted = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if let Some((name, _)) = line.split_once(['.', ' ']).filter(|_| wanted) {
            names.push(name.replace('-', "_"));
        }
    }
    names
}

#[test]
fn modules_of_the_engine_name_only_what_the_table_allows() {
    judge(&scan::edges_behind(&scan::production(&src("engine")), "crate"), table::MODULES);
}

#[test]
fn crates_are_named_only_where_the_table_allows() {
    let crates: Vec<_> =
        dependencies("engine").into_iter().filter(|name| !table::EVERYWHERE.contains(&name.as_str())).collect();
    assert!(crates.len() > 20, "the dependencies were read: {crates:?}");
    judge(&scan::edges_to_crates(&scan::production(&src("engine")), &crates), table::CRATES);
}

#[test]
fn the_binary_uses_the_command_line_of_the_library_and_no_logic() {
    let files = scan::production(&src("engine"));
    judge(&scan::edges_behind(&files, "engine"), table::BINARY);
}

#[test]
fn the_verifier_uses_the_engine_and_the_engine_never_the_verifier() {
    let engine = scan::production(&src("engine"));
    assert!(scan::edges_to_crates(&engine, &["verifier".to_owned()]).is_empty());
    assert!(!dependencies("engine").contains(&"verifier".to_owned()));
    let verifier = scan::production(&src("verifier"));
    let edges = scan::edges_behind(&verifier, "engine");
    let named: std::collections::BTreeSet<_> = edges.keys().map(|(_, to)| to.as_str()).collect();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), table::OF_THE_ENGINE_FOR_THE_VERIFIER);
}

#[test]
fn no_module_reaches_another_through_super() {
    for (path, text) in scan::production(&src("engine")) {
        let depth = path.components().count() - usize::from(path.ends_with("mod.rs"));
        let deepest = "super::".repeat(depth);
        assert!(!text.contains(&deepest), "{} leaves its top-level module by `{deepest}`", path.display());
    }
}

#[test]
fn the_scan_sees_groups_and_lines_and_neither_comments_nor_tests() {
    let text = "use crate::{a::X, b::{c, d},\n    e};\n// crate::f\nfn g() -> crate::h::I { \"crate::j\"; 'x'; crate::k() }\n\
                #[cfg(test)]\nmod tests { use crate::l; }\nfn m() { r#\"crate::n\"#; other::crate::o; 'outer: loop {} }\n";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("z.rs"), text).expect("written");
    let edges = scan::edges_behind(&scan::production(folder.path()), "crate");
    let named: Vec<_> = edges.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(named, ["a", "b", "e", "h", "k"].map(|to| ("z", to)));
}

#[test]
fn missing_and_unused_rows_are_both_told() {
    let edges = Edges::from([(("a".to_owned(), "b".to_owned()), "a.rs".into())]);
    assert_eq!(differences(&edges, &[("a", "b", "")]), Vec::<String>::new());
    assert_eq!(differences(&edges, &[("a", "c", "")]).len(), 2);
}
