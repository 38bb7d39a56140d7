//! Quantizer: intervals of any weights cover the slots, each found again, or the row is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::coder::quantize::{Quantizer, Weight};
use lmcodec_fuzz::take;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [precision, kind] = take(&mut data);
    let Ok(mut quantizer) = Quantizer::new(u32::from(precision % 32)) else {
        return;
    };
    if kind % 2 == 0 {
        let words = data.chunks_exact(4);
        let row: Vec<u32> = words
            .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
            .collect();
        check(&mut quantizer, &row);
    } else {
        let words = data.chunks_exact(8);
        let row: Vec<f64> = words
            .map(|c| f64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]))
            .collect();
        check(&mut quantizer, &row);
    }
});

fn check<W: Weight>(quantizer: &mut Quantizer, row: &[W]) {
    let total = 1 << quantizer.precision();
    let Ok(cum) = quantizer.cum(row) else {
        return;
    };
    assert_eq!((cum[0], cum[row.len()]), (0, total));
    for symbol in 0..row.len() {
        assert!(cum[symbol] < cum[symbol + 1], "every symbol can be coded");
    }
    for symbol in [0, row.len() / 2, row.len() - 1] {
        let interval = quantizer.interval(row, symbol).expect("the row is good");
        assert_eq!(interval.start, cum[symbol]);
        assert_eq!(interval.freq, cum[symbol + 1] - cum[symbol]);
        for slot in [interval.start, interval.start + interval.freq - 1] {
            let (found, same) = quantizer.find(row, slot).expect("the row is good");
            assert_eq!((found as usize, same), (symbol, interval));
        }
    }
}
