//! The drill through the binary, as users drive it. One program: each further one costs a link and a wait.

mod budget;
mod canary;
mod catalog;
mod chain;
mod cold;
mod command;
mod damage;
mod databases;
mod documents;
mod harness;
mod images;
mod ledger;
mod live;
mod missing;
mod questions;
mod seed;
mod server;
mod service;
mod sheet;
mod sound;
mod stop;
