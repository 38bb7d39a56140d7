//! Graphs: any payload decodes to the claimed number of nodes, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::graph::decode;
use lmcodec_fuzz::take_count;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let count = take_count(&mut data);
    if let Ok(decoded) = decode(data, count) {
        assert_eq!(decoded.len(), count);
    }
});
