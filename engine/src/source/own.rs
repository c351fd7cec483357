//! Which folders are the engine's own, by device and inode, however they are reached.
//!
//! A destination on a mount that hangs must not hold up a backup of what lies elsewhere: what is named outside of all
//! roots is waited for only a while, and a folder that did not answer can be taken for one of the source's if a link or
//! a second mount leads to it from there. What is named inside a root is waited for, as the walk would be.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::platform;

/// All folders outside the roots together have this long to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A folder as the system knows it.
pub(super) type Id = (u64, u64);

/// Those of `own` that are there.
pub(super) fn ids(own: &[PathBuf], roots: &[PathBuf]) -> Vec<Id> {
    let (inside, outside): (Vec<_>, Vec<_>) =
        own.iter().partition(|path| roots.iter().any(|root| path.starts_with(root)));
    let outside = in_time(outside.into_iter().cloned(), id);
    inside.into_iter().filter_map(|path| id(path)).chain(outside).collect()
}

fn id(path: &Path) -> Option<Id> {
    platform::stat_path(path).ok().map(|stat| (stat.device, stat.inode))
}

/// Asks of all at once, each in a thread of its own that nobody joins.
fn in_time(paths: impl Iterator<Item = PathBuf>, ask: impl Fn(&Path) -> Option<Id> + Copy + Send + 'static) -> Vec<Id> {
    let deadline = Instant::now() + PATIENCE;
    let (send, receive) = mpsc::channel();
    for path in paths {
        let send = send.clone();
        // Without a thread it is as if it had not answered.
        let _ = std::thread::Builder::new().name("own-folder".into()).spawn(move || send.send(ask(&path)));
    }
    drop(send);
    let answers = std::iter::from_fn(|| receive.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok());
    answers.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_answer_is_not_waited_for() {
        let hangs = |path: &Path| {
            if path == Path::new("/hangs") {
                std::thread::park();
            }
            Some((1, 2))
        };
        let begun = Instant::now();
        assert_eq!(in_time(["/hangs", "/answers"].map(PathBuf::from).into_iter(), hangs), [(1, 2)]);
        assert!(begun.elapsed() < PATIENCE * 2);
    }

    #[test]
    fn folders_in_a_root_and_out_of_it_are_known_and_those_that_are_not_there_are_not() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let (root, vault) = (place.path().join("root"), place.path().join("vault"));
        let inside = root.join("state");
        std::fs::create_dir_all(&inside).and_then(|()| std::fs::create_dir(&vault)).expect("new");
        let known = ids(&[inside.clone(), vault.clone(), root.join("none")], &[root]);
        assert_eq!(known, [id(&inside).expect("there"), id(&vault).expect("there")]);
    }
}
