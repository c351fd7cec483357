//! What a server's own log says of an error: its SQLSTATE and where it was. Pure.
//!
//! In: the log, each line of which begins with the SQLSTATE (`log_line_prefix`). Out: the last error. A message may
//! hold rows of the data, so of it nothing is told but what names things that this computer lacks; those are known by
//! how the server's line begins or ends, which no row does. Lines that go on begin with a tab.

use super::Finding;

/// So much of a name is told.
const NAME_CHARS: usize = 80;
/// Full disk, no memory (PostgreSQL, appendix A).
const LACKS_STATES: [&str; 2] = ["53100", "53200"];
/// How the server begins and ends to say what this computer does not have, or can't do.
const LACKS: [(&str, &str); 9] = [
    ("extension \"", "\" is not available"),
    ("could not open extension control file \"", ""),
    ("could not access file \"", ""),
    ("could not load library \"", ""),
    ("unrecognized configuration parameter \"", "\""),
    ("invalid locale name: \"", "\""),
    ("database locale is incompatible with operating system", ""),
    ("tablespace \"", "\" does not exist"),
    ("database files are incompatible with server", ""),
];
/// The same where a name stands first.
const LACKS_ENDS: [&str; 2] =
    ["must be loaded via \"shared_preload_libraries\"", "must be loaded via shared_preload_libraries"];

/// An error of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerError {
    state: String,
    severity: String,
    message: String,
    /// The table that was filled, and the line of its data.
    place: Option<String>,
}

impl ServerError {
    /// The last one in a log; none if there is none.
    pub fn last(log: &str) -> Option<Self> {
        let lines: Vec<&str> = log.lines().collect();
        let at = lines.iter().rposition(|line| of_line(line).is_some())?;
        let (state, severity, message) = of_line(lines[at])?;
        let context = format!("{state} CONTEXT:  COPY ");
        let place = lines[at + 1..].iter().find_map(|line| line.strip_prefix(context.as_str()));
        let (state, severity, message) = (state.to_owned(), severity.to_owned(), message.trim_end().to_owned());
        Some(Self { state, severity, message, place: place.and_then(place_of) })
    }

    /// Its SQLSTATE.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Did it end the server, or keep it from starting?
    pub fn is_fatal(&self) -> bool {
        self.severity != "ERROR"
    }

    /// With what was being done.
    pub fn finding(&self, what: &str) -> Finding {
        let Self { state, severity, message, place } = self;
        if self.lacks() {
            return Finding::Unable(format!("{what}: {severity} {state}: {}", short(message)));
        }
        let place = place.as_ref().map_or_else(String::new, |place| format!(", {place}"));
        Finding::Broken(format!("{what}: {severity} {state}{place}"))
    }

    fn lacks(&self) -> bool {
        let Self { state, message, .. } = self;
        let says = |(begin, end): &(&str, &str)| message.starts_with(begin) && message.ends_with(end);
        // Whoever writes a dump may raise what they like.
        let is_raised = state.starts_with("P0");
        let is_known = LACKS.iter().any(says) || LACKS_ENDS.iter().any(|end| message.ends_with(end));
        LACKS_STATES.contains(&state.as_str()) || (is_known && !is_raised)
    }
}

fn of_line(line: &str) -> Option<(&str, &str, &str)> {
    let (state, rest) = line.split_once(' ')?;
    let (severity, message) = rest.split_once(":  ")?;
    let is_state = state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (is_state && ["ERROR", "FATAL", "PANIC"].contains(&severity)).then_some((state, severity, message))
}

/// `TABLE, line 3, column a: "a value"`, of which the value is not told.
fn place_of(context: &str) -> Option<String> {
    let (table, rest) = context.split_once(", line ")?;
    let line: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("table {}, line {line} of its data", short(table)))
}

fn short(name: &str) -> String {
    name.chars().filter(|one| !one.is_control()).take(NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "00000 LOG:  starting\n42704 ERROR:  role \"x\" does not exist\n\
        22P02 ERROR:  invalid input syntax for type integer: \"HIDDEN\"\n\
        22P02 CONTEXT:  COPY accounts, line 17, column aid: \"HIDDEN\"\n\
        22P02 STATEMENT:  COPY HIDDEN\n00000 LOG:  bye\n";

    #[test]
    fn an_error_is_told_without_what_lies_in_rows() {
        let error = ServerError::last(LOG).expect("one");
        let told = "psql: ERROR 22P02, table accounts, line 17 of its data";
        assert_eq!(error.finding("psql"), Finding::Broken(told.to_owned()));
        assert_eq!(ServerError::last("00000 LOG:  all is well\n"), None);
    }

    #[test]
    fn what_a_computer_lacks_is_told_and_is_no_damage() {
        for line in [
            "0A000 ERROR:  extension \"nowhere\" is not available",
            "58P01 FATAL:  could not access file \"$libdir/nowhere\": No such file or directory",
            "53100 ERROR:  could not extend file \"base/1/2\": No space left on device",
            "55000 ERROR:  pg_stat_statements must be loaded via \"shared_preload_libraries\"",
        ] {
            let finding = ServerError::last(line).expect("one").finding("it");
            assert!(matches!(&finding, Finding::Unable(text) if text.contains(&line[13..30])), "{finding:?}");
        }
    }

    #[test]
    fn no_words_in_a_row_make_damage_a_lack() {
        for line in [
            "22P02 ERROR:  invalid input syntax for type integer: \"is not available\"",
            "22P02 ERROR:  invalid input syntax for type integer: \"No space left on device\"",
            "XX001 ERROR:  invalid page in block 3 of relation base/1/2\n\textension \"x\" is not available",
            "58P01 FATAL:  could not open file \"base/1/2\": No such file or directory",
            "P0001 ERROR:  extension \"x\" is not available",
            "22P02 ERROR:  bad\n\t53100 ERROR:  could not load library \"x\"",
        ] {
            let finding = ServerError::last(line).expect("one").finding("it");
            assert!(matches!(finding, Finding::Broken(_)), "{line}: {finding:?}");
        }
    }
}
