//! Destinations behind a network against real servers, which `scripts/servers` starts: the stores on good days and bad
//! ones, and the whole job through the binary. One program: each further one costs a link and a wait.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout)]

mod common;
mod cuts;
mod ftp;
mod s3;
mod sftp;
mod story;
mod webdav;

/// All at once: what each takes is a wait.
#[test]
fn a_server_that_freezes_or_never_speaks_is_given_up_within_a_minute() {
    std::thread::scope(|scope| {
        scope.spawn(sftp::bad_days::a_server_that_freezes_is_given_up_within_a_minute);
        scope.spawn(sftp::bad_days::something_that_listens_and_never_speaks_is_no_server);
        scope.spawn(ftp::bad_days::a_server_that_freezes_is_given_up_within_a_minute);
    });
}
