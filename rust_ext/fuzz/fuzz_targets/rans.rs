//! rANS stack: what is pushed comes off, and any bytes are a stack or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::coder::rans::Stack;
use lmcodec_fuzz::take;

const PRECISION: u32 = 16;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [lanes, alphabet] = take(&mut data);
    let (lanes, alphabet) = (usize::from(lanes % 9), usize::from(alphabet % 16) + 1);
    if let Ok(mut stack) = Stack::from_bytes(data, lanes) {
        // Only one payload stands for a stack.
        assert_eq!(stack.to_bytes(), data);
        let rows: Vec<u32> = data
            .iter()
            .take(64 * alphabet)
            .map(|&b| u32::from(b) + 1)
            .collect();
        let rows = &rows[..rows.len() / alphabet * alphabet];
        let before = stack.clone();
        if let Ok(symbols) = stack.pop_rows(rows, alphabet, PRECISION) {
            stack
                .push_rows(&symbols, rows, alphabet, PRECISION)
                .expect("they were popped under the same rows");
            assert_eq!(stack.to_bytes(), before.to_bytes());
        }
    }
});
