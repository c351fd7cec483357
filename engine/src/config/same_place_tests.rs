//! Clashes by name and through links.

use super::super::parse;
use super::*;

fn config(home: &str, state: &str, urls: &[&str]) -> Result<Config, Vec<ConfigError>> {
    let destination = |(index, url): (usize, &&str)| format!("[destination.d{index}]\nurl = \"{url}\"\n");
    let destinations: String = urls.iter().enumerate().map(destination).collect();
    let text = format!(
        "[key]\npassphrase-file = \"p\"\n[home]\npath = \"{home}\"\n[state]\npath = \"{state}\"\n{destinations}"
    );
    parse(&text, Path::new("/etc/offsite/offsite.toml"))
}

fn wrong(home: &str, state: &str, urls: &[&str]) -> Vec<(u32, String)> {
    let errors = config(home, state, urls).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.line, error.what)).collect()
}

#[test]
fn places_apart_are_fine() {
    let urls = ["file:///mnt/a", "file:///mnt/ab", "sftp://a@h/x", "sftp://b@h/x", "sftp://a@h:23/x", "s3://buck/a"];
    assert_eq!(wrong("/srv/vault", "/srv/state", &urls), []);
    assert_eq!(wrong("/srv/offsite/vault", "/srv/offsite", &[]), [], "home may lie in the folder of the state");
}

#[test]
fn one_place_under_two_names_is_an_error_at_the_later() {
    let table = [
        ["file:///mnt/a", "file:///mnt/./b/../a/"],
        ["file:///mnt/a", "file://localhost//mnt//a"],
        ["file:///mnt/a%20b", "file:///mnt/a b"],
        ["file:x", "file:///etc/offsite/x"],
        ["sftp://ann@HOST/x", "sftp://ann@host:22/x/"],
        ["ftp://localhost/x", "ftps://localhost/x"],
        ["s3://bucket/x/", "s3://bucket/x"],
        ["sftp://ann@localhost/x", "sftp://ann@127.0.0.1/x"],
        ["webdavs://ann@[::1]/x", "webdavs://ann@localhost/x"],
    ];
    for urls in table {
        assert_eq!(wrong("vault", "state", &urls), [(10, "`d0` and `d1` have one place".into())], "{urls:?}");
    }
}

#[test]
fn a_vault_inside_another_is_an_error() {
    let inside = |inner, outer| format!("the place of `{inner}` lies inside that of `{outer}`");
    assert_eq!(wrong("/mnt/a/vault", "state", &["file:///mnt/a"]), [(8, inside("home", "d0"))]);
    assert_eq!(wrong("/mnt", "state", &["file:///mnt/a"]), [(8, inside("d0", "home"))]);
    assert_eq!(wrong("/mnt/a", "state", &["file:///mnt/a/"]), [(8, "`home` and `d0` have one place".into())]);
    assert_eq!(wrong("vault", "state", &["file:///mnt/a", "file:///mnt/a/b"]), [(10, inside("d1", "d0"))]);
    let nested = [
        ["sftp://ann@host/x", "sftp://ann@host/x/y"],
        ["ftps://host/x", "ftps://host/x/y/z"],
        ["s3://bucket", "s3://bucket/x"],
        ["s3://bucket/x", "s3://bucket/x/y"],
    ];
    for urls in nested {
        assert_eq!(wrong("vault", "state", &urls), [(10, inside("d1", "d0"))], "{urls:?}");
    }
    let beside = ["sftp://ann@host/x", "sftp://ann@host/xy", "s3://bucket/x", "s3://bucket/xy", "s3://other/x"];
    assert_eq!(wrong("vault", "state", &beside), []);
    assert_eq!(wrong("vault", "vault/state", &[]), [(4, "`state` lies inside `home`".into())]);
}

#[cfg(unix)]
#[test]
fn one_real_folder_behind_two_names_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("real")).expect("made");
    std::os::unix::fs::symlink(at("real"), at("link")).expect("linked");
    let (real, link) = (format!("file://{}/vault", at("real")), format!("file://{}/vault", at("link")));
    let config = config("vault", "state", &[&real, &link]).expect("two names");
    let errors = check_places(&config).expect_err("one folder");
    assert_eq!((errors.len(), errors[0].line, &*errors[0].what), (1, 10, "`d0` and `d1` have one place"));
}

#[test]
fn a_folder_that_does_not_answer_is_not_waited_for() {
    let hangs = |path: &Path| {
        if path == Path::new("/hangs") {
            std::thread::park();
        }
        Folder { path: path.to_owned(), id: None }
    };
    let begun = Instant::now();
    let answered = in_time(["/hangs", "/answers"].map(PathBuf::from).into_iter(), hangs);
    assert_eq!(answered.into_keys().collect::<Vec<_>>(), [PathBuf::from("/answers")]);
    assert!(begun.elapsed() < PATIENCE * 2);
}
