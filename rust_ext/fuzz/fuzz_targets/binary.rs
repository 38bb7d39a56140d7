//! Binary coder: bits under any probabilities come back, and any payload decodes or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::coder::binary::{BinaryDecoder, BinaryEncoder, PROB_ONE};

fuzz_target!(|data: &[u8]| {
    let decisions: Vec<(u32, u32)> = data
        .chunks_exact(3)
        .map(|c| {
            let p1 = u32::from_le_bytes([c[0], c[1], c[2], 0]);
            (u32::from(c[0] & 1), (p1 >> 1) % (PROB_ONE - 1) + 1)
        })
        .collect();
    let mut encoder = BinaryEncoder::new();
    for &(bit, p1) in &decisions {
        encoder.encode(bit, p1);
    }
    let payload = encoder.finish();
    let mut decoder = BinaryDecoder::new(&payload);
    for &(bit, p1) in &decisions {
        assert_eq!(decoder.decode(p1), bit);
    }
    decoder.finish().expect("the payload is the encoder's own");

    let mut decoder = BinaryDecoder::new(data);
    for &(_, p1) in &decisions {
        decoder.decode(p1);
        if decoder.is_exhausted() {
            break;
        }
    }
    let _ = decoder.finish();
});
