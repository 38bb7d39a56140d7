//! Text: bytes come back, and any streams are joined or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmcodec_core::transforms::text::{forward, inverse, Parts};
use lmcodec_fuzz::take;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [flags, first, second] = take(&mut data);
    let parts = Parts {
        lines: flags & 1 == 1,
        capitals: flags & 2 == 2,
        words: flags & 4 == 4,
    };
    let streams = forward(data, parts).expect("small inputs can be rewritten");
    assert_eq!(
        inverse(&streams.text, &streams.lines, parts).as_deref(),
        Ok(data)
    );
    // Other text behind the same head, and other ends of lines.
    let kept = streams.text.len() * usize::from(first) / 256;
    let (text, lines) = data.split_at(data.len() * usize::from(second) / 256);
    let text = [&streams.text[..kept], text].concat();
    if let Ok(raw) = inverse(&text, lines, parts) {
        assert!(raw.len() <= 72 * text.len());
    }
});
