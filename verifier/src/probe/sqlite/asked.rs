//! What a job asks of an SQLite database. What does more than read is refused by SQLite itself, before it runs.

use engine::config::{NewestProbe, Reply};
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, Error, ErrorCode, OptionalExtension as _, Row};

use super::super::budget::Budget;
use super::super::question::{Database, Given, Table, VALUES};
use super::super::{Finding, broken};
use super::{heed, of_sqlite};

/// Of all that is asked about a schema this alone is needed.
const COLUMNS: &str = "table_xinfo";

const WRITES: &str = "it does more than read";

/// A database that was found good.
pub(super) struct Held(Connection);

impl Held {
    pub fn of(mut connection: Connection) -> rusqlite::Result<Self> {
        // Else a misspelt column in double quotes is a text, which is greater than many a value.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        connection.authorizer(Some(|asked: AuthContext<'_>| {
            if only_reads(&asked.action) { Authorization::Allow } else { Authorization::Deny }
        }))?;
        Ok(Self(connection))
    }

    fn ask<T>(&mut self, budget: &Budget, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Finding> {
        let asked = heed(&mut self.0, budget).and_then(|()| ask(&self.0));
        asked.map_err(|error| finding(&error, budget))
    }
}

fn only_reads(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, .. } => pragma_name.eq_ignore_ascii_case(COLUMNS),
        _ => false,
    }
}

fn finding(error: &rusqlite::Error, budget: &Budget) -> Finding {
    budget.hear("sqlite", &super::super::sandbox::last_words(&error.to_string()));
    match (of_sqlite(error, budget), error) {
        (Finding::Unable(why), _) => Finding::Unable(why),
        // What it says of a statement that it does not run quotes that alone.
        (_, Error::SqlInputError { msg, .. }) if msg.starts_with("not authorized") => broken(WRITES),
        (_, Error::SqlInputError { msg, .. }) => broken(super::super::sandbox::last_words(msg)),
        (found, _) => match error.sqlite_error_code() {
            Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly) => broken(WRITES),
            _ => found,
        },
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Database for Held {
    fn name(&self) -> Option<&str> {
        None
    }

    fn tables(&mut self, probe: &NewestProbe, budget: &Budget) -> Result<Vec<Table>, Finding> {
        let table = "select name from sqlite_schema where type in ('table', 'view') and name = ?1 collate nocase";
        let column = format!("select name from pragma_{COLUMNS}(?1) where name = ?2 collate nocase");
        self.ask(budget, |connection| {
            let text = |row: &Row<'_>| row.get::<_, String>(0);
            let Some(name) = connection.query_row(table, [&probe.table], text).optional()? else {
                return Ok(Vec::new());
            };
            let column = connection.query_row(&column, [&name, &probe.column], text).optional()?;
            Ok(vec![Table { name: quoted(&name), column: column.as_deref().map(quoted), zone: "" }])
        })
    }

    fn greatest(&mut self, table: &str, column: &str, budget: &Budget) -> Result<Option<String>, Finding> {
        let query = format!("select max({column}) from {table}");
        self.ask(budget, |connection| connection.query_row(&query, [], |row| Ok(text(row.get_ref(0)?))))
    }

    fn given(&mut self, query: &str, expect: Reply, budget: &Budget) -> Result<Option<Given>, Finding> {
        let most = if expect == Reply::True { VALUES } else { 0 };
        let asked = self.ask(budget, |connection| match run(connection, query, most) {
            Err(error) if error.to_string().starts_with("no such table: ") => Ok(None),
            ran => ran.map(Some),
        })?;
        let Some((values, rows, is_one)) = asked else { return Ok(None) };
        match expect {
            _ if !is_one => Err(broken("it is more than one statement")),
            Reply::True => Ok(Some(Given::Values(values))),
            Reply::Rows { .. } => Ok(Some(Given::Rows(rows))),
        }
    }
}

/// The first rows, the number of all (or one more than those first), and whether that was all there is to run.
fn run(connection: &Connection, query: &str, most: usize) -> rusqlite::Result<(Vec<String>, u64, bool)> {
    let mut batch = Batch::new(connection, query);
    let (mut values, mut count) = (Vec::new(), 0);
    if let Some(mut statement) = batch.next()? {
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            count += 1;
            if values.len() < most {
                let value = |at| row.get_ref(at).map(|value| text(value).unwrap_or_default());
                values.push((0..columns).map(value).collect::<rusqlite::Result<Vec<_>>>()?.join("|"));
            } else if most > 0 {
                break;
            }
        }
    }
    Ok((values, count, batch.next()?.is_none()))
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(whole) => Some(whole.to_string()),
        ValueRef::Real(number) => Some(format!("{number:?}")),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(_) => Some("(bytes)".to_owned()),
    }
}
