//! WebDAV: the store on Apache, nginx and rclone, on good days and bad ones.

mod bad_days;
mod good_days;
mod login;
mod odd_servers;
mod places;
mod speed;
mod untold;
