//! Command lines as tables.

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, Parser};

use super::*;

fn parsed(line: &str) -> Result<Arguments, clap::error::ErrorKind> {
    Arguments::try_parse_from(line.split(' ')).map_err(|error| error.kind())
}

/// What was understood of a line, as its debug text.
fn understood(line: &str) -> String {
    let arguments = parsed(line).unwrap_or_else(|kind| panic!("{line}: {kind:?}"));
    format!("{:?}", arguments.command)
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_understood() {
    for line in [
        "engine init",
        "engine enrol usb",
        "engine enrol usb --moved",
        "engine retire usb --medium 00112233445566778899aabbccddeeff",
        "engine backup",
        "engine backup documents ledger --paranoid --dry-run",
        "engine copy documents --destination usb --dry-run",
        "engine run",
        "engine run --once",
        "engine status",
        "engine points --job documents",
        "engine explain",
        "engine explain documents~1",
        "engine ls documents home/ann",
        "engine find *.odt",
        "engine diff documents~1 documents",
        "engine dump documents home/ann/a.txt",
        "engine restore documents --to d --from home --path a --path b --overwrite --no-owner --dry-run",
        "engine verify home usb --repair",
        "engine forget documents --dry-run",
        "engine forget --point 3fa9",
        "engine pin documents",
        "engine unpin 3fa9",
        "engine alarm clear documents",
        "engine catalog rebuild --from usb",
        "engine recover --from file:///x --passphrase-file p --point 3fa9 --path a --to d",
        "engine recover --from file:///x --sheet s --take-over",
        "engine seed export --destination office --to d --job documents --continue",
        "engine seed absorb --from d --into sftp://ann@host/x --password-file p",
        "engine seed status",
        "engine seed forget office",
    ] {
        understood(line);
    }
}

#[test]
fn what_is_typed_is_what_is_understood() {
    assert_eq!(
        understood("engine restore documents --to d --from home --path a/b --no-owner"),
        "Restore(Restore { point: \"documents\", to: Some(\"d\"), to_device: None, confirm: None, from: Some(Name(\"home\")), \
         paths: [PathBytes([97, 47, 98])], overwrite: false, no_owner: true, dry_run: false })"
    );
    assert_eq!(
        understood("engine verify home --repair --sample 1% --older-than 30d --max-duration 10m"),
        "Verify(Verify { names: [Name(\"home\")], repair: true, sample: Some(Share(0.01)), max_duration: Some(600s), \
         older_than: Some(2592000s) })"
    );
}

#[test]
fn wrong_lines_are_refused() {
    use clap::error::ErrorKind as Kind;
    for (line, kind) in [
        ("engine frobnicate", Kind::InvalidSubcommand),
        ("engine restore documents", Kind::MissingRequiredArgument),
        ("engine backup Documents", Kind::ValueValidation),
        ("engine backup home", Kind::ValueValidation),
        ("engine enrol home", Kind::ValueValidation),
        ("engine forget documents --point 3fa9", Kind::ArgumentConflict),
        ("engine status --quiet --verbose", Kind::ArgumentConflict),
        ("engine recover --from u --passphrase-file p --sheet s", Kind::ArgumentConflict),
        ("engine recover --from u --take-over --to d", Kind::ArgumentConflict),
        ("engine recover --from u --point 3fa9", Kind::MissingRequiredArgument),
        ("engine recover", Kind::MissingRequiredArgument),
        ("engine diff documents", Kind::MissingRequiredArgument),
    ] {
        let wrong = parsed(line).err();
        assert!(wrong.is_some(), "{line} is understood");
        assert_eq!(wrong, Some(kind), "{line}");
    }
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    for line in [
        "engine --config c --json --quiet --no-wait status",
        "engine status --config c --json --quiet --no-wait",
        "engine --json status --config c --no-wait -q",
        "engine catalog rebuild --config c --json -q --no-wait",
    ] {
        let global = parsed(line).expect("understood").global;
        let flags = (global.json, global.quiet, global.verbose, global.no_wait);
        assert_eq!((global.config, flags), (Some(PathBuf::from("c")), (true, true, false, true)), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_taken_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let words: [&OsStr; 4] = ["engine".as_ref(), "dump".as_ref(), "documents".as_ref(), OsStr::from_bytes(b"caf\xe9")];
    let arguments = Arguments::try_parse_from(words.map(OsString::from)).expect("understood");
    let Command::Dump(dump) = arguments.command else { panic!("another command") };
    assert_eq!(dump.path, PathBytes(b"caf\xe9".to_vec()));
}

#[test]
fn the_help_of_every_command_has_examples() {
    fn look(command: &mut clap::Command) {
        let name = command.get_name().to_owned();
        if name == "help" {
            return;
        }
        let has_commands = command.has_subcommands();
        let help = command.render_long_help().to_string();
        assert!(has_commands || help.contains("Examples:\n  engine "), "{name} has none");
        command.get_subcommands_mut().for_each(look);
    }
    let mut engine = Arguments::command();
    engine.build();
    engine.get_subcommands_mut().for_each(look);
}
