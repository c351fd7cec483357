//! What a job asks of the databases of a server, each in a transaction that can't write.

use data_encoding::HEXLOWER;
use engine::config::{NewestProbe, Reply};

use super::super::budget::Budget;
use super::super::question::{Database, Given, Table, VALUES};
use super::super::{Asked, Finding, broken};
use super::{Cluster, RESTORED, ServerError, client, of_server};

/// SQLSTATE of a table that is not there, and of what can't be done in a transaction that only reads (PostgreSQL,
/// appendix A).
const NO_TABLE: &str = "42P01";
const WRITES: &str = "25006";
/// What every question begins with.
const FIRST: [&str; 5] = [
    "set client_encoding = 'UTF8'",
    "set timezone = 'UTC'",
    "set datestyle = 'ISO, YMD'",
    "set default_transaction_read_only = on",
    "begin read only",
];
/// Relations that are not the server's own.
const OF_USERS: &str = "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                        where c.relkind in ('r', 'p', 'm', 'v') and n.nspname <> 'information_schema' \
                        and n.nspname !~ '^pg_'";

impl Cluster<'_, '_> {
    /// Asks each database that holds anything.
    pub(super) fn ask_all(&self, budget: &Budget, asked: &mut Asked<'_>) -> Result<(), Finding> {
        if !asked.is_wanted() {
            return Ok(());
        }
        for database in self.databases()? {
            if self.ask(&database, &format!("select exists (select 1 {OF_USERS});"))? == ["t"] {
                asked.ask(&mut Held { cluster: self, database }, budget);
            }
        }
        Ok(())
    }
}

struct Held<'c> {
    cluster: &'c Cluster<'c, 'c>,
    database: String,
}

impl Held<'_> {
    /// What a query prints; none if it names a table that is not here.
    fn ask(&self, query: &str, budget: &Budget) -> Result<Option<String>, Finding> {
        let Cluster { sandbox, version, server } = self.cluster;
        let call = client(sandbox, version, "psql").words(["-v", "ON_ERROR_STOP=1", "-d", &self.database]);
        // A word that begins with a backslash would be a command of the client's.
        let queries = FIRST.into_iter().map(str::to_owned).chain([format!("\n{query}")]);
        let call = queries.fold(call, |call, query| call.words(["-c".to_owned(), query]));
        let before = server.errors_bytes();
        let said = call.by(budget).run()?;
        if said.is_good() {
            return Ok(Some(said.out));
        }
        let log = server.errors_since(before);
        match ServerError::last(&log) {
            Some(error) if error.state() == NO_TABLE => Ok(None),
            Some(error) if error.state() == WRITES => Err(broken("it does more than read")),
            _ => Err(of_server("the server", &said.how(), &log)),
        }
    }

    fn lines(&self, query: &str, budget: &Budget) -> Result<Vec<String>, Finding> {
        Ok(self.ask(query, budget)?.unwrap_or_default().lines().map(str::to_owned).collect())
    }
}

impl Database for Held<'_> {
    fn name(&self) -> Option<&str> {
        Some(self.database.as_str()).filter(|name| *name != RESTORED)
    }

    /// As it is written, or else as the server folds what is not quoted.
    fn tables(&mut self, probe: &NewestProbe, budget: &Budget) -> Result<Vec<Table>, Finding> {
        let [table, column] = [&probe.table, &probe.column].map(|name| (literal(name), literal(&folded(name))));
        let query = format!(
            "with found as (select c.oid, n.nspname, c.relname, row_number() over (partition by n.oid order by \
             c.relname::text = {0} desc) as best {OF_USERS} and c.relname::text in ({0}, {1})) \
             select pg_catalog.encode(pg_catalog.convert_to(nspname::text, 'UTF8'), 'hex'), relname::text = {0}, \
             (select bool_or(a.attname::text = {2}) from pg_catalog.pg_attribute a where a.attrelid = found.oid \
             and a.attnum > 0 and not a.attisdropped and a.attname::text in ({2}, {3})) from found \
             where best = 1 order by 1",
            table.0, table.1, column.0, column.1
        );
        let of = |line: &String| {
            let mut parts = line.split('|');
            let schema = HEXLOWER.decode(parts.next()?.as_bytes()).ok().and_then(|it| String::from_utf8(it).ok())?;
            let name =
                |is_exact: &str, name: &str| quoted(&if is_exact == "t" { name.to_owned() } else { folded(name) });
            let table = name(parts.next()?, &probe.table);
            let column = parts.next().filter(|flag| !flag.is_empty()).map(|flag| name(flag, &probe.column));
            Some(Table { name: format!("{}.{table}", quoted(&schema)), column, zone: "" })
        };
        Ok(self.lines(&query, budget)?.iter().filter_map(of).collect())
    }

    fn greatest(&mut self, table: &str, column: &str, budget: &Budget) -> Result<Option<String>, Finding> {
        let printed = self.ask(&format!("select pg_catalog.max({column}) from {table}"), budget)?.unwrap_or_default();
        let value = printed.strip_suffix('\n').unwrap_or(&printed);
        Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
    }

    fn given(&mut self, query: &str, expect: Reply, budget: &Budget) -> Result<Option<Given>, Finding> {
        if expect == Reply::True {
            let Some(printed) = self.ask(query, budget)? else { return Ok(None) };
            return Ok(Some(Given::Values(printed.lines().take(VALUES).map(str::to_owned).collect())));
        }
        let query = query.trim_end_matches(|one: char| one.is_whitespace() || one == ';');
        let Some(printed) = self.ask(&format!("select count(*) from (\n{query}\n) as asked"), budget)? else {
            return Ok(None);
        };
        let rows = printed.trim().parse().map_err(|_| broken("it is no single query"))?;
        Ok(Some(Given::Rows(rows)))
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text that no setting of the database reads in another way.
fn literal(text: &str) -> String {
    format!("pg_catalog.convert_from(pg_catalog.decode('{}', 'hex'), 'UTF8')", HEXLOWER.encode(text.as_bytes()))
}
