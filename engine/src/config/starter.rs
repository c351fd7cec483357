//! The commented configuration that `engine init` writes where there is none.

/// Its text. It does not parse until the two lines that begin with `#>`, the job's `source` and the destination's
/// `url`, have been taken out of their comments: the paths are the user's to say.
#[must_use]
pub const fn starter() -> &'static str {
    include_str!("starter.toml")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_starter_parses_once_its_two_lines_are_edited() {
        let edited = starter().replace("\n#> ", "\n");
        assert_eq!(starter().lines().zip(edited.lines()).filter(|(before, after)| before != after).count(), 2);
        let config = super::super::parse(&edited, Path::new("/etc/offsite/offsite.toml")).expect("valid");
        assert_eq!((config.jobs.len(), config.destinations.len()), (1, 1));
    }

    #[test]
    fn the_starter_as_it_is_names_the_two_lines_that_are_missing() {
        let errors = super::super::parse(starter(), Path::new("offsite.toml")).expect_err("not edited");
        let what: Vec<_> = errors.iter().map(|error| error.what.as_str()).collect();
        assert_eq!(what, ["[job.documents] has no `source`", "[destination.usb] has no `url`"]);
    }

    #[test]
    fn what_is_commented_out_is_valid_too() {
        let lines = starter().lines().map(|line| match line.strip_prefix("#> ").or(line.strip_prefix('#')) {
            Some(code) if code.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => code,
            _ => line,
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let config = super::super::parse(&text, Path::new("/etc/offsite/offsite.toml")).expect("valid");
        assert_eq!(config.destinations.len(), 2);
    }
}
