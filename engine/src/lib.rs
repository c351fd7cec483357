//! The engine: makes recovery points of what matters, copies them offsite, keeps track of each one.
//!
//! Data flows one way, source → capture → home vault → plan → copy → destinations, and only the two ends and the
//! catalog touch the world. ARCHITECTURE.md has the map.

pub mod browse;
pub mod capture;
pub mod catalog;
pub mod chunk;
pub mod command;
pub mod config;
pub mod copy;
pub mod destination;
pub mod doubt;
pub mod drive;
pub mod format;
pub mod installation;
pub mod model;
pub mod observe;
pub mod plan;
pub mod platform;
pub mod port;
pub mod report;
pub mod restore;
pub mod schedule;
pub mod seal;
pub mod seed;
pub mod service;
pub mod sim;
pub mod source;
pub mod vault;
