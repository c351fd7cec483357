//! See `engine_fuzz::slots`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine_fuzz::slots(data));
