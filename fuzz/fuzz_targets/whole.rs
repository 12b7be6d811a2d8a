#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ptp_sync_check_fuzz::targets::whole(bytes));
