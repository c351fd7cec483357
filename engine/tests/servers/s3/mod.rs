//! Buckets behind the S3 protocol.

pub mod bad_days;
mod cluster;
mod costs;
mod garage;
mod good_days;
mod locks;
mod login;
pub mod places;
pub mod proxy;
mod scale;
