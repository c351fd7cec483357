//! Damage of every kind to every kind of object: found, named, healed; catalogs rebuilt; points recovered on a computer
//! that has nothing; restores past damage.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

mod bench;
mod lost;
mod matrix;
mod part;
mod rebuilds;
mod restores;
mod unsure;
