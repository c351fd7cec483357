//! See `engine_fuzz::seeds`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::seeds(data));
