//! Reading `source`: exactly one kind, with the keys of that kind.

use std::path::PathBuf;
use std::time::Duration;

use ignore::gitignore::GitignoreBuilder;

use super::error::{Position, Wrong, quoted};
use super::path::path;
use super::place_read::is_host;
use super::quantity::duration;
use super::reader::Read;
use super::secret_keys::{PASSWORD, secret};
use super::source::{
    CommandOutput, Database, Drive, Folders, Postgres, PostgresMethod, RecoveryPoints, Snapshot, Source, Sqlite,
};
use super::table::{Item, Table};
use super::url::Url;
use crate::model::Grouping;

const KINDS: [&str; 8] =
    ["folders", "drive", "sqlite", "postgres", "mariadb", "firebird", "command", "recovery-points"];

/// Most `{` in a glob: they nest, and whatever compiles a glob does so once for each level.
const ALTERNATES_MAX: usize = 32;

/// Longest glob that is looked at, in bytes.
const GLOB_MAX: usize = 4096;

pub(super) fn source(item: &Item<'_>) -> Read<Source> {
    let mut table = item.table("`source`")?;
    let kind = one_kind(&mut table)?;
    let main = table.take(kind).expect("it was found");
    let source = match kind {
        "folders" => folders(&main, &mut table).map(Source::Folders),
        "drive" => drive(&main, &mut table).map(Source::Drive),
        "sqlite" => path(&main).map(|pattern| Source::Sqlite(Sqlite { pattern })),
        "postgres" => postgres(&main, &mut table).map(Source::Postgres),
        "mariadb" => database(&main, &mut table, &MARIADB).map(Source::MariaDb),
        "firebird" => database(&main, &mut table, &FIREBIRD).map(Source::Firebird),
        "command" => command(&main, &mut table).map(Source::Command),
        _ => recovery_points(&main, &mut table).map(Source::RecoveryPoints),
    };
    let finished = table.finish();
    source.and_then(|source| finished.map(|()| source))
}

/// The kind that is there; none and two are errors.
fn one_kind(table: &mut Table<'_>) -> Read<&'static str> {
    let kinds: Vec<&'static str> = KINDS.into_iter().filter(|kind| table.has(kind)).collect();
    let allowed = format!("exactly one of {}", KINDS.join(", "));
    match kinds[..] {
        [kind] => Ok(kind),
        [] => {
            let rest = table.rest();
            let first = rest.first();
            let at = first.map_or(table.at, |item| item.key_at);
            let what =
                first.map_or("`source` is empty".to_owned(), |item| format!("{} is not a source", quoted(&item.key)));
            Err(table.reader.wrong(at, what, allowed))
        }
        _ => {
            let rest = table.rest();
            let mut found = rest.iter().filter(|item| kinds.contains(&item.key.as_str()));
            let (first, second) = (found.next().expect("two were found"), found.next().expect("two were found"));
            let what = format!("`source` has two kinds, `{}` and `{}`", first.key, second.key);
            Err(table.reader.wrong(second.key_at, what, allowed))
        }
    }
}

fn folders(main: &Item<'_>, table: &mut Table<'_>) -> Read<Folders> {
    let paths = main.some("a list of one path or more", |item| path(&item));
    let exclude = table.or("exclude", Vec::new(), |item| item.each("a list of globs", |item| item.parse(glob)));
    let exclude_files = table.or("exclude-file", Vec::new(), |item| path_or_paths(&item));
    let one_file_system = table.or("one-file-system", false, |item| item.flag());
    let paranoid = table.or("paranoid", false, |item| item.flag());
    let words = [("auto", Snapshot::Auto), ("off", Snapshot::Off)];
    let snapshot = table.or("snapshot", Snapshot::Off, |item| item.choice(&words));
    Ok(Folders {
        paths: paths?,
        exclude: exclude?,
        exclude_files: exclude_files?,
        one_file_system: one_file_system?,
        paranoid: paranoid?,
        snapshot: snapshot?,
    })
}

fn path_or_paths(item: &Item<'_>) -> Read<Vec<(PathBuf, Position)>> {
    let located = |item: &Item<'_>| Ok((path(item)?, item.reader.position(item.at)));
    if item.is_text() {
        Ok(vec![located(item)?])
    } else {
        item.each("a path or a list of paths", |item| located(&item))
    }
}

/// A glob of a `.gitignore`, as the walk of a source will read it.
fn glob(text: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new(format!("{} is not a glob", quoted(text)), "a pattern as in .gitignore");
    let is_one_line = !text.is_empty() && text.len() <= GLOB_MAX && !text.contains(['\n', '\0']);
    let is_flat = text.matches('{').count() <= ALTERNATES_MAX;
    let parses = || {
        let mut builder = GitignoreBuilder::new("/");
        builder.allow_unclosed_class(false);
        builder.add_line(None, text).is_ok_and(|builder| builder.build().is_ok())
    };
    (is_one_line && is_flat && parses()).then(|| text.to_owned()).ok_or_else(wrong)
}

fn drive(main: &Item<'_>, table: &mut Table<'_>) -> Read<Drive> {
    let path = path(main);
    let live = table.or("live", false, |item| item.flag());
    Ok(Drive { path: path?, live: live? })
}

/// How one kind of database server is written.
struct Kind {
    schemes: &'static [&'static str],
    form: &'static str,
    port: u16,
    /// Is the database needed, and is it a path?
    database: DatabaseForm,
    has_socket: bool,
}

#[derive(PartialEq)]
enum DatabaseForm {
    OptionalName,
    Name,
    Path,
}

const POSTGRES: Kind = Kind {
    schemes: &["postgresql", "postgres"],
    form: "postgresql://user@host:port/database",
    port: 5432,
    database: DatabaseForm::OptionalName,
    has_socket: true,
};
const MARIADB: Kind = Kind {
    schemes: &["mysql", "mariadb"],
    form: "mysql://user@host:port/database",
    port: 3306,
    database: DatabaseForm::Name,
    has_socket: true,
};
const FIREBIRD: Kind = Kind {
    schemes: &["firebird"],
    form: "firebird://user@host:port/path/to/database.fdb",
    port: 3050,
    database: DatabaseForm::Path,
    has_socket: false,
};

fn postgres(main: &Item<'_>, table: &mut Table<'_>) -> Read<Postgres> {
    let server = database(main, table, &POSTGRES);
    let words = [("dump", PostgresMethod::Dump), ("basebackup", PostgresMethod::BaseBackup)];
    let method = table.or("method", PostgresMethod::Dump, |item| item.choice(&words));
    let (server, method) = (server?, method?);
    if method == PostgresMethod::BaseBackup && server.database.is_some() {
        let what = "`method = \"basebackup\"` takes the whole server, and the URL names a database";
        return main.wrong(Wrong::new(what, "postgresql://user@host:port"));
    }
    Ok(Postgres { server, method })
}

fn database(main: &Item<'_>, table: &mut Table<'_>, kind: &Kind) -> Read<Database> {
    let password = secret(table, PASSWORD);
    let socket = if kind.has_socket { table.optional("socket", |item| path(&item)) } else { Ok(None) };
    let url = Url::parse(main.text()?, kind.form).or_else(|wrong| main.wrong(wrong))?;
    let wrong = |what: &str| main.wrong(Wrong::new(what, kind.form));
    let Some(authority) = url.authority.as_ref().filter(|_| kind.schemes.contains(&&*url.scheme)) else {
        return wrong("this is not the URL of such a database");
    };
    if !(authority.host.is_empty() || is_host(&authority.host)) {
        return wrong("the URL's host is not a host");
    }
    let name = url.path_text().or_else(|wrong| main.wrong(wrong))?;
    let is_path = kind.database == DatabaseForm::Path;
    let name = if is_path { name.as_str() } else { name.trim_start_matches('/') };
    if name.contains('/') && !is_path {
        return wrong("the URL names more than a database");
    }
    let database = Some(name.to_owned()).filter(|name| !name.is_empty() && name != "/");
    if database.is_none() && kind.database != DatabaseForm::OptionalName {
        return wrong("the URL names no database");
    }
    Ok(Database {
        user: authority.user.clone(),
        host: Some(authority.host.clone()).filter(|host| !host.is_empty()),
        port: authority.port.unwrap_or(kind.port),
        database,
        password: password?,
        socket: socket?,
    })
}

fn command(main: &Item<'_>, table: &mut Table<'_>) -> Read<CommandOutput> {
    let allowed = "a list of words, the program first";
    let words = main.some(allowed, |item| {
        let word = item.text()?;
        if word.contains('\0') { item.wrong(Wrong::new("a word holds a NUL", allowed)) } else { Ok(word.to_owned()) }
    });
    let name = table.or("name", "stdout".to_owned(), |item| item.parse(file_name));
    let words = words?;
    if words[0].is_empty() {
        return main.wrong(Wrong::new("the program's name is empty", allowed));
    }
    Ok(CommandOutput { words, name: name? })
}

fn file_name(text: &str) -> Result<String, Wrong> {
    let good = !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']) && text.len() <= 255;
    let wrong = || Wrong::new(format!("{} is not a file's name", quoted(text)), "a name without /, not . or ..");
    good.then(|| text.to_owned()).ok_or_else(wrong)
}

fn recovery_points(main: &Item<'_>, table: &mut Table<'_>) -> Read<RecoveryPoints> {
    let folder = path(main);
    let grouping = table.or("grouping", Grouping::File, |item| grouping(&item));
    let settle = table.or("settle", Duration::from_secs(60), |item| item.parse(duration));
    let marker = table.optional("marker", |item| item.parse(file_name));
    let watch = table.or("watch", false, |item| item.flag());
    Ok(RecoveryPoints { folder: folder?, grouping: grouping?, settle: settle?, marker: marker?, watch: watch? })
}

fn grouping(item: &Item<'_>) -> Read<Grouping> {
    if !item.is_text() {
        let mut table = item.table("`grouping`")?;
        let pattern = table.required("pattern", "a regular expression", |item| item.parse(pattern));
        table.finish()?;
        return pattern.map(Grouping::Pattern);
    }
    let words = [("file", 0), ("folder", 1), ("ghost", 2), ("veeam", 3)];
    let kinds = [Grouping::File, Grouping::Folder, Grouping::Ghost, Grouping::Veeam];
    item.choice(&words).map(|chosen: usize| kinds[chosen].clone())
}

/// It compiles, and the three groups are there.
fn pattern(text: &str) -> Result<String, Wrong> {
    let wrong = |why: String| Wrong::new(why, "a regular expression with the groups set, point and base");
    let pattern = regex::Regex::new(text).map_err(|error| wrong(format!("the pattern can't be used: {error}")))?;
    let has = |group: &&str| pattern.capture_names().flatten().any(|name| name == *group);
    match ["set", "point", "base"].iter().find(|group| !has(group)) {
        None => Ok(text.to_owned()),
        Some(group) => Err(wrong(format!("the pattern has no group `{group}`"))),
    }
}
