//! Tables with latent labels: any payload decodes to the claimed number of symbols, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::latent::decode;
use lmcodec_fuzz::take_count;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let (count, columns) = (take_count(&mut data), take_count(&mut data));
    if let Ok(decoded) = decode(data, count, columns) {
        assert_eq!(decoded.len(), count);
    }
});
