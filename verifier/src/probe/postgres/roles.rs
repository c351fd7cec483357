//! Roles that a script gives things to and does not make: without them it can't be restored anywhere else.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

/// More than that are nobody's.
const ROLES_MAX: usize = 1000;
/// A statement that names roles fits; longer lines are data.
const LINE_MAX: u64 = 16 << 10;
/// What stands before a role's name, in lines that begin with these words.
const BEFORE: [(&str, &str); 7] = [
    ("ALTER ", " OWNER TO "),
    ("GRANT ", " TO "),
    ("REVOKE ", " FROM "),
    ("ALTER DEFAULT PRIVILEGES ", " FOR ROLE "),
    ("ALTER DEFAULT PRIVILEGES ", " TO "),
    ("ALTER DEFAULT PRIVILEGES ", " FROM "),
    ("SET SESSION AUTHORIZATION", "AUTHORIZATION "),
];

/// The roles that these lines name, as they are written there: quoted or not.
pub(super) fn named(mut script: impl BufRead) -> io::Result<BTreeSet<String>> {
    let (mut roles, mut line) = (BTreeSet::new(), Vec::new());
    loop {
        line.clear();
        if script.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 || roles.len() >= ROLES_MAX {
            return Ok(roles);
        }
        if line.last() != Some(&b'\n') {
            skip_line(&mut script)?;
        }
        if let Ok(text) = std::str::from_utf8(&line) {
            let found = BEFORE.iter().filter(|(begin, _)| text.starts_with(begin));
            roles.extend(found.filter_map(|(_, before)| role_after(text, before)));
        }
    }
}

fn skip_line(script: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = script.fill_buf()?;
        let (length, end) = (bytes.len(), bytes.iter().position(|byte| *byte == b'\n'));
        script.consume(end.map_or(length, |at| at + 1));
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

/// The identifier behind the last place where it may stand, only if it is one.
fn role_after(line: &str, before: &str) -> Option<String> {
    let rest = &line[line.rfind(before)? + before.len()..];
    let role = if let Some(quoted) = rest.strip_prefix('"') {
        let end = quoted.find('"')?;
        if quoted[end + 1..].starts_with('"') {
            return None;
        }
        &rest[..end + 2]
    } else {
        let end = rest.find(|one: char| !(one.is_ascii_alphanumeric() || one == '_')).unwrap_or(rest.len());
        &rest[..end]
    };
    let known = ["", "public", "PUBLIC", "CURRENT_USER", "SESSION_USER", "DEFAULT"];
    let is_name =
        !known.contains(&role) && !role.starts_with("pg_") && !role.starts_with(|one: char| one.is_ascii_digit());
    is_name.then(|| role.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> Vec<String> {
        named(script.as_bytes()).expect("in memory").into_iter().collect()
    }

    #[test]
    fn roles_are_found_where_scripts_name_them() {
        let script = "ALTER TABLE public.a OWNER TO ann;\nGRANT SELECT ON a TO \"Odd name\" WITH GRANT OPTION;\n\
                      REVOKE ALL ON a FROM PUBLIC;\nALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT ALL ON b TO cy;\n\
                      SET SESSION AUTHORIZATION 'x';\nSELECT ' OWNER TO no';\n";
        assert_eq!(of(script), ["\"Odd name\"", "ann", "bob", "cy"]);
    }

    #[test]
    fn nothing_else_gets_into_a_statement() {
        for odd in ["ALTER TABLE a OWNER TO \"x\"\"; drop\";", "ALTER TABLE a OWNER TO ; drop", "GRANT a TO 1;"] {
            assert_eq!(of(odd), Vec::<String>::new(), "{odd}");
        }
        let long = format!("GRANT {} TO nobody;\nGRANT a TO ann;\n", "x".repeat(40_000));
        assert_eq!(of(&long), ["ann"], "what is too long for a statement is data");
    }
}
