//! Questions to real SQLite databases, and what becomes of those that nothing answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use engine::port::SystemClock;
use jiff::tz::TimeZone;

use super::super::{Limits, ask as ask_file};
use super::*;

const LIMIT: Duration = Duration::from_secs(600);
/// 2026-11-23T18:02:04Z
const POINT: Time = Time::from_seconds(1_795_456_924);

fn newest(table: &str, column: &str, within: Option<u64>) -> JobProbe {
    let (table, column, within) = (table.to_owned(), column.to_owned(), within.map(Duration::from_secs));
    JobProbe::Newest(NewestProbe { table, column, within, zone: TimeZone::UTC, of: Databases::All, time_limit: LIMIT })
}

fn query(query: &str, expect: Reply) -> JobProbe {
    JobProbe::Query(QueryProbe { query: query.to_owned(), expect, of: Databases::All, time_limit: LIMIT })
}

struct Place {
    held: tempfile::TempDir,
}

impl Place {
    /// A database with these statements.
    fn new(sql: &str) -> Self {
        let held = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(held.path().join("work")).expect("writable");
        let this = Self { held };
        let connection = rusqlite::Connection::open(this.file()).expect("a database");
        connection.execute_batch(sql).expect("SQL");
        this
    }

    fn orders() -> Self {
        Self::new(
            "create table \"weird\"\"name\" (created_at text, id integer primary key, \"odd\"\"one\" text);
             insert into \"weird\"\"name\" (created_at, \"odd\"\"one\") values ('2026-11-23 17:58:04', '2026-11-20'),
                 ('2026-11-23 09:00:00', null);
             create table none (at text); create table words (at text); insert into words values ('HIDDEN');
             create table later (at text); insert into later values ('2099-01-01'), ('2026-11-23 18:00:00');",
        )
    }

    fn file(&self) -> PathBuf {
        self.held.path().join("app.db")
    }

    fn asked(&self, probes: &[JobProbe]) -> Vec<Response> {
        asked(&self.file(), &self.held.path().join("work"), probes)
    }

    fn one(&self, probe: &JobProbe) -> Outcome {
        let mut responses = self.asked(std::slice::from_ref(probe));
        assert_eq!(responses.len(), 1, "{probe:?}: {responses:?}");
        responses.remove(0).outcome
    }

    #[track_caller]
    fn says(&self, probe: &JobProbe, verdict: ProbeVerdict, detail: &str) {
        let outcome = self.one(probe);
        assert_eq!((outcome.verdict, outcome.detail.as_str()), (verdict, detail), "{probe:?}: {:?}", outcome.words);
    }
}

/// As a drill does it.
fn asked(file: &Path, work: &Path, probes: &[JobProbe]) -> Vec<Response> {
    let clock: Arc<dyn engine::port::Clock> = Arc::new(SystemClock);
    let budget = Budget::start(&clock, Limits::default());
    let mut tally = Tally::new(probes);
    let questions = tally.questions(b"srv/app.db", POINT);
    let (outcome, mut responses) = ask_file(&questions, ProbeKind::Sqlite, file, work, &budget);
    tally.take(b"srv/app.db", ProbeKind::Sqlite, outcome.verdict, &responses);
    responses.extend(tally.unanswered());
    responses
}

use ProbeVerdict::{Fail, Pass, Skipped};

#[test]
fn the_newest_row_is_told_with_its_distance_from_the_point() {
    let place = Place::orders();
    let told = "newest row of weird\"name.created_at: 2026-11-23 17:58:04 UTC (4 min before the point)";
    for within in [None, Some(240)] {
        place.says(&newest("weird\"name", "created_at", within), Pass, told);
    }
    let stale = format!("{told}, expected: within 239 s");
    place.says(&newest("weird\"name", "created_at", Some(239)), Fail, &stale.replace("239 s", "3 min"));
    let odd = "newest row of Weird\"NAME.odd\"one: 2026-11-20 00:00:00 UTC (3 days before the point)";
    place.says(&newest("Weird\"NAME", "odd\"one", None), Pass, odd);
}

#[test]
fn a_zone_that_is_configured_is_that_of_times_without_one() {
    let place = Place::orders();
    let JobProbe::Newest(mut probe) = newest("weird\"name", "created_at", None) else { panic!("one") };
    probe.zone = TimeZone::get("Europe/Berlin").expect("a zone");
    let told = "newest row of weird\"name.created_at: 2026-11-23 16:58:04 UTC (64 min before the point)";
    place.says(&JobProbe::Newest(probe), Pass, told);
}

#[test]
fn what_has_no_newest_row_fails_and_tells_nothing_that_lies_in_it() {
    let place = Place::orders();
    for (table, column, told) in [
        ("weird\"name", "other", "newest row of weird\"name.other: the table has no such column"),
        ("none", "at", "newest row of none.at: no row has a time"),
        ("words", "at", "newest row of words.at: the greatest that the column holds is no time"),
        ("gone", "at", "newest row of gone.at: no such table in 1 database that opened"),
        (
            "none; drop table words",
            "at",
            "newest row of none; drop table words.at: no such table in 1 database that opened",
        ),
    ] {
        place.says(&newest(table, column, None), Fail, told);
    }
    assert_eq!(place.one(&newest("words", "at", None)).words, ["newest: HIDDEN"], "for a terminal");
}

#[test]
fn a_time_to_come_is_told_and_fails_where_rows_are_to_be_recent() {
    let place = Place::orders();
    assert_eq!(place.one(&newest("later", "at", None)).verdict, Pass);
    let outcome = place.one(&newest("later", "at", Some(3600)));
    assert!(outcome.verdict == Fail && outcome.detail.contains("a time to come"), "{outcome:?}");
    let clock_ahead = Place::new("create table t (at integer); insert into t values (1795456924 + 80000);");
    assert_eq!(clock_ahead.one(&newest("t", "at", Some(60))).verdict, Pass, "the capture took its time");
}

#[test]
fn a_query_is_to_be_true_or_to_give_rows() {
    let place = Place::orders();
    let rows = |min, max| Reply::Rows { min, max };
    for (text, expect, verdict, told) in [
        ("select count(*) = 2 from \"weird\"\"name\"", Reply::True, Pass, "as expected: true"),
        ("select count(*) from \"weird\"\"name\" -- all\n ; ", Reply::True, Pass, "as expected: true"),
        ("select count(*) > 2 from \"weird\"\"name\"", Reply::True, Fail, "not as expected: true"),
        ("select null", Reply::True, Fail, "not as expected: true"),
        ("select at from words", Reply::True, Fail, "not as expected: true"),
        ("select 1, 1", Reply::True, Fail, "not as expected: true"),
        ("select at from none", Reply::True, Fail, "not as expected: one row, and there was none"),
        ("select 1 from later", Reply::True, Fail, "not as expected: one row, and there were more"),
        ("select at from later", rows(1, None), Pass, "as expected: 1 row or more"),
        ("select at from later", rows(3, None), Fail, "not as expected: 3 rows or more"),
        ("select at from later", rows(0, Some(1)), Fail, "not as expected: 0 to 1 row"),
        ("select at from later", rows(2, Some(2)), Pass, "as expected: 2 rows"),
    ] {
        let outcome = place.one(&query(text, expect));
        assert!(outcome.verdict == verdict && outcome.detail.ends_with(told), "{text}: {outcome:?}");
        assert!(!outcome.detail.contains("HIDDEN"), "{outcome:?}");
    }
    let outcome = place.one(&query("select at from words", Reply::True));
    assert_eq!(outcome.words, ["query: HIDDEN"], "for a terminal");
}

#[test]
fn a_query_can_do_nothing_but_read() {
    let place = Place::orders();
    let before = std::fs::read(place.file()).expect("there");
    let other = place.held.path().join("other.db").display().to_string();
    for text in [
        "insert into none values (1)",
        "delete from words returning 1",
        "drop table words",
        "create temp table t as select 1",
        &format!("attach '{other}' as other"),
        "select load_extension('x')",
        "pragma user_version = 7",
        "vacuum",
        &format!("vacuum into '{other}'"),
    ] {
        let outcome = place.one(&query(text, Reply::Rows { min: 0, max: None }));
        let told = outcome.detail.ends_with("it does more than read");
        assert!(outcome.verdict == Fail && told, "{text}: {outcome:?}");
    }
    let two = place.one(&query("select 1; select 1", Reply::True));
    assert!(two.verdict == Fail && two.detail.ends_with("it is more than one statement"), "{two:?}");
    assert_eq!(std::fs::read(place.file()).expect("there"), before);
    assert!(!Path::new(&other).exists());
}

#[test]
fn a_misspelt_column_in_quotes_is_no_text_and_a_wrong_query_fails() {
    let place = Place::orders();
    for (text, told) in [
        ("select \"creatd_at\" > '2026' from \"weird\"\"name\"", "no such column: \"creatd_at\""),
        ("selct 1", "near \"selct\": syntax error"),
        ("select abs(-9223372036854775807 - id) from \"weird\"\"name\"", "Error code 1"),
    ] {
        let outcome = place.one(&query(text, Reply::Rows { min: 0, max: None }));
        assert!(outcome.verdict == Fail && outcome.detail.contains(told), "{text}: {outcome:?}");
    }
}

#[test]
fn a_query_of_what_is_not_there_is_answered_by_nothing_and_fails() {
    let outcome = Place::orders().one(&query("select count(*) > 0 from gone", Reply::True));
    let told = "`select count(*) > 0 from gone`: what it names is not in 1 database that opened";
    assert_eq!((outcome.verdict, outcome.detail.as_str()), (Fail, told));
}

#[test]
fn a_query_without_end_is_ended_and_skipped() {
    let text = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
    let JobProbe::Query(mut probe) = query(text, Reply::True) else { panic!("one") };
    probe.time_limit = Duration::from_millis(1);
    let place = Place::orders();
    let told = place.asked(&[JobProbe::Query(probe), newest("words", "gone", None)]);
    let outcome = &told[0].outcome;
    assert!(outcome.verdict == Skipped && outcome.detail.contains("took longer than"), "{outcome:?}");
    assert_eq!((told.len(), told[1].number, told[1].outcome.verdict), (2, 1, Fail), "others go on");
}

#[test]
fn a_row_in_the_log_is_the_newest() {
    let live = Place::new("create table t (at text);");
    let connection = rusqlite::Connection::open(live.file()).expect("a database");
    connection
        .execute_batch(
            "pragma journal_mode = wal; pragma wal_autocheckpoint = 0; insert into t values ('2026-11-23 18:00:00');",
        )
        .expect("valid");
    let copy = Place::new("");
    for end in ["", "-wal"] {
        let name = |place: &Place| place.held.path().join(format!("app.db{end}"));
        std::fs::copy(name(&live), name(&copy)).expect("there");
    }
    copy.says(
        &newest("t", "at", Some(300)),
        Pass,
        "newest row of t.at: 2026-11-23 18:00:00 UTC (2 min before the point)",
    );
    let writes = copy.one(&query("delete from t", Reply::Rows { min: 0, max: None }));
    assert!(writes.detail.ends_with("it does more than read"), "{writes:?}");
}

#[test]
fn a_question_that_nothing_answers_never_passes() {
    let probes = [newest("t", "at", None), query("select 1", Reply::True)];
    let end = |path: &[u8], verdict: Option<ProbeVerdict>, probes: &[JobProbe]| {
        let mut tally = Tally::new(probes);
        verdict.iter().for_each(|verdict| tally.take(path, ProbeKind::MariaDb, *verdict, &[]));
        tally.unanswered().iter().map(|told| (told.outcome.verdict, told.outcome.detail.clone())).collect::<Vec<_>>()
    };
    for (verdict, expected) in [(None, Fail), (Some(Pass), Fail), (Some(Fail), Fail), (Some(Skipped), Skipped)] {
        let told = end(b"a", verdict, &probes);
        assert!(told.len() == 2 && told.iter().all(|(verdict, _)| *verdict == expected), "{verdict:?}: {told:?}");
    }
    let JobProbe::Newest(probe) = newest("t", "at", None) else { panic!("one") };
    let probes = [JobProbe::Newest(NewestProbe { of: Databases::In("app.db".into()), ..probe })];
    let told = "newest row of t.at: no database in `app.db` opened";
    assert_eq!(end(b"other.db", Some(Pass), &probes), [(Fail, told.to_owned())]);
    let mut tally = Tally::new(&probes);
    tally.take(b"a/app.db", ProbeKind::Zip, Pass, &[]);
    assert_eq!(tally.unanswered().len(), 1, "a zip is no database");
}

#[test]
fn only_files_that_a_probe_names_are_asked() {
    let place = Place::orders();
    let JobProbe::Newest(probe) = newest("later", "at", None) else { panic!("one") };
    let of = |file: &str| JobProbe::Newest(NewestProbe { of: Databases::In(file.into()), ..probe.clone() });
    assert_eq!(place.one(&of("app.db")).verdict, Pass);
    assert_eq!(place.one(&of("srv/app.db")).verdict, Pass);
    assert_eq!(place.one(&of("pp.db")).verdict, Fail);
}

#[test]
fn a_long_query_is_told_in_part() {
    let text = format!("select\n  '{}'", "x".repeat(500));
    let outcome = Place::orders().one(&query(&text, Reply::True));
    assert!(outcome.detail.starts_with("`select 'xx") && outcome.detail.contains("…`: "), "{outcome:?}");
    assert!(outcome.detail.len() < 200, "{outcome:?}");
}
