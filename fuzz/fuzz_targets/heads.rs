//! See `engine_fuzz::heads`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::heads(data));
