//! Wrong configurations: each is refused at its line and column, with what is wrong.

use super::*;

const FILE: &str = "/etc/offsite/offsite.toml";

/// The errors of a text as `line:column what`.
fn wrong(text: &str) -> Vec<String> {
    let errors = read::parse(text, Path::new(FILE), Some(Path::new("/home/ann"))).err().unwrap_or_default();
    errors.into_iter().map(|error| format!("{}:{} {}", error.line, error.column, error.what)).collect()
}

const KEY: &str = "key.passphrase-env = \"P\"\n";

/// Each text, which follows one line that gives the key, has that one error.
fn check(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(wrong(&format!("{KEY}{text}")), [*expected], "{text}");
    }
}

/// The same for lines of a destination; the first one is line 3.
fn check_destination(table: &[(&str, &str)]) {
    for (lines, expected) in table {
        assert_eq!(wrong(&format!("{KEY}[destination.d]\n{lines}")), [*expected], "{lines}");
    }
}

/// The same for a job's source, which begins at 3:10.
fn check_source(table: &[(&str, &str)]) {
    for (source, expected) in table {
        assert_eq!(wrong(&format!("{KEY}[job.j]\nsource = {source}")), [*expected], "{source}");
    }
}

/// The same for lines of a job; the first one is line 4. There is a destination `d`.
fn check_job(table: &[(&str, &str)]) {
    for (lines, expected) in table {
        let text = format!("{KEY}[job.j]\nsource.folders = [\"/a\"]\n{lines}\n[destination.d]\nurl = \"file:///d\"\n");
        assert_eq!(wrong(&text), [*expected], "{lines}");
    }
}

#[test]
fn what_is_not_toml_is_refused_where_it_is_not() {
    let at = |text: &str| {
        wrong(text).first().and_then(|first| first.split_once(" this is not TOML")).map(|(at, _)| at.to_owned())
    };
    for (text, place) in [
        ("[home", "1:6"),
        ("[home]\npath = \"vault\"\npath = \"other\"", "3:1"),
        ("[home]\npath = vault", "2:8"),
        ("[home]\n[state]\n[home]", "3:2"),
        ("a = \"ö\" x", "1:9"),
    ] {
        assert_eq!(at(text).as_deref(), Some(place), "{text}: {:?}", wrong(text));
    }
}

#[test]
fn the_whole_file_is_checked() {
    check(&[
        ("hom = 1", "2:1 unknown key `hom` in the configuration"),
        ("[hom]", "2:2 unknown key `hom` in the configuration"),
        ("home = 1", "2:8 `home` is a whole number"),
        ("[[job]]", "2:1 `job` is a list"),
        ("[destination]\nusb = \"file:///x\"", "3:7 `usb` is a text"),
    ]);
    assert_eq!(wrong(""), ["1:1 the configuration has no `key`"]);
    assert_eq!(wrong(&"#".repeat(300_000)), ["1:1 the file is too long"]);
}

#[test]
fn sections_of_one_are_checked() {
    check(&[
        ("[home]\npaht = \"vault\"", "3:1 unknown key `paht` in [home]"),
        ("[home]\npath = 3", "3:8 `path` is a whole number"),
        ("[home]\npath = \"\"", "3:8 `` is not a path"),
        ("[home]\npath = \"~bob/vault\"", "3:8 `~bob/vault` names another user's home folder"),
        ("[home]\nlimit = \"200 Gig\"", "3:9 `200 Gig` is not a size"),
        ("[home]\nlimit = 0", "3:9 `limit` is 0"),
        ("[home]\nlimit = -1", "3:9 `limit` is -1"),
        ("[home]\nlimit = 1.5", "3:9 `limit` is a number with a point"),
        ("[home]\nreserve = true", "3:11 `reserve` is true or false"),
        ("[home]\nkeep = {}", "3:8 `keep` keeps nothing"),
        ("[home]\nkeep = { last = 0, daily = 0 }", "3:8 `keep` keeps nothing"),
        ("[home]\nkeep = { last = -1 }", "3:17 `last` is -1"),
        ("[home]\nkeep = { last = 4294967296 }", "3:17 `last` is 4294967296"),
        ("[home]\nkeep = { lats = 1 }", "3:10 unknown key `lats` in `keep`"),
        ("[state]\nfolder = \"x\"", "3:1 unknown key `folder` in [state]"),
        ("[drill]\nschedule = \"weekly\"", "3:12 `weekly` is not of the form `weekly sun 03:00`"),
        ("[drill]\nscratch = [\"/tmp\"]", "3:11 `scratch` is a list"),
        ("[job.j]\nsource = { command = [\"a\"] }\ncanary = true", "4:10 a canary is planted in folders"),
        ("[drill]\nbudget = { minutes = 0 }", "3:22 `minutes` is 0"),
        ("[drill]\nbudget = { bytes = \"much\" }", "3:20 `much` is not a size"),
    ]);
}

#[test]
fn the_passphrase_has_one_way_and_is_never_in_clear() {
    let table = [
        ("[key]", "1:1 [key] does not say where the passphrase is"),
        (
            "[key]\npassphrase-file = \"a\"\npassphrase-env = \"B\"",
            "3:1 `passphrase-env` is a second way to the same secret",
        ),
        ("[key]\npassphrase-env = \"\"", "2:18 `` is not a variable's name"),
        ("[key]\npassphrase-command = \" \"", "2:22 `passphrase-command` is not a command"),
        ("[key]\npassphrase-fil = \"p\"", "2:1 unknown key `passphrase-fil` in [key]"),
    ];
    for (text, expected) in table {
        assert_eq!(wrong(text)[0], expected, "{text}");
    }
    let clear = wrong("[key]\npassphrase = \"hunter2\"");
    assert_eq!(clear.len(), 1);
    assert!(clear[0].starts_with("2:1 `passphrase` would hold a secret in clear"), "{clear:?}");
}

#[test]
fn names_are_checked_and_used_once() {
    check(&[
        ("[destination.home]\nurl = \"file:///d\"", "2:14 `home` is reserved for the vault on this computer"),
        ("[job.Documents]\nsource.folders = [\"/a\"]", "2:6 `Documents` is not a name"),
        ("[job.\"a b\"]\nsource.folders = [\"/a\"]", "2:6 `a b` is not a name"),
        (
            "[destination.x]\nurl = \"file:///d\"\n[job.x]\nsource.folders = [\"/a\"]",
            "4:6 `x` is the name of a job and of a destination",
        ),
        (
            "[job.x]\nsource.folders = [\"/a\"]\n[destination.x]\nurl = \"file:///d\"",
            "4:14 `x` is the name of a job and of a destination",
        ),
    ]);
}

#[test]
fn jobs_are_checked() {
    check(&[("[job.j]", "2:1 [job.j] has no `source`")]);
    check_job(&[
        ("shedule = \"hourly\"", "4:1 unknown key `shedule` in [job.j]"),
        ("schedule = \"daily 25:00\"", "4:12 `25:00` is not a time of day from 00:00 to 23:59"),
        ("schedule = \"61 * * * *\"", "4:12 `61` is no minute: 0 to 59 are allowed"),
        ("offsite = \"d\"", "4:11 `offsite` is a text"),
        ("offsite = []", "4:11 `offsite` is empty"),
        ("offsite = [\"d\", \"usb\"]", "4:17 there is no destination `usb`"),
        ("offsite = [\"home\"]", "4:12 there is no destination `home`"),
        ("offsite = [\"d\", \"d\"]", "4:17 `d` is named twice"),
        ("offsite = [\"e\"]\nexpect = \"26h\"\nhome = false", "4:12 there is no destination `e`"),
        ("offsite = [1]", "4:12 `offsite` is a whole number"),
        ("copies = \"two\"", "4:10 `copies` is `two`"),
        ("keep = 7", "4:8 `keep` is a whole number"),
        ("keep = { fortnightly = 1 }", "4:10 unknown key `fortnightly` in `keep`"),
        ("offsite = [\"d\"]\nexpect = \"26\"", "5:10 `26` is not a duration"),
        ("offsite = [\"d\"]\nexpect = \"0h\"", "5:10 `expect` is 0"),
        ("expect = \"26h\"", "4:10 `expect` waits for an offsite copy and the job has no `offsite`"),
        ("dedup-group = \"Papers\"", "4:15 `Papers` is not a name"),
        ("home = \"no\"", "4:8 `home` is a text"),
        ("home = false", "4:8 the job's points would stay nowhere"),
    ]);
}

#[test]
fn a_group_has_one_list_of_destinations() {
    let job = |name: &str, offsite: &str| {
        format!("[job.{name}]\nsource.folders = [\"/a\"]\ndedup-group = \"g\"\n{offsite}\n")
    };
    let destination = "[destination.d]\nurl = \"file:///d\"\n";
    let text = format!("{KEY}{}{}{destination}", job("a", "offsite = [\"d\"]"), job("b", ""));
    assert_eq!(wrong(&text), ["6:1 jobs `a` and `b` share the dedup-group `g` but not `offsite`"]);
}

#[test]
fn a_source_is_exactly_one_of_its_kinds() {
    check_source(&[
        ("{}", "3:10 `source` is empty"),
        ("\"/home/ann\"", "3:10 `source` is a text"),
        ("{ folder = [\"/a\"] }", "3:12 `folder` is not a source"),
        ("{ folders = [\"/a\"], sqlite = \"/b\" }", "3:30 `source` has two kinds, `folders` and `sqlite`"),
        ("{ folders = \"/a\" }", "3:22 `folders` is a text"),
        ("{ folders = [] }", "3:22 `folders` is empty"),
        ("{ folders = [\"/a\", \"\"] }", "3:29 `` is not a path"),
        ("{ folders = [\"/a\"], live = true }", "3:30 unknown key `live` in `source`"),
        ("{ folders = [\"/a\"], exclude = \"*.tmp\" }", "3:40 `exclude` is a text"),
        ("{ folders = [\"/a\"], exclude = [\"ok\", \"[z-a]\"] }", "3:47 `[z-a]` is not a glob"),
        ("{ folders = [\"/a\"], snapshot = true }", "3:41 `snapshot` is true or false"),
        ("{ folders = [\"/a\"], paranoid = 1 }", "3:41 `paranoid` is a whole number"),
        ("{ drive = [\"/dev/sda\"] }", "3:20 `drive` is a list"),
        ("{ sqlite = \"/a\", method = \"dump\" }", "3:27 unknown key `method` in `source`"),
        ("{ command = \"tar c\" }", "3:22 `command` is a text"),
        ("{ command = [] }", "3:22 `command` is empty"),
        ("{ command = [\"\"] }", "3:22 the program's name is empty"),
        ("{ command = [\"a\"], name = \"x/y\" }", "3:36 `x/y` is not a file's name"),
        ("{ recovery-points = \"/a\", grouping = \"norton\" }", "3:47 `grouping` is `norton`"),
        ("{ recovery-points = \"/a\", grouping = { pattern = \"x\" } }", "3:59 the pattern has no group `set`"),
        ("{ recovery-points = \"/a\", settle = 60 }", "3:45 `settle` is a whole number"),
        ("{ recovery-points = \"/a\", marker = \"\" }", "3:45 `` is not a file's name"),
    ]);
}

#[test]
fn databases_are_checked() {
    check_source(&[
        ("{ postgres = \"mysql://h/d\" }", "3:23 this is not the URL of such a database"),
        ("{ postgres = \"postgresql://ann:pw@h/d\" }", "3:23 the URL holds a password in clear"),
        ("{ postgres = \"postgresql://h/d/e\" }", "3:23 the URL names more than a database"),
        ("{ postgres = \"postgresql://h/d\", method = \"copy\" }", "3:52 `method` is `copy`"),
        (
            "{ postgres = \"postgresql://h/d\", method = \"basebackup\" }",
            "3:23 `method = \"basebackup\"` takes the whole server, and the URL names a database",
        ),
        ("{ postgres = \"postgresql://h/d?sslmode=off\" }", "3:23 the URL has a `?` or a `#`"),
        ("{ mariadb = \"mysql://h\" }", "3:22 the URL names no database"),
        ("{ mariadb = \"mysql:d\" }", "3:22 this is not the URL of such a database"),
        ("{ firebird = \"firebird://h/a\", socket = \"/s\" }", "3:41 unknown key `socket` in `source`"),
        (
            "{ mariadb = \"mysql://h/d\", password = \"x\" }",
            "3:37 `password` would hold a secret in clear: a secret is given by a file, a variable or a command",
        ),
    ]);
}

#[test]
fn destinations_are_checked() {
    check_destination(&[
        ("limit = 5", "2:1 [destination.d] has no `url`"),
        ("url = \"/mnt/usb\"", "3:7 this is not a URL"),
        ("url = \"smb://h/x\"", "3:7 no destination has this scheme"),
        ("url = \"file://nas/x\"", "3:7 a file URL names no other computer"),
        ("url = \"file://\"", "3:7 the URL has no path"),
        ("url = \"file:\"", "3:7 the URL has no path"),
        ("url = \"file:///a%zz\"", "3:7 a `%` in the URL is not followed by two hex digits"),
        ("url = \"file:///a#b\"", "3:7 the URL has a `?` or a `#`"),
        ("url = \"file:///a\"\nlimt = 1", "4:1 unknown key `limt` in [destination.d]"),
        ("url = \"file:///a\"\nidentity-file = \"x\"", "4:1 unknown key `identity-file` in [destination.d]"),
        ("url = \"file:///a\"\nlimit = \"much\"", "4:9 `much` is not a size"),
        ("url = \"file:///a\"\nreserve = -5", "4:11 `reserve` is -5"),
        ("url = \"file:///a\"\nevict = \"newest\"", "4:9 `evict` is `newest`"),
        ("url = \"file:///a\"\nkeep-at-least = \"1\"", "4:17 `keep-at-least` is a text"),
        ("url = \"file:///a\"\nevict-unique = 1", "4:16 `evict-unique` is a whole number"),
        ("url = \"file:///a\"\nverify = \"no\"", "4:10 `verify` is `no`"),
        ("url = \"file:///a\"\nrotation = \"yes\"", "4:12 `rotation` is a text"),
        ("url = \"file:///a\"\nlayout = \"flat\"", "4:10 `layout` is `flat`"),
        ("url = \"file:///a\"\nlayout = \"mirror\"", "4:10 a mirror is not encrypted"),
        ("url = \"file:///a\"\nlayout = \"mirror\"\nencrypt = true", "4:10 a mirror is not encrypted"),
        ("url = \"file:///a\"\nencrypt = false", "4:11 a vault is always encrypted"),
        ("url = \"file:///a\"\nrate = \"2 MiB\"", "4:8 `2 MiB` is not a rate"),
        ("url = \"file:///a\"\nwindow = \"19-7\"", "4:10 `19-7` is not a window"),
    ]);
}

#[test]
fn servers_are_checked() {
    check_destination(&[
        ("url = \"sftp:///x\"", "3:7 the URL has no host"),
        ("url = \"sftp://h:x/\"", "3:7 the URL's port is not a port"),
        ("url = \"sftp://ann:hunter2@h/x\"", "3:7 the URL holds a password in clear"),
        ("url = \"sftp://h/x\"\ntls = \"implicit\"", "4:1 unknown key `tls` in [destination.d]"),
        (
            "url = \"sftp://h/x\"\npassword-file = \"a\"\npassword-env = \"B\"",
            "5:1 `password-env` is a second way to the same secret",
        ),
        ("url = \"ftp://h/x\"", "3:7 everything, the password too, would go to another computer in clear"),
        (
            "url = \"ftp://h/x\"\nplain = false",
            "3:7 everything, the password too, would go to another computer in clear",
        ),
        ("url = \"ftp://h/x\"\nplain = 1", "4:9 `plain` is a whole number"),
        ("url = \"ftps://h/x\"\ntls = \"none\"", "4:7 `tls` is `none`"),
        ("url = \"webdav://h/x\"", "3:7 everything, the password too, would go to another computer in clear"),
        ("url = \"webdavs://h/x\"\nactive = true", "4:1 unknown key `active` in [destination.d]"),
        ("url = \"s3://b\"", "3:7 the URL names no bucket"),
        ("url = \"s3://k@bucket/x\"", "3:7 the URL names no bucket"),
        (
            "url = \"s3://bucket\"\nendpoint = \"http://h:9000\"",
            "4:12 everything, the password too, would go to another computer in clear",
        ),
        ("url = \"s3://bucket\"\nendpoint = \"ftp://h\"", "4:12 an endpoint is reached by http or https"),
        ("url = \"s3://bucket\"\nregion = \"\"", "4:10 this is not a region"),
        ("url = \"s3://bucket\"\nobject-lock = \"x\"", "4:15 `x` is not a duration"),
        (
            "url = \"s3://bucket\"\nsecret-access-key = \"x\"",
            "4:1 `secret-access-key` would hold a secret in clear: a secret is given by a file, a variable or a \
             command",
        ),
        (
            "url = \"s3://bucket\"\naccess-key-id-env = \"A\"",
            "2:1 [destination.d] has one of access-key-id-file, access-key-id-env, access-key-id-command but none of \
             secret-access-key-file, secret-access-key-env, secret-access-key-command",
        ),
    ]);
}

#[test]
fn a_mirror_is_for_adopted_points_only() {
    let text = format!(
        "{KEY}[job.j]\nsource.folders = [\"/a\"]\noffsite = [\"m\"]\n\
         [destination.m]\nurl = \"file:///m\"\nlayout = \"mirror\"\nencrypt = false"
    );
    assert_eq!(wrong(&text), ["2:1 job `j` makes points itself and `m` is a mirror"]);
}

#[test]
fn all_errors_are_told_in_the_order_of_the_file() {
    let text = "[job.j]\nsource = {}\noffsite = [\"x\"]\n[home]\nlimit = \"x\"\nzz = 1\n[destination.d]\nurl = 3\n";
    let places: Vec<_> = wrong(text).iter().filter_map(|error| Some(error.split_once(' ')?.0.to_owned())).collect();
    assert_eq!(places, ["1:1", "2:10", "3:12", "5:9", "6:1", "8:7"]);
}

#[test]
fn an_error_shows_file_place_what_and_allowed() {
    let errors =
        parse("[home]\nlimt = 1\n[key]\npassphrase-env = \"P\"", Path::new("offsite.toml")).expect_err("wrong");
    assert_eq!(
        errors[0].to_string(),
        "offsite.toml:2:1: unknown key `limt` in [home] (allowed: path, limit, reserve, keep)"
    );
}

#[test]
fn no_error_repeats_a_secret() {
    for text in [
        "[key]\npassphrase = \"hunter2\"",
        "[destination.d]\nurl = \"sftp://ann:hunter2@h/x\"",
        "[destination.d]\nurl = \"sftp://ann:hun/ter2@h/x\"",
        "[destination.d]\nurl = \"s3://bucket/?key=hunter2\"",
        "[destination.d]\nurl = \"hunter2\"",
        "[destination.d]\nurl = \"sftp://h/x\"\npassword = \"hunter2\"",
        "[destination.d]\nurl = \"sftp://h/x\"\npassword-env = [\"hunter2\"]",
        "[job.j]\nsource = { mariadb = \"mysql://ann:hunter2@h/d\" }",
        "[key]\npassphrase = \"hunter2",
    ] {
        let errors = parse(text, Path::new("offsite.toml")).expect_err("wrong");
        assert!(!format!("{errors:?}").contains("ter2"), "{text}: {errors:?}");
    }
}

#[test]
fn a_wrong_probe_is_refused() {
    check_job(&[
        ("probe = { command = \"x\", expect = \"exit 256\" }", "4:35 `exit 256` can't be expected"),
        ("probe = {}", "4:9 `probe` has no `command`, `newest` or `query`"),
        ("probe = []", "4:9 `probe` is empty"),
        ("probe = true", "4:9 `probe` is true or false"),
        ("probe = { quer = \"x\" }", "4:11 unknown key `quer` in `probe`"),
        ("probe = { command = \"x\", query = \"x\" }", "4:9 `probe` has both `command` and `query`"),
        ("probe = [{ command = \"x\" }, { query = \" \" }]", "4:39 it is empty or holds a NUL"),
        ("probe = { newest = \"orders.created_at\" }", "4:20 `newest` is a text"),
        ("probe = { newest = { table = \"t\" } }", "4:20 `newest` has no `column`"),
        ("probe = { newest = { table = \"t\", column = \"c\", within = \"0s\" } }", "4:58 no row is so new"),
        ("probe = { newest = { table = \"t\", column = \"c\", time-zone = \"Mars\" } }", "4:61 `Mars` is no time zone"),
        (
            "probe = { newest = { table = \"t\", column = \"c\" }, within = \"1d\" }",
            "4:51 unknown key `within` in `probe`",
        ),
        ("probe = { query = \"x\", in = \"/\" }", "4:29 `in` names nothing"),
        ("probe = { query = \"x\", expect = \"exit 0\" }", "4:33 `exit 0` can't be expected"),
        ("probe = { query = \"x\", expect = \"rows 3..1\" }", "4:33 `rows 3..1` can't be expected"),
        ("probe = { query = \"x\", expect = \"rows +1\" }", "4:33 `rows +1` can't be expected"),
        ("[[job.j.probe]]\nquery = \"x\"\n[[job.j.probe]]\nelse = 1", "7:1 unknown key `else` in `probe`"),
        ("probe = { command = [] }", "4:21 `command` is empty"),
        ("probe = { command = \"x\", time-limit = \"0s\" }", "4:39 no command can end in no time"),
        ("probe = { command = \"x\", else = 1 }", "4:26 unknown key `else` in `probe`"),
    ]);
}
