//! Machine code: bytes come back, and any streams are joined or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::transforms::x86::{forward, inverse, Streams};
use lmcodec_fuzz::take;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [flag, first, second] = take(&mut data);
    let with_data = flag & 1 == 1;
    let streams = forward(data, with_data).expect("small inputs can be split");
    assert_eq!(inverse(&streams, with_data).as_deref(), Ok(data));
    let (code, rest) = data.split_at(data.len() * usize::from(first) / 256);
    let (calls, jumps) = rest.split_at(rest.len() * usize::from(second) / 256);
    let any = Streams {
        code: code.to_vec(),
        calls: calls.to_vec(),
        jumps: jumps.to_vec(),
        data: streams.data,
    };
    if let Ok(raw) = inverse(&any, with_data) {
        assert!(raw.len() <= data.len() + any.data.len());
    }
});
