//! Context mixing: bytes come back; a damaged payload decodes to as many bytes, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::cm::{decode, encode, Params, LEVELS};
use lmcodec_fuzz::{damage, take};

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [low, high, change, level] = take(&mut data);
    let levels = LEVELS.end() - LEVELS.start() + 1;
    let params = Params::probe(data, LEVELS.start() + u32::from(level) % levels);
    let mut payload = encode(data, &params).expect("small inputs can be coded");
    assert_eq!(decode(&payload, data.len(), &params).as_deref(), Ok(data));
    damage(&mut payload, u16::from_le_bytes([low, high]), change);
    if let Ok(decoded) = decode(&payload, data.len(), &params) {
        assert_eq!(decoded.len(), data.len());
    }
});
