//! A backup of Firebird → a database in scratch by `gbak`, without a server, and its validation by `gfix`.
//!
//! What `gfix` finds is in its text: its exit code says nothing.

mod asked;

use std::path::Path;

use super::budget::Budget;
use super::copy_folder::copy_file;
use super::sandbox::{Sandbox, at};
use super::{Answer, Asked, Finding, open, tool, unable};

const USER: [&str; 2] = ["-user", "SYSDBA"];
/// What `gbak` says of what it steps over, and then goes on and succeeds: the format has no checksums.
const STEPPED_OVER: [&str; 2] = ["-- continuing", "adjusting an invalid decompression length"];
/// What stands before an error; it may follow a question of `gbak`'s in one line.
const ERROR: &str = "ERROR";
/// How an error of `gbak`'s begins where it is too old, or scratch too small; in small letters.
const LACKS: [&str; 4] =
    ["unsupported on-disk structure", "unavailable database", "expected backup version", "disk space exhausted"];
/// How it ends there.
const FULL: &str = "no space left on device";
const TABLES: &str = "set heading off;\n\
                      select '\"' || replace(trim(rdb$relation_name), '\"', '\"\"') || '\"' from rdb$relations \
                      where coalesce(rdb$system_flag, 0) = 0 and rdb$view_blr is null and rdb$external_file is null;\n";

pub(super) fn probe(path: &Path, work: &Path, budget: &Budget, asked: &mut Asked<'_>) -> Answer {
    let (gbak, gfix) = (tool::find("gbak")?, tool::find("gfix")?);
    let sandbox = Sandbox::open(work, budget)?;
    let file = open(path).map_err(|error| unable(format!("it can't be read: {error}")))?;
    // What is cut makes `gbak` ask for another volume: it must not go on with what it was given as input.
    let bytes = file.metadata().map_or(0, |meta| meta.len());
    sandbox.needs_room(bytes.saturating_mul(3))?;
    let copy = sandbox.stage().join("backup.fbk");
    let copied = copy_file(file, &copy, &|bytes| budget.spend(bytes)).and_then(|()| sandbox.give(&copy));
    copied.map_err(|error| unable(budget.overrun().unwrap_or_else(|| format!("it can't be copied: {error}"))))?;
    let words = [at(&sandbox, "backup.fbk"), at(&sandbox, "restored.fdb")];
    let restored = sandbox.call(&gbak).words(["-create_database"]).words(USER).words(words).run()?;
    let printed = format!("{}\n{}", restored.out, restored.errors);
    if !restored.is_good() || STEPPED_OVER.iter().any(|words| printed.contains(words)) {
        budget.hear("gbak", &errors(&printed));
        return Err(finding(&restored.how(), &printed));
    }
    let database = || [at(&sandbox, "restored.fdb")];
    let checked = sandbox.call(&gfix).words(["-validate", "-full"]).words(USER).words(database()).run()?;
    let said = checked.words();
    if !checked.is_good() || !said.is_empty() {
        budget.hear("gfix", &said);
        return Err(Finding::Broken(format!("gfix -validate -full: {}, and something was found", checked.how())));
    }
    let told = rows(&sandbox)?;
    asked::ask_all(&sandbox, &gfix, budget, asked)?;
    Ok(format!("restored by gbak; gfix -validate -full: nothing found; {told}"))
}

/// What it calls an error; all else that it says of a cut file is noise.
fn errors(said: &str) -> String {
    let errors: Vec<&str> = said.lines().filter(|line| line.contains("ERROR")).collect();
    match errors.is_empty() {
        true => super::sandbox::last_words(said),
        false => super::sandbox::last_words(&errors.join("\n")),
    }
}

/// `how` it ended. Of what it calls an error, no more is told than what this computer lacks: keys of rows stand
/// there too.
fn finding(how: &str, said: &str) -> Finding {
    let errors: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_once(ERROR))
        .map(|(_, error)| error.trim_start_matches(':'))
        .collect();
    let lacks = |error: &&&str| {
        let error = error.trim().to_ascii_lowercase();
        error.ends_with(FULL) || LACKS.iter().any(|lack| error.starts_with(lack))
    };
    match errors.iter().find(lacks) {
        Some(lack) => Finding::Unable(format!("gbak: {how}: {}", super::sandbox::last_words(lack))),
        None if errors.is_empty() => Finding::Broken(format!("gbak: {how}, and something was stepped over")),
        None => Finding::Broken(format!("gbak: {how}, {} lines with `gbak: ERROR`", errors.len())),
    }
}

/// Debian's name first: there is another `isql`.
fn isql() -> Result<std::path::PathBuf, Finding> {
    tool::find("isql-fb").or_else(|_| tool::find("isql"))
}

fn rows(sandbox: &Sandbox<'_>) -> Answer {
    let Ok(isql) = isql() else { return Ok("no isql here to count rows".to_owned()) };
    let ask = |query: &str| {
        let call = sandbox.call(&isql).words(["-q", "-b"]).words(USER).words([at(sandbox, "restored.fdb")]);
        let said = call.text(query)?.run()?;
        match said.is_good() {
            true => Ok(said.out.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()),
            false => Err(Finding::Broken(format!("isql: {}", said.how()))),
        }
    };
    let tables: Vec<String> = ask(TABLES)?;
    let counts: String = tables.iter().map(|table| format!("select count(*) from {table};\n")).collect();
    let counts: Vec<String> = ask(&format!("set heading off;\n{counts}"))?;
    let rows: u64 = counts.iter().filter_map(|rows| rows.parse::<u64>().ok()).sum();
    Ok(format!("{} tables, {rows} rows", tables.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_much_noise_the_errors_are_told() {
        let said =
            "gbak:\n\nCould not open file name \"\"\ngbak: ERROR:expected backup description record\ngbak:Exiting";
        assert_eq!(errors(said), "gbak: ERROR:expected backup description record");
        assert_eq!(errors("only this"), "only this");
    }

    #[test]
    fn what_lies_in_rows_is_neither_told_nor_a_lack() {
        let said = "gbak: ERROR:violation of PRIMARY KEY\ngbak: ERROR:    Problematic key value is (\"A\" = 'HIDDEN \
                    unavailable database')";
        let told = "gbak: exit status 1, 2 lines with `gbak: ERROR`";
        assert_eq!(finding("exit status 1", said), Finding::Broken(told.to_owned()));
        let said = "Could not open file name \"\"gbak: ERROR:Expected backup version 1..10.  Found 11";
        assert!(matches!(finding("exit status 1", said), Finding::Unable(text) if text.contains("Found 11")));
    }
}
