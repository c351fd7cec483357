//! See `engine_fuzz::drives`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::drives(data));
