//! See `engine_fuzz::sheet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::sheet(data));
