//! Buckets behind the S3 protocol.

pub mod bad_days;
mod cluster;
mod costs;
mod garage;
mod good_days;
mod locks;
mod login;
mod places;
mod proxy;
mod scale;
