//! Bulk coder: bytes come back; a damaged payload decodes to as many bytes, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::coder::bytes::{decode, encode};
use lmcodec_fuzz::{damage, take};

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [low, high, change, copies] = take(&mut data);
    // Long inputs take the vector path.
    let data = data.repeat(usize::from(copies % 16) + 1);
    let mut payload = encode(&data);
    assert_eq!(encode(&data), payload);
    assert_eq!(decode(&payload, data.len()).as_ref(), Ok(&data));
    damage(&mut payload, u16::from_le_bytes([low, high]), change);
    if let Ok(decoded) = decode(&payload, data.len()) {
        assert_eq!(decoded.len(), data.len());
    }
});
