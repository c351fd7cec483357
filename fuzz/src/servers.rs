//! Harnesses of what servers send.

use engine::destination::Answer;
use engine::model::VaultPath;

/// Replies and lists of FTP servers.
pub fn ftp(data: &[u8]) {
    let answer = Answer::read(data);
    assert!(answer.code < 1000, "three digits");
    assert!(answer.shown.chars().count() <= 200 && !answer.shown.contains(char::is_control), "tame: {}", answer.shown);
    if let Some(digest) = answer.checksum {
        assert!(digest.len() == 64 && digest.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{digest}");
        assert!((200..300).contains(&answer.code), "of a reply that says it is done");
    }
    for (name, _) in answer.entries {
        if let Ok(path) = VaultPath::root().child(&name) {
            assert_eq!(path.parts().count(), 1, "directly in its folder: {name}");
        }
    }
}
