//! Block sorting: bytes come back; a damaged payload decodes to as many bytes, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::bwt::{decode, encode};
use lmcodec_fuzz::{damage, take};

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [low, high, change] = take(&mut data);
    let mut payload = encode(data).expect("small inputs can be coded");
    assert_eq!(decode(&payload, data.len()).as_deref(), Ok(data));
    damage(&mut payload, u16::from_le_bytes([low, high]), change);
    if let Ok(decoded) = decode(&payload, data.len()) {
        assert_eq!(decoded.len(), data.len());
    }
});
