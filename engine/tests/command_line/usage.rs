//! How command lines end that never reach a command.

use std::process::Stdio;

use super::{code, engine, json, run, said};

#[test]
fn a_wrong_command_line_is_exit_2_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["frobnicate"]);
    assert_eq!((code(&output), output.stdout.len()), (2, 0));
    assert!(said(&output).contains("frobnicate"), "{}", said(&output));
}

#[test]
fn a_wrong_command_line_with_json_is_the_contracts_error() {
    let folder = tempfile::tempdir().unwrap();
    for line in [&["--json", "restore", "documents"][..], &["restore", "documents", "--json"]] {
        let (value, code) = json(folder.path(), line);
        assert_eq!(code, 2);
        let error = value["error"].as_object().unwrap();
        assert_eq!(error.keys().map(String::as_str).collect::<Vec<_>>(), ["do", "what", "why"]);
        assert!(error["why"].as_str().unwrap().contains("--to"), "{value}");
    }
}

#[test]
fn help_and_version_are_exit_0_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    for line in [&["--help"][..], &["--version"], &["restore", "--help"], &["help", "alarm", "clear"]] {
        let output = run(folder.path(), line);
        assert_eq!((code(&output), output.stderr.len()), (0, 0), "{line:?}");
        assert!(!output.stdout.is_empty());
    }
}

#[test]
fn without_a_configuration_commands_are_exit_2_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere.toml");
    let (value, code) = json(folder.path(), &["points", "--json", "--config", missing.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(value["error"]["do"].as_str().unwrap().contains("engine init"), "{value}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_told_and_a_closed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    super::reading::prepared(folder.path());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = engine(folder.path(), &["points"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("standard output"), "{}", said(&output));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = engine(folder.path(), &["points"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((code(&output), said(&output)), (0, String::new()));
}
