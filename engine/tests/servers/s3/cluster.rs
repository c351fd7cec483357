//! Several volume servers, one of which dies.

use engine::destination::{ErrorKind, WriteStore};

use super::places::{made, names, place, started};
use crate::common::{kind, path, pattern, put, told, whole};

#[test]
fn a_node_that_dies_loses_nothing_that_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = started(&["--nodes", "3"], folder.path()) else { return };
    let store = made(&place(&server, "vault"));
    let bytes = pattern(20_000_000);
    put(&store, "packs/ab/before", &bytes).unwrap_or_else(|error| panic!("{}", told(&error)));
    let mut writer = store.create(&path("packs/ab/during")).unwrap();
    writer.write(&bytes[..10_000_000]).unwrap();
    let left = writer.flush().unwrap();
    rustix::process::kill_process(server.node(3), rustix::process::Signal::KILL).unwrap();
    // While the others take over a write may fail; it is gone on with, and never said to be done when it is not.
    let finished = writer.write(&bytes[10_000_000..]).and_then(|()| writer.finish().map(drop));
    if let Err(error) = finished {
        assert!(matches!(error.kind, ErrorKind::Transient | ErrorKind::Ambiguous), "{}", told(&error));
        let mut done = false;
        for _ in 0..20 {
            done = store
                .resume(&path("packs/ab/during"), &left)
                .and_then(|mut writer| {
                    let kept = usize::try_from(writer.kept()).unwrap();
                    writer.write(&bytes[kept..])?;
                    writer.finish().map(drop)
                })
                .is_ok();
            if done {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        assert!(done || kind(store.create(&path("packs/ab/during"))) == Some(ErrorKind::Exists));
    }
    assert!(whole(&store, "packs/ab/before").unwrap() == bytes);
    assert!(whole(&store, "packs/ab/during").unwrap() == bytes);
    assert_eq!(names(&store, "packs/ab"), ["packs/ab/before", "packs/ab/during"], "no part stays");
}
